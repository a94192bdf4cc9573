//! The real stack on free ports, with its own data, gone when the test is over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use launcher::settings::Settings;
use launcher::stack::{SignIn, Stack};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::ports::Reserved;
use crate::provider::Provider;

/// How a gateway is to be started.
#[derive(Debug)]
pub struct Builder {
    settings: BTreeMap<String, String>,
    servers: Value,
    roles: BTreeMap<String, Vec<String>>,
    upstream: Option<SocketAddr>,
}

/// A gateway that is up.
#[derive(Debug)]
pub struct Gateway {
    stack: Stack,
    password: String,
    folder: TempDir,
    _ports: Vec<Reserved>,
}

/// The folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// The folder of the compiled programs: two above the test that runs.
#[must_use]
pub fn bin_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    test.ancestors().nth(2).expect("target/debug/deps/test").to_owned()
}

impl Builder {
    /// A setting of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// People can sign in there; who may come in is for other settings to say.
    #[must_use]
    pub fn signs_in_at(self, provider: &Provider) -> Self {
        self.with_all(provider.settings())
    }

    /// Several settings of the environment.
    #[must_use]
    pub fn with_all(mut self, settings: Vec<(String, String)>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// A role of the users file, and what it may use.
    #[must_use]
    pub fn role(mut self, name: &str, patterns: &[&str]) -> Self {
        self.roles.insert(name.to_owned(), patterns.iter().map(|it| (*it).to_owned()).collect());
        self
    }

    /// Other MCP servers than the two official ones.
    #[must_use]
    pub fn servers(mut self, servers: Value) -> Self {
        self.servers = servers;
        self
    }

    /// Another upstream in the place of the bridge.
    #[must_use]
    pub const fn upstream(mut self, address: SocketAddr) -> Self {
        self.upstream = Some(address);
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Gateway {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let roles = self.roles.clone();
        let (settings, ports) = self.settings_in(folder.path());
        // Before the start, which checks that the roles that settings name are there.
        let password = first_user(&settings).await;
        edit_users(&settings.data_dir, |users| {
            users.as_object_mut().expect("an object").insert("roles".to_owned(), json!(roles));
        });
        let stack =
            Stack::start(settings).await.unwrap_or_else(|error| panic!("the gateway did not start: {error}"));
        Gateway { password, stack, folder, _ports: ports }
    }

    fn settings_in(self, folder: &Path) -> (Settings, Vec<Reserved>) {
        let (mut env, ports) = environment(folder, &self.servers);
        env.extend(self.settings.clone());
        let mut settings = Settings::read(&env, bin_dir()).expect("the harness sets what is right");
        settings.extra_env = self.settings;
        settings.extra_env.insert("PATH".to_owned(), path_with_tools());
        if let Some(upstream) = self.upstream {
            settings.bridge_bind = upstream;
            settings.runs_bridge = false;
        }
        (settings, ports)
    }
}

/// Makes the first user, as the very first start does, and gives their password.
async fn first_user(settings: &Settings) -> String {
    let mut init = Command::new(bin_dir().join("auth-service"));
    init.arg("init").envs(settings.program_env()).kill_on_drop(true);
    let output = init.output().await.expect("auth-service starts");
    let Ok(SignIn::Created { password, .. }) = serde_json::from_slice(&output.stdout) else {
        panic!("a fresh folder has no users: {}", String::from_utf8_lossy(&output.stderr));
    };
    password
}

fn edit_users(data_dir: &Path, edit: impl FnOnce(&mut Value)) {
    let path = data_dir.join("users.json");
    let text = std::fs::read_to_string(&path).expect("the users file");
    let mut users: Value = serde_json::from_str(&text).expect("JSON");
    edit(&mut users);
    std::fs::write(&path, users.to_string()).expect("the users file is written");
}

/// The compiled filter.
#[must_use]
pub fn filter_wasm() -> PathBuf {
    bin_dir().join("../wasm32-wasip1/wasm/wasm_filter.wasm")
}

/// The settings of a gateway that keeps everything in `folder` and listens on ports of its own.
pub(crate) fn environment(folder: &Path, servers: &Value) -> (BTreeMap<String, String>, Vec<Reserved>) {
    let mcp_config = folder.join("mcp.json");
    std::fs::write(&mcp_config, json!({ "mcpServers": servers }).to_string()).expect("mcp.json is written");
    let names = ["GATEWAY_BIND", "ENVOY_ADMIN_BIND", "AUTH_BIND", "AUTH_INTERNAL_BIND", "BRIDGE_BIND"];
    let ports: Vec<Reserved> = names.iter().map(|_| Reserved::new()).collect();
    let gateway = ports.first().expect("five ports").address();
    let root = repository();
    let paths = [
        ("DATA_DIR", folder.join("data")),
        ("LOG_DIR", folder.join("logs")),
        ("MCP_CONFIG", mcp_config),
        ("TOOLS_DIR", root.join(".tools")),
        ("ENVOY_TEMPLATE", root.join("envoy/envoy.yaml")),
        ("FILTER_WASM", filter_wasm()),
    ];
    let binds = names.iter().zip(&ports).map(|(name, port)| ((*name).to_owned(), port.address().to_string()));
    let mut env: BTreeMap<String, String> = binds.collect();
    env.extend(paths.map(|(name, path)| (name.to_owned(), path.display().to_string())));
    let others = [("ENVOY_CONCURRENCY", "2"), ("TOKEN_LEEWAY_SECONDS", "0")];
    env.extend(others.map(|(name, value)| (name.to_owned(), value.to_owned())));
    env.insert("PUBLIC_URL".to_owned(), format!("http://localhost:{}", gateway.port()));
    (env, ports)
}

#[expect(clippy::disallowed_methods, reason = "the MCP servers are looked up where `just setup` put them")]
pub(crate) fn path_with_tools() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", repository().join(".tools/bin").display())
}

impl Gateway {
    /// A gateway in front of the official servers `everything` and `time`.
    #[must_use]
    pub fn builder() -> Builder {
        let servers = json!({
            "everything": { "command": "mcp-server-everything", "args": ["stdio"] },
            "time": { "command": "mcp-server-time" },
        });
        Builder { settings: BTreeMap::new(), servers, roles: BTreeMap::new(), upstream: None }
    }

