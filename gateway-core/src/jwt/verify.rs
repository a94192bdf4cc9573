//! From [`Unverified`] to [`Verified`]: signature first, then claims.

use super::{Claims, Identity, JwtError, Unverified};
use crate::jwks::KeySet;
use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// What a token must say to be good here and now.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The issuer, byte for byte (F-13).
    pub issuer: &'a str,
    /// The resource that is asked for, byte for byte (F-14).
    pub audience: &'a str,
    /// The present.
    pub now: UnixTime,
    /// Seconds by which clocks may differ, both ways; at most 60.
    pub leeway: u64,
}

/// A token that was checked in full. Only [`Unverified::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    claims: Claims,
    scopes: ScopeSet,
}

impl Unverified<'_> {
    /// Checks signature, issuer, audience and times, in that order: nothing that a stranger wrote is looked at before
    /// the signature says who wrote it.
    ///
    /// # Errors
    /// The first [`JwtError`] that applies.
    pub fn verify(&self, keys: &KeySet, expected: Expectations<'_>) -> Result<Verified, JwtError> {
        let key = keys.find(self.kid()).ok_or(JwtError::UnknownKey)?;
        if key.algorithm() != self.algorithm() {
            return Err(JwtError::KeyMismatch);
        }
        key.check(self.compact.signing_input(), &self.compact.signature()?)?;
        let claims = Claims::parse(&self.compact.payload()?)?;
        expected.hold_for(&claims)?;
        let scopes = ScopeSet::parse(&claims.scope);
        Ok(Verified { claims, scopes })
    }
}

impl Expectations<'_> {
    fn hold_for(self, claims: &Claims) -> Result<(), JwtError> {
        if claims.iss != self.issuer {
            return Err(JwtError::Issuer);
        }
        if claims.aud != self.audience {
            return Err(JwtError::Audience);
        }
        if self.now >= claims.exp.plus(self.leeway) {
            return Err(JwtError::Expired);
        }
        let latest_start = self.now.plus(self.leeway);
        if claims.nbf > latest_start || claims.iat > latest_start {
            return Err(JwtError::NotYetValid);
        }
        Ok(())
    }
}

impl Verified {
    /// Who is calling.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            user: &self.claims.sub,
            name: self.claims.preferred_username.as_deref(),
            client: &self.claims.client_id,
            token: &self.claims.jti,
        }
    }

    /// What the token allows.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When the token ends.
    #[must_use]
    pub const fn expiry(&self) -> UnixTime {
        self.claims.exp
    }
}
