//! `doctor`: whether the settings, and everything they point to, are as they should be.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::resource::ServerName;
use serde_json::Value;
use service_kit::random::SystemRng;
use service_kit::settings::ProcessEnv;

use super::now;
use crate::config::Config;
use crate::data_dir;
use crate::identity::upstream::{Provider, Providers};
use crate::identity::users_file::{Accounts, UsersFileError};
use crate::keys;
use crate::operator::{self, OperatorError};
use crate::store::redis::{RedisSettings, RedisStore};

/// Longest wait for Redis; for a provider it is the same as at sign-in.
const PATIENCE: Duration = Duration::from_secs(10);

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Right in itself, and perhaps not what is wanted.
    Doubtful,
    Bad,
}

/// What was found about one thing.
#[derive(Debug)]
pub(super) struct Finding {
    state: State,
    about: &'static str,
    detail: String,
}

impl Finding {
    /// Whether something has to be done.
    pub(super) const fn is_bad(&self) -> bool {
        matches!(self.state, State::Bad)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Good => "ok  ",
            State::Doubtful => "look",
            State::Bad => "BAD ",
        };
        let Self { about, detail, .. } = self;
        write!(formatter, "{state} {about}: {detail}")
    }
}

fn finding(state: State, about: &'static str, detail: impl fmt::Display) -> Finding {
    Finding { state, about, detail: detail.to_string() }
}

/// Looks at everything, in the order in which it depends on each other.
pub(super) fn examine() -> Vec<Finding> {
    let config = match Config::read(&ProcessEnv) {
        Ok((config, _)) => config,
        Err(mistakes) => return vec![finding(State::Bad, "settings", mistakes)],
    };
    let servers: Vec<&str> = config.catalogue.servers().map(ServerName::as_str).collect();
    let issuer = config.catalogue.issuer().as_str();
    let mut findings = vec![
        finding(State::Good, "settings", format_args!("issuer {issuer}, servers {}", servers.join(", "))),
        data(&config.places.data_dir),
        signing_keys(&config.places.data_dir),
        users(&config.places.users_file),
    ];
    findings.extend(outside(&config));
    let service = service(config.internal_bind);
    let runs = service.state == State::Good;
    findings.push(service);
    if runs {
        findings.push(says_the_issuer("auth service", config.bind, issuer));
        findings.push(edge(issuer));
    }
    findings
}

fn data(data_dir: &Path) -> Finding {
    if !data_dir.exists() {
        let detail = format_args!("{} is not there yet; the first start makes it", data_dir.display());
        return finding(State::Doubtful, "DATA_DIR", detail);
    }
    match data_dir::probe(data_dir) {
        Ok(()) => finding(State::Good, "DATA_DIR", format_args!("{} can be written", data_dir.display())),
        Err(error) => finding(State::Bad, "DATA_DIR", error),
    }
}

fn signing_keys(data_dir: &Path) -> Finding {
    let listed = match keys::list(data_dir, now()) {
        Ok(listed) => listed,
        Err(error) => return finding(State::Bad, "signing keys", error),
    };
    let keys = listed.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let signing = keys.iter().find(|key| key.get("signs") == Some(&Value::Bool(true)));
    let text = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    match signing {
        Some(key) => finding(
            State::Good,
            "signing keys",
            format_args!("{} ({}) signs, {} published", text(key, "kid"), text(key, "alg"), keys.len()),
        ),
        None => finding(State::Doubtful, "signing keys", "none yet; the first start makes one"),
    }
}

