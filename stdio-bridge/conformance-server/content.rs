//! What is answered at once: lists, resources, prompts, and the tools that ask for nothing.

use serde_json::{Value, json};

use crate::{Outcome, input, member, text};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const INVALID_PARAMS: i64 = -32602;
const METHOD_NOT_FOUND: i64 = -32601;

/// Answers a request of either era; `not_found` is that era's code for a resource that is not there.
pub(crate) fn respond(method: &str, params: &Value, not_found: i64) -> Outcome {
    match method {
        "tools/list" => Outcome::Result(json!({"tools": tools()})),
        "tools/call" => call(params),
        "resources/list" => Outcome::Result(json!({"resources": resources()})),
        "resources/templates/list" => Outcome::Result(json!({"resourceTemplates": [
            {"uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json"},
        ]})),
        "resources/read" => read(text(params, "uri"), not_found),
        "prompts/list" => Outcome::Result(json!({"prompts": prompts()})),
        "prompts/get" => prompt(text(params, "name"), member(params, "arguments")),
        "completion/complete" => {
            Outcome::Result(json!({"completion": {"values": [], "total": 0, "hasMore": false}}))
        }
        _ => Outcome::Error(METHOD_NOT_FOUND, format!("there is no method {method}")),
    }
}

const SIMPLE: [&str; 13] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_error_handling",
    "test_reconnection",
    "test_missing_capability",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
];

fn tools() -> Vec<Value> {
    let names = SIMPLE.into_iter().chain(input::tools());
    let simple = names.map(|name| {
        let description = format!("The fixture {name} of the conformance suite");
        json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
    });
    let address = json!({"type": "object", "properties": {"street": {"type": "string"}}});
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": address},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "additionalProperties": false,
    });
    let described = json!({"name": "json_schema_2020_12_tool", "description": "Tool with JSON Schema 2020-12 features",
            "inputSchema": schema});
    simple.chain([described]).collect()
}

fn call(params: &Value) -> Outcome {
    let token = params.get("_meta").map_or(&Value::Null, |meta| member(meta, "progressToken"));
    let content = match text(params, "name") {
        "test_simple_text" => json!([words("This is a simple text response for testing.")]),
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => json!([embedded("test://embedded-resource")]),
        "test_multiple_content_types" => {
            json!([words("Multiple content types test:"), image(), embedded("test://mixed-content-resource")])
        }
        "test_tool_with_logging" | "test_logging_tool" => {
            let steps = ["Tool execution started", "Tool processing data", "Tool execution completed"];
            let logs = steps
                .map(|data| notification("notifications/message", &json!({"level": "info", "data": data})));
            return Outcome::After(logs.into(), json!({"content": [words("logged")]}));
        }
        "test_tool_with_progress" => {
            let steps = [0, 50, 100].map(|progress| {
                let params = json!({"progressToken": token, "progress": progress, "total": 100});
                notification("notifications/progress", &params)
            });
            let steps = if token.is_null() { Vec::new() } else { steps.into() };
            return Outcome::After(steps, json!({"content": [words(&token.to_string())]}));
        }
        "test_error_handling" => {
            let content = [words("This tool intentionally returns an error for testing")];
            return Outcome::Result(json!({"content": content, "isError": true}));
        }
        "test_trigger_tool_change" => return changed("notifications/tools/list_changed"),
        "test_trigger_prompt_change" => return changed("notifications/prompts/list_changed"),
        name if SIMPLE.contains(&name) || name == "json_schema_2020_12_tool" => json!([words("done")]),
        name => return Outcome::Error(INVALID_PARAMS, format!("there is no tool {name}")),
    };
    Outcome::Result(json!({ "content": content }))
}

fn changed(method: &str) -> Outcome {
    Outcome::After(vec![json!({"jsonrpc": "2.0", "method": method})], json!({"content": [words("changed")]}))
}

fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

pub(crate) fn words(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn image() -> Value {
    json!({"type": "image", "data": PNG, "mimeType": "image/png"})
}

fn embedded(uri: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": "text/plain", "text": "An embedded resource."}})
}

fn resources() -> Value {
    json!([
        {"uri": "test://static-text", "name": "static-text", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png"},
        {"uri": "test://watched-resource", "name": "watched-resource", "mimeType": "text/plain"},
    ])
}

fn read(uri: &str, not_found: i64) -> Outcome {
    let template = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    let content = match (uri, template) {
        ("test://static-text", _) => {
            json!({"mimeType": "text/plain", "text": "The content of a static text."})
        }
        ("test://static-binary", _) => json!({"mimeType": "image/png", "blob": PNG}),
        ("test://watched-resource", _) => {
            json!({"mimeType": "text/plain", "text": "Watched resource content"})
        }
        (_, Some(id)) => {
            json!({"mimeType": "application/json", "text": json!({"id": id, "templateTest": true}).to_string()})
        }
        _ => return Outcome::Error(not_found, "Resource not found".to_owned()),
    };
    let mut content = content;
    if let Some(content) = content.as_object_mut() {
        content.insert("uri".to_owned(), uri.into());
    }
    Outcome::Result(json!({ "contents": [content] }))
}

fn prompts() -> Value {
    let argument = |name: &str| json!({"name": name, "description": "An argument", "required": true});
    json!([
        {"name": "test_simple_prompt", "description": "A prompt without arguments"},
        {"name": "test_prompt_with_arguments", "description": "A prompt with arguments",
            "arguments": [argument("arg1"), argument("arg2")]},
        {"name": "test_prompt_with_embedded_resource", "description": "A prompt with a resource in it",
            "arguments": [argument("resourceUri")]},
        {"name": "test_prompt_with_image", "description": "A prompt with an image in it"},
        {"name": input::PROMPT, "description": "A prompt that asks first"},
    ])
}

fn prompt(name: &str, arguments: &Value) -> Outcome {
    let content = match name {
        "test_simple_prompt" => words("This is a simple prompt for testing."),
        "test_prompt_with_arguments" => {
            let (one, two) = (text(arguments, "arg1"), text(arguments, "arg2"));
            words(&format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))
        }
        "test_prompt_with_embedded_resource" => embedded(text(arguments, "resourceUri")),
        "test_prompt_with_image" => image(),
        _ => return Outcome::Error(INVALID_PARAMS, format!("there is no prompt {name}")),
    };
    Outcome::Result(json!({"messages": [{"role": "user", "content": content}]}))
}
