//! The command line.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value, json};
use service_kit::lifecycle::{EXIT_UNAVAILABLE, EXIT_USAGE, fail};
use service_kit::random::{NoEntropy, Rng, SystemRng};
use service_kit::settings::ProcessEnv;

use crate::app::{self, StartError};
use crate::config::{self, Config, ConfigError, Places};
use crate::data_dir::{self, DataDirError};
use crate::identity::password::{self, PasswordError};
use crate::identity::users_file::{self, Accounts, NewUser, UsersFileError};
use crate::keys::{self, KeysError, SigningKeys};
use crate::operator::{self, OperatorError};
use crate::server::{self, ServeError};

/// The first user of a new installation.
const FIRST_USER: &str = "admin";

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
    /// Manage the users of the users file.
    #[command(subcommand)]
    Users(Users),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Revoke {
    /// One access token, by its `jti`.
    #[arg(long, value_name = "JTI")]
    token: Option<String>,
    /// A user, by name or `sub`: all access tokens, refresh tokens and signed-in browsers.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A client: all access tokens and refresh tokens.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Users {
    /// Give a user a new generated password and print it, once.
    Passwd {
        /// The user's name.
        name: String,
    },
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
    Operator(#[from] OperatorError),
    #[error("the runtime cannot start: {0}")]
    Runtime(std::io::Error),
}

impl CommandError {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::Operator(OperatorError::Refused(_))
            | Self::NoSuchUser(..)
            | Self::UsersFile(UsersFileError::Malformed(..) | UsersFileError::User { .. }) => EXIT_USAGE,
            Self::Start(_)
            | Self::Serve(_)
            | Self::DataDir(_)
            | Self::Keys(_)
            | Self::UsersFile(_)
            | Self::Password(_)
            | Self::NoEntropy(_)
            | Self::Operator(_)
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
        Command::Users(Users::Passwd { name }) => passwd(&name).map(|line| print(&line)),
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

fn serve() -> Result<(), CommandError> {
    let (config, logs) = Config::read(&ProcessEnv)?;
    logs.start();
    if !config.places.users_file.exists() {
        tracing::warn!(
            "nobody can sign in: there is no users file; run `auth-service init` to create a first user"
        );
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
    SigningKeys::load_or_generate(&places.data_dir, places.algorithm, &SystemRng)?;
    keys::refresh_key(&places.data_dir, &SystemRng)?;
    match Accounts::read(&places.users_file) {
        Ok(accounts) => Ok(json!({ "users": accounts.names().collect::<Vec<_>>() })),
        Err(UsersFileError::Missing(_)) => {
            let password = password::generate(&SystemRng)?;
            let hash = password::hash(&password, &SystemRng)?;
            let user = NewUser { username: FIRST_USER, id: &user_id(&SystemRng)?, password: &hash };
            users_file::create(&places.users_file, &user)?;
            Ok(json!({ "created": { "username": FIRST_USER, "password": password } }))
        }
        Err(error) => Err(error.into()),
    }
}

fn revoke(order: &Revoke) -> Result<Value, CommandError> {
    let address = config::internal_address(&ProcessEnv)?;
    let Revoke { token, user, client } = order;
    let members = [("jti", token), ("user", user), ("client_id", client)];
    let order: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))))
        .collect();
    Ok(operator::post(address, "/internal/revocations", &Value::Object(order))?)
}

fn user_id(rng: &dyn Rng) -> Result<String, NoEntropy> {
    let mut bytes = [0; 12];
    rng.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn passwd(name: &str) -> Result<Value, CommandError> {
    let (places, logs) = Places::read(&ProcessEnv)?;
    logs.start();
    let accounts = Accounts::read(&places.users_file)?;
    let password = password::generate(&SystemRng)?;
    let hash = password::hash(&password, &SystemRng)?;
    if users_file::set_password(&places.users_file, name, &hash)? {
        Ok(json!({ "changed": { "username": name, "password": password } }))
    } else {
        Err(CommandError::NoSuchUser(name.to_owned(), accounts.names().collect::<Vec<_>>().join(", ")))
    }
}
