//! An MCP server with everything that the official conformance suite asks for, over stdio.
//!
//! With `--modern` it speaks 2026-07-28 and nothing else, else 2025-11-25 and older. What it offers is the same, and
//! written once: `content` holds what is answered at once, `input` what needs something from the client first.

mod content;
mod input;
mod legacy;
mod modern;

use std::io::{self, BufRead as _, Write as _};

use serde_json::{Value, json};

/// What a request got, in both eras.
enum Outcome {
    /// A result.
    Result(Value),
    /// Notifications that come before the result.
    After(Vec<Value>, Value),
    /// An error: code and message.
    Error(i64, String),
}

/// What every server says of itself.
fn introduction() -> Value {
    json!({
        "capabilities": {
            "tools": {"listChanged": true},
            "prompts": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "logging": {},
            "completions": {},
        },
        "serverInfo": {"name": "conformance-server", "version": "1.0.0"},
    })
}

fn main() {
    let is_modern = std::env::args().any(|argument| argument == "--modern");
    let mut legacy = legacy::Server::default();
    let mut modern = modern::Server::default();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if is_modern {
            modern.receive(&message);
        } else {
            legacy.receive(&message);
        }
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    member(value, name).as_str().unwrap_or_default()
}

fn answer(id: &Value, result: &Value) {
    send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

fn refuse(id: &Value, code: i64, message: &str, data: &Value) {
    let mut error = json!({"code": code, "message": message});
    if let Some(error) = error.as_object_mut().filter(|_| !data.is_null()) {
        error.insert("data".to_owned(), data.clone());
    }
    send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
}

fn notify(method: &str, params: &Value) {
    send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
}

/// A bridge that has gone is no reason to panic.
fn send(message: &Value) {
    let mut stdout = io::stdout().lock();
    drop(writeln!(stdout, "{message}").and_then(|()| stdout.flush()));
}
