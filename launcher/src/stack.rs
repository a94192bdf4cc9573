//! The whole gateway: started part by part, stopped as one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gateway_core::resource::ServerName;
use gateway_core::servers::{self, ServersError};
use serde::Deserialize;
use tokio::process::Command;

use crate::edge::{self, EdgeError};
use crate::port::{self, PortError};
use crate::probe::Probe;
use crate::process::Program;
use crate::secret::{self, SecretError};
use crate::settings::Settings;

/// How long a part may take until it is ready.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// Time between two questions whether a part is ready: nothing tells when another program begins to answer.
const PROBE_PAUSE: Duration = Duration::from_millis(50);

/// A token of the right shape that nobody signed: the edge can only call it invalid once it has keys.
const UNSIGNED_TOKEN: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA";

/// A gateway that is up. Dropping it kills every part; [`Stack::stop`] stops them in order.
#[derive(Debug)]
pub struct Stack {
    settings: Settings,
    servers: Vec<ServerName>,
    sign_in: SignIn,
    programs: Vec<Program>,
}

/// Who can sign in, as `auth-service init` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// The first user was made in this run; the password is told only this once.
    Created {
        /// Whom to sign in as.
        username: String,
        /// The generated password.
        password: String,
    },
    /// There were users already.
    Users(Vec<String>),
}

/// Why the gateway did not start. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The servers cannot be read.
    #[error("MCP_CONFIG: {}: {}", .0.display(), .1)]
    Servers(PathBuf, ServersError),
    /// An address is taken.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Envoy's bootstrap cannot be made.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// Something that `just setup` and the build bring is not there.
    #[error("{} is missing: run `just setup` and `just build`", .0.display())]
    Missing(PathBuf),
    /// A file or folder of ours cannot be used.
    #[error("cannot use {}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// A file with a secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A part ended before it was ready; its last words say why.
    #[error("{0} did not start:\n{1}")]
    Ended(&'static str, String),
    /// A part runs but does not answer.
    #[error("{name} was not ready within {} s; see {}", READY_PATIENCE.as_secs(), log.display())]
    NotReady {
        /// The part.
        name: &'static str,
        /// Where it says more.
        log: PathBuf,
    },
}

impl Stack {
    /// Checks what can be checked, then starts every part and waits until it is really ready. If a part does not come
    /// up, those that did are stopped again.
    ///
    /// # Errors
    /// [`StackError`]; nothing is left running.
    pub async fn start(mut settings: Settings) -> Result<Self, StackError> {
        let servers = read_servers(&settings.mcp_config)?;
        for (setting, address) in settings.binds() {
            port::check(setting, address)?;
        }
        std::fs::create_dir_all(&settings.log_dir).map_err(unusable(&settings.log_dir))?;
        // The auth service makes the data folder, closed to other users, before anything is put there.
        let sign_in = init_auth(&settings).await?;
        if settings.edge_key.is_none() {
            settings.edge_key = Some(secret::read_or_make(&settings.data_dir.join("edge-key"))?);
        }
        let bootstrap = write_bootstrap(&settings, &servers)?;
        let mut stack = Self { settings, servers, sign_in, programs: Vec::new() };
        match stack.start_programs(&bootstrap).await {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.stop().await;
                Err(error)
            }
        }
    }

    async fn start_programs(&mut self, bootstrap: &PathBuf) -> Result<(), StackError> {
        self.start_auth().await?;
        if self.settings.runs_bridge {
            let command = service(&self.settings, "stdio-bridge", "serve")?;
            let ready = probe(self.settings.bridge_bind, "/health/ready");
            self.start_program("stdio-bridge", command, &[(ready, 200)]).await?;
        }
        let command = envoy(&self.settings, bootstrap)?;
        let resource = self.servers.first().map(|server| self.settings.resource_of(server));
        let has_keys = Probe {
            address: self.settings.gateway_bind,
            path: resource.as_ref().map(|uri| uri.path().to_owned()).unwrap_or_default(),
            bearer: Some(UNSIGNED_TOKEN),
            host: resource.map(|uri| uri.authority().to_owned()),
        };
        let metadata = probe(self.settings.gateway_bind, "/.well-known/oauth-authorization-server");
        let is_live = probe(self.settings.admin_bind, "/ready");
        self.start_program("envoy", command, &[(is_live, 200), (metadata, 200), (has_keys, 401)]).await
    }

    /// Starts the auth service, again if it was killed.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn start_auth(&mut self) -> Result<(), StackError> {
        let command = service(&self.settings, "auth-service", "serve")?;
        let ready = probe(self.settings.auth_internal_bind, "/health/ready");
        self.start_program("auth-service", command, &[(ready, 200)]).await
    }

    async fn start_program(
        &mut self,
        name: &'static str,
        command: Command,
        conditions: &[(Probe, u16)],
    ) -> Result<(), StackError> {
        let log_dir = &self.settings.log_dir;
        let program =
            Program::start(name, command, log_dir).map_err(|error| StackError::File(name.into(), error))?;
        self.programs.retain(|other| other.name() != name);
        self.programs.push(program);
        let Some(program) = self.programs.last_mut() else { return Ok(()) };
        tokio::time::timeout(READY_PATIENCE, until_ready(program, conditions))
            .await
            .unwrap_or_else(|_| Err(StackError::NotReady { name, log: program.log().to_owned() }))
    }

    /// The settings that the gateway runs with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The MCP servers behind the gateway.
    #[must_use]
    pub fn servers(&self) -> &[ServerName] {
        &self.servers
    }

    /// Who can sign in.
    #[must_use]
    pub const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// The running program `name`, for tests that kill it.
    pub fn program(&mut self, name: &str) -> Option<&mut Program> {
        self.programs.iter_mut().find(|program| program.name() == name)
    }

    /// Waits until some part ends by itself; gives its name and last words.
    pub async fn part_ended(&mut self) -> (&'static str, String) {
        let ends = self.programs.iter_mut().map(|program| async {
            program.end().await;
            (program.name(), program.last_words())
        });
        match ends.collect::<FuturesUnordered<_>>().next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Stops every part, the edge first, so that no request meets a half-stopped gateway.
    pub async fn stop(self) {
        for program in self.programs.into_iter().rev() {
            program.stop().await;
        }
    }
}

