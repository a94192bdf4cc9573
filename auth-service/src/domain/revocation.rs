//! Revocations: which access tokens are dead although their signature is good, and until when that matters.
//!
//! A revocation is a fact that never becomes untrue. Whoever follows the feed adds what it hears and drops what has
//! expired; the order does not matter, and hearing something twice does no harm.

use std::collections::HashMap;

use gateway_core::time::UnixTime;

use super::client::ClientId;
use super::token::{IssuedToken, TokenId};
use super::user::Subject;

/// Seconds by which an edge's clock may be behind: so much longer than its tokens a revocation lives.
pub const LEEWAY: u64 = 60;

/// The longest life that an access token can be given, in seconds: how long revocations by user and client live,
/// whatever lifetime was set when the tokens were issued.
pub const LONGEST_ACCESS_TOKEN: u64 = 3600;

/// Which tokens are dead.
///
/// `issued_before` is inclusive, here as at the edge: a token is dead when `iat <= issued_before`. Times are whole seconds,
/// so what was issued in the same second before the revocation is dead. What somebody gets after it, still within that
/// second, is refused as well, and their client comes back for another one: closed rather than open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one with this `jti`.
    Token(TokenId),
    /// Those of a user.
    User {
        /// `sub`.
        subject: Subject,
        /// Those with this `iat` or an older one.
        issued_before: UnixTime,
    },
    /// Those of a client.
    Client {
        /// `client_id`.
        client: ClientId,
        /// Those with this `iat` or an older one.
        issued_before: UnixTime,
    },
    /// Those of everyone: nobody knows any more which of them were good.
    Everyone {
        /// Those with this `iat` or an older one.
        issued_before: UnixTime,
    },
}

impl Target {
    /// Whether it may kill a token that was issued after `time`.
    #[must_use]
    pub fn reaches_beyond(&self, time: UnixTime) -> bool {
        match self {
            Self::Token(_) => true,
            Self::User { issued_before, .. }
            | Self::Client { issued_before, .. }
            | Self::Everyone { issued_before } => *issued_before > time,
        }
    }
}

/// A revocation, and when the last token that it kills has expired everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is dead.
    pub target: Target,
    /// When it can be forgotten.
    pub expires_at: UnixTime,
}

impl Revocation {
    /// Revokes a token that we remember.
    #[must_use]
    pub const fn of_token(token: IssuedToken) -> Self {
        Self { target: Target::Token(token.id), expires_at: token.expires_at.plus(LEEWAY) }
    }

    /// Revokes a token of which only the id is known.
    #[must_use]
    pub const fn of_token_id(id: TokenId, now: UnixTime) -> Self {
        Self { target: Target::Token(id), expires_at: end_of_all(now) }
    }

    /// Revokes everything that was issued to `subject` up to now.
    #[must_use]
    pub const fn of_user(subject: Subject, now: UnixTime) -> Self {
        Self { target: Target::User { subject, issued_before: now }, expires_at: end_of_all(now) }
    }

    /// Revokes everything that was issued to `client` up to now.
    #[must_use]
    pub const fn of_client(client: ClientId, now: UnixTime) -> Self {
        Self { target: Target::Client { client, issued_before: now }, expires_at: end_of_all(now) }
    }

    /// Revokes everything that was issued to anybody up to now.
    #[must_use]
    pub const fn of_everyone(now: UnixTime) -> Self {
        Self { target: Target::Everyone { issued_before: now }, expires_at: end_of_all(now) }
    }

    /// Whether everything that `other` kills is dead by this one already.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (Target::Token(one), Target::Token(two)) => one == two,
            (
                Target::User { subject: one, issued_before },
                Target::User { subject: two, issued_before: other_before },
            ) => one == two && issued_before >= other_before && self.expires_at >= other.expires_at,
            (
                Target::Client { client: one, issued_before },
                Target::Client { client: two, issued_before: other_before },
            ) => one == two && issued_before >= other_before && self.expires_at >= other.expires_at,
            (Target::Everyone { issued_before }, Target::Everyone { issued_before: other_before }) => {
                issued_before >= other_before && self.expires_at >= other.expires_at
            }
            (Target::Token(_) | Target::User { .. } | Target::Client { .. } | Target::Everyone { .. }, _) => {
                false
            }
        }
    }
}

const fn end_of_all(now: UnixTime) -> UnixTime {
    now.plus(LONGEST_ACCESS_TOKEN + LEEWAY)
}

/// What of a token decides whether it is revoked.
#[derive(Debug, Clone, Copy)]
pub struct TokenFacts<'a> {
    /// `jti`.
    pub id: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `client_id`.
    pub client: &'a str,
    /// `iat`.
    pub issued_at: UnixTime,
}

/// Every revocation that matters, in memory: one look-up each by token, user and client.
#[derive(Debug, Default)]
pub struct RevocationSet {
    tokens: HashMap<TokenId, UnixTime>,
    users: HashMap<String, Cut>,
    clients: HashMap<String, Cut>,
    everyone: Option<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    issued_before: UnixTime,
    expires_at: UnixTime,
}

