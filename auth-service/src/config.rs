//! Settings: from the environment to values that can only be right. All mistakes are reported at once; nothing is opened
//! or bound here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gateway_core::jwt::Algorithm;
use gateway_core::resource::ServerName;
use gateway_core::servers;
use service_kit::layout::Layout;
use service_kit::settings::{Mistakes, Reader, Strings};
use service_kit::telemetry::LogSettings;

use crate::documents::DocumentRules;
use crate::domain::catalogue::{Catalogue, CatalogueError};
use crate::domain::consent::RememberedClients;
use crate::domain::resource_servers::ResourceServers;
use crate::flow::Lifetimes;
use crate::identity::upstream::settings::{self, ProviderSettings};
use crate::identity::users_file::{Accounts, UsersFileError};
use crate::keys::{PrivateKey, Rotation};
use crate::limits::{Rate, Rates};
use crate::outbound::Roots;
use crate::store::redis::RedisSettings;

/// Longest lifetime of anything but an access token: ten years, in seconds.
const YEARS: u64 = 10 * 365 * 86_400;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// What has to be changed, line by line.
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
    /// There is nothing to authorize. Reading `MCP_CONFIG` says so already; this is the type system's last resort.
    #[error("MCP_CONFIG: {0}")]
    Catalogue(#[from] CatalogueError),
}

/// Where things are kept; all that `init` and `users` need.
#[derive(Debug)]
pub struct Places {
    /// `DATA_DIR` (`./data`): store and keys.
    pub data_dir: PathBuf,
    /// `USERS_FILE` (`{DATA_DIR}/users.json`).
    pub users_file: PathBuf,
    /// `SIGNING_ALGORITHM` (`ES256`, or `EdDSA`, `RS256`), `SIGNING_KEY_INTERVAL` (90 days), `SIGNING_KEY_LEAD` (10 minutes).
    pub rotation: Rotation,
}

/// Everything that `serve` needs.
#[derive(Debug)]
pub struct Config {
    /// Where things are kept.
    pub places: Places,
    /// `PUBLIC_URL` (`http://localhost:8080`) or `BASE_DOMAIN`, which say the issuer, with the servers named in `MCP_CONFIG` (`./mcp.json`) and the
    /// clients that stand for them, `INTROSPECTION_CLIENTS`.
    pub catalogue: Catalogue,
    /// `AUTH_BIND` (`127.0.0.1:8000`): what clients and browsers reach through the edge.
    pub bind: SocketAddr,
    /// `AUTH_INTERNAL_BIND` (`127.0.0.1:8001`): what only the operator's machines reach.
    pub internal_bind: SocketAddr,
    /// `ACCESS_TOKEN_LIFETIME` and the others.
    pub lifetimes: Lifetimes,
    /// `LIMIT_REGISTER` and the others.
    pub rates: Rates,
    /// `CLIENT_ID_DOCUMENTS` (`true`), `CLIENT_ID_DOCUMENT_DOMAINS` (`*`), `CLIENT_ID_DOCUMENT_PRIVATE_ORIGINS`. `None` when
    /// clients that describe themselves are not taken.
    pub documents: Option<DocumentRules>,
    /// `DEVICE_GRANT` (`true`): whether devices without a browser are served (RFC 8628).
    pub devices: bool,
    /// `CLIENT_CREDENTIALS` (`false`): whether clients may act on their own behalf (RFC 6749 §4.4).
    pub client_credentials: bool,
    /// `REMEMBERED_CONSENT_CLIENTS` (nobody): the clients that are known to check `iss`.
    pub remembered_clients: RememberedClients,
    /// `OUTBOUND_CA_FILE`: certificates that are trusted besides those of the public web.
    pub roots: Roots,
    /// `REDIS_URL` with `REDIS_PASSWORD`: the store; without, it is a file in the data directory.
    pub redis: Option<RedisSettings>,
    /// `GITHUB_CLIENT_ID` and the others: where users sign in who have no password here.
    pub providers: Vec<ProviderSettings>,
}

impl Places {
    /// Reads the settings.
    ///
    /// # Errors
    /// All mistakes.
    pub fn read(strings: &impl Strings) -> Result<(Self, LogSettings), ConfigError> {
        let mut reader = Reader::new(strings);
        let places = Self::from(&mut reader);
        let logs = LogSettings::read(&mut reader);
        reader.finish()?;
        Ok((places, logs))
    }

    fn from<S: Strings>(reader: &mut Reader<'_, S>) -> Self {
        let data_dir: PathBuf = reader.or("DATA_DIR", PathBuf::from("./data"), "a directory such as ./data");
        let users_file = reader.or("USERS_FILE", data_dir.join("users.json"), "a file such as ./users.json");
        Self { data_dir, users_file, rotation: rotation(reader) }
    }
}

