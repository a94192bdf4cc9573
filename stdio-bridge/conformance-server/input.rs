//! Tools, and one prompt, that need something from the client before they can answer: round after round.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::content::words;

/// The results of the client, by the keys of the requests.
pub(crate) type Responses = BTreeMap<String, Value>;

/// A request to the client.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) key: &'static str,
    pub(crate) method: &'static str,
    pub(crate) params: Value,
}

/// The name of the prompt.
pub(crate) const PROMPT: &str = "test_input_required_result_prompt";

/// The names of the tools.
pub(crate) fn tools() -> impl Iterator<Item = &'static str> {
    [
        "test_sampling",
        "test_elicitation",
        "test_elicitation_sep1034_defaults",
        "test_elicitation_sep1330_enums",
        "test_streaming_elicitation",
        "test_input_required_result_elicitation",
        "test_input_required_result_sampling",
        "test_input_required_result_list_roots",
        "test_input_required_result_request_state",
        "test_input_required_result_multiple_inputs",
        "test_input_required_result_multi_round",
        "test_input_required_result_tampered_state",
        "test_input_required_result_capabilities",
    ]
    .into_iter()
}

/// What is asked for, round by round; `None` when `name` asks for nothing. A client is only asked for what it can do.
pub(crate) fn rounds(name: &str, arguments: &Value, capabilities: &Value) -> Option<Vec<Vec<Ask>>> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let rounds = match name {
        "test_sampling" => vec![vec![sampling("sampling", &argument("prompt"))]],
        "test_missing_capability" => vec![vec![sampling("sampling", "Hello")]],
        "test_elicitation" => vec![vec![form("elicitation", &argument("message"), "response")]],
        "test_elicitation_sep1034_defaults" => vec![vec![elicit("defaults", "Please review", &defaults())]],
        "test_elicitation_sep1330_enums" => vec![vec![elicit("enums", "Please select", &enums())]],
        "test_streaming_elicitation"
        | "test_input_required_result_elicitation"
        | "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => {
            vec![vec![form("user_name", "What is your name?", "name")]]
        }
        PROMPT => vec![vec![form("user_context", "What context should the prompt use?", "context")]],
        "test_input_required_result_sampling" => {
            vec![vec![sampling("capital_question", "What is the capital of France?")]]
        }
        "test_input_required_result_list_roots" => vec![vec![roots("client_roots")]],
        "test_input_required_result_multiple_inputs" => vec![vec![
            form("user_name", "What is your name?", "name"),
            sampling("greeting", "Generate a greeting"),
            roots("client_roots"),
        ]],
        "test_input_required_result_multi_round" => vec![
            vec![form("step1", "Step 1: What is your name?", "name")],
            vec![form("step2", "Step 2: What is your favorite color?", "color")],
        ],
        "test_input_required_result_capabilities" => {
            let all = [form("user_name", "What is your name?", "name"), sampling("greeting", "Hello")];
            vec![all.into_iter().filter(|ask| can(capabilities, ask.method)).collect()]
        }
        _ => return None,
    };
    Some(rounds)
}

/// The capability that a client needs for `method`.
pub(crate) fn capability(method: &str) -> &'static str {
    match method {
        "roots/list" => "roots",
        "sampling/createMessage" => "sampling",
        _ => "elicitation",
    }
}

/// Whether the client can be asked for `method`.
pub(crate) fn can(capabilities: &Value, method: &str) -> bool {
    capabilities.get(capability(method)).is_some()
}

/// The result after the last round.
pub(crate) fn finish(name: &str, responses: &Responses) -> Value {
    let told = serde_json::to_string(responses).unwrap_or_default();
    if name == PROMPT {
        return json!({"messages": [{"role": "user", "content": words(&told)}]});
    }
    let sampled = responses.values().find_map(|response| response.get("content")?.get("text")?.as_str());
    let elicited = responses.values().find(|response| response.get("action").is_some());
    let text = match (name, sampled, elicited) {
        ("test_sampling", Some(text), _) => format!("LLM response: {text}"),
        ("test_elicitation", _, Some(answer)) => said("User response", answer),
        (name, _, Some(answer)) if name.starts_with("test_elicitation_") => {
            said("Elicitation completed", answer)
        }
        ("test_input_required_result_request_state", _, _) => format!("state-ok {told}"),
        _ => told,
    };
    json!({"content": [words(&text)]})
}

fn said(what: &str, answer: &Value) -> String {
    let empty = json!({});
    let action = answer.get("action").and_then(Value::as_str).unwrap_or_default();
    format!("{what}: action={action}, content={}", answer.get("content").unwrap_or(&empty))
}

fn elicit(key: &'static str, message: &str, properties: &Value) -> Ask {
    let schema = json!({"type": "object", "properties": properties, "required": []});
    let params = json!({"message": message, "requestedSchema": schema});
    Ask { key, method: "elicitation/create", params }
}

fn form(key: &'static str, message: &str, field: &str) -> Ask {
    let schema = json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]});
    let params = json!({"message": message, "requestedSchema": schema});
    Ask { key, method: "elicitation/create", params }
}

fn sampling(key: &'static str, prompt: &str) -> Ask {
    let message = json!({"role": "user", "content": words(prompt)});
    Ask { key, method: "sampling/createMessage", params: json!({"messages": [message], "maxTokens": 100}) }
}

fn roots(key: &'static str) -> Ask {
    Ask { key, method: "roots/list", params: json!({}) }
}

/// SEP-1034: a default for every primitive type.
fn defaults() -> Value {
    json!({
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {"type": "string", "description": "User status", "enum": ["active", "inactive", "pending"],
            "default": "active"},
        "verified": {"type": "boolean", "description": "Verification status", "default": true},
    })
}

/// SEP-1330: all five kinds of enumeration.
fn enums() -> Value {
    let options = ["option1", "option2", "option3"];
    let titled = [("value1", "First"), ("value2", "Second"), ("value3", "Third")]
        .map(|(value, title)| json!({"const": value, "title": title}));
    json!({
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "minItems": 1, "maxItems": 3,
            "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": titled}},
    })
}
