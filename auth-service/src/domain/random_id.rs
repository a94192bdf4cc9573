//! Names of 128 random bits: nobody has to be asked whether one is free. They are not secrets.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::random::{NoEntropy, Rng};

/// The id of a `K`. Written as 22 characters of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RandomId<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

impl<K> RandomId<K> {
    /// A new id.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let mut bytes = [0; 16];
        rng.fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The bytes, as a key of the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::from_bytes(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }
}

impl<K> fmt::Display for RandomId<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.bytes))
    }
}
