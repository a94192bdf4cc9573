//! The claims of an access token (RFC 9068 §2.2), as our auth service writes them and as any issuer may.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{JwtError, TokenType};
use crate::json::{self, Members};
use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// The claims of a token of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Issuer: the origin of the gateway.
    pub iss: String,
    /// Subject: `{provider}:{stable id}`.
    pub sub: String,
    /// Audience: exactly one resource. A token for several would let each of them use it at the others.
    pub aud: String,
    /// The client that the token was issued to (RFC 8693 §4.3).
    pub client_id: String,
    /// Space-separated scopes.
    pub scope: String,
    /// Issued at.
    pub iat: UnixTime,
    /// Not valid before.
    pub nbf: UnixTime,
    /// Expiry; required.
    pub exp: UnixTime,
    /// Unique id, the handle for revocation.
    pub jti: String,
    /// A name to show, never to decide by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
}

/// In which claims an issuer says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// Who the user is.
    pub user: String,
    /// A name to show.
    pub name: String,
    /// The OAuth client.
    pub client: String,
    /// Scopes: one text, separated by spaces, or an array of texts.
    pub scope: String,
}

impl Default for ClaimNames {
    /// The names of RFC 9068: `sub`, `preferred_username`, `client_id`, `scope`.
    fn default() -> Self {
        let [user, name, client, scope] =
            ["sub", "preferred_username", "client_id", "scope"].map(str::to_owned);
        Self { user, name, client, scope }
    }
}

/// What the claims of a token say, whatever their issuer calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    user: String,
    name: Option<String>,
    client: Option<String>,
    token_id: Option<String>,
    scopes: ScopeSet,
    issued_at: UnixTime,
    pub(super) not_before: UnixTime,
    expiry: UnixTime,
}

/// Who is behind a verified token; what the edge tells the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The user.
    pub user: &'a str,
    /// A name to show.
    pub name: Option<&'a str>,
    /// The OAuth client.
    pub client: Option<&'a str>,
    /// The token's id.
    pub token: Option<&'a str>,
}

impl Facts {
    /// Most audiences of one token.
    const MAX_AUDIENCES: usize = 32;

    /// Reads the claims. `exp` and the user are always required; the rest of RFC 9068 (`client_id`, `iat`, `jti`) from
    /// issuers that follow it.
    pub(crate) fn parse(payload: &[u8], names: &ClaimNames, kind: TokenType) -> Result<Self, JwtError> {
        Self::read(payload, names)
            .ok()
            .flatten()
            .filter(|facts| facts.are_complete(kind))
            .ok_or(JwtError::Claims)
    }

    /// Only `iss`, of a payload that nobody has vouched for.
    pub(super) fn claimed_issuer(payload: &[u8]) -> Result<String, JwtError> {
        let members = json::object_of_a_stranger::<Members<'_>>(payload).map_err(|_| JwtError::Claims)?;
        members.get("iss").ok().flatten().ok_or(JwtError::Claims)
    }

    fn read(payload: &[u8], names: &ClaimNames) -> Result<Option<Self>, serde_json::Error> {
        let members: Members<'_> = json::object_of_a_stranger(payload)?;
        let text = |name: &str| members.get::<String>(name);
        let time = |name: &str| members.get::<UnixTime>(name);
        let (Some(issuer), Some(user), Some(expiry)) = (text("iss")?, text(&names.user)?, time("exp")?)
        else {
            return Ok(None);
        };
        let audiences = members.get::<OneOrMore>("aud")?.map(|OneOrMore(list)| list).unwrap_or_default();
        let scopes = members.get::<OneOrMore>(&names.scope)?.map(|OneOrMore(list)| list.join(" "));
        Ok(Some(Self {
            issuer,
            audiences,
            user,
            name: text(&names.name)?,
            client: text(&names.client)?,
            token_id: text("jti")?,
            scopes: ScopeSet::parse(&scopes.unwrap_or_default()),
            issued_at: time("iat")?.unwrap_or_default(),
            not_before: time("nbf")?.unwrap_or_default(),
            expiry,
        }))
    }

    fn are_complete(&self, kind: TokenType) -> bool {
        let required = match kind {
            TokenType::AccessToken => {
                self.client.is_some() && self.token_id.is_some() && self.issued_at > UnixTime::default()
            }
            TokenType::Jwt | TokenType::IdToken | TokenType::ClientAssertion => true,
        };
        let is_named = |text: &String| !text.is_empty();
        let optional = [&self.client, &self.token_id];
        required
            && is_named(&self.user)
            && optional.into_iter().flatten().all(is_named)
            && self.audiences.len() <= Self::MAX_AUDIENCES
            && self.expiry <= UnixTime::MAX
    }

    /// Who is calling.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            user: &self.user,
            name: self.name.as_deref(),
            client: self.client.as_deref(),
            token: self.token_id.as_deref(),
        }
    }

    /// What the token allows.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When it was issued; the epoch when its issuer does not say.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// When it ends.
    #[must_use]
    pub const fn expiry(&self) -> UnixTime {
        self.expiry
    }
}

