//! What a run prints.

use std::io::Write as _;

/// A figure with a decimal value.
pub(crate) fn figure(name: &str, value: f64) {
    line(&format!("BENCH {name} {value:.3}"));
}

/// A figure that cannot be had in this run.
pub(crate) fn skipped(name: &str, why: &str) {
    say(&format!("{name}: skipped: {why}"));
    line(&format!("BENCH {name} skipped"));
}

/// What is being done, on stderr.
pub(crate) fn say(text: &str) {
    // Nobody is there to be told that nobody listens.
    drop(writeln!(std::io::stderr(), "{text}"));
}

fn line(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}
