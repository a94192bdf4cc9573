//! `mcp-edge-gateway`: runs the whole gateway natively, until Ctrl-C.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use launcher::announce;
use launcher::settings::Settings;
use launcher::stack::Stack;
use service_kit::lifecycle::{EXIT_UNAVAILABLE, EXIT_USAGE, Shutdown, close_memory, fail};
use service_kit::settings::ProcessEnv;

const NAME: &str = "mcp-edge-gateway";

/// Runs auth service, stdio bridge and Envoy as one gateway. Everything is set through the environment; see
/// `.env.example`.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Arguments {}

#[tokio::main]
async fn main() -> ExitCode {
    Arguments::parse();
    let settings = match Settings::read(&ProcessEnv, own_folder()) {
        Ok(settings) => settings,
        Err(mistakes) => return fail(NAME, EXIT_USAGE, &mistakes),
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(NAME, EXIT_UNAVAILABLE, &reason),
    }
}

/// Starts the gateway and keeps it up until a signal asks it to stop or a part fails.
async fn run(settings: Settings) -> Result<(), String> {
    let mut shutdown = Shutdown::install().map_err(|error| error.to_string())?;
    close_memory().map_err(|error| error.to_string())?;
    let mut stack = tokio::select! {
        started = Stack::start(settings) => started.map_err(|error| error.to_string())?,
        _ = shutdown.requested() => return Ok(()),
    };
    say(&announce::text(&stack));
    let failure = tokio::select! {
        (name, words) = stack.part_ended() => Some(format!("{name} ended, so everything was stopped:\n{words}")),
        _ = shutdown.requested() => None,
    };
    stack.stop().await;
    failure.map_or(Ok(()), Err)
}

/// Says it if anybody listens: a closed pipe (`just run | head`) is no reason to stop the gateway.
fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

fn own_folder() -> PathBuf {
    std::env::current_exe().ok().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default()
}
