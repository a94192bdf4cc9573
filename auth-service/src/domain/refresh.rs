//! Refresh tokens: random at birth, derived from then on.
//!
//! Real clients lose answers and refresh from several processes at once. So that the old token can be answered with the
//! *same* successor again, the successor is an HMAC of the old token under a key of the server: nothing has to be kept
//! in clear, and every replica with the same key computes the same one. A token names its family and carries a seal, so
//! that an old token is told from garbage without a record of every token there ever was.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac as _};
use service_kit::random::{NoEntropy, Rng};
use sha2::Sha256;

use super::grant::FamilyId;
use super::secret::Digest;

const PREFIX: &str = "mcp_refresh_";
const FAMILY: usize = 16;
const SECRET: usize = 32;
const SEAL: usize = 32;

/// The key under which successors are derived and tokens sealed: 256 random bits.
#[derive(Clone)]
pub struct RefreshKey([u8; 32]);

/// A refresh token that this server has issued at some time: its seal has been verified.
pub struct RefreshToken {
    family: FamilyId,
    secret: [u8; SECRET],
    text: String,
}

impl RefreshKey {
    /// A key from 256 random bits.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first token of a family.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn first(&self, family: FamilyId, rng: &dyn Rng) -> Result<RefreshToken, NoEntropy> {
        Ok(self.sealed(family, rng.bits256()?))
    }

    /// The token that follows `token`; always the same one.
    #[must_use]
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        self.sealed(token.family, self.mac("successor", token.family, &token.secret))
    }

    /// The token that is `generations` after `token`. With 0 it is `token` itself.
    #[must_use]
    pub fn descendant(&self, token: RefreshToken, generations: usize) -> RefreshToken {
        (0..generations).fold(token, |token, _| self.successor(&token))
    }

    /// Reads a token that a client sent; `None` when this server did not issue it.
    #[must_use]
    pub fn open(&self, text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (family, rest) = bytes.split_first_chunk::<FAMILY>()?;
        let (secret, seal) = rest.split_first_chunk::<SECRET>()?;
        let family = FamilyId::from_bytes(*family);
        self.keyed("seal", family, secret).verify_slice(seal).ok()?;
        Some(RefreshToken { family, secret: *secret, text: text.to_owned() })
    }

    fn sealed(&self, family: FamilyId, secret: [u8; SECRET]) -> RefreshToken {
        let seal: [u8; SEAL] = self.mac("seal", family, &secret);
        let bytes = [&family.as_bytes()[..], &secret, &seal].concat();
        RefreshToken { family, secret, text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    fn mac(&self, purpose: &str, family: FamilyId, secret: &[u8; SECRET]) -> [u8; 32] {
        self.keyed(purpose, family, secret).finalize().into_bytes().into()
    }

    fn keyed(&self, purpose: &str, family: FamilyId, secret: &[u8; SECRET]) -> Hmac<Sha256> {
        // A key shorter than a block is one that is filled up with zeros (RFC 2104 §2); this way nothing can fail.
        let mut block = Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block);
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(family.as_bytes());
        mac.update(secret);
        mac
    }
}

impl RefreshToken {
    /// The family it belongs to.
    #[must_use]
    pub const fn family(&self) -> FamilyId {
        self.family
    }

    /// What the store keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The token itself: for the one response that hands it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshKey(…)")
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RefreshToken(family {})", self.family)
    }
}

#[cfg(test)]
mod tests {
    use service_kit::random::SequenceRng;

    use super::*;

    fn first() -> (RefreshKey, RefreshToken) {
        let rng = SequenceRng::default();
        let key = RefreshKey::new([7; 32]);
        let token = key.first(FamilyId::generate(&rng).unwrap(), &rng).unwrap();
        (key, token)
    }

    #[test]
    fn c_22_the_same_token_always_has_the_same_successor() {
        let (key, token) = first();
        let replica = RefreshKey::new([7; 32]);
        let successor = key.successor(&token);
        assert_eq!(successor.expose(), replica.successor(&token).expose());
        assert_ne!(successor.expose(), token.expose());
        assert_ne!(key.successor(&successor).expose(), successor.expose());
        assert_eq!(successor.family(), token.family());
        let third = key.successor(&key.successor(&successor));
        assert_eq!(key.descendant(token, 3).expose(), third.expose());
    }

    #[test]
    fn a_token_that_this_server_did_not_seal_is_no_token() {
        let (key, token) = first();
        assert_eq!(key.open(token.expose()).unwrap().digest(), token.digest());
        assert!(RefreshKey::new([8; 32]).open(token.expose()).is_none(), "another server's");
        for cut in [0, 5, PREFIX.len(), 40, token.expose().len() - 1] {
            assert!(key.open(&token.expose()[..cut]).is_none(), "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_changed_token_opens(position in 12_usize..118, replacement in "[A-Za-z0-9_-]") {
            let (key, token) = first();
            let mut text = token.expose().to_owned();
            text.replace_range(position..=position, &replacement);
            proptest::prop_assert_eq!(key.open(&text).is_some(), text == token.expose());
        }
    }
}
