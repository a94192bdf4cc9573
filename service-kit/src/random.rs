//! Randomness as a parameter. Where a library draws for itself and gives no say in it (TLS, RSA keys), the draw is the library's.

use std::sync::atomic::{AtomicU64, Ordering};

/// The operating system gave no randomness; whatever needed it must fail.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoEntropy(String);

/// Where a program gets random bytes. Programs take `Arc<dyn Rng>`; tests give them [`SequenceRng`].
pub trait Rng: Send + Sync + std::fmt::Debug {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source is not available; the caller must not go on with the bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

impl dyn Rng + '_ {
    /// 256 random bits: the size of every token, code, secret and session id of the gateway.
    ///
    /// # Errors
    /// See [`Rng::fill`].
    pub fn bits256(&self) -> Result<[u8; 32], NoEntropy> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The operating system's cryptographic random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the operating system")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|error| NoEntropy(error.to_string()))
    }
}

/// Different bytes at every call, the same ones in every run. For tests only: anybody can predict them.
#[derive(Debug, Default)]
pub struct SequenceRng(AtomicU64);

impl Rng for SequenceRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for (target, source) in chunk.iter_mut().zip(next.to_le_bytes()) {
                *target = source;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ_from_both_sources() {
        let sources: [&dyn Rng; 2] = [&SystemRng, &SequenceRng::default()];
        for source in sources {
            assert_ne!(source.bits256().unwrap(), source.bits256().unwrap());
        }
    }
}
