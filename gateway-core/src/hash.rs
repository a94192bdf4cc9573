//! Hash tables whose keys are cryptographic hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes the first bytes of a key that is a SHA-256 hash, or the beginning of one: as good as any hash of it, without the
/// randomness that other tables need and a VM does not have.
pub(crate) type FirstBytes = BuildHasherDefault<TakeFirstBytes>;

/// See [`FirstBytes`].
#[derive(Debug, Default)]
pub(crate) struct TakeFirstBytes(u64);

impl Hasher for TakeFirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().take(8).fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }
}