impl RevocationSet {
    /// Adds a revocation. Nothing that was dead comes back to life by it.
    pub fn insert(&mut self, revocation: &Revocation) {
        let expires_at = revocation.expires_at;
        match &revocation.target {
            Target::Token(id) => {
                let known = self.tokens.entry(*id).or_insert(expires_at);
                *known = expires_at.max(*known);
            }
            Target::User { subject, issued_before } => {
                widen(&mut self.users, subject.as_str(), Cut { issued_before: *issued_before, expires_at });
            }
            Target::Client { client, issued_before } => {
                widen(&mut self.clients, client.as_str(), Cut { issued_before: *issued_before, expires_at });
            }
            Target::Everyone { issued_before } => {
                let cut = Cut { issued_before: *issued_before, expires_at };
                self.everyone.get_or_insert(cut).widen(cut);
            }
        }
    }

    /// Whether a token is dead.
    #[must_use]
    pub fn kills(&self, token: &TokenFacts<'_>) -> bool {
        let is_cut = |cuts: &HashMap<String, Cut>, name: &str| {
            cuts.get(name).is_some_and(|cut| token.issued_at <= cut.issued_before)
        };
        self.everyone.is_some_and(|cut| token.issued_at <= cut.issued_before)
            || is_cut(&self.users, token.subject)
            || is_cut(&self.clients, token.client)
            || (!self.tokens.is_empty()
                && TokenId::parse(token.id).is_some_and(|id| self.tokens.contains_key(&id)))
    }

    /// Drops what has expired.
    pub fn forget(&mut self, now: UnixTime) {
        self.tokens.retain(|_, expires_at| now < *expires_at);
        self.users.retain(|_, cut| now < cut.expires_at);
        self.clients.retain(|_, cut| now < cut.expires_at);
        self.everyone = self.everyone.filter(|cut| now < cut.expires_at);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let named = self.tokens.len().saturating_add(self.users.len()).saturating_add(self.clients.len());
        named.saturating_add(usize::from(self.everyone.is_some()))
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn widen(cuts: &mut HashMap<String, Cut>, name: &str, cut: Cut) {
    cuts.entry(name.to_owned()).or_insert(cut).widen(cut);
}

impl Cut {
    fn widen(&mut self, other: Self) {
        self.issued_before = self.issued_before.max(other.issued_before);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn facts(id: &str, issued_at: UnixTime) -> TokenFacts<'_> {
        TokenFacts { id, subject: "local:a1", client: "c", issued_at }
    }

    #[test]
    fn c_31_the_second_of_the_revocation_is_dead_and_the_next_one_lives() {
        let subject = Subject::new("local", "a1");
        let client = ClientId::parse("c").unwrap();
        for revocation in [Revocation::of_user(subject, T0), Revocation::of_client(client, T0)] {
            let mut set = RevocationSet::default();
            set.insert(&revocation);
            assert!(set.kills(&facts("x", UnixTime::from_secs(1))));
            assert!(set.kills(&facts("x", T0)), "the same second");
            assert!(!set.kills(&facts("x", T0.plus(1))));
            let other = TokenFacts { id: "x", subject: "local:b2", client: "d", issued_at: T0 };
            assert!(!set.kills(&other));
            set.forget(T0.plus(3659));
            assert!(!set.is_empty(), "a token of the longest life and an edge that is late");
            set.forget(T0.plus(3660));
            assert!(set.is_empty());
        }
    }

    #[test]
    fn j_06_everyones_tokens_die_at_once_and_later_ones_live() {
        let mut set = RevocationSet::default();
        set.insert(&Revocation::of_everyone(T0));
        set.insert(&Revocation::of_everyone(UnixTime::from_secs(1)));
        assert!(set.kills(&facts("x", T0)) && set.len() == 1);
        assert!(!set.kills(&facts("x", T0.plus(1))));
        assert!(Revocation::of_everyone(T0.plus(1)).includes(&Revocation::of_everyone(T0)));
        assert!(!Revocation::of_everyone(T0).includes(&Revocation::of_everyone(T0.plus(1))));
        set.forget(T0.plus(3660));
        assert!(set.is_empty());
    }

    #[test]
    fn an_older_revocation_takes_nothing_back() {
        let subject = Subject::new("local", "a1");
        let mut set = RevocationSet::default();
        set.insert(&Revocation::of_user(subject.clone(), T0.plus(10)));
        set.insert(&Revocation::of_user(subject, T0));
        assert!(set.kills(&facts("x", T0.plus(10))));
        assert_eq!(set.len(), 1);
        set.forget(T0.plus(3660));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn a_token_is_killed_by_its_id_and_no_other_is() {
        let token = IssuedToken { id: TokenId::from_bytes([1; 16]), issued_at: T0, expires_at: T0.plus(900) };
        let mut set = RevocationSet::default();
        set.insert(&Revocation::of_token(token));
        assert!(set.kills(&facts(&token.id.to_string(), T0)));
        assert!(!set.kills(&facts(&TokenId::from_bytes([2; 16]).to_string(), T0)));
        assert!(!set.kills(&facts("somebody else's", T0)));
        set.forget(T0.plus(959));
        assert!(!set.is_empty());
        set.forget(T0.plus(960));
        assert!(set.is_empty());
    }
}
