//! An OAuth client by hand, for what the SDKs would not do.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::browser::Browser;
use crate::gateway::Gateway;

/// The redirect URI of the client; nothing listens there, the browser stops before it.
pub const REDIRECT_URI: &str = "http://127.0.0.1:33418/callback";

/// A code verifier (RFC 7636 §4.1): any fixed one, since each authorization code is used once.
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-rules-of-rfc-7636";

/// A registered public client.
#[derive(Debug)]
pub struct OAuthClient<'a> {
    gateway: &'a Gateway,
    client_id: String,
}

impl<'a> OAuthClient<'a> {
    /// Registers a client (RFC 7591).
    pub async fn register(gateway: &'a Gateway) -> Self {
        let metadata = json!({
            "client_name": "Test by hand",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let answer = reqwest::Client::new().post(gateway.url("/register")).json(&metadata).send().await;
        let client: Value = answer.expect("an answer").json().await.expect("a registration");
        let client_id = client.get("client_id").and_then(Value::as_str).expect("a client id").to_owned();
        Self { gateway, client_id }
    }

    /// Its `client_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.client_id
    }

    /// Where the browser is sent to sign in for `server`.
    #[must_use]
    pub fn authorization_url(&self, server: &str) -> String {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
        let resource = self.gateway.url(&format!("/{server}/mcp"));
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", REDIRECT_URI),
            ("state", "opaque"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &resource),
        ];
        let url = Url::parse_with_params(&self.gateway.url("/authorize"), parameters);
        url.expect("an authorization URL").into()
    }

    /// Trades a refresh token: the status and what was said.
    pub async fn refresh(&self, refresh_token: &str) -> (u16, Value) {
        let client_id = self.client_id.as_str();
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", client_id)];
        self.token_request(&form).await
    }

    /// Signs in as the first user, approves, and redeems the code: the token answer for `server`.
    pub async fn tokens(&self, server: &str) -> Value {
        self.tokens_and_exchange(server).await.0
    }

    /// The same, with the parameters of the token request that brought it.
    pub async fn tokens_and_exchange(&self, server: &str) -> (Value, [(&'static str, String); 5]) {
        let url = self.authorization_url(server);
        let callback = Browser::default().sign_in_and_approve(&url, "admin", self.gateway.password()).await;
        self.redeem(&callback).await
    }

    /// Redeems the code that a browser came back with: the token answer, and the parameters of the request that brought it.
    pub async fn redeem(&self, callback: &Url) -> (Value, [(&'static str, String); 5]) {
        let code = callback.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
        let exchange = [
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", self.client_id.clone()),
            ("code", code),
            ("redirect_uri", REDIRECT_URI.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        let form: Vec<(&str, &str)> = exchange.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, tokens) = self.token_request(&form).await;
        assert_eq!(status, 200, "{tokens}");
        (tokens, exchange)
    }

    /// `POST /token` with these parameters.
    pub async fn token_request(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = reqwest::Client::new().post(self.gateway.url("/token")).form(form).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}