/// A text, or an array of texts (RFC 7519 §4.1.3 for `aud`; some issuers do so for scopes).
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Vec<String>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a text or an array of texts")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Vec<String>, E> {
                Ok(vec![value.to_owned()])
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut values: A) -> Result<Vec<String>, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = values.next_element()? {
                    all.push(value);
                    if all.len() > ScopeSet::MAX_TOKENS {
                        while values.next_element::<IgnoredAny>()?.is_some() {}
                    }
                }
                Ok(all)
            }
        }

        deserializer.deserialize_any(Either).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &[u8]) -> Result<Facts, JwtError> {
        Facts::parse(payload, &ClaimNames::default(), TokenType::AccessToken)
    }

    fn with(member: &str, value: &str) -> Result<Facts, JwtError> {
        let mut members = serde_json::json!({
            "iss": "https://gw.example", "sub": "local:ada", "aud": "https://gw.example/time/mcp",
            "client_id": "c", "scope": "mcp", "iat": 1, "nbf": 1, "exp": 2, "jti": "t",
        });
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        members.as_object_mut().unwrap().insert(member.to_owned(), value);
        parse(members.to_string().as_bytes())
    }

    #[test]
    fn f_14_audiences_come_in_both_forms_and_nothing_else() {
        assert_eq!(with("aud", r#""a""#).unwrap().audiences, ["a"]);
        assert_eq!(with("aud", r#"["a","b"]"#).unwrap().audiences, ["a", "b"]);
        for aud in ["7", "{}", "[7]", "[null]"] {
            assert_eq!(with("aud", aud), Err(JwtError::Claims), "{aud}");
        }
        let many = serde_json::json!(vec!["a"; 33]).to_string();
        assert_eq!(with("aud", &many), Err(JwtError::Claims));
    }

    #[test]
    fn f_15_scopes_come_as_a_text_or_an_array() {
        for scope in [r#""mcp:time openid""#, r#"["openid","mcp:time"]"#, r#"["openid mcp:time"]"#] {
            assert_eq!(with("scope", scope).unwrap().scopes().to_string(), "mcp:time", "{scope}");
        }
        assert_eq!(with("scope", "7"), Err(JwtError::Claims));
    }

    #[test]
    fn f_11_times_are_whole_seconds_within_reason() {
        for exp in [r#""2""#, "null", "-1", "1e30", "9223372036854775807", "2.5", "253402300800", "[]"] {
            assert_eq!(with("exp", exp), Err(JwtError::Claims), "{exp}");
        }
        assert_eq!(with("exp", "253402300799").unwrap().expiry(), UnixTime::MAX);
    }

    #[test]
    fn the_names_in_a_token_are_never_empty() {
        for member in ["sub", "client_id", "jti"] {
            assert_eq!(with(member, r#""""#), Err(JwtError::Claims), "{member}");
        }
    }

    #[test]
    fn a_token_of_rfc_9068_is_complete_and_one_of_another_issuer_has_its_own_names() {
        let entra = br#"{"iss":"i","oid":"u","azp":"c","scp":"mcp:time","exp":2}"#;
        let [user, name, client, scope] = ["oid", "name", "azp", "scp"].map(str::to_owned);
        let names = ClaimNames { user, name, client, scope };
        let facts = Facts::parse(entra, &names, TokenType::Jwt).unwrap();
        let expected = Identity { user: "u", name: None, client: Some("c"), token: None };
        assert_eq!((facts.identity(), facts.scopes().to_string().as_str()), (expected, "mcp:time"));
        assert_eq!(Facts::parse(entra, &names, TokenType::AccessToken), Err(JwtError::Claims));
    }

    #[test]
    fn f_09_what_is_not_one_clean_object_is_refused() {
        let good = r#"{"iss":"i","sub":"s","aud":"a","client_id":"c","iat":1,"exp":2,"jti":"t"}"#;
        assert!(parse(good.as_bytes()).is_ok());
        let twice = good.replace(r#""exp":2"#, r#""exp":2,"exp":9"#);
        let escaped = good.replace(r#""exp":2"#, r#""exp":2,"e\u0078p":9"#);
        let trailing = format!("{good}{{}}");
        let without_exp = good.replace(r#""exp":2,"#, "");
        let deep = good.replace('1', &"[".repeat(200));
        let by_position = r#"["i","s","a","c","",1,1,2,"t",null]"#;
        for bad in
            [twice.as_str(), &escaped, &trailing, &without_exp, &deep, by_position, "[]", "", "\u{feff}{}"]
        {
            assert_eq!(parse(bad.as_bytes()), Err(JwtError::Claims), "{bad}");
        }
        assert_eq!(parse(b"{\"iss\":\"\xff\"}"), Err(JwtError::Claims));
    }
}
