//! The service under test, and the requests that tests send to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use auth_service::app::STORE_FILE;
use auth_service::documents::Documents;
use auth_service::domain::catalogue::Catalogue;
use auth_service::domain::consent::RememberedClients;
use auth_service::flow::verify::Verifier;
use auth_service::flow::{Deps, Ending, Lifetimes};
use auth_service::identity::local::LocalUsers;
use auth_service::identity::people::People;
use auth_service::identity::upstream::{Providers, settings};
use auth_service::keys::{self, Rotation, SigningKeys};
use auth_service::limits::{Limits, Rates};
use auth_service::metrics::Metrics;
use auth_service::store::Store;
use auth_service::store::embedded::EmbeddedStore;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use gateway_core::jwt::Algorithm;
use gateway_core::time::UnixTime;
use http_body_util::BodyExt as _;
use serde_json::Value;
use service_kit::clock::ManualClock;
use service_kit::layout::{BaseDomain, Layout};
use service_kit::random::SequenceRng;
use service_kit::settings::Reader;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::logs::capture;

/// Where the gateway is reached; over https, so that cookies are the strict ones.
pub(crate) const ISSUER: &str = "https://gw.example";
/// The resource that most tests ask for.
pub(crate) const TIME: &str = "https://gw.example/time/mcp";
/// The password of every user.
pub(crate) const PASSWORD: &str = "correct horse";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The redirect URI of the clients that tests register.
pub(crate) const CALLBACK: &str = "https://app.example/cb";
/// What the clock shows at first.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) const LIFETIMES: Lifetimes = Lifetimes {
    access_token: 900,
    refresh_token: 86_400,
    refresh_grace: 60,
    client: 7_776_000,
    unused_client: 86_400,
    session: 28_800,
    remembered_consent: 2_592_000,
    upstream: 2_592_000,
};

pub(crate) const ROTATION: Rotation =
    Rotation { algorithm: Algorithm::Es256, interval: 7_776_000, lead: 600 };

/// `PASSWORD`, hashed with the least cost that argon2 allows: tests sign in by the hundred.
pub(crate) const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$4Smw+8uJE9vkMuQHTI8JCch07funn1w88/v1CwyXAOw";

/// The service, its clock and its directory.
pub(crate) struct TestApp {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) home: TempDir,
    pub(crate) deps: Arc<Deps>,
    public: Router,
    internal: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a service has besides the usual.
#[derive(Default)]
struct Options {
    domain: Option<BaseDomain>,
    rates: Rates,
    documents: Option<Documents>,
    providers: Providers,
    without_devices: bool,
    client_credentials: bool,
    lifetimes: Option<Lifetimes>,
    remembered_clients: RememberedClients,
}

impl TestApp {
    /// A service with the servers `time` and `fetch` and the user `ada`, who may use everything.
    pub(crate) fn new() -> Self {
        Self::with(ISSUER, &["time", "fetch"])
    }

    pub(crate) fn with(issuer: &str, servers: &[&str]) -> Self {
        Self::fresh(issuer, servers, Options::default())
    }

    /// The usual one, in the layout where each server has a host below `gw.example`.
    pub(crate) fn with_hosts(documents: Option<Documents>) -> Self {
        let domain = Some("gw.example".parse().unwrap());
        Self::fresh(ISSUER, &["time", "fetch"], Options { domain, documents, ..Options::default() })
    }

    /// The usual one, with limits.
    pub(crate) fn limited(rates: Rates) -> Self {
        Self::fresh(ISSUER, &["time", "fetch"], Options { rates, ..Options::default() })
    }

    /// The usual one, where things live for other times.
    pub(crate) fn living(lifetimes: Lifetimes) -> Self {
        let lifetimes = Some(lifetimes);
        Self::fresh(ISSUER, &["time", "fetch"], Options { lifetimes, ..Options::default() })
    }

    /// A service in which consent can be remembered of clients with this metadata: it was started again when they were there.
    pub(crate) async fn remembering(lifetimes: Lifetimes, metadata: &[Value]) -> (Self, Vec<Value>) {
        let first = Self::new();
        let mut clients = Vec::new();
        for metadata in metadata {
            clients.push(first.register(&metadata.to_string()).await.json());
        }
        let ids: Vec<_> = clients.iter().filter_map(|client| client["client_id"].as_str()).collect();
        let remembered_clients = ids.join(",").parse().unwrap();
        let options = Options { remembered_clients, lifetimes: Some(lifetimes), ..Options::default() };
        (Self::at_home(first.end(), ISSUER, &["time", "fetch"], options), clients)
    }

