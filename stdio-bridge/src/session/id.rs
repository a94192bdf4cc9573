//! Session ids.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::random::{NoEntropy, Rng};

/// The id of a session: 256 random bits as 43 visible ASCII characters (2025-11-25, "Session Management").
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

/// Length of an id: 256 bits in base64url without padding.
const LENGTH: usize = 43;

impl SessionId {
    /// A new id.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn generate(rng: &(dyn Rng + 'static)) -> Result<Self, NoEntropy> {
        Ok(Self(URL_SAFE_NO_PAD.encode(rng.bits256()?)))
    }

    /// The id that is written `text`, or `None` for what cannot be an id of this bridge.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let well_formed = text.len() == LENGTH && text.iter().all(is_base64url);
        well_formed.then(|| Self(String::from_utf8_lossy(text).into_owned()))
    }

    /// The id as it is written in `Mcp-Session-Id`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows nothing of the id: logs are not the place for it.
impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_kit::random::SystemRng;

    #[test]
    fn h06_ids_are_256_bits_of_visible_ascii_and_read_back() {
        let (one, two) = (SessionId::generate(&SystemRng).unwrap(), SessionId::generate(&SystemRng).unwrap());
        assert_ne!(one, two);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(SessionId::parse(one.as_str().as_bytes()), Some(one));
    }

    #[test]
    fn h06_what_no_bridge_has_minted_is_no_id() {
        for text in ["", "x", "x".repeat(10_240).as_str(), " ".repeat(43).as_str(), &"é".repeat(22)] {
            assert_eq!(SessionId::parse(text.as_bytes()), None, "{text}");
        }
    }
}
