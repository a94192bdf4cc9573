//! Access tokens after they have been issued: what has to be remembered of them so that they can be revoked.

use gateway_core::time::UnixTime;

use super::random_id::RandomId;
use super::revocation::{LEEWAY, Revocation};
use super::user::Subject;

/// What has an id of its own: an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessToken {}

/// The `jti` of an access token: 128 random bits. Not a secret.
pub type TokenId = RandomId<AccessToken>;

/// An access token that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuedToken {
    /// `jti`.
    pub id: TokenId,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`.
    pub expires_at: UnixTime,
}

/// The access tokens that one grant has led to and that somebody may still use. Bounded: of a client that collects more
/// than [`Self::MAX`] living tokens, the oldest are forgotten one by one, and with the grant all tokens of its user die.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    /// Those that are remembered, oldest first.
    pub tokens: Vec<IssuedToken>,
    /// When the last of those that were forgotten too early expires.
    pub forgotten_until: Option<UnixTime>,
}

impl Trail {
    /// Most tokens that are remembered by name.
    pub const MAX: usize = 64;

    /// Remembers a token, and forgets those that have expired.
    pub fn remember(&mut self, token: IssuedToken, now: UnixTime) {
        self.tokens.retain(|known| now < known.expires_at.plus(LEEWAY));
        self.tokens.push(token);
        let too_many = self.tokens.len().saturating_sub(Self::MAX);
        let forgotten = self.tokens.drain(..too_many).map(|token| token.expires_at).max();
        self.forgotten_until = self.forgotten_until.max(forgotten);
    }

    /// What revokes all of them. `subject` is their user.
    #[must_use]
    pub fn revocations(&self, subject: &Subject, now: UnixTime) -> Vec<Revocation> {
        let is_live = |expires_at: UnixTime| now < expires_at.plus(LEEWAY);
        let by_id = self.tokens.iter().filter(|token| is_live(token.expires_at)).copied();
        let mut all: Vec<Revocation> = by_id.map(Revocation::of_token).collect();
        if self.forgotten_until.is_some_and(is_live) {
            all.push(Revocation::of_user(subject.clone(), now));
        }
        all
    }

    /// What revokes those of them that a revocation by `issued_before` leaves alive: they were issued while it was on its
    /// way.
    #[must_use]
    pub fn overtaken(&self, issued_before: UnixTime) -> Vec<Revocation> {
        let late = self.tokens.iter().filter(|token| token.issued_at > issued_before);
        late.copied().map(Revocation::of_token).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::revocation::Target;

    const T0: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn token(number: u8, issued_at: UnixTime) -> IssuedToken {
        IssuedToken { id: TokenId::from_bytes([number; 16]), issued_at, expires_at: issued_at.plus(900) }
    }

    #[test]
    fn an_id_survives_the_trip_through_a_token_and_nothing_else_is_one() {
        let id = TokenId::from_bytes([7; 16]);
        assert_eq!(TokenId::parse(&id.to_string()), Some(id));
        for other in ["", "x", "BwcHBwcHBwcHBwcHBwcHBwc", "BwcHBwcHBwcHBwcHBwcHB!"] {
            assert_eq!(TokenId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_trail_forgets_what_no_edge_accepts_any_more() {
        let mut trail = Trail::default();
        trail.remember(token(1, T0), T0);
        trail.remember(token(2, T0.plus(959)), T0.plus(959));
        assert_eq!(trail.tokens.len(), 2, "expired, within the leeway");
        trail.remember(token(3, T0.plus(960)), T0.plus(960));
        assert_eq!(trail.tokens.len(), 2);
        let subject = Subject::new("local", "a1");
        assert_eq!(trail.revocations(&subject, T0.plus(960)).len(), 2);
        assert_eq!(trail.revocations(&subject, T0.plus(3000)), []);
    }

    #[test]
    fn c_21_a_client_that_hoards_tokens_cannot_keep_one_alive() {
        let mut trail = Trail::default();
        for number in 0..=u8::try_from(Trail::MAX).unwrap() {
            trail.remember(token(number, T0), T0);
        }
        assert_eq!(trail.tokens.len(), Trail::MAX);
        let all = trail.revocations(&Subject::new("local", "a1"), T0);
        assert_eq!(all.len(), Trail::MAX + 1);
        assert!(
            matches!(all.last().unwrap().target, Target::User { .. }),
            "the forgotten one dies with its user's"
        );
    }

    #[test]
    fn a_token_that_was_issued_while_its_user_was_revoked_is_named() {
        let mut trail = Trail::default();
        trail.remember(token(1, T0), T0);
        trail.remember(token(2, T0.plus(1)), T0.plus(1));
        let overtaken = trail.overtaken(T0);
        assert_eq!(
            overtaken.iter().map(|it| it.target.clone()).collect::<Vec<_>>(),
            [Target::Token(TokenId::from_bytes([2; 16]))]
        );
    }
}