fn users(path: &Path) -> Finding {
    let accounts = match Accounts::read(path) {
        Ok(accounts) => accounts,
        Err(error @ UsersFileError::Missing(_)) => return finding(State::Doubtful, "users", error),
        Err(error) => return finding(State::Bad, "users", error),
    };
    let enabled: Vec<_> = accounts.all().filter(|account| !account.is_disabled).collect();
    let idle = enabled.iter().filter(|account| account.user.allowed.to_string().is_empty());
    let idle: Vec<&str> = idle.map(|account| account.user.username.as_str()).collect();
    if enabled.is_empty() {
        finding(State::Doubtful, "users", "nobody can sign in")
    } else if idle.is_empty() {
        finding(State::Good, "users", format_args!("{} can sign in", enabled.len()))
    } else {
        let names = idle.join(", ");
        finding(State::Doubtful, "users", format_args!("may do nothing (roles, allowed_tools): {names}"))
    }
}

/// What this service needs of others.
fn outside(config: &Config) -> Vec<Finding> {
    if config.redis.is_none() && config.providers.is_empty() {
        return Vec::new();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return vec![finding(State::Bad, "runtime", error)],
    };
    runtime.block_on(async {
        let mut findings = Vec::new();
        if let Some(settings) = &config.redis {
            findings.push(redis(settings).await);
        }
        match Providers::new(config.providers.clone()) {
            Ok(providers) => {
                for it in providers.iter() {
                    findings.push(provider(it).await);
                }
            }
            Err(error) => findings.push(finding(State::Bad, "provider", error)),
        }
        findings
    })
}

async fn redis(settings: &RedisSettings) -> Finding {
    let opened = tokio::time::timeout(PATIENCE, RedisStore::open(settings, Arc::new(SystemRng))).await;
    match opened {
        Ok(Ok(_)) => {
            finding(State::Good, "REDIS_URL", format_args!("{settings} answers, and keeps what it is given"))
        }
        Ok(Err(error)) => finding(State::Bad, "REDIS_URL", format_args!("{settings}: {error}")),
        Err(_) => finding(State::Bad, "REDIS_URL", format_args!("{settings}: no answer in time")),
    }
}

async fn provider(provider: &Provider) -> Finding {
    let name = provider.id().as_str();
    match provider.discover(now()).await {
        Ok(true) => finding(State::Good, "provider", format_args!("{name}: its discovery document is right")),
        Ok(false) => finding(
            State::Doubtful,
            "provider",
            format_args!("{name}: not looked at, it says nothing about itself"),
        ),
        Err(error) => finding(State::Bad, "provider", format_args!("{name}: {error}")),
    }
}

fn service(internal: SocketAddr) -> Finding {
    match operator::get(internal, "/health/ready") {
        Ok((200, _)) => finding(State::Good, "service", "runs, and its store answers"),
        Ok((status, _)) => {
            finding(State::Bad, "service", format_args!("runs, and its store does not answer ({status})"))
        }
        Err(OperatorError::NotRunning(address, _)) => {
            finding(State::Doubtful, "service", format_args!("does not run at {address}"))
        }
        Err(error) => finding(State::Bad, "service", error),
    }
}

/// Whether the metadata at `address` are those of `issuer`.
fn says_the_issuer(about: &'static str, address: SocketAddr, issuer: &str) -> Finding {
    match operator::get(address, METADATA) {
        Ok((200, metadata)) if metadata.get("issuer").and_then(Value::as_str) == Some(issuer) => {
            finding(State::Good, about, format_args!("{address} speaks for {issuer}"))
        }
        Ok((status, _)) => finding(
            State::Bad,
            about,
            format_args!(
                "{address} does not speak for {issuer} ({status}); was PUBLIC_URL or BASE_DOMAIN changed without a restart?"
            ),
        ),
        Err(error) => finding(State::Bad, about, error),
    }
}

/// The way that clients take.
fn edge(issuer: &str) -> Finding {
    let Some(authority) = issuer.strip_prefix("http://") else {
        let detail = format_args!("not looked at: {issuer} is https; open {issuer}{METADATA}");
        return finding(State::Doubtful, "edge", detail);
    };
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    match with_port.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()) {
        Some(address) => says_the_issuer("edge", address, issuer),
        None => finding(State::Bad, "edge", format_args!("PUBLIC_URL: {authority} has no address here")),
    }
}