    /// A service that takes clients that describe themselves.
    pub(crate) fn with_documents(documents: Documents) -> Self {
        let documents = Some(documents);
        Self::fresh(ISSUER, &["time", "fetch"], Options { documents, ..Options::default() })
    }

    /// The same, with limits.
    pub(crate) fn with_limited_documents(documents: Documents, rates: Rates) -> Self {
        let documents = Some(documents);
        Self::fresh(ISSUER, &["time", "fetch"], Options { rates, documents, ..Options::default() })
    }

    /// The usual one, with the device grant switched off.
    pub(crate) fn without_devices() -> Self {
        Self::fresh(ISSUER, &["time", "fetch"], Options { without_devices: true, ..Options::default() })
    }

    /// The usual one, where clients may act on their own behalf.
    pub(crate) fn with_client_credentials(documents: Option<Documents>) -> Self {
        Self::fresh(
            ISSUER,
            &["time", "fetch"],
            Options { client_credentials: true, documents, ..Options::default() },
        )
    }

    fn fresh(issuer: &str, servers: &[&str], options: Options) -> Self {
        let home = tempfile::tempdir().unwrap();
        write_users(home.path(), &[("ada", "a1", &["*"]), ("bob", "b2", &["time/now", "time/zones"])]);
        Self::at_home(home, issuer, servers, options)
    }

    /// The same service after a restart with other settings of providers, or a new one.
    pub(crate) fn with_providers(home: TempDir, settings: &[(&str, &str)]) -> Self {
        let providers = providers(settings);
        Self::at_home(home, ISSUER, &["time", "fetch"], Options { providers, ..Options::default() })
    }

    /// Ends the service; its directory stays.
    pub(crate) fn end(self) -> TempDir {
        self.home
    }

    fn at_home(home: TempDir, issuer: &str, servers: &[&str], options: Options) -> Self {
        let lifetimes = options.lifetimes.unwrap_or(LIFETIMES);
        capture();
        let clock = Arc::new(ManualClock::at(NOW));
        let rng = Arc::new(SequenceRng::default());
        let servers = servers.iter().map(|name| name.parse().unwrap()).collect();
        let layout = options.domain.map_or_else(|| Layout::Paths(issuer.parse().unwrap()), Layout::Hosts);
        let catalogue = Catalogue::new(layout, servers).unwrap();
        let keys = SigningKeys::open(home.path(), ROTATION, UnixTime::from_secs(NOW), rng.as_ref()).unwrap();
        let catalogue = catalogue
            .with_resource_servers("rs_time=time,rs_fetch=fetch,rs_both=fetch,rs_both=time".parse().unwrap());
        let store: Arc<dyn Store> =
            Arc::new(EmbeddedStore::open(&home.path().join(STORE_FILE), rng.as_ref()).unwrap());
        let providers = Arc::new(options.providers);
        let local = LocalUsers::new(&home.path().join("users.json"));
        let people = People::new(local, Arc::clone(&providers), Arc::clone(&store), Arc::clone(&clock) as _);
        let deps = Arc::new(Deps {
            verifier: Verifier::new(&catalogue),
            catalogue,
            store,
            documents: options.documents,
            devices: !options.without_devices,
            client_credentials: options.client_credentials,
            remembered_clients: options.remembered_clients,
            identities: Arc::new(people),
            providers,
            keys,
            refresh_key: keys::refresh_key(home.path(), rng.as_ref()).unwrap(),
            clock: Arc::clone(&clock) as _,
            rng,
            lifetimes,
            limits: Limits::new(&options.rates, &(Arc::clone(&clock) as _)),
            metrics: Metrics::of_process(),
            ending: Ending::default(),
        });
        Self {
            clock,
            home,
            deps: Arc::clone(&deps),
            public: auth_service::http::public(&deps),
            internal: auth_service::http::internal(&deps),
        }
    }

