//! A provider outside of the gateway: GitHub and an `OpenID` Connect issuer on one port. It is honest until it is told
//! otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::Url;

use crate::app::NOW;

/// What must never be seen outside of the gateway and the provider.
pub(crate) const SECRET: &str = "canary-client-secret";
pub(crate) const ACCESS_TOKEN: &str = "canary-access-token";
/// What the provider says when something is wrong; nobody else is to repeat it.
pub(crate) const RANT: &str = "canary-words-of-the-provider";

/// How the provider answers one path, instead of honestly.
#[derive(Debug, Clone)]
pub(crate) enum Whim {
    /// This status and body.
    Says(u16, String),
    /// Ten megabytes.
    Floods,
    /// Nothing for longer than anybody waits.
    Sleeps,
    /// A redirect to its own honest answer.
    Redirects,
}

/// What the provider is like now.
#[derive(Default)]
pub(crate) struct Script {
    /// By path.
    pub(crate) whims: HashMap<String, Whim>,
    /// Members of the ID token's header that are not as they should be.
    pub(crate) header: Value,
    /// Claims that are not as they should be; `null` leaves one out.
    pub(crate) claims: Value,
    /// What is added to the discovery document.
    pub(crate) metadata: Value,
    /// The number of the key that signs and is published.
    pub(crate) key: u8,
    /// The number of the key that is published although another signs.
    pub(crate) published: Option<u8>,
    /// The GitHub user, their addresses and organisations.
    pub(crate) github: (Value, Value, Value),
    /// What `/userinfo` says.
    pub(crate) userinfo: Value,
    /// Path and `Authorization` of every request.
    pub(crate) seen: Vec<(String, String)>,
    /// Where the token endpoint was shown the client's secret.
    pub(crate) secret_in_body: bool,
    codes: HashMap<String, Granted>,
}

struct Granted {
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

/// The provider, and where it is.
#[derive(Clone)]
pub(crate) struct FakeProvider {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl FakeProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            github: (
                json!({ "id": 583_231, "login": "Octocat", "email": "spoofed@corp.example" }),
                json!([
                    { "email": "old@evil.example", "primary": false, "verified": true },
                    { "email": "Octocat@Corp.example", "primary": true, "verified": true },
                ]),
                json!([{ "login": "Corp" }]),
            ),
            ..Script::default()
        };
        let fake = Self { url, script: Arc::new(Mutex::new(script)) };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn whim(&self, path: &str, whim: Whim) {
        self.script().whims.insert(path.to_owned(), whim);
    }

    /// What a browser that was sent to `address` brings back after its user has signed in: path and query of the callback.
    pub(crate) fn signed_in(&self, address: &str) -> String {
        let query: HashMap<String, String> =
            Url::parse(address).unwrap().query_pairs().into_owned().collect();
        assert_eq!((query["response_type"].as_str(), query["client_id"].as_str()), ("code", "us"));
        assert_eq!(query["code_challenge_method"], "S256", "B-20");
        let mut script = self.script();
        let code = format!("canary-code-{}", script.codes.len());
        let granted = Granted {
            nonce: query.get("nonce").cloned(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        script.codes.insert(code.clone(), granted);
        let path = Url::parse(&query["redirect_uri"]).unwrap().path().to_owned();
        format!("{path}?code={code}&state={}", query["state"])
    }

    fn metadata(&self, more: &Value) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        let mut metadata = json!({
            "issuer": self.url,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "userinfo_endpoint": at("/userinfo"),
            "what_nobody_knows": true,
        });
        merge(&mut metadata, more);
        metadata
    }

    fn token(&self, script: &mut Script, form: &HashMap<String, String>) -> Response {
        let granted = form.get("code").and_then(|code| script.codes.remove(code));
        let proof = form.get("code_verifier").map(|it| URL_SAFE_NO_PAD.encode(Sha256::digest(it)));
        let Some(granted) = granted.filter(|granted| {
            proof.as_ref() == Some(&granted.challenge)
                && form.get("redirect_uri") == Some(&granted.redirect_uri)
        }) else {
            return said(400, &json!({ "error": "invalid_grant", "error_description": RANT }));
        };
        let mut answer =
            json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "scope": "openid", "x": 1 });
        if let Some(nonce) = granted.nonce {
            answer["id_token"] = json!(self.id_token(script, &nonce));
        }
        said(200, &answer)
    }

    fn id_token(&self, script: &Script, nonce: &str) -> String {
        let key = key(script.key);
        let mut header = json!({ "alg": "ES256", "kid": key.kid() });
        let mut claims = json!({
            "iss": self.url, "aud": "us", "sub": "u-1", "nonce": nonce, "iat": NOW + 20, "exp": NOW + 300,
            "email": "Ada@Corp.example", "email_verified": true, "preferred_username": "ada",
        });
        merge(&mut header, &script.header);
        merge(&mut claims, &script.claims);
        key.jws(&header, claims.to_string().as_bytes())
    }
}

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(Algorithm::Es256, &[number.wrapping_add(1); 32]).unwrap()
}

fn merge(object: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
}

fn said(status: u16, json: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}

async fn answer(State(fake): State<FakeProvider>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let authorization =
        request.headers().get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    let is_second = request.uri().query() == Some("honest");
    let body = axum::body::to_bytes(request.into_body(), 65_536).await.unwrap();
    let whim = {
        let mut script = fake.script();
        script.seen.push((path.clone(), authorization.unwrap_or_default()));
        script.whims.get(&path).cloned().filter(|_| !is_second)
    };
    match whim {
        None => honest(&fake, &path, &body),
        Some(Whim::Says(status, text)) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Some(Whim::Floods) => vec![b' '; 10 << 20].into_response(),
        Some(Whim::Sleeps) => {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            said(200, &json!({}))
        }
        Some(Whim::Redirects) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("{path}?honest"))]).into_response()
        }
    }
}

fn honest(fake: &FakeProvider, path: &str, body: &[u8]) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let mut script = fake.script();
    match path {
        "/.well-known/openid-configuration" => said(200, &fake.metadata(&script.metadata)),
        "/jwks" => {
            let key = key(script.published.unwrap_or(script.key));
            said(200, &json!({ "keys": [key.public_jwk()] }))
        }
        "/token" | "/login/oauth/access_token" => {
            script.secret_in_body = form.get("client_secret").is_some_and(|secret| secret == SECRET);
            fake.token(&mut script, &form)
        }
        "/userinfo" => said(200, &script.userinfo),
        "/api/v3/user" => said(200, &script.github.0),
        "/api/v3/user/emails" => said(200, &script.github.1),
        "/api/v3/user/orgs" => said(200, &script.github.2),
        _ => said(404, &json!({ "message": RANT })),
    }
}
