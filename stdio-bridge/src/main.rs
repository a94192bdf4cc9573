//! The program `stdio-bridge`. Everything it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use stdio_bridge::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
