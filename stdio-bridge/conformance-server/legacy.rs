//! 2025-11-25 and older: a handshake, and requests of the server's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::input::{Ask, Responses};
use crate::{Outcome, answer, content, input, introduction, member, refuse, send, text};

/// A legacy connection.
#[derive(Default)]
pub(crate) struct Server {
    capabilities: Value,
    /// Calls that wait for the client.
    waiting: Vec<Call>,
    /// Which keys are asked for under which request ids.
    asked: BTreeMap<String, &'static str>,
    subscribed: Vec<String>,
}

struct Call {
    id: Value,
    name: String,
    /// What is still to be asked for, the current round first.
    rounds: Vec<Vec<Ask>>,
    responses: Responses,
}

const RESOURCE_NOT_FOUND: i64 = -32002;

impl Server {
    pub(crate) fn receive(&mut self, message: &Value) {
        let (id, params) = (member(message, "id"), member(message, "params"));
        let Some(method) = message.get("method").and_then(Value::as_str) else {
            return self.answered(id, member(message, "result"));
        };
        if id.is_null() {
            return;
        }
        match method {
            "initialize" => {
                self.capabilities = member(params, "capabilities").clone();
                let mut result = introduction();
                if let Some(result) = result.as_object_mut() {
                    let known = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
                    let asked = text(params, "protocolVersion");
                    let version = known.into_iter().find(|known| *known == asked).unwrap_or("2025-11-25");
                    result.insert("protocolVersion".to_owned(), version.into());
                }
                answer(id, &result);
            }
            "ping" | "logging/setLevel" => answer(id, &json!({})),
            "resources/subscribe" => {
                self.subscribed.push(text(params, "uri").to_owned());
                answer(id, &json!({}));
            }
            "resources/unsubscribe" => {
                self.subscribed.retain(|uri| uri != text(params, "uri"));
                answer(id, &json!({}));
            }
            _ => self.respond(id, method, params),
        }
    }

    fn respond(&mut self, id: &Value, method: &str, params: &Value) {
        let (name, arguments) = (text(params, "name"), member(params, "arguments"));
        if let ("tools/call" | "prompts/get", Some(rounds)) =
            (method, input::rounds(name, arguments, &self.capabilities))
        {
            let call = Call { id: id.clone(), name: name.to_owned(), rounds, responses: Responses::new() };
            return self.proceed(call);
        }
        match content::respond(method, params, RESOURCE_NOT_FOUND) {
            Outcome::Result(result) => answer(id, &result),
            Outcome::After(notifications, result) => {
                notifications.iter().for_each(send);
                answer(id, &result);
            }
            Outcome::Error(code, message) => refuse(id, code, &message, &Value::Null),
        }
        if name == "test_trigger_tool_change" {
            for uri in &self.subscribed {
                crate::notify("notifications/resources/updated", &json!({ "uri": uri }));
            }
        }
    }

    /// Asks for the current round, or answers. The key is the request's id where that is free: nothing says that ids are
    /// numbers.
    fn proceed(&mut self, call: Call) {
        let Some(round) = call.rounds.first() else {
            return answer(&call.id, &input::finish(&call.name, &call.responses));
        };
        for ask in round {
            let id = if self.asked.contains_key(ask.key) {
                format!("{} {}", ask.key, self.asked.len())
            } else {
                ask.key.to_owned()
            };
            send(&json!({"jsonrpc": "2.0", "id": id, "method": ask.method, "params": ask.params}));
            self.asked.insert(id, ask.key);
        }
        self.waiting.push(call);
    }

    /// An answer belongs to the newest call that asks for its key.
    fn answered(&mut self, id: &Value, result: &Value) {
        let Some(key) = id.as_str().and_then(|id| self.asked.remove(id)) else { return };
        let asks = |call: &Call| {
            let missing = |ask: &Ask| ask.key == key && !call.responses.contains_key(key);
            call.rounds.first().is_some_and(|round| round.iter().any(missing))
        };
        let Some(at) = self.waiting.iter().rposition(asks) else { return };
        let mut call = self.waiting.remove(at);
        call.responses.insert(key.to_owned(), result.clone());
        let is_complete = call
            .rounds
            .first()
            .is_some_and(|round| round.iter().all(|ask| call.responses.contains_key(ask.key)));
        if is_complete {
            call.rounds.remove(0);
            self.proceed(call);
        } else {
            self.waiting.insert(at, call);
        }
    }
}