    /// Replaces the users file: name, id, allowed tools.
    pub(crate) fn users(&self, users: &[(&str, &str, &[&str])]) {
        write_users(self.home.path(), users);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.public.clone(), request).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_internal(&self, uri: &str) -> Answer {
        answer(self.internal.clone(), Request::get(uri).body(Body::empty()).unwrap()).await
    }

    /// Posts JSON to the internal port.
    pub(crate) async fn post_internal(&self, uri: &str, json: &str) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        self.send_internal(request.body(Body::from(json.to_owned())).unwrap()).await
    }

    pub(crate) async fn send_internal(&self, request: Request<Body>) -> Answer {
        answer(self.internal.clone(), request).await
    }

    /// The entries of the feed.
    pub(crate) async fn revoked(&self) -> Vec<Value> {
        self.get_internal("/internal/revocations").await.json()["entries"].as_array().unwrap().clone()
    }

    pub(crate) async fn register(&self, metadata: &str) -> Answer {
        let request = Request::post("/register").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(metadata.to_owned())).unwrap()).await
    }

    /// A request to the client configuration endpoint, with `token` as its bearer.
    pub(crate) async fn manage(&self, method: Method, client: &str, token: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/register/{client}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A public client with refresh tokens; gives its id.
    pub(crate) async fn public_client(&self) -> String {
        let metadata = format!(
            r#"{{"client_name":"Test App","redirect_uris":["{CALLBACK}"],"token_endpoint_auth_method":"none",
                "grant_types":["authorization_code","refresh_token"]}}"#
        );
        self.register(&metadata).await.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// A client with a secret; gives both.
    pub(crate) async fn confidential_client(&self) -> (String, String) {
        let answer = self.register(&format!(r#"{{"redirect_uris":["{CALLBACK}"]}}"#)).await.json();
        let member = |name: &str| answer[name].as_str().unwrap().to_owned();
        (member("client_id"), member("client_secret"))
    }

    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/token", form).await
    }

    pub(crate) async fn token_with_basic(&self, credentials: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with_basic("/token", credentials, form).await
    }

    /// Posts a form.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(form_request(path, form).body(encoded(form)).unwrap()).await
    }

    /// Posts a form as the client `id:secret`.
    pub(crate) async fn post_with_basic(
        &self,
        path: &str,
        credentials: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        use base64::Engine as _;
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials));
        let request = form_request(path, form).header(header::AUTHORIZATION, basic);
        self.send(request.body(encoded(form)).unwrap()).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and OAuth error code, as one text: what most tests compare.
    pub(crate) fn error(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.json()["error"].as_str().unwrap_or("-"))
    }

    /// The parameters that the redirect carries to the client; panics when it goes anywhere else.
    pub(crate) fn redirect_to(&self, callback: &str) -> Vec<(String, String)> {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        let location = url::Url::parse(self.header("location")).unwrap();
        assert!(location.as_str().starts_with(callback), "{location}");
        location.query_pairs().into_owned().collect()
    }

    /// The value of one parameter of [`Self::redirect_to`] the usual callback.
    pub(crate) fn redirected(&self, name: &str) -> String {
        let parameters = self.redirect_to(CALLBACK);
        let mut values = parameters.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} is repeated");
        value
    }
}

pub(crate) fn form_request(uri: &str, _: &[(&str, &str)]) -> axum::http::request::Builder {
    Request::post(uri).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> Body {
    Body::from(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish())
}

fn providers(settings: &[(&str, &str)]) -> Providers {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let env: BTreeMap<String, String> = settings.collect();
    let mut reader = Reader::new(&env);
    let read = settings::read(&mut reader, &ISSUER.parse().unwrap());
    reader.finish().unwrap();
    Providers::new(read).unwrap()
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
}

fn write_users(home: &Path, users: &[(&str, &str, &[&str])]) {
    let users: Vec<Value> = users
        .iter()
        .map(|(username, id, tools)| {
            serde_json::json!({ "username": username, "id": id, "password": HASH, "allowed_tools": tools })
        })
        .collect();
    let new = home.join("users.new");
    std::fs::write(&new, serde_json::json!({ "users": users }).to_string()).unwrap();
    std::fs::rename(&new, home.join("users.json")).unwrap();
}
