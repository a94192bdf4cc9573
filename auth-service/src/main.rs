//! `auth-service`: the authorization server of the gateway. Everything it does is in the library.

use std::process::ExitCode;

use auth_service::cli::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