async fn until_ready(program: &mut Program, conditions: &[(Probe, u16)]) -> Result<(), StackError> {
    for (probe, expected) in conditions {
        while probe.status().await != Some(*expected) {
            if program.ended().is_some() {
                return Err(StackError::Ended(program.name(), program.last_words()));
            }
            tokio::time::sleep(PROBE_PAUSE).await;
        }
    }
    Ok(())
}

fn probe(address: std::net::SocketAddr, path: &str) -> Probe {
    Probe { address, path: path.to_owned(), bearer: None, host: None }
}

fn read_servers(path: &Path) -> Result<Vec<ServerName>, StackError> {
    let document = std::fs::read(path).map_err(unusable(path))?;
    servers::names(&document).map_err(|error| StackError::Servers(path.to_owned(), error))
}

fn write_bootstrap(settings: &Settings, servers: &[ServerName]) -> Result<PathBuf, StackError> {
    let template =
        std::fs::read_to_string(&settings.envoy_template).map_err(unusable(&settings.envoy_template))?;
    let path = settings.data_dir.join("envoy.yaml");
    let bootstrap = edge::bootstrap(&template, settings, servers)?;
    secret::write(&path, &bootstrap)?;
    Ok(path)
}

fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> StackError + use<> {
    let path = path.to_owned();
    move |error| StackError::File(path, error)
}

/// Lets the auth service make its keys and, in the very first run, its first user.
async fn init_auth(settings: &Settings) -> Result<SignIn, StackError> {
    let mut command = service(settings, "auth-service", "init")?;
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| StackError::File("auth-service".into(), error))?;
    let failed = || {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        StackError::Ended("auth-service", words)
    };
    if output.status.success() {
        serde_json::from_slice(&output.stdout).map_err(|_| failed())
    } else {
        Err(failed())
    }
}

fn service(settings: &Settings, name: &str, task: &str) -> Result<Command, StackError> {
    let mut command = Command::new(existing(settings.bin_dir.join(name))?);
    if name != "auth-service" {
        keep_secrets_from(&mut command);
    }
    command.arg(task).envs(settings.program_env());
    Ok(command)
}

fn envoy(settings: &Settings, bootstrap: &PathBuf) -> Result<Command, StackError> {
    existing(settings.filter_wasm.clone())?;
    let mut command = Command::new(existing(settings.tools_dir.join("bin/envoy"))?);
    keep_secrets_from(&mut command);
    command.arg("--config-path").arg(bootstrap).args(["--log-level", "warning", "--disable-hot-restart"]);
    if let Some(threads) = settings.envoy_concurrency {
        command.arg("--concurrency").arg(threads.to_string());
    }
    Ok(command)
}

/// What identity providers know us by is for the auth service alone: a program's children can read its environment.
fn keep_secrets_from(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_provider_secret(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

fn is_provider_secret(name: &str) -> bool {
    name.ends_with("_CLIENT_SECRET")
}

fn existing(path: PathBuf) -> Result<PathBuf, StackError> {
    if path.exists() { Ok(path) } else { Err(StackError::Missing(path)) }
}
