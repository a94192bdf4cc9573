//! Passwords of local users: argon2id, and generated ones that people can type.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use service_kit::random::Rng;

/// Longest password that is looked at, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// The hash of no password, with the cost of a real one: checking it takes as long for a name that does not exist.
pub const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Letters and digits that cannot be mistaken for each other; 32 of them, so that each carries 5 bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why a password could not be made or hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The operating system gave no random bytes.
    #[error(transparent)]
    NoEntropy(#[from] service_kit::random::NoEntropy),
    /// The hash function refused.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// A new password: five groups of five characters, 125 random bits.
///
/// # Errors
/// [`PasswordError::NoEntropy`].
pub fn generate(rng: &dyn Rng) -> Result<String, PasswordError> {
    let mut bytes = [0; 25];
    rng.fill(&mut bytes)?;
    let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
    let letters: Vec<char> = characters.map(|byte| char::from(*byte)).collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// The argon2id hash of `password` in the PHC form, with the parameters that OWASP recommends.
///
/// # Errors
/// See [`PasswordError`].
pub fn hash(password: &str, rng: &dyn Rng) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    rng.fill(&mut salt)?;
    let refused = |error: argon2::password_hash::Error| PasswordError::Hash(error.to_string());
    let salt = SaltString::encode_b64(&salt).map_err(refused)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(refused)?.to_string())
}

/// Whether `text` is an argon2id hash.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id" && hash.hash.is_some())
}

/// Whether `hash` is the hash of `password`. Takes as long as the parameters in `hash` say; call it on a blocking thread.
#[must_use]
pub fn matches(hash: &str, password: &str) -> bool {
    let verify = |parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    password.len() <= MAX_LENGTH && PasswordHash::new(hash).is_ok_and(verify)
}

#[cfg(test)]
mod tests {
    use service_kit::random::SystemRng;

    use super::*;

    #[test]
    fn a_generated_password_matches_its_hash_and_no_other_does() {
        let password = generate(&SystemRng).unwrap();
        let hash = hash(&password, &SystemRng).unwrap();
        assert_eq!(password.len(), 29);
        assert!(is_hash(&hash) && matches(&hash, &password) && !matches(&hash, "other"));
        assert!(!hash.contains(&password));
    }

    #[test]
    fn the_decoy_is_a_hash_that_nothing_matches() {
        assert!(is_hash(DECOY) && !matches(DECOY, "") && !matches(DECOY, "password"));
    }
}
