//! Proof that a request passed the edge.
//!
//! A backend that believes `x-user-id` believes whoever can reach it. With an edge key, the edge adds the header
//! `x-edge-assertion`, which only a holder of the key can make: this caller may make this request, said at this time.
//! A backend that requires it refuses what came around the edge, or through an edge whose filter was not loaded.
//!
//! ```text
//! v1.{key id}.{base64url(payload)}.{base64url(HMAC-SHA256(key, everything before this dot))}
//!
//! payload: {seconds since 1970} {method} {host} {path} {x-user-id} {x-client-id} {x-token-id} {x-scopes}
//!          each ended by a line feed, but the last; base64url without padding
//! ```
//!
//! The values are those on the wire, byte for byte: `:authority`, the path without its query, and the identity headers
//! as the edge encodes them; an absent header is an empty one. No header can hold a line feed, and a payload with one
//! too many is refused. An assertion is good for [`LIFETIME`] seconds.
//!
//! Both ends describe the request in the same way, as an [`Assertion`]; the edge signs it, the backend verifies it. There
//! is no IO here and no clock. What it proves and what not: `docs/edge-assertion.md`.

mod key;

use std::str;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::Mac as _;

pub use key::{EdgeKey, KeyError};

/// The header that carries an assertion.
pub const HEADER: &str = "x-edge-assertion";
/// The headers by which the edge says who is calling, as far as they are signed.
pub const IDENTITY: [&str; 4] = ["x-user-id", "x-client-id", "x-token-id", "x-scopes"];
/// Seconds for which an assertion is good.
pub const LIFETIME: u64 = 30;
/// Seconds by which the clock of a backend may be behind that of the edge.
pub const CLOCK_SKEW: u64 = 5;

/// What an assertion is about: a request and its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion<'a> {
    method: &'a [u8],
    host: &'a [u8],
    path: &'a [u8],
    identity: [&'a [u8]; 4],
}

/// Why a request is not proven to have passed the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// The request has no assertion.
    #[error("the header x-edge-assertion is missing")]
    Missing,
    /// A header is there more than once: two readers could each take another one.
    #[error("the header {0} is there more than once")]
    Repeated(&'static str),
    /// It has not the form of an assertion.
    #[error("the header x-edge-assertion is malformed")]
    Malformed,
    /// It is of a later version.
    #[error("the header x-edge-assertion is of an unknown version")]
    Version,
    /// It names a key that is not accepted here.
    #[error("the header x-edge-assertion was made with a key that is not accepted here")]
    UnknownKey,
    /// Who made it does not have the key, or it was changed.
    #[error("the signature of x-edge-assertion is wrong")]
    Signature,
    /// It is older than [`LIFETIME`], or the clocks differ.
    #[error("the header x-edge-assertion has expired")]
    Expired,
    /// It is from a time to come: the clocks differ by more than [`CLOCK_SKEW`].
    #[error("the header x-edge-assertion is from the future")]
    Future,
    /// It was made for another method.
    #[error("the header x-edge-assertion was made for another method")]
    Method,
    /// It was made for another host.
    #[error("the header x-edge-assertion was made for another host")]
    Host,
    /// It was made for another path.
    #[error("the header x-edge-assertion was made for another path")]
    Path,
    /// It was made for another `x-user-id`.
    #[error("the header x-edge-assertion was made for another x-user-id")]
    User,
    /// It was made for another `x-client-id`.
    #[error("the header x-edge-assertion was made for another x-client-id")]
    Client,
    /// It was made for another `x-token-id`.
    #[error("the header x-edge-assertion was made for another x-token-id")]
    Token,
    /// It was made for other `x-scopes`.
    #[error("the header x-edge-assertion was made for other x-scopes")]
    Scopes,
}

/// What a difference in a field means, in the order of [`Assertion::fields`].
const DIFFERENCES: [AssertionError; 7] = [
    AssertionError::Method,
    AssertionError::Host,
    AssertionError::Path,
    AssertionError::User,
    AssertionError::Client,
    AssertionError::Token,
    AssertionError::Scopes,
];