/// Reads where the running service is reached: all that `revoke` needs.
///
/// # Errors
/// All mistakes.
pub fn internal_address(strings: &impl Strings) -> Result<SocketAddr, ConfigError> {
    let mut reader = Reader::new(strings);
    let address = address(&mut reader, "AUTH_INTERNAL_BIND", 8001);
    reader.finish()?;
    Ok(address)
}

impl Config {
    /// Reads the settings, and the two files that they name.
    ///
    /// # Errors
    /// All mistakes.
    pub fn read(strings: &impl Strings) -> Result<(Self, LogSettings), ConfigError> {
        let mut reader = Reader::new(strings);
        let places = Places::from(&mut reader);
        let logs = LogSettings::read(&mut reader);
        let layout = Layout::read(&mut reader);
        let mcp_config: PathBuf =
            reader.or("MCP_CONFIG", PathBuf::from("./mcp.json"), "a file such as ./mcp.json");
        let servers = reader.keep("MCP_CONFIG", server_names(&mcp_config));
        let providers = settings::read(&mut reader, layout.issuer());
        match Accounts::read(&places.users_file) {
            Ok(accounts) => default_roles(&mut reader, &providers, &accounts),
            Err(UsersFileError::Missing(_)) => default_roles(&mut reader, &providers, &Accounts::default()),
            Err(error) => reader.mistake("USERS_FILE", error.to_string()),
        }
        let resource_servers = resource_servers(&mut reader, servers.as_deref().unwrap_or_default());
        let bind = address(&mut reader, "AUTH_BIND", 8000);
        let internal_bind = address(&mut reader, "AUTH_INTERNAL_BIND", 8001);
        if bind == internal_bind && bind.port() != 0 {
            reader.mistake("AUTH_INTERNAL_BIND", "expected an address other than AUTH_BIND");
        }
        let lifetimes = lifetimes(&mut reader);
        let rates = rates(&mut reader);
        let documents = documents(&mut reader);
        let devices = reader.or("DEVICE_GRANT", true, "true or false");
        let client_credentials = reader.or("CLIENT_CREDENTIALS", false, "true or false");
        let remembered_clients = reader.explained("REMEMBERED_CONSENT_CLIENTS", RememberedClients::default());
        let roots = roots(&mut reader);
        let redis = redis(&mut reader);
        let catalogue =
            servers.and_then(|servers| reader.keep("MCP_CONFIG", Catalogue::new(layout, servers)));
        reader.finish()?;
        let catalogue = catalogue.ok_or(CatalogueError::NoServer)?.with_resource_servers(resource_servers);
        Ok((
            Self {
                places,
                catalogue,
                bind,
                internal_bind,
                lifetimes,
                rates,
                documents,
                devices,
                client_credentials,
                remembered_clients,
                roots,
                redis,
                providers,
            },
            logs,
        ))
    }
}

/// A role that nobody defined gives nothing to anybody: it is a name that was mistyped.
fn default_roles<S: Strings>(
    reader: &mut Reader<'_, S>,
    providers: &[ProviderSettings],
    accounts: &Accounts,
) {
    for provider in providers {
        for role in provider.default_roles.iter().filter(|role| !accounts.has_role(role)) {
            let name = format!("{}_DEFAULT_ROLES", provider.id.as_str().to_ascii_uppercase());
            reader.mistake(&name, format!("USERS_FILE defines no role \"{role}\""));
        }
    }
}

/// A client that stands for a server that is not there is a name that was mistyped.
fn resource_servers<S: Strings>(reader: &mut Reader<'_, S>, servers: &[ServerName]) -> ResourceServers {
    const NAME: &str = "INTROSPECTION_CLIENTS";
    let named = reader.explained(NAME, ResourceServers::default());
    for unknown in named.servers().filter(|server| !servers.is_empty() && !servers.contains(server)) {
        reader.mistake(NAME, format!("MCP_CONFIG names no server {unknown}"));
    }
    named
}

fn address<S: Strings>(reader: &mut Reader<'_, S>, name: &str, port: u16) -> SocketAddr {
    reader.or(name, SocketAddr::from(([127, 0, 0, 1], port)), "an address such as 127.0.0.1:8000")
}

