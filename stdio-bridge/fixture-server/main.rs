//! A legacy MCP server for the tests, which misbehaves on demand.
//!
//! How the process behaves is chosen by flags; what a call does, by the tool's name (see [`tools`]).

mod tools;

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

/// How the process behaves:
///
/// - `--crash-at-start`, `--crash-at-initialize`: exits without a word;
/// - `--refuse-initialize`, `--silent-initialize`: answers with an error, or never;
/// - `--silent-discover`: never answers `server/discover`;
/// - `--stubborn`: ignores SIGTERM and the end of stdin;
/// - `--ask-roots`: asks for the client's roots, with id 0, as soon as the client is ready;
/// - `--deaf`: reads nothing after `notifications/initialized`;
/// - `--closed`: closes its stdin after `notifications/initialized`, and lives on.
struct Flags(BTreeSet<String>);

impl Flags {
    fn has(&self, flag: &str) -> bool {
        self.0.contains(flag)
    }
}

fn main() -> ExitCode {
    let flags = Flags(std::env::args().collect());
    if flags.has("--crash-at-start") {
        return ExitCode::from(3);
    }
    if flags.has("--stubborn") {
        ignore_sigterm();
    }
    let mut server = Server { flags, released: Vec::new(), waiting: Vec::new(), asking: None };
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(code) = server.receive(&message) {
            return code;
        }
    }
    if server.flags.has("--stubborn") {
        park_for_ever();
    }
    ExitCode::SUCCESS
}

struct Server {
    flags: Flags,
    /// What `test/release` has named.
    released: Vec<Value>,
    /// Open calls of `slow`: their ids, and what releases them.
    waiting: Vec<(Value, Value)>,
    /// The open call of `elicit`.
    asking: Option<Value>,
}

impl Server {
    /// An exit code ends the process.
    fn receive(&mut self, message: &Value) -> Option<ExitCode> {
        let id = message.get("id").cloned();
        let params = message.get("params").cloned().unwrap_or_default();
        match message.get("method").and_then(Value::as_str) {
            Some("initialize") => return self.initialize(&id?),
            Some("notifications/initialized") => {
                if self.flags.has("--ask-roots") {
                    send(&json!({"jsonrpc": "2.0", "id": 0, "method": "roots/list"}));
                }
                if self.flags.has("--closed") {
                    drop(nix::unistd::close(0).map_err(|error| writeln!(io::stderr(), "{error}")));
                }
                if self.flags.has("--deaf") || self.flags.has("--closed") {
                    park_for_ever();
                }
            }
            Some("server/discover") => {
                if !self.flags.has("--silent-discover") {
                    let error = json!({"code": -32601, "message": "Method not found"});
                    send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
                }
            }
            Some("test/release") => {
                self.released.push(params);
                self.release();
            }
            Some("notifications/cancelled") => {
                send(
                    &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"cancelled": params}}),
                );
            }
            Some("tools/call") => return tools::call(self, id?, &params),
            Some(_) => {
                if let Some(id) = id {
                    answer(&id, &json!({}));
                }
            }
            None => self.hear(message),
        }
        None
    }

    fn initialize(&self, id: &Value) -> Option<ExitCode> {
        if self.flags.has("--crash-at-initialize") {
            return Some(ExitCode::from(4));
        }
        if self.flags.has("--refuse-initialize") {
            send(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "not like this"}}));
        } else if !self.flags.has("--silent-initialize") {
            answer(
                id,
                &json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": true}, "logging": {}},
                    "serverInfo": {"name": "fixture", "version": "1"}}),
            );
        }
        None
    }

    /// An answer of the client: to `elicit`, or to nobody.
    fn hear(&mut self, message: &Value) {
        match (self.asking.take(), message.get("result")) {
            (Some(id), Some(result)) => answer(&id, &json!({ "heard": result })),
            (Some(id), None) => answer(&id, &json!({ "refused": message })),
            _ => send(
                &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"heard": message}}),
            ),
        }
    }

    /// Answers the slow calls whose time has come.
    fn release(&mut self) {
        let released = &self.released;
        self.waiting.retain(|(id, key)| {
            let is_open = !released.contains(key);
            if !is_open {
                answer(id, &json!({"released": key}));
            }
            is_open
        });
    }
}

fn answer(id: &Value, result: &Value) {
    send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

fn send(message: &Value) {
    write(format!("{message}\n").as_bytes());
}

/// A bridge that has gone is no reason to panic.
fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    drop(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

fn park_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

fn ignore_sigterm() {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
    let set = SigSet::from(Signal::SIGTERM);
    if let Err(error) = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None) {
        drop(writeln!(io::stderr(), "cannot block SIGTERM: {error}"));
    }
}
