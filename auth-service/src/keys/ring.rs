//! All signing keys of an installation and when each of them signs: without a clock, without files.
//!
//! A key's life: it is published, and later begins to sign, so that everybody who keeps a key set has it by then (E-10);
//! its successor begins to sign; it stays published until the last token that it signed has expired.

use std::sync::Arc;

use gateway_core::jwt::Algorithm;
use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::private_key::PrivateKey;

/// How long a key stays published after its successor began to sign, in seconds: the longest life of an access token that
/// can be configured, and what clocks may differ.
pub const RETENTION: u64 = 3600 + 120;

/// The member of a stored key that says when it begins to sign; the rest is the key.
const SIGNS_FROM: &str = "signs_from";

/// One signing key.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key.
    pub key: Arc<PrivateKey>,
    /// When it begins to sign.
    pub signs_from: UnixTime,
}

/// The keys, in the order in which they sign.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Vec<Member>);

/// The text is not a key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of signing keys")]
pub struct NotAKeyRing;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    keys: Vec<Map<String, Value>>,
}

impl KeyRing {
    /// Reads what [`Self::to_json`] wrote. A key without a time, as earlier versions wrote them, has always signed.
    ///
    /// # Errors
    /// [`NotAKeyRing`].
    pub fn parse(document: &[u8]) -> Result<Self, NotAKeyRing> {
        let stored: Stored = serde_json::from_slice(document).map_err(|_| NotAKeyRing)?;
        let mut ring = Self::default();
        for mut key in stored.keys {
            let signs_from = match key.remove(SIGNS_FROM) {
                Some(time) => time.as_u64().ok_or(NotAKeyRing)?,
                None => 0,
            };
            let key = PrivateKey::restore(key).map_err(|_| NotAKeyRing)?;
            ring.add(key, UnixTime::from_secs(signs_from));
        }
        Ok(ring)
    }

