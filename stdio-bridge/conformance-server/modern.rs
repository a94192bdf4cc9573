//! 2026-07-28: every request stands for itself; what is needed from the client is part of an answer.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use serde_json::{Map, Value, json};

use crate::input::{Ask, Responses};
use crate::{Outcome, answer, content, input, introduction, member, notify, refuse, send, text};

/// A modern connection.
#[derive(Default)]
pub(crate) struct Server {
    /// Protects `requestState`: nobody else has this key.
    key: RandomState,
    subscriptions: Vec<Subscription>,
}

struct Subscription {
    id: Value,
    filter: Value,
}

const VERSION: &str = "2026-07-28";
const META: &str = "io.modelcontextprotocol/";
const INVALID_PARAMS: i64 = -32602;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

impl Server {
    pub(crate) fn receive(&mut self, message: &Value) {
        let (id, params) = (member(message, "id"), member(message, "params"));
        let method = text(message, "method");
        if method == "notifications/cancelled" {
            self.subscriptions.retain(|subscription| subscription.id != *member(params, "requestId"));
        }
        if id.is_null() || method.is_empty() {
            return;
        }
        let meta = member(params, "_meta");
        let capabilities = member(meta, &format!("{META}clientCapabilities"));
        match member(meta, &format!("{META}protocolVersion")).as_str() {
            Some(VERSION) if capabilities.is_object() => self.serve(id, method, params),
            None | Some(VERSION) => refuse(id, INVALID_PARAMS, "_meta lacks something", &Value::Null),
            Some(requested) => {
                let data = json!({"supported": [VERSION], "requested": requested});
                refuse(id, UNSUPPORTED_VERSION, "unsupported protocol version", &data);
            }
        }
    }

    fn serve(&mut self, id: &Value, method: &str, params: &Value) {
        let name = text(params, "name");
        let capabilities = member(member(params, "_meta"), &format!("{META}clientCapabilities"));
        match method {
            "server/discover" => {
                let introduction = introduction();
                let capabilities = member(&introduction, "capabilities");
                complete(id, method, &json!({"supportedVersions": [VERSION], "capabilities": capabilities}));
            }
            "subscriptions/listen" => self.listen(id, params),
            "tools/call" | "prompts/get" => {
                match input::rounds(name, member(params, "arguments"), capabilities) {
                    Some(rounds) => self.ask(id, params, &rounds),
                    None => self.respond(id, method, params),
                }
            }
            _ => self.respond(id, method, params),
        }
    }

    fn respond(&self, id: &Value, method: &str, params: &Value) {
        match content::respond(method, params, INVALID_PARAMS) {
            Outcome::Result(result) => complete(id, method, &result),
            Outcome::After(notifications, result) => {
                for notification in notifications {
                    self.publish(&notification, member(params, "_meta"));
                }
                complete(id, method, &result);
            }
            Outcome::Error(code, message) => refuse(id, code, &message, &Value::Null),
        }
    }

    /// Log messages only where they were asked for, changes only to those who listen.
    fn publish(&self, notification: &Value, meta: &Value) {
        let field = match text(notification, "method") {
            "notifications/message" if meta.get(format!("{META}logLevel")).is_none() => return,
            "notifications/tools/list_changed" => "toolsListChanged",
            "notifications/prompts/list_changed" => "promptsListChanged",
            _ => return send(notification),
        };
        for subscription in &self.subscriptions {
            if subscription.filter.get(field) == Some(&Value::Bool(true)) {
                let meta = json!({format!("{META}subscriptionId"): subscription.id});
                notify(text(notification, "method"), &json!({ "_meta": meta }));
            }
        }
    }

    fn listen(&mut self, id: &Value, params: &Value) {
        let filter = member(params, "notifications").clone();
        let meta = json!({format!("{META}subscriptionId"): id});
        notify("notifications/subscriptions/acknowledged", &json!({"_meta": meta, "notifications": filter}));
        self.subscriptions.push(Subscription { id: id.clone(), filter });
    }

    /// Goes through the rounds as far as the responses reach, beginning with the one that the state names.
    fn ask(&self, id: &Value, params: &Value, rounds: &[Vec<Ask>]) {
        let begin = match params.get("requestState").and_then(Value::as_str) {
            Some(state) => match self.round(state) {
                Some(round) => round,
                None => return refuse(id, INVALID_PARAMS, "the requestState was changed", &Value::Null),
            },
            None => 0,
        };
        let brought = member(params, "inputResponses").as_object().cloned().unwrap_or_else(Map::new);
        let responses: Responses = brought.into_iter().filter(|(_, value)| value.is_object()).collect();
        let capabilities = member(member(params, "_meta"), &format!("{META}clientCapabilities"));
        for (number, round) in rounds.iter().enumerate().skip(begin) {
            if let Some(ask) = round.iter().find(|ask| !input::can(capabilities, ask.method)) {
                let data = json!({"requiredCapabilities": {input::capability(ask.method): {}}});
                return refuse(
                    id,
                    MISSING_CAPABILITY,
                    "the client cannot be asked for what is needed",
                    &data,
                );
            }
            let missing: Vec<&Ask> = round.iter().filter(|ask| !responses.contains_key(ask.key)).collect();
            if !missing.is_empty() {
                let requests: Map<String, Value> = missing
                    .into_iter()
                    .map(|ask| (ask.key.to_owned(), json!({"method": ask.method, "params": ask.params})))
                    .collect();
                let state = self.state(number);
                let result =
                    json!({"resultType": "input_required", "inputRequests": requests, "requestState": state});
                return answer(id, &result);
            }
        }
        complete(id, "tools/call", &input::finish(text(params, "name"), &responses));
    }

    fn state(&self, round: usize) -> String {
        format!("{round}.{:016x}", self.key.hash_one(round))
    }

    fn round(&self, state: &str) -> Option<usize> {
        let round = state.split('.').next()?.parse().ok()?;
        (self.state(round) == state).then_some(round)
    }
}

fn complete(id: &Value, method: &str, result: &Value) {
    let mut result = result.clone();
    if let Some(result) = result.as_object_mut() {
        result.insert("resultType".to_owned(), "complete".into());
        if method.ends_with("/list") || matches!(method, "resources/read" | "server/discover") {
            result.insert("ttlMs".to_owned(), 0.into());
            result.insert("cacheScope".to_owned(), "private".into());
        }
        let introduction = introduction();
        let info = member(&introduction, "serverInfo");
        result.insert("_meta".to_owned(), json!({format!("{META}serverInfo"): info}));
    }
    answer(id, &result);
}