fn rotation<S: Strings>(reader: &mut Reader<'_, S>) -> Rotation {
    const SIGNS: &str = "ES256, EdDSA or RS256";
    let rotation = Rotation {
        algorithm: reader.or("SIGNING_ALGORITHM", Algorithm::Es256, SIGNS),
        interval: reader.or("SIGNING_KEY_INTERVAL", 7_776_000, "a number of seconds"),
        lead: reader.or("SIGNING_KEY_LEAD", 600, "a number of seconds"),
    };
    if !PrivateKey::ALGORITHMS.contains(&rotation.algorithm) {
        reader.mistake("SIGNING_ALGORITHM", format!("expected {SIGNS}"));
    }
    if !(0..=86_400).contains(&rotation.lead) {
        reader.mistake("SIGNING_KEY_LEAD", "expected 0 to 86400 seconds");
    }
    // A key is published until the tokens that it signed have expired: keys that change faster would pile up.
    let is_sane = (rotation.lead.max(3600)..=YEARS).contains(&rotation.interval);
    if rotation.interval != 0 && !is_sane {
        reader.mistake(
            "SIGNING_KEY_INTERVAL",
            "expected 0 (never), or at least 3600 seconds and SIGNING_KEY_LEAD, and at most ten years",
        );
    }
    rotation
}

fn lifetimes<S: Strings>(reader: &mut Reader<'_, S>) -> Lifetimes {
    let mut seconds = |name, default, range: std::ops::RangeInclusive<u64>| {
        let value: u64 = reader.or(name, default, "a number of seconds");
        if !range.contains(&value) {
            reader.mistake(name, format!("expected {} to {} seconds", range.start(), range.end()));
        }
        value
    };
    Lifetimes {
        access_token: seconds("ACCESS_TOKEN_LIFETIME", 900, 1..=3600),
        refresh_token: seconds("REFRESH_TOKEN_LIFETIME", 2_592_000, 1..=YEARS),
        refresh_grace: seconds("REFRESH_GRACE", 60, 0..=600),
        client: seconds("CLIENT_LIFETIME", 7_776_000, 0..=YEARS),
        unused_client: seconds("UNUSED_CLIENT_LIFETIME", 86_400, 0..=YEARS),
        remembered_consent: seconds("REMEMBERED_CONSENT_LIFETIME", 2_592_000, 0..=YEARS),
        upstream: seconds("UPSTREAM_LIFETIME", 2_592_000, 1..=YEARS),
        session: seconds("SESSION_LIFETIME", 28_800, 1..=YEARS),
    }
}

fn redis<S: Strings>(reader: &mut Reader<'_, S>) -> Option<RedisSettings> {
    // The address is read like a secret, because it may hold a password.
    match (reader.secret("REDIS_URL"), reader.secret("REDIS_PASSWORD")) {
        (Some(address), password) => reader.keep("REDIS_URL", RedisSettings::parse(&address, password)),
        (None, Some(_)) => {
            reader.mistake("REDIS_PASSWORD", "there is no REDIS_URL that it could be for");
            None
        }
        (None, None) => None,
    }
}

fn rates<S: Strings>(reader: &mut Reader<'_, S>) -> Rates {
    let mut rate = |name, default: &str| {
        let default: Rate = default.parse().unwrap_or_default();
        reader.or(name, default, "a rate such as 60/m (s, m or h), or off")
    };
    Rates {
        register: rate("LIMIT_REGISTER", "30/m"),
        authorize: rate("LIMIT_AUTHORIZE", "240/m"),
        sign_in: rate("LIMIT_SIGN_IN", "20/m"),
        device: rate("LIMIT_DEVICE", "20/m"),
        token: rate("LIMIT_TOKEN", "600/m"),
        token_client: rate("LIMIT_TOKEN_CLIENT", "240/m"),
        proxy_hops: reader.or("PROXY_HOPS", 1, "a number of proxies, 0 to 255"),
    }
}

fn documents<S: Strings>(reader: &mut Reader<'_, S>) -> Option<DocumentRules> {
    let are_taken = reader.or("CLIENT_ID_DOCUMENTS", true, "true or false");
    let default = DocumentRules::default();
    let rules = DocumentRules {
        domains: reader.explained("CLIENT_ID_DOCUMENT_DOMAINS", default.domains),
        private_origins: reader.explained("CLIENT_ID_DOCUMENT_PRIVATE_ORIGINS", default.private_origins),
    };
    are_taken.then_some(rules)
}

fn roots<S: Strings>(reader: &mut Reader<'_, S>) -> Roots {
    let roots = Roots::default();
    let Some(path) = reader.optional::<PathBuf>("OUTBOUND_CA_FILE", "a file such as ./ca.pem") else {
        return roots;
    };
    let explained = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let read = std::fs::read(&path).map_err(|error| explained(&error));
    let read = read.and_then(|pem| roots.clone().and(&pem).map_err(|error| explained(&error)));
    reader.keep("OUTBOUND_CA_FILE", read).unwrap_or(roots)
}

fn server_names(path: &Path) -> Result<Vec<ServerName>, String> {
    let document = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    servers::names(&document).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
