//! From [`Unverified`] over [`Authentic`] to [`Verified`]: who wrote the token, then what it says, then whether that is
//! good here and now.

use std::sync::Arc;

use super::claims::Facts;
use super::{ClaimNames, Identity, JwtError, Unverified};
use crate::jwks::KeySet;
use crate::scope::ScopeSet;
use crate::signature::{PureRust, SignatureCheck};
use crate::time::UnixTime;

/// What a token must say to be good here and now.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The issuer, byte for byte (F-13).
    pub issuer: &'a str,
    /// The resource that is asked for, byte for byte (F-14).
    pub audience: Audience<'a>,
    /// The present.
    pub now: UnixTime,
    /// Seconds by which clocks may differ, both ways; at most 60.
    pub leeway: u64,
}

/// Which `aud` is right.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// This one and no other beside it: whoever else is in the audience could use the token here.
    Only(&'a str),
    /// This one, possibly among others.
    Contains(&'a str),
    /// At least one of these, whatever the resource is.
    OneOf(&'a [String]),
}

/// A token that its issuer did sign. Whether it is good for a request is another question, asked each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    facts: Facts,
}

/// A token that was checked in full, for one request. Only [`Authentic::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Verified(Arc<Authentic>);

impl Unverified<'_> {
    /// Checks who signed the token; nothing that a stranger wrote is looked at before.
    ///
    /// # Errors
    /// [`JwtError::UnknownKey`], [`JwtError::KeyMismatch`], [`JwtError::Signature`], [`JwtError::Claims`].
    pub fn authenticate(
        &self,
        keys: &KeySet,
        names: &ClaimNames,
        check: &dyn SignatureCheck,
    ) -> Result<Authentic, JwtError> {
        let payload = self.authentic_payload(keys, check)?;
        Ok(Authentic { facts: Facts::parse(&payload, names, self.token_type)? })
    }

    /// The payload as it was signed, for tokens whose claims are not an access token's. What it says is still to be judged.
    ///
    /// # Errors
    /// [`JwtError::UnknownKey`], [`JwtError::KeyMismatch`], [`JwtError::Signature`], [`JwtError::NotCompact`].
    pub fn authentic_payload(&self, keys: &KeySet, check: &dyn SignatureCheck) -> Result<Vec<u8>, JwtError> {
        let key = keys.find(self.kid()).ok_or(JwtError::UnknownKey)?;
        if !key.allows(self.algorithm()) {
            return Err(JwtError::KeyMismatch);
        }
        let signature = self.compact.signature()?;
        if !check.is_valid(self.algorithm(), key, self.compact.signing_input(), &signature) {
            return Err(JwtError::Signature);
        }
        self.compact.payload()
    }

    /// Checks a token of our own in full, in pure Rust.
    ///
    /// # Errors
    /// The first [`JwtError`] that applies.
    pub fn verify(&self, keys: &KeySet, expected: Expectations<'_>) -> Result<Verified, JwtError> {
        Arc::new(self.authenticate(keys, &ClaimNames::default(), &PureRust)?).verify(expected)
    }

    /// The issuer that the token claims, to choose whose keys may check it.
    ///
    /// # Errors
    /// [`JwtError::Claims`], [`JwtError::NotCompact`].
    pub fn claimed_issuer(&self) -> Result<String, JwtError> {
        Facts::claimed_issuer(&self.compact.payload()?)
    }
}

impl Authentic {
    /// Checks issuer, audience and times.
    ///
    /// # Errors
    /// [`JwtError::Issuer`], [`JwtError::Audience`], [`JwtError::Expired`], [`JwtError::NotYetValid`].
    pub fn verify(self: &Arc<Self>, expected: Expectations<'_>) -> Result<Verified, JwtError> {
        let facts = &self.facts;
        if facts.issuer != expected.issuer {
            return Err(JwtError::Issuer);
        }
        if !expected.audience.is_met_by(&facts.audiences) {
            return Err(JwtError::Audience);
        }
        if expected.now >= facts.expiry().plus(expected.leeway) {
            return Err(JwtError::Expired);
        }
        let latest_start = expected.now.plus(expected.leeway);
        if facts.not_before > latest_start || facts.issued_at() > latest_start {
            return Err(JwtError::NotYetValid);
        }
        Ok(Verified(Arc::clone(self)))
    }

    /// What the claims say.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Audience<'_> {
    fn is_met_by(self, audiences: &[String]) -> bool {
        match self {
            Self::Only(resource) => matches!(audiences, [only] if only == resource),
            Self::Contains(resource) => audiences.iter().any(|audience| audience == resource),
            Self::OneOf(accepted) => audiences.iter().any(|audience| accepted.contains(audience)),
        }
    }
}

impl Verified {
    /// Who is calling.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        self.0.facts.identity()
    }

    /// What the token allows.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        self.0.facts.scopes()
    }

    /// When the token ends.
    #[must_use]
    pub fn expiry(&self) -> UnixTime {
        self.0.facts.expiry()
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        self.0.facts.issued_at()
    }
}
