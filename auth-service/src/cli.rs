//! The command line.

mod backup;
mod doctor;
mod inventory;
mod users;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gateway_core::time::UnixTime;
use serde_json::{Map, Value};
use service_kit::clock::{Clock as _, SystemClock};
use service_kit::lifecycle::{EXIT_UNAVAILABLE, EXIT_USAGE, fail};
use service_kit::random::{NoEntropy, SystemRng};
use service_kit::settings::ProcessEnv;

use crate::app::{self, StartError};
use crate::config::{self, Config, ConfigError, Places};
use crate::data_dir::{self, DataDirError};
use crate::identity::password::PasswordError;
use crate::identity::users_file::UsersFileError;
use crate::keys::{self, KeyOrder, KeysError, SigningKeys};
use crate::operator::OperatorError;
use crate::server::{self, ServeError};
use backup::{BackupCommandError, Restore};
use inventory::{Clients, Tokens};
use users::Users;

/// The authorization server of the MCP edge gateway. Settings come from the environment; see .env.example.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM.
    Serve,
    /// Prepare the data directory, the keys and, when there is no users file, a first user; print one line of JSON. Running it
    /// again changes nothing.
    Init,
    /// Revoke at the running service: access tokens die at the edge within moments. Prints the entry of the feed.
    Revoke(Revoke),
    /// Look after the clients of the running service.
    #[command(subcommand)]
    Clients(Clients),
    /// Look after the grants and tokens of the running service.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Count what the running service keeps.
    Stats,
    /// Have the running service forget at once what has expired; it does so every minute by itself.
    Purge,
    /// Save the registered clients of the running service, into a file that is not there yet. No usable secret is in it.
    Backup {
        /// The file.
        file: PathBuf,
    },
    /// Start the store over with the clients of a backup: everybody signs in again, and no access token of before is good any more.
    Restore(Restore),
    /// Look whether the settings, and everything they point to, are as they should be. Changes nothing.
    Doctor,
    /// Manage the users of the users file. A running service takes a change in within two seconds.
    #[command(subcommand)]
    Users(Users),
    /// Manage the signing keys. A running service takes a change in within two seconds.
    #[command(subcommand)]
    Keys(Keys),
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Show the published keys, and which one signs.
    List,
    /// Make a new key. It signs after `SIGNING_KEY_LEAD`, when everybody has fetched it.
    Rotate {
        /// It signs at once: edges fetch it when they meet it.
        #[arg(long)]
        at_once: bool,
    },
    /// Take a key out, at once, for when it was stolen: its tokens die when verifiers fetch the key set again (edges:
    /// within 5 minutes).
    Withdraw {
        /// The key's id, which may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Revoke {
    /// One access token, by its `jti`.
    #[arg(long, value_name = "JTI", allow_hyphen_values = true)]
    token: Option<String>,
    /// A user, by name or `sub`: all access tokens, refresh tokens and signed-in browsers.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    user: Option<String>,
    /// A client: all access tokens and refresh tokens.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("USERS_FILE: {0}")]
    UsersFile(#[from] UsersFileError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    #[error("USERS_FILE: there is no user \"{0}\"; there are: {1}")]
    NoSuchUser(String, String),
    #[error(transparent)]
    Backup(#[from] BackupCommandError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("{0}: {1}")]
    Jwks(PathBuf, String),
    #[error("the runtime cannot start: {0}")]
    Runtime(std::io::Error),
}

impl CommandError {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Backup(error) if error.is_mistake() => EXIT_USAGE,
            Self::Settings(_)
            | Self::Operator(OperatorError::Refused(_))
            | Self::NoSuchUser(..)
            | Self::Jwks(..)
            | Self::Keys(KeysError::NoSuchKey(_))
            | Self::UsersFile(
                UsersFileError::Malformed(..)
                | UsersFileError::User { .. }
                | UsersFileError::Role { .. }
                | UsersFileError::Client { .. },
            ) => EXIT_USAGE,
            Self::Start(_)
            | Self::Serve(_)
            | Self::DataDir(_)
            | Self::Keys(_)
            | Self::UsersFile(_)
            | Self::Password(_)
            | Self::NoEntropy(_)
            | Self::Operator(_)
            | Self::Backup(_)
            | Self::Runtime(_) => EXIT_UNAVAILABLE,
        }
    }
}

