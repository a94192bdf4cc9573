//! The claims of an access token (RFC 9068 §2.2).

use serde::{Deserialize, Serialize};

use super::JwtError;
use crate::json;
use crate::time::UnixTime;

/// The claims as they are written into a token and read from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: the origin of the gateway.
    pub iss: String,
    /// Subject: `{provider}:{stable id}`.
    pub sub: String,
    /// Audience: exactly one resource. A token for several would let each of them use it at the others.
    #[serde(deserialize_with = "one_audience")]
    pub aud: String,
    /// The client that the token was issued to (RFC 8693 §4.3).
    pub client_id: String,
    /// Space-separated scopes.
    #[serde(default)]
    pub scope: String,
    /// Issued at.
    pub iat: UnixTime,
    /// Not valid before.
    #[serde(default)]
    pub nbf: UnixTime,
    /// Expiry; required.
    pub exp: UnixTime,
    /// Unique id, the handle for revocation.
    pub jti: String,
    /// A name to show, never to decide by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
}

/// Who is behind a verified token; what the edge tells the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `sub`.
    pub user: &'a str,
    /// `preferred_username`.
    pub name: Option<&'a str>,
    /// `client_id`.
    pub client: &'a str,
    /// `jti`.
    pub token: &'a str,
}

impl Claims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, JwtError> {
        let claims: Self = json::object(payload).map_err(|_| JwtError::Claims)?;
        let named = ![&claims.sub, &claims.client_id, &claims.jti].iter().any(|value| value.is_empty());
        let in_range = claims.exp <= UnixTime::MAX;
        if named && in_range { Ok(claims) } else { Err(JwtError::Claims) }
    }
}

/// `aud` as a string, or as an array of exactly one (RFC 7519 §4.1.3 allows both forms).
fn one_audience<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct OneAudience;

    impl<'de> serde::de::Visitor<'de> for OneAudience {
        type Value = String;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("one audience")
        }

        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut audiences: A) -> Result<String, A::Error> {
            let only = audiences.next_element()?;
            match (only, audiences.next_element::<serde::de::IgnoredAny>()?) {
                (Some(audience), None) => Ok(audience),
                _ => Err(serde::de::Error::custom("expected exactly one audience")),
            }
        }
    }

    deserializer.deserialize_any(OneAudience)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(member: &str, value: &str) -> Result<Claims, JwtError> {
        let mut members = serde_json::json!({
            "iss": "https://gw.example", "sub": "local:ada", "aud": "https://gw.example/time/mcp",
            "client_id": "c", "scope": "mcp", "iat": 1, "nbf": 1, "exp": 2, "jti": "t",
        });
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        members.as_object_mut().unwrap().insert(member.to_owned(), value);
        Claims::parse(members.to_string().as_bytes())
    }

    #[test]
    fn f_14_one_audience_in_either_form_and_never_two() {
        assert_eq!(with("aud", r#""a""#).unwrap().aud, "a");
        assert_eq!(with("aud", r#"["a"]"#).unwrap().aud, "a");
        for aud in [r#"["a","b"]"#, "[]", "7", "null", "{}", r"[7]"] {
            assert_eq!(with("aud", aud), Err(JwtError::Claims), "{aud}");
        }
    }

    #[test]
    fn f_11_times_are_whole_seconds_within_reason() {
        for exp in [r#""2""#, "null", "-1", "1e30", "9223372036854775807", "2.5", "253402300800", "[]"] {
            assert_eq!(with("exp", exp), Err(JwtError::Claims), "{exp}");
        }
        assert_eq!(with("exp", "253402300799").unwrap().exp, UnixTime::MAX);
    }

    #[test]
    fn the_names_in_a_token_are_never_empty() {
        for member in ["sub", "client_id", "jti"] {
            assert_eq!(with(member, r#""""#), Err(JwtError::Claims), "{member}");
        }
    }

    #[test]
    fn f_09_what_is_not_one_clean_object_is_refused() {
        let good = r#"{"iss":"i","sub":"s","aud":"a","client_id":"c","iat":1,"exp":2,"jti":"t"}"#;
        assert!(Claims::parse(good.as_bytes()).is_ok());
        let twice = good.replace(r#""exp":2"#, r#""exp":2,"exp":9"#);
        let trailing = format!("{good}{{}}");
        let without_exp = good.replace(r#""exp":2,"#, "");
        let deep = good.replace('1', &"[".repeat(200));
        for bad in [twice.as_str(), &trailing, &without_exp, &deep, "[]", "", "\u{feff}{}"] {
            assert_eq!(Claims::parse(bad.as_bytes()), Err(JwtError::Claims), "{bad}");
        }
        assert_eq!(Claims::parse(b"{\"iss\":\"\xff\"}"), Err(JwtError::Claims));
        let by_position = br#"["i","s","a","c","",1,1,2,"t",null]"#;
        assert_eq!(Claims::parse(by_position), Err(JwtError::Claims));
    }
}
