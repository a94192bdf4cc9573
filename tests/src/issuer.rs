//! A foreign `OpenID` issuer that behaves as badly as it is told. It is many issuers on one port, each below a path of its own
//! that is named after its conduct, so that one gateway meets all of them at once. It signs in whoever comes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::forge::now;

/// What the issuers know the gateway by.
const CLIENT: &str = "the-gateway";

/// What the issuers say when they misbehave, and what they give away: nobody is ever to repeat it.
pub const CANARY: &str = "canary-of-the-issuer";

/// What is wrong with one answer of an issuer.
#[derive(Debug, Clone, PartialEq)]
pub enum Vice {
    /// It accepts, and says nothing.
    Hangs,
    /// It sends a byte now and then, for ever.
    Drips,
    /// This status, with words of its own.
    Status(u16),
    /// A page for people, which says that it is one.
    Html,
    /// Text that is no JSON, although it says so.
    Garbage,
    /// Ten megabytes of it.
    Flood,
    /// A redirect to this address.
    Redirect(String),
    /// These members instead of the right ones; `null` leaves one out.
    Members(Value),
}

/// What an issuer proves its ID tokens with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Proof {
    /// A signature with its key.
    #[default]
    Signature,
    /// None: `alg` says so, and there is none.
    Nothing,
    /// A good HMAC with the client's secret.
    Secret,
}

/// One issuer: which of its answers are bad, and how.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    /// By the last part of the path: `openid-configuration`, `token`, `jwks`, `userinfo`.
    pub vices: HashMap<&'static str, Vice>,
    /// What its ID tokens are proven with.
    pub proof: Proof,
    /// Claims instead of the right ones.
    pub claims: Value,
    /// The number of the key that signs.
    pub key: u8,
    /// The number of the key that is published.
    pub published: u8,
    /// How often each answer was asked for.
    pub asked: HashMap<String, usize>,
}

/// The issuers, while they run.
#[derive(Debug)]
pub struct Issuers {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Mutex<HashMap<String, Conduct>>>;

impl Conduct {
    /// An issuer with one bad answer.
    #[must_use]
    pub fn with(answer: &'static str, vice: Vice) -> Self {
        Self { vices: HashMap::from([(answer, vice)]), ..Self::default() }
    }
}

impl Issuers {
    /// Starts them, by name.
    pub async fn start(conducts: impl IntoIterator<Item = (String, Conduct)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared: Shared = Arc::new(Mutex::new(conducts.into_iter().collect()));
        let router = Router::new()
            .route("/{issuer}/authorize", axum::routing::get(sign_in))
            .route("/{issuer}/{*answer}", axum::routing::any(answer))
            .with_state((address, Arc::clone(&shared)));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, shared, server }
    }

    /// The gateway's settings for all of them, each called by its name. Whoever comes in has the role `clerk`.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let names: Vec<String> = lock(&self.shared).keys().cloned().collect();
        let mut settings = vec![("OIDC_PROVIDERS".to_owned(), names.join(","))];
        for name in names {
            let prefix = name.to_ascii_uppercase();
            let issuer = format!("http://{}/{name}", self.address);
            for (setting, value) in [
                ("ISSUER", issuer.as_str()),
                ("LABEL", &name),
                ("CLIENT_ID", CLIENT),
                ("CLIENT_SECRET", CANARY),
                ("DEFAULT_ROLES", "clerk"),
            ] {
                settings.push((format!("{prefix}_{setting}"), value.to_owned()));
            }
            settings.push((format!("ALLOWED_{prefix}_USERS"), "*".to_owned()));
        }
        settings
    }

    /// How often the issuer `name` was asked for `answer`.
    #[must_use]
    pub fn asked(&self, name: &str, answer: &str) -> usize {
        self.conduct(name, |conduct| conduct.asked.get(answer).copied().unwrap_or_default())
    }

    /// Changes the conduct of the issuer `name`, or looks at it.
    pub fn conduct<T>(&self, name: &str, change: impl FnOnce(&mut Conduct) -> T) -> T {
        change(lock(&self.shared).get_mut(name).expect("an issuer of this name"))
    }
}