/// Runs the command; gives the exit code of the process.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve => serve(),
        Command::Init => init().map(|line| print(&line)),
        Command::Revoke(order) => revoke(&order).map(|line| print(&line)),
        Command::Clients(order) => clients_of(order).map(|line| print(&line)),
        Command::Tokens(order) => asked(|address| inventory::tokens(address, &order)),
        Command::Stats => asked(inventory::stats),
        Command::Purge => asked(inventory::purge),
        Command::Backup { file } => save(&file).map(|line| print(&line)),
        Command::Restore(order) => backup::restore(&order).map(|line| print(&line)),
        Command::Users(order) => users_of(order).map(|line| print(&line)),
        Command::Keys(order) => keys_of(order).map(|line| print(&line)),
        Command::Doctor => return examine(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("auth-service", error.exit_code(), &error),
    }
}

#[expect(clippy::print_stdout, reason = "this line is what the command was asked for")]
fn print(line: &Value) {
    println!("{line}");
}

#[expect(clippy::print_stdout, reason = "the findings are what the command was asked for")]
fn examine() -> ExitCode {
    let findings = doctor::examine();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.iter().any(doctor::Finding::is_bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn serve() -> Result<(), CommandError> {
    let (config, logs) = Config::read(&ProcessEnv)?;
    logs.start();
    if config.providers.is_empty() && !config.places.users_file.exists() {
        tracing::warn!(
            "nobody can sign in: there is no users file; run `auth-service init` to create a first user"
        );
    }
    for provider in config.providers.iter().filter(|provider| provider.admission.is_empty()) {
        let name = provider.id.as_str();
        tracing::warn!(provider = name, "nobody can sign in there: none of its ALLOWED_… settings is set");
    }
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    runtime.block_on(async {
        let deps = app::assemble(&config).await?;
        Ok(server::serve(&config, deps).await?)
    })
}

fn init() -> Result<Value, CommandError> {
    let (places, logs) = Places::read(&ProcessEnv)?;
    logs.start();
    data_dir::prepare(&places.data_dir)?;
    SigningKeys::open(&places.data_dir, places.rotation, now(), &SystemRng)?;
    keys::refresh_key(&places.data_dir, &SystemRng)?;
    users::first(&places.users_file)
}

fn revoke(order: &Revoke) -> Result<Value, CommandError> {
    let address = config::internal_address(&ProcessEnv)?;
    let Revoke { token, user, client } = order;
    let members = [("jti", token), ("user", user), ("client_id", client)];
    let order: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))))
        .collect();
    Ok(inventory::revoke(address, &Value::Object(order))?)
}

/// Prints what the running service says.
fn asked(ask: impl FnOnce(SocketAddr) -> Result<Value, OperatorError>) -> Result<(), CommandError> {
    print(&ask(config::internal_address(&ProcessEnv)?)?);
    Ok(())
}

fn save(file: &Path) -> Result<Value, CommandError> {
    Ok(backup::backup(config::internal_address(&ProcessEnv)?, file)?)
}

fn users_of(order: Users) -> Result<Value, CommandError> {
    let (places, logs) = Places::read(&ProcessEnv)?;
    logs.start();
    users::run(&places.users_file, order)
}

fn clients_of(order: Clients) -> Result<Value, CommandError> {
    let (places, logs) = Places::read(&ProcessEnv)?;
    logs.start();
    inventory::clients(config::internal_address(&ProcessEnv)?, &places.users_file, order)
}

fn keys_of(order: Keys) -> Result<Value, CommandError> {
    let (places, logs) = Places::read(&ProcessEnv)?;
    logs.start();
    let order = match order {
        Keys::List => return Ok(keys::list(&places.data_dir, now())?),
        Keys::Rotate { at_once: false } => KeyOrder::Rotate,
        Keys::Rotate { at_once: true } => KeyOrder::RotateAtOnce,
        Keys::Withdraw { kid } => KeyOrder::Withdraw(kid),
    };
    Ok(keys::order(&places.data_dir, places.rotation, &order, (now(), &SystemRng))?)
}

fn now() -> UnixTime {
    UnixTime::from_secs(SystemClock.now())
}
