//! Benchmarks of the gateway: `just bench edge`, `just bench auth`.
//!
//! Figures go to stdout, one `BENCH <name> <value>` a line; what is being done, and the raw numbers behind each figure,
//! go to stderr. docs/benchmarks.md says what each figure means and how to read it.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about real time on a real machine")]

mod auth;
mod auth_service;
mod bootstrap;
mod edge;
mod envoy;
mod load;
mod pin;
mod process;
mod report;
mod stats;
mod tokens;

use std::process::ExitCode;

/// Why a run was given up: one sentence.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["edge", only @ ..] => edge::run(only),
        ["auth", only @ ..] => auth::run(only),
        _ => {
            report::say(
                "usage: gateway-bench edge [hits|ext_authz|cold|tools|memory|revocation]...\n       \
                 gateway-bench auth [grants|verify|redis|stored|ready]...",
            );
            return ExitCode::from(64);
        }
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::say(&format!("given up: {failure}"));
            ExitCode::FAILURE
        }
    }
}
