//! The names of the MCP servers: all that edge and auth service need of `mcp.json`. The bridge reads the rest.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::json;
use crate::resource::{NotAServerName, ServerName};

/// Why the names could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// The document is not `{"mcpServers": {…}}`.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// A name cannot be part of an address.
    #[error("mcpServers: the name \"{}\" cannot be part of an address: {}", .0.escape_debug(), .1)]
    Name(String, NotAServerName),
    /// There is no server.
    #[error("mcpServers names no server")]
    None,
}

#[derive(Deserialize)]
struct McpConfig {
    #[serde(rename = "mcpServers")]
    servers: Map<String, Value>,
}

/// Reads the names in `document`, in alphabetical order.
///
/// # Errors
/// [`ServersError`], worded for the operator.
pub fn names(document: &[u8]) -> Result<Vec<ServerName>, ServersError> {
    let McpConfig { servers } = json::object(document)?;
    let parse = |name: &String| name.parse().map_err(|error| ServersError::Name(name.clone(), error));
    let mut names = servers.keys().map(parse).collect::<Result<Vec<ServerName>, _>>()?;
    names.sort();
    if names.is_empty() { Err(ServersError::None) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let names = names(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_come_sorted_and_the_rest_is_not_looked_at() {
        let names = read(r#"{"mcpServers":{"time":{"command":"x"},"everything":{"anything":[1]}}}"#);
        assert_eq!(names.unwrap(), ["everything", "time"]);
    }

    #[test]
    fn a_document_that_cannot_be_used_is_told_with_its_reason() {
        for (text, reason) in [
            ("{", "EOF"),
            ("[]", "expected a JSON object"),
            ("{}", "missing field `mcpServers`"),
            (r#"{"mcpServers":{}}"#, "names no server"),
            (r#"{"mcpServers":{"a b":{}}}"#, "\"a b\" cannot be part of an address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
