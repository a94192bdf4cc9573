//! The names of the MCP servers: all that the launcher needs of `mcp.json`. The bridge reads the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gateway_core::resource::ServerName;
use serde::Deserialize;

/// Why the server names could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// The file is not there or not readable.
    #[error("MCP_CONFIG: cannot read {path}: {cause}", path = .0.display(), cause = .1)]
    Unreadable(PathBuf, std::io::Error),
    /// The file is not `{"mcpServers": {…}}`.
    #[error("MCP_CONFIG: {path}: {cause}", path = .0.display(), cause = .1)]
    Malformed(PathBuf, serde_json::Error),
    /// A name cannot be part of an address.
    #[error("MCP_CONFIG: the server name \"{0}\" cannot be part of an address: {1}")]
    Name(String, gateway_core::resource::NotAServerName),
    /// There is no server to run.
    #[error("MCP_CONFIG: {path} names no server", path = .0.display())]
    None(PathBuf),
}

#[derive(Deserialize)]
struct McpConfig {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, serde_json::Value>,
}

/// Reads the names of all servers in `path`, in alphabetical order.
///
/// # Errors
/// [`ServersError`], worded for the operator.
pub fn read_names(path: &Path) -> Result<Vec<ServerName>, ServersError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ServersError::Unreadable(path.to_owned(), error))?;
    let config: McpConfig =
        serde_json::from_str(&text).map_err(|error| ServersError::Malformed(path.to_owned(), error))?;
    let names: Result<Vec<ServerName>, ServersError> = config
        .servers
        .into_keys()
        .map(|name| name.parse().map_err(|error| ServersError::Name(name, error)))
        .collect();
    let names = names?;
    if names.is_empty() { Err(ServersError::None(path.to_owned())) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let names = read_names(file.path()).map_err(|error| error.to_string())?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_come_sorted_and_the_rest_is_not_looked_at() {
        let names = read(r#"{"mcpServers":{"time":{"command":"x"},"everything":{"anything":[1]}}}"#);
        assert_eq!(names.unwrap(), ["everything", "time"]);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_with_its_setting() {
        for (text, part) in [
            ("{", "EOF"),
            ("{}", "missing field `mcpServers`"),
            (r#"{"mcpServers":{}}"#, "names no server"),
            (r#"{"mcpServers":{"a b":{}}}"#, "\"a b\" cannot be part of an address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("MCP_CONFIG: ") && error.contains(part), "{error}");
        }
    }
}