    /// Starts a gateway in front of the official servers.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The public origin, which is the issuer.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.stack.settings().layout.issuer().as_str()
    }

    /// The public address of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Where Envoy listens.
    #[must_use]
    pub fn edge(&self) -> SocketAddr {
        self.stack.settings().gateway_bind
    }

    /// The first user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The data of this gateway: keys, users, store.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.stack.settings().data_dir
    }

    /// Edits the users file, as an operator does: what the first user may use.
    pub fn set_allowed_tools(&self, patterns: &[&str]) {
        self.edit_users(|users| {
            *users.pointer_mut("/users/0/allowed_tools").expect("the first user's permissions") =
                json!(patterns);
        });
    }

    /// Edits the users file, as an operator does.
    pub fn edit_users(&self, edit: impl FnOnce(&mut Value)) {
        edit_users(self.data_dir(), edit);
    }

    /// Whom an access token of this gateway speaks of.
    #[must_use]
    pub fn subject_of(access_token: &str) -> String {
        let claims = access_token.split('.').nth(1).expect("a JWT has claims");
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        claims.get("sub").and_then(Value::as_str).expect("a subject").to_owned()
    }

    /// Adds a client, as an operator does, that may use `allowed_tools` on its own behalf: its id and, if it has one, its secret.
    pub async fn add_client(&self, metadata: &Value, allowed_tools: &[&str]) -> Value {
        let url = format!("http://{}/internal/clients", self.stack.settings().auth_internal_bind);
        let answer = reqwest::Client::new().post(url).json(metadata).send().await.expect("an answer");
        let mut answer: Value = answer.json().await.expect("JSON");
        let added = answer.get_mut("added").unwrap_or_else(|| panic!("no client was added")).take();
        let path = self.data_dir().join("users.json");
        let mut users: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("the users file")).expect("JSON");
        let file = users.as_object_mut().expect("an object");
        let clients = file.entry("clients").or_insert_with(|| json!([])).as_array_mut().expect("a list");
        clients.push(json!({ "client_id": added.get("client_id"), "allowed_tools": allowed_tools }));
        std::fs::write(&path, users.to_string()).expect("the users file is written");
        added
    }

    /// Revokes, as an operator does: on the auth service's internal port.
    pub async fn revoke(&self, what: &Value) {
        let url = format!("http://{}/internal/revocations", self.stack.settings().auth_internal_bind);
        let answer = reqwest::Client::new().post(url).json(what).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    /// The running stack.
    pub const fn stack(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// The most memory that the running program `name` has used so far, in bytes.
    pub fn most_memory(&mut self, name: &str) -> u64 {
        let pid = self.stack.program(name).and_then(|program| program.pid()).expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kib| kib.parse::<u64>().ok()).expect("Linux counts it").saturating_mul(1024)
    }

    /// The value of one of Envoy's statistics.
    pub async fn envoy_stat(&self, name: &str) -> u64 {
        envoy_stat(self.stack.settings().admin_bind, name).await
    }

    /// What a Prometheus server would scrape.
    pub async fn prometheus(&self) -> String {
        let url = format!("http://{}/stats/prometheus", self.stack.settings().admin_bind);
        reqwest::get(url).await.expect("the admin interface").text().await.expect("statistics")
    }

    /// Stops everything and waits until it is gone; gives all that its programs logged.
    pub async fn stop(self) -> String {
        self.stack.stop().await;
        let logs = logs_in(&self.folder.path().join("logs"));
        assert!(!logs.contains(TRAP), "the filter trapped: {logs}");
        logs
    }
}

/// What Envoy logs when a module traps; `closed.rs` shows that it does.
pub const TRAP: &str = "failed: Uncaught RuntimeError";

/// The value of one of Envoy's statistics; the test fails when Envoy has none of this name.
pub(crate) async fn envoy_stat(admin: SocketAddr, name: &str) -> u64 {
    let url = format!("http://{admin}/stats?filter=^{name}$");
    let text = reqwest::get(url).await.expect("the admin interface").text().await.expect("statistics");
    let value = text.trim().strip_prefix(&format!("{name}: ")).and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("Envoy has no statistic {name}: {text}"))
}

pub(crate) fn logs_in(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).expect("the logs");
    let texts = files.map(|file| std::fs::read(file.expect("a log").path()).expect("a readable log"));
    texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}
