//! The command line.

mod check;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use service_kit::lifecycle::{EXIT_UNAVAILABLE, EXIT_USAGE, fail};
use service_kit::settings::{ProcessEnv, Reader, Strings};
use service_kit::telemetry::LogSettings;
use url::Url;

use crate::config::{ConfigFile, ServerName, Servers};
use crate::confine;
use crate::serve::serve;
use crate::settings::{DEFAULT_BIND, Settings};

const NAME: &str = "stdio-bridge";

/// What shells say of a program that is there but cannot be run.
const CANNOT_RUN: u8 = 126;

/// Serves MCP servers that speak stdio as Streamable HTTP. Settings come from the environment (see .env.example); a flag is
/// stronger than the setting it stands for.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Task(Task),
    /// Take rights away from this process, then become a server: how `serve` starts servers that have a sandbox.
    #[command(hide = true)]
    Confine(Confine),
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Serve each entry of mcp.json at /{name}/mcp.
    Serve(Serve),
    /// Serve one MCP server at /mcp: `stdio-bridge run -- npx -y @modelcontextprotocol/server-everything`. What follows the
    /// program is its own.
    Run(Run),
    /// Ask an MCP endpoint whether it works: a handshake, and no session left behind. Prints one line; exit code 0 when it
    /// does, 69 when it does not.
    Check(Check),
}

#[derive(Debug, Args)]
struct Serve {
    /// The servers, in the form that desktop clients use [`MCP_CONFIG`, else mcp.json].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    flags: Flags,
    /// The server's name in the log, and in its second address /{name}/mcp.
    #[arg(long, value_name = "NAME", default_value = "server")]
    name: String,
    /// A variable that the server sees: NAME=VALUE, or NAME for the value it has here. It sees no others but PATH, HOME,
    /// USER, TMPDIR, TZ and the locale.
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The program, and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

#[derive(Debug, Args)]
struct Check {
    /// The endpoint, such as `http://127.0.0.1:3000/time/mcp`. A token for it is taken from `MCP_CLIENT_ACCESS_TOKEN`.
    url: Url,
    /// Seconds until it has failed.
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    timeout: NonZeroU64,
}

#[derive(Debug, Args)]
struct Confine {
    sandbox: String,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Args)]
struct Flags {
    /// The address to listen on [`BRIDGE_BIND`, else 127.0.0.1].
    #[arg(long)]
    host: Option<IpAddr>,
    /// The port to listen on [`BRIDGE_BIND`, else 3000].
    #[arg(long)]
    port: Option<u16>,
    /// Seconds until an unused session ends [`MCP_SESSION_IDLE_SECONDS`, else 1800].
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<NonZeroU64>,
    /// What is logged: error, warn, info, debug [`LOG_LEVEL`, else info].
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// The environment, with flags before it.
#[derive(Debug)]
struct Flagged {
    flags: BTreeMap<&'static str, String>,
}

impl Strings for Flagged {
    fn get(&self, name: &str) -> Option<String> {
        self.flags.get(name).cloned().or_else(|| ProcessEnv.get(name))
    }
}

impl Flags {
    fn settings(&self, config: Option<&Path>) -> Flagged {
        let mut flags = BTreeMap::new();
        let mut set = |name, value: Option<String>| value.and_then(|value| flags.insert(name, value));
        set("MCP_CONFIG", config.map(|path| path.display().to_string()));
        set("MCP_SESSION_IDLE_SECONDS", self.timeout.map(|seconds| seconds.to_string()));
        set("LOG_LEVEL", self.log_level.clone());
        set("BRIDGE_BIND", self.bind().map(|address| address.to_string()));
        Flagged { flags }
    }

    /// What one flag leaves open is as `BRIDGE_BIND` says. `None` leaves all of it to that setting, also when it cannot be
    /// read: then it is a mistake, and will be told.
    fn bind(&self) -> Option<SocketAddr> {
        if self.host.is_none() && self.port.is_none() {
            return None;
        }
        let base = match ProcessEnv.get("BRIDGE_BIND") {
            Some(text) => text.trim().parse().ok()?,
            None => DEFAULT_BIND,
        };
        Some(SocketAddr::new(self.host.unwrap_or(base.ip()), self.port.unwrap_or(base.port())))
    }
}

/// Carries out a command line.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        // Before there is a second thread: a process of many cannot enter namespaces.
        Command::Confine(Confine { sandbox, program, arguments }) => {
            match confine::become_server(&sandbox, &program, &arguments) {
                Ok(never) => match never {},
                Err(error) => fail(NAME, CANNOT_RUN, &error),
            }
        }
        Command::Task(task) => match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime.block_on(carry_out(task)),
            Err(error) => fail(NAME, EXIT_UNAVAILABLE, &format!("cannot start: {error}")),
        },
    }
}

async fn carry_out(task: Task) -> ExitCode {
    match task {
        Task::Serve(command) => {
            let strings = command.flags.settings(command.config.as_deref());
            start(&strings, |strings, reader| {
                let (file, servers) = Servers::read(strings, reader)?;
                Some((servers, Some(file)))
            })
            .await
        }
        Task::Run(command) => {
            let strings = command.flags.settings(None);
            start(&strings, |strings, reader| Some((reader.keep("run", command.servers(strings))?, None)))
                .await
        }
        Task::Check(command) => {
            let limit = Duration::from_secs(command.timeout.get());
            let token = ProcessEnv.get("MCP_CLIENT_ACCESS_TOKEN");
            match check::check(&command.url, token.as_deref(), limit).await {
                Ok(health) => tell(&health),
                Err(error) => fail(NAME, EXIT_UNAVAILABLE, &format!("{}: {error}", command.url)),
            }
        }
    }
}

fn tell(line: &dyn std::fmt::Display) -> ExitCode {
    // Whoever does not read the line reads the exit code.
    writeln!(std::io::stdout(), "{line}").ok();
    ExitCode::SUCCESS
}

impl Run {
    fn servers(&self, strings: &Flagged) -> Result<Servers, String> {
        let name = ServerName::parse(&self.name)
            .ok_or("--name: expected a name of a-z, 0-9, _ and -, at most 64 characters")?;
        let mut environment = BTreeMap::new();
        for variable in &self.env {
            let (name, value) = match variable.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    (variable.as_str(), strings.get(variable).ok_or(format!("--env: {variable} is not set"))?)
                }
            };
            environment.insert(name.to_owned(), value);
        }
        Servers::alone(name, &self.words, environment, strings)
    }
}

async fn start<'a>(
    strings: &'a Flagged,
    servers: impl FnOnce(&'a Flagged, &mut Reader<'a, Flagged>) -> Option<(Servers, Option<ConfigFile>)>,
) -> ExitCode {
    let mut reader = Reader::new(strings);
    let log = LogSettings::read(&mut reader);
    let (servers, file) = servers(strings, &mut reader).unwrap_or_default();
    let settings = Settings::read(&mut reader, servers);
    if let Err(mistakes) = reader.finish() {
        return fail(NAME, EXIT_USAGE, &mistakes);
    }
    log.start();
    match serve(settings, file.map(|file| (file, strings))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(NAME, error.exit_code(), &error),
    }
}