impl<'a> Assertion<'a> {
    /// About a request for `path` (without its query) at `host`. Of `headers`, whose names are in lower case, those of
    /// [`IDENTITY`] are taken: at the edge what it sets, at a backend what has arrived.
    ///
    /// # Errors
    /// [`AssertionError::Repeated`] for an identity header.
    pub fn new(
        method: &'a [u8],
        host: &'a [u8],
        path: &'a [u8],
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, AssertionError> {
        let mut found = [None; IDENTITY.len()];
        for (name, value) in headers {
            if let Some((known, slot)) = IDENTITY.iter().zip(&mut found).find(|(known, _)| **known == name)
                && slot.replace(value).is_some()
            {
                return Err(AssertionError::Repeated(known));
            }
        }
        Ok(Self { method, host, path, identity: found.map(Option::unwrap_or_default) })
    }

    /// The value of `x-edge-assertion`, made at `now` (seconds since the Unix epoch): when the request leaves the edge,
    /// not when it arrived there. Never empty, visible ASCII, about 4/3 of what it is about and 70 bytes.
    #[must_use]
    pub fn sign(&self, key: &EdgeKey, now: u64) -> String {
        let now = now.to_string();
        let [method, host, path, user, client, token, scopes] = self.fields();
        let payload =
            [now.as_bytes(), method, host, path, user, client, token, scopes].join(b"\n".as_slice());
        let mut value = String::with_capacity(payload.len().saturating_mul(4).div_ceil(3).saturating_add(64));
        value.push_str("v1.");
        value.push_str(key.id());
        value.push('.');
        encode(&payload, &mut value);
        let signature = key.mac(&value).finalize().into_bytes();
        value.push('.');
        encode(&signature, &mut value);
        value
    }

    /// Whether the request has one assertion, made with one of `keys`, that is good at `now` (seconds since the Unix
    /// epoch) and about this request and caller. `values` are all values of `x-edge-assertion`.
    ///
    /// # Errors
    /// [`AssertionError`]; the request is to be refused.
    pub fn verify<'h>(
        &self,
        values: impl IntoIterator<Item = &'h [u8]>,
        keys: &[EdgeKey],
        now: u64,
    ) -> Result<(), AssertionError> {
        let mut values = values.into_iter();
        let value = values.next().ok_or(AssertionError::Missing)?;
        // Some servers join repeated headers.
        if values.next().is_some() || value.contains(&b',') {
            return Err(AssertionError::Repeated(HEADER));
        }
        let payload = authentic(value, keys)?;
        let mut said = payload.split(|byte| *byte == b'\n');
        let made_at = said.next().and_then(|field| str::from_utf8(field).ok()).and_then(|at| at.parse().ok());
        let made_at: u64 = made_at.ok_or(AssertionError::Malformed)?;
        if said.clone().count() != DIFFERENCES.len() {
            return Err(AssertionError::Malformed);
        }
        if made_at > now.saturating_add(CLOCK_SKEW) {
            return Err(AssertionError::Future);
        }
        if now.saturating_sub(made_at) > LIFETIME {
            return Err(AssertionError::Expired);
        }
        let mut differences = said.zip(self.fields()).zip(DIFFERENCES);
        differences.try_for_each(|((said, is), error)| if said == is { Ok(()) } else { Err(error) })
    }

    const fn fields(&self) -> [&'a [u8]; 7] {
        let [user, client, token, scopes] = self.identity;
        [self.method, self.host, self.path, user, client, token, scopes]
    }
}

/// The payload of an assertion whose signature is right. Nothing is made of it before that is known.
fn authentic(value: &[u8], keys: &[EdgeKey]) -> Result<Vec<u8>, AssertionError> {
    let value = str::from_utf8(value).map_err(|_| AssertionError::Malformed)?;
    let (version, rest) = value.split_once('.').ok_or(AssertionError::Malformed)?;
    if version != "v1" {
        return Err(AssertionError::Version);
    }
    let (id, rest) = rest.split_once('.').ok_or(AssertionError::Malformed)?;
    let (payload, signature) = rest.split_once('.').ok_or(AssertionError::Malformed)?;
    let key = keys.iter().find(|key| key.id() == id).ok_or(AssertionError::UnknownKey)?;
    let (signed, _) = value.rsplit_once('.').ok_or(AssertionError::Malformed)?;
    let mut buffer = [0; 32];
    let signature =
        Base64UrlUnpadded::decode(signature, &mut buffer).map_err(|_| AssertionError::Malformed)?;
    // In constant time.
    key.mac(signed).verify_slice(signature).map_err(|_| AssertionError::Signature)?;
    Base64UrlUnpadded::decode_vec(payload).map_err(|_| AssertionError::Malformed)
}

/// Appends base64url to `text`, through a buffer instead of another allocation.
fn encode(bytes: &[u8], text: &mut String) {
    let mut buffer = [0; 64];
    for chunk in bytes.chunks(48) {
        // 48 bytes make 64 characters: this does not fail. If it did, the signature would be of what is there.
        text.push_str(Base64UrlUnpadded::encode(chunk, &mut buffer).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
