//! Consent that a user wants remembered, so that the same client need not ask for the same thing again.

use std::str::FromStr;

use gateway_core::resource::ServerName;
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use super::client::{Client, ClientAuthentication, ClientId};
use super::client_keys::ClientKeys;
use super::grant::Access;
use super::redirect_uri::{RedirectKind, RedirectUri};
use super::secret::Digest;
use super::user::Subject;

/// The clients of which consent can be remembered: those that an operator knows to check `iss` (RFC 9207 §2.4) in what comes
/// back to them. By default there are none.
///
/// A code that is issued without a page can be stolen through every other client (B-03, a mix-up, RFC 9700 §4.4). Whoever
/// runs a malicious MCP server with an authorization server of its own sends the user on from there to us, in the name of
/// the client and with a PKCE challenge of their own. A public client brings code and verifier to *their* token endpoint; one
/// with a secret brings the code alone, and they put it into a flow of their own at that client, which redeems it for them.
/// A client that compares `iss` sees that the answer is not from whom it asked. We cannot see whether it does, and no header
/// tells such a request from an honest one: Chromium, opened by a program, says `Sec-Fetch-Site: none` even after it was
/// redirected by another site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RememberedClients(Vec<ClientId>);

/// A text that does not name clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected client ids such as client_abc,client_def, separated by commas")]
pub struct NotClients;

/// What a remembered consent is found by: everything that the user was shown when they gave it, and what the client proves
/// itself with. Whatever of it is different is another question (B-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentKey(Digest);

impl RememberedClients {
    /// The key of what `client` asks of `subject`; `None` where consent must be asked for every time.
    ///
    /// A client that is named must also prove at our token endpoint who it is, and be answered at an `https` address: any
    /// program on the user's machine can pose as a client at a loopback address or a private-use scheme (RFC 8252 §8.6).
    #[must_use]
    pub fn key(
        &self,
        client: &Client,
        redirect_uri: &RedirectUri,
        subject: &Subject,
        server: &ServerName,
        scope: &ScopeSet,
    ) -> Option<ConsentKey> {
        let is_proven = client.authentication != ClientAuthentication::None;
        let is_certain = is_proven && redirect_uri.kind() == RedirectKind::Https;
        (is_certain && self.0.contains(&client.id)).then(|| {
            let authentication = &client.authentication;
            ConsentKey(Digest::of_fields(&[
                "remembered consent",
                subject.as_str(),
                client.id.as_str(),
                authentication.name(),
                &keys(authentication),
                client.profile.name.as_deref().unwrap_or_default(),
                if client.profile.refreshes { "stays connected" } else { "once" },
                redirect_uri.as_str(),
                server.as_str(),
                &scope.to_string(),
            ]))
        })
    }
}

/// What a client that signs is known by: the keys that it sent, or where it publishes them. A secret is ours, and it never changes.
fn keys(authentication: &ClientAuthentication) -> String {
    match authentication {
        ClientAuthentication::PrivateKey(ClientKeys::Inline(keys)) => keys.document().to_string(),
        ClientAuthentication::PrivateKey(ClientKeys::At(url)) => url.to_string(),
        ClientAuthentication::Secret { .. } | ClientAuthentication::None => String::new(),
    }
}

impl FromStr for RememberedClients {
    type Err = NotClients;

    /// Reads `client,client`.
    fn from_str(text: &str) -> Result<Self, NotClients> {
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
        ids.map(ClientId::parse).collect::<Option<_>>().map(Self).ok_or(NotClients)
    }
}

impl ConsentKey {
    /// The key as the store knows it.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// A consent that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedConsent {
    /// What was granted. Nobody gets more by it, whatever the user may do meanwhile.
    pub access: Access,
    /// When.
    pub given_at: UnixTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_document;

    const URL: &str = "https://app.example/c";

    /// The key of what the client at [`URL`] asks, when its document says `members` too.
    fn key(members: &serde_json::Value) -> Option<ConsentKey> {
        let mut document = serde_json::json!({
            "client_id": URL, "client_name": "C", "redirect_uris": ["https://app.example/cb"],
        });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let (json, now) = (document.to_string(), UnixTime::from_secs(0));
        let client = client_document::parse(json.as_bytes(), &URL.parse().unwrap(), now).unwrap();
        let (named, subject): (RememberedClients, _) = (URL.parse().unwrap(), Subject::new("local", "a1"));
        let server = "time".parse().unwrap();
        named.key(&client, &client.profile.redirect_uris[0], &subject, &server, &ScopeSet::parse("mcp:time"))
    }

    #[test]
    fn b_14_a_client_that_proves_itself_with_other_keys_asks_another_question() {
        let published = |at: &str| {
            key(&serde_json::json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": at }))
                .unwrap()
        };
        let (one, other) = ("https://app.example/jwks", "https://app.example/other");
        assert_eq!(published(one), published(one));
        assert_ne!(published(one), published(other));
        let sent = |x: &str| {
            let jwk = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
            let jwks = serde_json::json!({ "keys": [jwk] });
            key(&serde_json::json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks }))
                .unwrap()
        };
        let (one, other) =
            ("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw");
        assert_eq!(sent(one), sent(one));
        assert_ne!(sent(one), sent(other));
    }

    #[test]
    fn b_03_of_a_public_client_that_describes_itself_nothing_is_remembered() {
        assert_eq!(key(&serde_json::json!({ "token_endpoint_auth_method": "none" })), None);
    }

    #[test]
    fn only_ids_of_clients_name_clients() {
        let id = |text| ClientId::parse(text).unwrap();
        let named: RememberedClients = " client_a, https://app.example/c ,".parse().unwrap();
        assert_eq!(named.0, [id("client_a"), id("https://app.example/c")]);
        assert_eq!("".parse(), Ok(RememberedClients::default()));
        for wrong in ["client a", "http://app.example/c", "client_a,https:"] {
            assert_eq!(wrong.parse::<RememberedClients>(), Err(NotClients), "{wrong}");
        }
    }
}
