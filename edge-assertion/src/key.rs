//! The keys that edge and backends share.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Fewest bytes of a key: 256 bits.
const SHORTEST: usize = 32;
/// What a key's id is the HMAC of.
const ID_OF: &[u8] = b"x-edge-assertion key id";
/// How many bytes of that HMAC are the id: eight characters of base64url.
const ID_BYTES: usize = 6;

/// A secret that the edge and those behind it share. It shows its id only, never itself.
#[derive(Clone)]
pub struct EdgeKey {
    id: String,
    mac: Hmac<Sha256>,
}

/// Why a text is no key. It says what would be right, never what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither hexadecimal nor base64url.
    #[error("expected hexadecimal or base64url, such as the output of `openssl rand -hex 32`")]
    Encoding,
    /// Fewer than 256 bits.
    #[error("expected at least 256 random bits, such as the output of `openssl rand -hex 32`")]
    TooShort,
}

impl EdgeKey {
    /// Reads a key of at least 256 bits. A text of hexadecimal digits only is hexadecimal, any other base64url.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes = if is_hex { from_hex(text) } else { from_base64url(text) }.ok_or(KeyError::Encoding)?;
        if bytes.len() < SHORTEST {
            return Err(KeyError::TooShort);
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| KeyError::TooShort)?;
        let name = mac.clone().chain_update(ID_OF).finalize().into_bytes();
        let id = Base64UrlUnpadded::encode_string(name.get(..ID_BYTES).unwrap_or_default());
        Ok(Self { id, mac })
    }

    /// Eight characters that follow from the key and do not betray it: assertions say by them which key they were made
    /// with, and logs may show them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The HMAC-SHA256 of `text`, not finished.
    pub(crate) fn mac(&self, text: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(text)
    }
}

impl fmt::Debug for EdgeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EdgeKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(nibble(pair.first()?)? << 4 | nibble(pair.last()?)?)).collect()
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_is_the_same_in_every_encoding() {
        let id = EdgeKey::parse(HEX).unwrap().id().to_owned();
        for text in [
            HEX.to_uppercase().as_str(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ] {
            assert_eq!(EdgeKey::parse(text).unwrap().id(), id, "{text}");
        }
        assert_eq!(id.len(), 8);
        assert_ne!(EdgeKey::parse(&HEX.replace("1f", "1e")).unwrap().id(), id);
    }

    #[test]
    fn a_key_of_fewer_than_256_bits_or_of_another_encoding_is_none() {
        for (text, expected) in [
            ("", KeyError::TooShort),
            (HEX.trim_start_matches("00"), KeyError::TooShort),
            ("password", KeyError::TooShort),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg", KeyError::TooShort),
            ("correct horse battery staple", KeyError::Encoding),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+/", KeyError::Encoding),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", KeyError::Encoding),
        ] {
            assert_eq!(EdgeKey::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = EdgeKey::parse(HEX).unwrap();
        assert_eq!(format!("{key:?}"), format!("EdgeKey {{ id: \"{}\", .. }}", key.id()));
    }
}