impl Drop for Issuers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, HashMap<String, Conduct>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signs in whoever comes. The nonce travels in the code, so that nothing is to be remembered.
async fn sign_in(Query(query): Query<HashMap<String, String>>) -> Redirect {
    let value = |name: &str| query.get(name).map_or("", String::as_str);
    let code = format!("{CANARY}-{}", value("nonce"));
    let answer = url::Url::parse_with_params(
        value("redirect_uri"),
        [("code", code.as_str()), ("state", value("state"))],
    );
    Redirect::to(answer.expect("a redirect URI").as_str())
}

async fn answer(
    State((address, shared)): State<(SocketAddr, Shared)>,
    Path((issuer, answer)): Path<(String, String)>,
    request: Request,
) -> Response {
    let body = to_bytes(request.into_body(), 65_536).await.unwrap_or_default();
    let name = answer.rsplit('/').next().unwrap_or_default();
    let Some(conduct) = asked(&shared, &issuer, name) else { return StatusCode::NOT_FOUND.into_response() };
    let base = format!("http://{address}/{issuer}");
    let honest = match name {
        "openid-configuration" => json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "userinfo_endpoint": format!("{base}/userinfo"),
        }),
        "jwks" => json!({ "keys": [key(conduct.published).public_jwk()] }),
        "token" => {
            let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
            let nonce = form.get("code").and_then(|code| code.strip_prefix(CANARY)?.strip_prefix('-'));
            let id_token = id_token(&conduct, &base, nonce.unwrap_or_default());
            json!({ "access_token": CANARY, "token_type": "Bearer", "id_token": id_token })
        }
        "userinfo" => json!({ "sub": "u-1", "preferred_username": "ada" }),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match conduct.vices.get(name) {
        None => json_of(&honest),
        Some(vice) => bad(vice, honest).await,
    }
}

/// Counts the question; gives how the issuer behaves now.
fn asked(shared: &Shared, issuer: &str, answer: &str) -> Option<Conduct> {
    let mut conducts = lock(shared);
    let conduct = conducts.get_mut(issuer)?;
    let times = conduct.asked.entry(answer.to_owned()).or_default();
    *times = times.saturating_add(1);
    Some(conduct.clone())
}

async fn bad(vice: &Vice, mut honest: Value) -> Response {
    match vice {
        Vice::Hangs => std::future::pending().await,
        Vice::Drips => {
            let drops = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(drops)).into_response()
        }
        Vice::Status(status) => {
            (StatusCode::from_u16(*status).expect("a status"), json_of(&json!({ "error": CANARY })))
                .into_response()
        }
        Vice::Html => axum::response::Html(format!("<h1>{CANARY}</h1>")).into_response(),
        Vice::Garbage => {
            ([(header::CONTENT_TYPE, "application/json")], format!("{{\"{CANARY}")).into_response()
        }
        Vice::Flood => ([(header::CONTENT_TYPE, "application/json")], vec![b' '; 10 << 20]).into_response(),
        Vice::Redirect(address) => Redirect::temporary(address).into_response(),
        Vice::Members(members) => {
            merge(&mut honest, members);
            json_of(&honest)
        }
    }
}

fn id_token(conduct: &Conduct, issuer: &str, nonce: &str) -> String {
    let (key, now) = (key(conduct.key), now().as_secs());
    let mut claims = json!({
        "iss": issuer, "aud": CLIENT, "sub": "u-1", "nonce": nonce, "iat": now, "exp": now.saturating_add(300),
        "preferred_username": "ada",
    });
    merge(&mut claims, &conduct.claims);
    let claims = claims.to_string();
    let unsigned = |alg: &str| {
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(&claims))
    };
    match conduct.proof {
        Proof::Signature => key.jws(&json!({ "alg": "ES256", "kid": key.kid() }), claims.as_bytes()),
        Proof::Nothing => format!("{}.", unsigned("none")),
        Proof::Secret => {
            let text = unsigned("HS256");
            let mut mac = Hmac::<Sha256>::new_from_slice(CANARY.as_bytes()).expect("any length is a key");
            mac.update(text.as_bytes());
            format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
        }
    }
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(Algorithm::Es256, &[number.saturating_add(1); 32]).expect("a fixed seed that fits")
}

fn json_of(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn merge(object: &mut Value, members: &Value) {
    let Some(object) = object.as_object_mut() else { return };
    for (name, value) in members.as_object().into_iter().flatten() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}