    /// The ring as text: private keys, for the key file and nothing else.
    ///
    /// # Errors
    /// [`NotAKeyRing`] when a key cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>, NotAKeyRing> {
        let write = |member: &Member| {
            let mut key = member.key.record().map_err(|_| NotAKeyRing)?;
            key.insert(SIGNS_FROM.to_owned(), json!(member.signs_from.as_secs()));
            Ok(key)
        };
        let keys = self.0.iter().map(write).collect::<Result<_, _>>()?;
        serde_json::to_vec_pretty(&Stored { keys }).map_err(|_| NotAKeyRing)
    }

    /// Adds a key that signs from then on.
    pub fn add(&mut self, key: PrivateKey, signs_from: UnixTime) {
        self.0.push(Member { key: Arc::new(key), signs_from });
        self.0.sort_by_key(|member| member.signs_from);
    }

    /// Takes a key away at once; `false` when it is not there.
    pub fn withdraw(&mut self, kid: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|member| member.key.kid() != kid);
        self.0.len() < before
    }

    /// Forgets keys that are not published any more.
    pub fn prune(&mut self, now: UnixTime) {
        let kept: Vec<Member> = self.published(now).cloned().collect();
        self.0 = kept;
    }

    /// The key that signs: the last one whose time has come. When none's has, because a clock was set back, the first.
    #[must_use]
    pub fn current(&self, now: UnixTime) -> Option<&Member> {
        self.0.iter().rfind(|member| member.signs_from <= now).or(self.0.first())
    }

    /// The key that signs last: the one that signs, or one whose time will come.
    #[must_use]
    pub fn newest(&self) -> Option<&Member> {
        self.0.last()
    }

    /// The keys that verifiers have to know: all but those whose successor has signed for [`RETENTION`].
    pub fn published(&self, now: UnixTime) -> impl Iterator<Item = &Member> {
        let successors = self.0.iter().skip(1).map(Some).chain([None]);
        let is_in_use =
            move |next: Option<&Member>| next.is_none_or(|next| next.signs_from.plus(RETENTION) > now);
        self.0.iter().zip(successors).filter(move |(_, next)| is_in_use(*next)).map(|(member, _)| member)
    }

    /// Whether it is time for a new key of `algorithm`: there is none, or the newest has signed for `interval` by the time
    /// at which a key that is published now could sign. An `interval` of 0 never ends.
    #[must_use]
    pub fn is_due(&self, algorithm: Algorithm, now: UnixTime, interval: u64, lead: u64) -> bool {
        let Some(newest) = self.newest() else { return true };
        let is_over = interval > 0 && newest.signs_from.plus(interval) <= now.plus(lead);
        is_over || newest.key.algorithm() != algorithm
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::jwt::sign::SigningKey;

    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::Seeded(SigningKey::from_seed(Algorithm::Es256, &[seed; 32]).unwrap())
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn kids<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<String> {
        members.map(|member| member.key.kid().to_owned()).collect()
    }

    fn three() -> (KeyRing, [String; 3]) {
        let mut ring = KeyRing::default();
        ring.add(key(2), at(10_000));
        ring.add(key(1), at(0));
        ring.add(key(3), at(20_000));
        (ring, [1, 2, 3].map(|seed| key(seed).kid().to_owned()))
    }

    #[test]
    fn e_10_a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
        let (ring, [first, second, third]) = three();
        let cases = [
            (0, &first, vec![&first, &second, &third]),
            (9_999, &first, vec![&first, &second, &third]),
            (10_000, &second, vec![&first, &second, &third]),
            (10_000 + RETENTION, &second, vec![&second, &third]),
            (20_000, &third, vec![&second, &third]),
            (20_000 + RETENTION, &third, vec![&third]),
            (u64::MAX, &third, vec![&third]),
        ];
        for (now, signs, published) in cases {
            let current = ring.current(at(now)).unwrap();
            assert_eq!(
                (current.key.kid(), kids(ring.published(at(now)))),
                (signs.as_str(), published.into_iter().cloned().collect()),
                "{now}"
            );
        }
    }

    #[test]
    fn a_withdrawn_key_is_gone_at_once_and_a_pruned_ring_keeps_what_is_in_use() {
        let (mut ring, [_, second, third]) = three();
        ring.prune(at(10_000 + RETENTION));
        assert_eq!(kids(ring.0.iter()), [second.clone(), third.clone()]);
        assert!(ring.withdraw(&third) && !ring.withdraw(&third));
        assert_eq!(kids(ring.published(at(u64::MAX))), [second]);
    }

    #[test]
    fn a_new_key_is_due_when_the_newest_will_have_signed_for_the_interval_or_is_of_another_algorithm() {
        let (ring, _) = three();
        let due = |now, interval, lead| ring.is_due(Algorithm::Es256, at(now), interval, lead);
        assert!(!due(20_000, 1000, 600) && !due(20_399, 1000, 600) && due(20_400, 1000, 600));
        assert!(!due(u64::MAX, 0, 600));
        assert!(ring.is_due(Algorithm::EdDsa, at(20_000), 0, 600));
        assert!(KeyRing::default().is_due(Algorithm::Es256, at(0), 0, 600));
    }

    #[test]
    fn a_ring_is_read_as_it_was_written_and_so_is_one_of_an_earlier_version() {
        let (ring, kids_of_three) = three();
        let again = KeyRing::parse(&ring.to_json().unwrap()).unwrap();
        assert_eq!(kids(again.0.iter()), kids_of_three);
        assert_eq!(again.newest().unwrap().signs_from, at(20_000));
        let jwk = key(1).record().unwrap();
        let old = KeyRing::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        assert_eq!(old.current(at(0)).unwrap().signs_from, at(0));
        for wrong in ["{}", r#"{"keys":[{}]}"#, r#"{"keys":[{"signs_from":"x"}]}"#, "[]"] {
            assert!(KeyRing::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
