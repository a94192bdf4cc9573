//! The compact serialisation (RFC 7515 §7.1), split but not yet understood.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::JwtError;

/// A token of the right shape: three non-empty parts, bounded length. Borrows the text; nothing is decoded yet.
#[derive(Clone, Copy)]
pub struct Compact<'a> {
    signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Longest accepted token, in bytes. Envoy itself allows 60 KiB of headers.
    pub const MAX_LENGTH: usize = 8 * 1024;

    /// Splits `token`.
    ///
    /// # Errors
    /// [`JwtError::TooLong`] and [`JwtError::NotCompact`].
    pub fn parse(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > Self::MAX_LENGTH {
            return Err(JwtError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtError::NotCompact)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwtError::NotCompact)?;
        let is_whole =
            [header, payload, signature].iter().all(|part| !part.is_empty() && !part.contains('.'));
        if is_whole {
            Ok(Self { signing_input, header, payload, signature })
        } else {
            Err(JwtError::NotCompact)
        }
    }

    pub(super) fn signing_input(self) -> &'a [u8] {
        self.signing_input.as_bytes()
    }

    pub(super) fn header(self) -> Result<Vec<u8>, JwtError> {
        decode(self.header)
    }

    pub(super) fn payload(self) -> Result<Vec<u8>, JwtError> {
        decode(self.payload)
    }

    pub(super) fn signature(self) -> Result<Vec<u8>, JwtError> {
        decode(self.signature)
    }
}

impl std::fmt::Debug for Compact<'_> {
    /// Never shows the token: it is a credential.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Compact(..)")
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    // Nothing here is secret from whoever sent it, so it need not take constant time.
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::NotCompact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_08_only_three_non_empty_parts_are_a_token() {
        assert!(Compact::parse("a.b.c").is_ok());
        for text in ["", ".", "..", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c.d.e", "a.b.c."] {
            assert_eq!(Compact::parse(text).err(), Some(JwtError::NotCompact), "{text:?}");
        }
    }

    #[test]
    fn f_08_only_canonical_unpadded_base64url_is_decoded() {
        for part in ["YQ==", "YQ=", "Y Q", "YQ\n", "Y+Q/", "YR", "Y"] {
            assert_eq!(decode(part), Err(JwtError::NotCompact), "{part:?}");
        }
        assert_eq!(decode("YQ"), Ok(b"a".to_vec()));
    }

    #[test]
    fn f_10_a_long_token_is_refused_by_its_length() {
        let long = format!("a.{}.c", "b".repeat(Compact::MAX_LENGTH));
        assert_eq!(Compact::parse(&long).err(), Some(JwtError::TooLong));
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", Compact::parse("canary.b.c").unwrap()), "Compact(..)");
    }
}
