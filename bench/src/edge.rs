//! The figures of the edge.

mod asking;
mod cold;
mod hits;
mod memory;
mod revocation;
mod rounds;
mod tools;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::bootstrap::Listener;
use crate::load::Client;
use crate::report::say;
use crate::tokens::{Issuer, PATH};
use crate::{Failure, pin};

/// What every part of a run works with.
pub(crate) struct Bench {
    root: PathBuf,
    /// A copy, so that a build meanwhile changes nothing.
    wasm: PathBuf,
    issuer: Issuer,
    _folder: TempDir,
}

/// Measures the parts named in `only`, or all.
pub(crate) fn run(only: &[&str]) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("bench/ is in the repository")?;
    let built = std::env::var_os("FILTER_WASM")
        .map_or_else(|| root.join("target/wasm32-wasip1/wasm/wasm_filter.wasm"), PathBuf::from);
    let folder = tempfile::tempdir()?;
    let wasm = folder.path().join("filter.wasm");
    let size = std::fs::copy(&built, &wasm)
        .map_err(|error| format!("{}: {error}; run `just wasm`", built.display()))?;
    pin::to(pin::REST)?;
    say(&format!("filter: {} ({size} bytes)", built.display()));
    crate::report::figure("wasm.size_kib", f64::from(u32::try_from(size)?) / 1024.0);
    let bench = Bench { root: root.to_owned(), wasm, issuer: Issuer::new()?, _folder: folder };
    if let ["compare", builds @ ..] = only {
        return hits::compare(&bench, &builds.iter().map(PathBuf::from).collect::<Vec<_>>());
    }
    if let ["compare-cold", builds @ ..] = only {
        return cold::compare(&bench, &builds.iter().map(PathBuf::from).collect::<Vec<_>>());
    }
    let wants = |part: &str| only.is_empty() || only.contains(&part);
    if wants("hits") {
        hits::measure(&bench)?;
    }
    if wants("ext_authz") {
        asking::measure(&bench)?;
    }
    if wants("cold") {
        cold::measure(&bench)?;
    }
    if wants("tools") {
        tools::measure(&bench)?;
    }
    if wants("memory") {
        memory::measure(&bench)?;
    }
    if wants("revocation") {
        revocation::measure(&bench)?;
    }
    Ok(())
}

/// The bytes of a GET with `token`, as an MCP client sends it.
fn get(token: &str) -> Vec<u8> {
    format!(
        "GET {PATH} HTTP/1.1\r\nhost: localhost:8080\r\nuser-agent: bench/1.0\r\naccept: text/event-stream\r\n\
         mcp-protocol-version: 2025-11-25\r\nmcp-session-id: 0197a2c4-5c1e-7d3a-9b1f-2f6f0a4f3c11\r\n\
         authorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// A listener that lets anybody pass has nothing to be measured for.
fn refuses_bad_tokens(listener: &Listener) -> Result<(), Failure> {
    let status = Client::connect(listener.address)?.ask(&get("a.b.c"))?;
    if status == 401 { Ok(()) } else { Err(format!("{}: a bad token got {status}", listener.name).into()) }
}
