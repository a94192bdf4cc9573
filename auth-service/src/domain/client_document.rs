//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document-02 §4): what a client publishes about itself.

use gateway_core::jwks::KeySetError;
use gateway_core::time::UnixTime;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::{Client, ClientId};
use super::document_url::DocumentUrl;
use super::error::Refusal;
use super::metadata;

/// Longest document that is read, in bytes: what §8.7 recommends.
pub const MAX_DOCUMENT: usize = 5 * 1024;

/// Why a document describes nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not a JSON object whose members have the right types, each of them once.
    #[error("the document is not a JSON object with the members of RFC 7591")]
    Malformed,
    /// §4: the document must be about the address that it came from, byte for byte.
    #[error("the client_id in the document is not its address")]
    OtherClient,
    /// §4.1: everybody can read the document, so nothing in it is a secret.
    #[error("the document holds a client_secret")]
    Secret,
    /// §4.1, and what we support: the client is public, or it signs.
    #[error("the document asks for a token_endpoint_auth_method other than none and private_key_jwt")]
    Authentication,
    /// MCP asks for a name.
    #[error("the document has no client_name")]
    NoName,
    /// A logo that could be swapped on the way.
    #[error("the logo_uri in the document is not https")]
    Logo,
    /// The other document that a client publishes, its keys, is of no use.
    #[error("the jwks_uri of the client: {0}")]
    Keys(#[from] KeySetError),
    /// The rules of a registration.
    #[error(transparent)]
    Metadata(#[from] Refusal),
}

/// The members that a registration does not have or reads in another way. `null` is an absent member.
#[derive(Deserialize)]
struct RawDocument {
    client_id: Option<String>,
    client_secret: Option<IgnoredAny>,
    client_secret_expires_at: Option<IgnoredAny>,
    token_endpoint_auth_method: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    jwks: Option<IgnoredAny>,
    jwks_uri: Option<IgnoredAny>,
    logo_uri: Option<String>,
}

/// Reads the document that was fetched from `url` at `now`.
///
/// # Errors
/// [`DocumentError`].
pub fn parse(body: &[u8], url: &DocumentUrl, now: UnixTime) -> Result<Client, DocumentError> {
    let raw: RawDocument = serde_json::from_slice(body).map_err(|_| DocumentError::Malformed)?;
    if raw.client_id.as_deref() != Some(url.as_str()) {
        return Err(DocumentError::OtherClient);
    }
    if raw.client_secret.is_some() || raw.client_secret_expires_at.is_some() {
        return Err(DocumentError::Secret);
    }
    let signs = raw.signs().ok_or(DocumentError::Authentication)?;
    if raw.logo_uri.as_deref().is_some_and(|logo| !logo.starts_with("https://")) {
        return Err(DocumentError::Logo);
    }
    let (profile, authentication) = metadata::published(body, signs)?;
    if profile.name.is_none() {
        return Err(DocumentError::NoName);
    }
    Ok(Client {
        id: ClientId::Document(url.clone()),
        issued_at: now,
        expires_at: None,
        registration: None,
        authentication,
        profile,
    })
}

impl RawDocument {
    /// Whether the client signs or proves nothing; `None` when it would have it otherwise. One that could do both signs, if it
    /// says with which keys: it has read in our metadata that it may.
    fn signs(&self) -> Option<bool> {
        let listed = self.token_endpoint_auth_methods_supported.as_deref();
        let could_sign = match (self.token_endpoint_auth_method.as_deref(), listed) {
            (Some("private_key_jwt"), None) => true,
            (Some("private_key_jwt") | None, Some(methods)) => {
                methods.iter().any(|it| it == "private_key_jwt")
            }
            (_, _) => false,
        };
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        let may_be_public = self.may_be_public();
        if could_sign && (has_keys || !may_be_public) { Some(true) } else { may_be_public.then_some(false) }
    }

    /// Whether the client is content with proving nothing. One that says so in neither way cannot mean the default of RFC
    /// 7591, which is a shared secret; and one that would rather sign may list `none` among the methods it has as well.
    fn may_be_public(&self) -> bool {
        let listed = self.token_endpoint_auth_methods_supported.as_deref();
        match (self.token_endpoint_auth_method.as_deref(), listed) {
            (Some("none") | None, None) => true,
            (Some("none" | "private_key_jwt") | None, Some(methods)) => methods.iter().any(|it| it == "none"),
            (Some(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::client::ClientAuthentication;
    use crate::domain::client_keys::ClientKeys;
    use crate::domain::error::ErrorCode;

    const URL: &str = "https://app.example/client.json";

    fn document(change: impl FnOnce(&mut Value)) -> Result<Client, DocumentError> {
        let mut document = json!({
            "client_id": URL,
            "client_name": "App",
            "redirect_uris": ["https://app.example/cb", "http://127.0.0.1/cb"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "client_uri": "https://app.example",
            "something_new": { "of": ["any", "kind"] },
        });
        change(&mut document);
        parse(document.to_string().as_bytes(), &URL.parse().unwrap(), UnixTime::from_secs(7))
    }

    fn with(name: &str, value: Value) -> Result<Client, DocumentError> {
        document(|document| document[name] = value)
    }

    #[test]
    fn a_document_describes_a_public_client() {
        let client = document(|_| {}).unwrap();
        assert_eq!(client.id.as_str(), URL);
        assert_eq!(client.id.host(), Some("app.example"));
        assert_eq!(client.authentication, ClientAuthentication::None);
        assert_eq!(client.profile.name.as_deref(), Some("App"));
        assert_eq!((client.profile.redirect_uris.len(), client.profile.refreshes), (2, true));
        assert_eq!((client.issued_at, client.expires_at), (UnixTime::from_secs(7), None));
    }

    #[test]
    fn d_21_a_document_is_about_its_own_address_byte_for_byte() {
        for other in [
            "https://app.example/client.jsoN",
            "https://app.example:443/client.json",
            "https://app.example/client.json/",
            "HTTPS://app.example/client.json",
            "https://app.example/client.json?",
            "https://other.example/client.json",
            "",
        ] {
            assert_eq!(with("client_id", json!(other)), Err(DocumentError::OtherClient), "{other}");
        }
        assert_eq!(with("client_id", Value::Null), Err(DocumentError::OtherClient));
    }

    #[test]
    fn d_21_nobody_shares_a_secret_with_everybody() {
        assert_eq!(with("client_secret", json!("x")), Err(DocumentError::Secret));
        assert_eq!(with("client_secret_expires_at", json!(0)), Err(DocumentError::Secret));
        for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt", ""] {
            let refused = with("token_endpoint_auth_method", json!(method));
            assert_eq!(refused, Err(DocumentError::Authentication), "{method}");
        }
    }

    #[test]
    fn a_client_that_can_also_be_public_is_public() {
        let methods = |one: Value, several: Value| {
            document(|document| {
                document["token_endpoint_auth_method"] = one;
                document["token_endpoint_auth_methods_supported"] = several;
            })
        };
        for (one, several, is_taken) in [
            (Value::Null, Value::Null, true),
            (Value::Null, json!(["private_key_jwt", "none"]), true),
            (json!("private_key_jwt"), json!(["private_key_jwt", "none"]), true),
            (json!("private_key_jwt"), json!(["client_secret_basic"]), false),
            (json!("none"), json!(["private_key_jwt"]), false),
            (json!("client_secret_basic"), json!(["none"]), false),
            (Value::Null, json!([]), false),
        ] {
            let client = methods(one.clone(), several.clone());
            assert_eq!(client.is_ok(), is_taken, "{one} {several}");
            assert!(client.is_err() || client.unwrap().authentication == ClientAuthentication::None);
        }
    }

    #[test]
    fn a_client_that_can_sign_signs_with_the_keys_that_it_names() {
        let keys = "https://app.example/keys.json";
        for (one, several) in [
            (json!("private_key_jwt"), Value::Null),
            (json!("private_key_jwt"), json!(["none", "private_key_jwt"])),
            (Value::Null, json!(["none", "private_key_jwt"])),
        ] {
            let client = document(|document| {
                document["token_endpoint_auth_method"] = one.clone();
                document["token_endpoint_auth_methods_supported"] = several.clone();
                document["jwks_uri"] = json!(keys);
            });
            let at = ClientKeys::At(keys.parse().unwrap());
            assert_eq!(
                client.unwrap().authentication,
                ClientAuthentication::PrivateKey(at),
                "{one} {several}"
            );
        }
        let Err(DocumentError::Metadata(refusal)) =
            with("token_endpoint_auth_method", json!("private_key_jwt"))
        else {
            panic!("a client without keys is taken")
        };
        assert_eq!(refusal.description, "private_key_jwt needs jwks or jwks_uri");
    }

    #[test]
    fn d_21_a_document_has_a_name_and_redirect_uris_that_could_be_registered() {
        assert_eq!(with("client_name", Value::Null), Err(DocumentError::NoName));
        assert_eq!(with("client_name", json!(" ")), Err(DocumentError::NoName));
        assert_eq!(with("logo_uri", json!("http://app.example/l.png")), Err(DocumentError::Logo));
        assert_eq!(with("logo_uri", json!("javascript:alert(1)")), Err(DocumentError::Logo));
        assert!(with("logo_uri", json!("https://app.example/l.png")).is_ok());
        for uris in [json!(null), json!([]), json!(["http://app.example/cb"]), json!(["javascript:alert(1)"])]
        {
            let Err(DocumentError::Metadata(refusal)) = with("redirect_uris", uris.clone()) else {
                panic!("{uris} is taken")
            };
            assert_eq!(refusal.code, ErrorCode::InvalidRedirectUri, "{uris}");
        }
    }

    #[test]
    fn d_21_what_is_not_an_object_describes_nobody() {
        let url: DocumentUrl = URL.parse().unwrap();
        let deep = format!("{{\"client_id\":{}", "[".repeat(5000));
        let twice = format!(r#"{{"client_id":"{URL}","client_id":"{URL}"}}"#);
        let array = format!(r#"["{URL}",null,null,null,null,null]"#);
        for body in ["", "null", "[]", "\"x\"", "<html>", "{", "\u{feff}{}", &deep, &twice, &array] {
            assert!(parse(body.as_bytes(), &url, UnixTime::from_secs(0)).is_err(), "{body:.40}");
        }
        assert!(parse(b"\xff\xfe{}", &url, UnixTime::from_secs(0)).is_err());
    }
}
