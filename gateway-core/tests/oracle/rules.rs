//! The rules of the gate that other implementations do not have, written down once more and as simply as can be.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gateway_core::jwt::Unverified;
use gateway_core::jwt::{Compact, JwtError};
use gateway_core::time::UnixTime;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::forge::{ISSUER, LEEWAY, RESOURCE};

/// The members of an object in their order, each as often as it is there.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, Value>()? {
                    members.push(member);
                }
                if members.is_empty() { Err(A::Error::custom("empty")) } else { Ok(Members(members)) }
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Members {
    fn of(part: &str) -> Option<Self> {
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    fn is_twice(&self, name: &str) -> bool {
        self.0.iter().filter(|(other, _)| other == name).count() > 1
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Whether the member is a text, or is not there.
    fn may_be_text(&self, name: &str) -> bool {
        self.get(name).is_none_or(Value::is_string)
    }

    /// A text or texts; `None` when it is something else.
    fn list(&self, name: &str) -> Option<Vec<&str>> {
        match self.get(name) {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(values)) => values.iter().map(Value::as_str).collect(),
            Some(_) => None,
        }
    }
}

/// Every rule that `token` breaks, whoever signed it.
pub(crate) fn broken(token: &str, now: u64, kids: &[&str]) -> Vec<JwtError> {
    let mut broken = Vec::new();
    if token.len() > Compact::MAX_LENGTH {
        broken.push(JwtError::TooLong);
    }
    let [header, claims, _] = token.split('.').collect::<Vec<_>>()[..] else {
        return vec![JwtError::NotCompact];
    };
    match Members::of(header) {
        Some(header) => broken.extend(in_header(&header, kids)),
        None => broken.push(JwtError::Header),
    }
    match Members::of(claims) {
        Some(claims) => broken.extend(in_claims(&claims, now)),
        None => broken.push(JwtError::Claims),
    }
    broken
}

fn in_header(header: &Members, kids: &[&str]) -> Vec<JwtError> {
    const KNOWN: [&str; 11] = ["alg", "typ", "kid", "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];
    let typ = header.text("typ").unwrap_or_default().to_ascii_lowercase();
    let kid = header.text("kid").unwrap_or_default();
    let rules = [
        (JwtError::Header, KNOWN.iter().any(|name| header.is_twice(name))),
        (JwtError::Extension, header.has(&["crit", "b64", "zip", "enc"])),
        (JwtError::EmbeddedKey, header.has(&["jwk", "jku", "x5u", "x5c"])),
        (JwtError::Type, !["at+jwt", "application/at+jwt"].contains(&typ.as_str())),
        (JwtError::UnknownKey, !kids.contains(&kid) || kid.len() > Unverified::MAX_KID_LENGTH),
    ];
    those(rules)
}

fn in_claims(claims: &Members, now: u64) -> Vec<JwtError> {
    let time = |name: &str| claims.get(name).map_or(Some(0), Value::as_u64);
    let [expiry, issued, start] = ["exp", "iat", "nbf"].map(time);
    let is_named = |name: &str| claims.text(name).is_some_and(|text| !text.is_empty());
    let audiences = claims.list("aud");
    let latest = now + LEEWAY;
    let is_whole = ["sub", "client_id", "jti"].into_iter().all(is_named)
        && claims.text("iss").is_some()
        && claims.may_be_text("preferred_username")
        && claims.list("scope").is_some()
        && audiences.as_ref().is_some_and(|list| list.len() <= 32)
        && claims.get("exp").is_some()
        && expiry.is_some_and(|expiry| expiry <= UnixTime::MAX.as_secs())
        && issued.is_some_and(|issued| issued > 0)
        && start.is_some()
        && !claims.0.iter().any(|(name, _)| claims.is_twice(name));
    let rules = [
        (JwtError::Claims, !is_whole),
        (JwtError::Issuer, claims.text("iss") != Some(ISSUER)),
        (JwtError::Audience, audiences.as_deref() != Some(&[RESOURCE])),
        (JwtError::Expired, expiry.is_some_and(|expiry| expiry.saturating_add(LEEWAY) <= now)),
        (JwtError::NotYetValid, [issued, start].into_iter().flatten().any(|time| time > latest)),
    ];
    those(rules)
}

fn those<const N: usize>(rules: [(JwtError, bool); N]) -> Vec<JwtError> {
    rules.into_iter().filter_map(|(rule, is_broken)| is_broken.then_some(rule)).collect()
}

/// Whether `token` names the server, or all of them.
pub(crate) fn has_scope(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(Members::of);
    let scopes = claims.as_ref().and_then(|claims| claims.list("scope")).unwrap_or_default();
    scopes.join(" ").split(' ').any(|scope| scope == "mcp:time" || scope == "mcp")
}
