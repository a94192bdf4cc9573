//! What the fixture's tools do.

use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};

use crate::{Server, answer, send, write};

/// Calls the tool `params.name` with `params.arguments`. An exit code ends the process.
///
/// - `echo`: answers its arguments;
/// - `slow`: answers when the notification `test/release` repeats its arguments;
/// - `silent`: never answers;
/// - `elicit`: asks the client (id 7) and answers what it heard; `visit`: refuses until a URL was visited;
///   `change`: says that its tools have changed, and answers;
/// - `crash`: exits without an answer; `farewell`: answers and exits in one breath;
/// - `noise`: writes 300 KB to stderr, without a line end first, then answers;
/// - `big`: answers with a text of `arguments.bytes` bytes; with `arguments.first`, the id comes first;
/// - `garbage`: writes lines that are no messages, then answers; `invalid`: answers with an invalid message;
/// - `family`: starts two processes that outlive it if nobody ends them, and answers with their ids;
/// - `progress`: sends progress (when asked to) and a log message, then answers;
/// - `chatter`: sends `arguments.count` log messages of 1 KB each, then answers;
/// - `environment`: answers with its environment; `pid`: with its process id; `id`: with the id of the request.
pub(super) fn call(server: &mut Server, id: Value, params: &Value) -> Option<ExitCode> {
    let arguments = params.get("arguments").cloned().unwrap_or_default();
    let result = match params.get("name").and_then(Value::as_str).unwrap_or_default() {
        "echo" => arguments,
        "slow" => {
            server.waiting.push((id, arguments));
            server.release();
            return None;
        }
        "silent" => return None,
        "elicit" => {
            let params = json!({"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}});
            send(&json!({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": params}));
            server.asking = Some(id);
            return None;
        }
        "visit" => {
            let asked =
                json!({"mode": "url", "elicitationId": "v", "url": "https://a.example/", "message": "Go"});
            let error = json!({"code": -32042, "message": "visit first", "data": {"elicitations": [asked]}});
            send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
            return None;
        }
        "change" => {
            send(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
            json!({"changed": true})
        }
        "crash" => return Some(ExitCode::from(5)),
        "farewell" => {
            answer(&id, &json!({"bye": true}));
            return Some(ExitCode::SUCCESS);
        }
        "noise" => noise(),
        "big" => {
            big(&id, &arguments);
            return None;
        }
        "garbage" => garbage(),
        "invalid" => {
            send(&json!({"jsonrpc": "2.0", "id": id, "result": {}, "error": {}}));
            return None;
        }
        "family" => json!({"pids": [child(), child()]}),
        "progress" => progress(params),
        "chatter" => chatter(&arguments),
        "environment" => std::env::vars().map(|(name, value)| (name, Value::from(value))).collect(),
        "id" => json!({"id": id}),
        "pid" => json!({"pid": std::process::id()}),
        _ => json!({"isError": true}),
    };
    answer(&id, &result);
    None
}

fn noise() -> Value {
    let mut stderr = io::stderr().lock();
    drop(stderr.write_all(&vec![b'x'; 200_000]));
    drop(stderr.write_all("a line\n".repeat(15_000).as_bytes()));
    json!({"noisy": true})
}

fn big(id: &Value, arguments: &Value) {
    let bytes = arguments.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    let text = "x".repeat(usize::try_from(bytes).unwrap_or_default());
    if arguments.get("first").is_some() {
        write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"text\":\"{text}\"}}}}\n").as_bytes());
    } else {
        write(format!("{{\"result\":{{\"text\":\"{text}\"}},\"jsonrpc\":\"2.0\",\"id\":{id}}}\n").as_bytes());
    }
}

fn garbage() -> Value {
    write(b"Server is listening\n\n{\"broken\":\n\xff\xfe\n[1,2]\n\x1b[31mred\x1b[0m\r\nnull\n{}\n");
    write(b"{\"jsonrpc\":\"2.0\",\"id\":\"nobody asked\",\"result\":{}}\n");
    json!({"still": "here"})
}

/// A process that would run for an hour.
fn child() -> Option<u32> {
    let mut command = Command::new("sleep");
    command.arg("3600").stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.spawn().ok().map(|child| child.id())
}

fn progress(params: &Value) -> Value {
    if let Some(token) = params.get("_meta").and_then(|meta| meta.get("progressToken")) {
        let params = json!({"progressToken": token, "progress": 1});
        send(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}));
    }
    send(
        &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "log"}}),
    );
    json!({"done": true})
}

fn chatter(arguments: &Value) -> Value {
    for number in 0..arguments.get("count").and_then(Value::as_u64).unwrap_or_default() {
        let params = json!({"level": "info", "data": "x".repeat(1000), "number": number});
        send(&json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params}));
    }
    json!({"chatted": true})
}
