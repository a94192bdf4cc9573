//! The program `stdio-bridge`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_kit::lifecycle::{EXIT_USAGE, fail};
use service_kit::settings::{ProcessEnv, Reader};
use service_kit::telemetry::LogSettings;
use stdio_bridge::serve::serve;
use stdio_bridge::settings::Settings;

const NAME: &str = "stdio-bridge";

/// Serves MCP servers that speak stdio as Streamable HTTP.
#[derive(Parser)]
#[command(name = NAME, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve each entry of mcp.json at /{name}/mcp. Settings come from the environment (see .env.example).
    Serve,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve = Arguments::parse().command;
    let mut reader = Reader::new(&ProcessEnv);
    let log = LogSettings::read(&mut reader);
    let settings = Settings::read(&ProcessEnv, &mut reader);
    match (reader.finish(), settings) {
        (Ok(()), Some(settings)) => {
            log.start();
            match serve(settings).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(NAME, error.exit_code(), &error),
            }
        }
        (Err(mistakes), _) => fail(NAME, EXIT_USAGE, &mistakes),
        (Ok(()), None) => fail(NAME, EXIT_USAGE, &"the settings are incomplete"),
    }
}
