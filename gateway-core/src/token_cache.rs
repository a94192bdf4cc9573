//! Tokens whose signature was checked already: bounded, keyed by a hash of the whole token.
//!
//! What is kept is that the issuer signed the token, and what the token says. Whether it is good for a request (audience,
//! times, revocation, scope) is decided each time, so an entry can be neither stale nor good for another route (F-18).
//! When an issuer's keys change, its entries go.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hasher as _;
use std::rc::Rc;
use std::sync::Arc;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::hash::FirstBytes;
use crate::identity_headers;
use crate::jwt::Authentic;
use crate::revocation::Revocations;

/// A token that was seen before.
#[derive(Debug)]
pub struct Known {
    /// Which issuer signed it, by its place in the policy.
    pub issuer: usize,
    /// What it says.
    pub token: Arc<Authentic>,
    /// The headers that an upstream gets for it, made once.
    pub headers: Vec<(&'static str, String)>,
    /// The version of the revocations that last left it alive.
    alive_at: Cell<Option<u64>>,
}

/// What tokens are hashed with: 128 random bits that never leave the VM which drew them. Without them nobody can find two
/// tokens of one hash: SipHash-1-3 is a pseudorandom function, and no hash is ever shown.
#[derive(Clone, Copy)]
pub struct CacheKey([u8; 16]);

/// The hash of a whole token.
pub type TokenHash = [u8; 16];

/// Two generations: what is asked for moves to the young one, and when that is full, the old one is dropped. An entry
/// that is used is so kept, without a clock or a list.
#[derive(Debug)]
pub struct TokenCache {
    key: CacheKey,
    young: Generation,
    old: Generation,
    capacity: usize,
}

type Generation = HashMap<TokenHash, Rc<Known>, FirstBytes>;

impl CacheKey {
    /// A key of these bytes; they have to be random and secret.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

impl Known {
    /// A token that `issuer` did sign.
    #[must_use]
    pub fn new(issuer: usize, token: Authentic) -> Self {
        let headers = identity_headers::of(token.facts().identity(), token.facts().scopes());
        Self { issuer, token: Arc::new(token), headers, alive_at: Cell::new(None) }
    }

    /// Whether the token is revoked. Looked up only when the revocations have changed.
    #[must_use]
    pub fn is_killed_by(&self, revocations: &Revocations) -> bool {
        let version = Some(revocations.version());
        if self.alive_at.get() == version {
            return false;
        }
        let is_killed = revocations.kill(self.token.facts());
        if !is_killed {
            self.alive_at.set(version);
        }
        is_killed
    }
}

impl TokenCache {
    /// A cache of at most `capacity` tokens.
    #[must_use]
    pub fn new(key: CacheKey, capacity: usize) -> Self {
        Self { key, young: Generation::default(), old: Generation::default(), capacity }
    }

    /// The key of a token.
    #[must_use]
    pub fn hash(&self, token: &str) -> TokenHash {
        let mut hasher = SipHasher13::new_with_key(&self.key.0);
        hasher.write(token.as_bytes());
        hasher.finish128().as_bytes()
    }

    /// The token with this hash, if it was seen before.
    pub fn get(&mut self, hash: &TokenHash) -> Option<Rc<Known>> {
        if let Some(known) = self.young.get(hash) {
            return Some(Rc::clone(known));
        }
        let known = self.old.remove(hash)?;
        self.insert(*hash, Rc::clone(&known));
        Some(known)
    }

    /// Keeps a token.
    pub fn insert(&mut self, hash: TokenHash, known: Rc<Known>) {
        if self.capacity == 0 {
            return;
        }
        if self.young.len() >= self.capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, known);
    }

    /// Forgets a token: it has expired, or is dead.
    pub fn remove(&mut self, hash: &TokenHash) {
        self.young.remove(hash);
        self.old.remove(hash);
    }

    /// Forgets all tokens of an issuer: its keys have changed.
    pub fn forget_issuer(&mut self, issuer: usize) {
        self.young.retain(|_, known| known.issuer != issuer);
        self.old.retain(|_, known| known.issuer != issuer);
    }

    /// How many tokens are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether no token is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwks::KeySet;
    use crate::jwt::sign::SigningKey;
    use crate::jwt::{Algorithm, ClaimNames, Claims, Compact, TokenType, Unverified};
    use crate::signature::PureRust;
    use crate::time::UnixTime;

    const KEY: CacheKey = CacheKey::new([7; 16]);

    fn hash(token: &str) -> TokenHash {
        TokenCache::new(KEY, 0).hash(token)
    }

    fn known(issuer: usize) -> Rc<Known> {
        let key = SigningKey::from_seed(Algorithm::EdDsa, &[1; 32]).unwrap();
        let time = UnixTime::from_secs(1);
        let text = |text: &str| text.to_owned();
        let claims = Claims {
            iss: text("i"),
            sub: text("u"),
            aud: text("a"),
            client_id: text("c"),
            scope: text("mcp"),
            iat: time,
            nbf: time,
            exp: time,
            jti: text("t"),
            preferred_username: None,
        };
        let keys = serde_json::json!({ "keys": [key.public_jwk()] }).to_string();
        let keys = KeySet::parse(keys.as_bytes()).unwrap();
        let token = key.access_token(&claims).unwrap();
        let token = Unverified::parse(Compact::parse(&token).unwrap(), TokenType::AccessToken).unwrap();
        Rc::new(Known::new(issuer, token.authenticate(&keys, &ClaimNames::default(), &PureRust).unwrap()))
    }

    #[test]
    fn f_18_the_cache_never_grows_beyond_its_capacity_and_keeps_what_is_used() {
        let mut cache = TokenCache::new(KEY, 10);
        let known = known(0);
        let used = hash("used");
        cache.insert(used, Rc::clone(&known));
        for number in 0..1000 {
            cache.insert(hash(&number.to_string()), Rc::clone(&known));
            assert!(cache.len() <= 10);
            assert!(cache.get(&used).is_some(), "after {number}");
        }
        assert!(cache.get(&hash("0")).is_none());
    }

    #[test]
    fn f_18_one_changed_character_is_another_token() {
        let mut cache = TokenCache::new(KEY, 10);
        cache.insert(hash("a.b.c"), known(0));
        assert!(cache.get(&hash("a.b.c")).is_some());
        assert!(cache.get(&hash("a.b.d")).is_none());
    }

    #[test]
    fn f_18_an_issuer_whose_keys_changed_loses_its_tokens_and_no_other_does() {
        let mut cache = TokenCache::new(KEY, 10);
        cache.insert(hash("one"), known(0));
        cache.insert(hash("two"), known(1));
        cache.forget_issuer(0);
        assert!(cache.get(&hash("one")).is_none());
        assert!(cache.get(&hash("two")).is_some());
    }

    #[test]
    fn f_18_the_hash_of_a_token_is_known_to_its_vm_only() {
        let other = TokenCache::new(CacheKey::new([8; 16]), 1);
        assert_ne!(hash("a.b.c"), other.hash("a.b.c"));
    }

    #[test]
    fn a_capacity_of_nothing_keeps_nothing() {
        let mut cache = TokenCache::new(KEY, 0);
        cache.insert(hash("one"), known(0));
        assert!(cache.is_empty());
    }
}
