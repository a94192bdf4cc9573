//! A connection that is made again when it breaks, and never waited for longer than stated.

use std::fmt;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::StreamsInterface as _;
use fred::interfaces::{ClientLike as _, ConfigInterface as _, HashesInterface as _};
use fred::types::config::{Options, ReconnectPolicy, TcpConfig, UnresponsiveConfig};
use fred::types::scripts::Script;
use fred::types::{Builder, ClusterHash, ConnectHandle, CustomCommand, Value};
use tokio::task::JoinHandle;

use super::super::{StoreError, StoreErrorKind};
use super::settings::RedisSettings;

/// Longest wait for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(2);

/// Longest wait for an answer.
const COMMAND: Duration = Duration::from_secs(1);

/// A connection on which nothing has come for so long, although something should, is given up.
const SILENCE: Duration = Duration::from_secs(3);

/// Milliseconds between attempts to connect again: first, and at most.
const RECONNECT: (u32, u32) = (50, 1000);

/// The pause after a connection that was given up could not be made anew.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a command is sent to where a server of a cluster says that it belongs.
const REDIRECTIONS: u32 = 5;

/// Where the key stands among the arguments of EVALSHA: after the script and the number of keys.
const KEY: usize = 2;

/// A connection to Redis.
pub(super) struct Link {
    client: Client,
    keeper: JoinHandle<()>,
}

/// What drives the client's connections; ends with this.
struct Driver(ConnectHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The driver makes broken connections again. It ends only over what it takes for a mistake in the settings, such as a
/// cluster that does not call itself one; Redis can be set right without us, so another one follows.
async fn keep_connected(client: Client, mut driver: Driver) {
    loop {
        let ended = (&mut driver.0).await;
        tracing::warn!(?ended, "the connection to Redis was given up; it is made anew");
        driver = loop {
            match client.init().await {
                Ok(handle) => break Driver(handle),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        };
    }
}

impl Link {
    /// Connects, or says why not. From then on the connection heals by itself.
    pub(super) async fn connect(settings: &RedisSettings) -> Result<Self, StoreError> {
        Self::patient(settings, SILENCE).await
    }

    /// A connection on which an answer may be awaited for as long as `silence`.
    pub(super) async fn patient(settings: &RedisSettings, silence: Duration) -> Result<Self, StoreError> {
        let mut builder = Builder::from_config(settings.config());
        builder.with_connection_config(|connection| {
            connection.connection_timeout = CONNECT;
            connection.internal_command_timeout = COMMAND;
            connection.reconnect_on_auth_error = true;
            connection.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
            connection.unresponsive =
                UnresponsiveConfig { max_timeout: Some(silence), interval: Duration::from_millis(500) };
        });
        let (first, longest) = RECONNECT;
        builder.set_policy(ReconnectPolicy::new_exponential(0, first, longest, 2));
        let client = builder.build().map_err(failed)?;
        let driver = Driver(client.init().await.map_err(failed)?);
        let keeper = tokio::spawn(keep_connected(client.clone(), driver));
        Ok(Self { client, keeper })
    }

    /// Runs a script: one round trip, unless the server has forgotten it.
    pub(super) async fn run(
        &self,
        script: &Script,
        key: &str,
        arguments: &[String],
    ) -> Result<Vec<String>, StoreError> {
        self.run_within(COMMAND, script, key, arguments).await
    }

    /// Runs a script that may take longer than others.
    pub(super) async fn run_within(
        &self,
        patience: Duration,
        script: &Script,
        key: &str,
        arguments: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let run = async |command: &'static str, script: &str| -> Result<Vec<String>, Error> {
            // `LuaInterface` would ignore the options: it is not implemented for a client that has some.
            let command = CustomCommand::new_static(command, ClusterHash::Offset(KEY), false);
            let head = [script, "1", key].map(str::to_owned);
            let arguments = head.into_iter().chain(arguments.iter().cloned()).collect();
            self.client.with_options(&options(patience)).custom(command, arguments).await
        };
        match (run("EVALSHA", script.sha1()).await, script.lua()) {
            (Err(error), Some(lua)) if error.details().starts_with("NOSCRIPT") => {
                run("EVAL", lua).await.map_err(failed)
            }
            (known, _) => known.map_err(failed),
        }
    }

    /// Reads fields of a record.
    pub(super) async fn fields<const N: usize>(
        &self,
        key: &str,
        fields: [&str; N],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let client = self.client.with_options(&options(COMMAND));
        client.hmget(key, fields.to_vec()).await.map_err(failed)
    }

    /// Returns when the stream has an entry after `number`, at the latest after `patience`. Blocks the connection.
    pub(super) async fn wait_for_entry(
        &self,
        stream: &str,
        number: u64,
        patience: Duration,
    ) -> Result<(), StoreError> {
        let block = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let client = self.client.with_options(&options(patience.saturating_add(COMMAND)));
        let entry: Result<Value, _> = client.xread(Some(1), Some(block), stream, format!("{number}-0")).await;
        entry.map(drop).map_err(failed)
    }

    /// The value of one of the server's own settings.
    pub(super) async fn server_setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let client = self.client.with_options(&options(COMMAND));
        let pair: Vec<String> = client.config_get(name).await.map_err(failed)?;
        Ok(pair.into_iter().nth(1))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Link(…)")
    }
}

/// Nothing waits for a connection that is being made, and nothing is sent twice: a code that was spent by an answer that
/// got lost must not be spent again by us. More attempts than one are needed to follow a cluster's redirections only.
fn options(timeout: Duration) -> Options {
    Options {
        timeout: Some(timeout),
        fail_fast: true,
        max_attempts: Some(REDIRECTIONS),
        max_redirections: Some(REDIRECTIONS),
        ..Options::default()
    }
}

/// What went wrong. Redis says of a key of another type that it is not one of ours; anything else may pass.
fn failed(error: Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::Parse | ErrorKind::NotFound => StoreErrorKind::Corrupt,
        ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::Routing
        | ErrorKind::IO
        | ErrorKind::InvalidCommand
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::Tls
        | ErrorKind::Canceled
        | ErrorKind::Unknown
        | ErrorKind::Timeout
        | ErrorKind::Cluster
        | ErrorKind::Sentinel
        | ErrorKind::Backpressure => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}
