//! `mcp.json`: which servers there are and how each is started.

mod document;
mod program;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use service_kit::settings::{Reader, Strings};

use document::Entry;

/// The servers of one `mcp.json`, by name.
#[derive(Debug, Clone, Default)]
pub struct Servers(BTreeMap<String, Arc<Launch>>);

/// The name of a server: `[a-z0-9][a-z0-9_-]{0,63}`, because it is part of URLs, scopes and tool names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(Arc<str>);

/// How one server is started. Everything in it comes from the operator's file; no request can add to it.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The server's name.
    pub name: ServerName,
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its arguments. There is no shell: each is passed as it stands.
    pub arguments: Vec<String>,
    /// Its whole environment: nothing else of the bridge's own is passed on.
    pub environment: BTreeMap<String, String>,
    /// Its working directory; the bridge's when absent.
    pub directory: Option<PathBuf>,
    /// Whether one child may serve the modern requests of everybody: it keeps nothing of one request for another, and
    /// answers the same whoever asks. False where the operator does not say so.
    pub is_stateless: bool,
}

/// What a child sees of the bridge's own environment. Secrets of the bridge and loader variables are not in it.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER"];

impl Servers {
    /// Reads the file at `path`. `None` when something is wrong; `reader` then holds every mistake in it.
    pub fn load<S: Strings>(path: &Path, environment: &S, reader: &mut Reader<'_, S>) -> Option<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                reader.mistake("MCP_CONFIG", format!("cannot read {}: {error}", path.display()));
                return None;
            }
        };
        match Self::parse(&text, environment) {
            Ok(servers) => Some(servers),
            Err(mistakes) => {
                for mistake in mistakes {
                    reader.mistake("MCP_CONFIG", format!("{}: {mistake}", path.display()));
                }
                None
            }
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every mistake in it, each with its place and what would be right.
    pub fn parse<S: Strings>(text: &str, environment: &S) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut servers = BTreeMap::new();
        for (name, entry) in document::read(text, &mut mistakes) {
            let place = format!("mcpServers.{name}");
            let parsed = ServerName::parse(&name).or_else(|| {
                mistakes
                    .push(format!("{place}: expected a name of a-z, 0-9, _ and -, at most 64 characters"));
                None
            });
            let launch = parsed.zip(entry).and_then(|(parsed, entry)| {
                Launch::resolve(parsed, entry, environment)
                    .map_err(|error| mistakes.push(format!("{place}{error}")))
                    .ok()
            });
            if let Some(launch) = launch {
                servers.insert(name, Arc::new(launch));
            }
        }
        if mistakes.is_empty() { Ok(Self(servers)) } else { Err(mistakes) }
    }

    /// The server that is called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Launch>> {
        self.0.get(name)
    }

    /// The names of all servers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl ServerName {
    /// The name that is written `text`, or `None` when no server may be called so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_plain = text.bytes().next().is_some_and(plain);
        let is_plain = text.bytes().all(|byte| plain(byte) || matches!(byte, b'_' | b'-'));
        (starts_plain && is_plain && text.len() <= 64).then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Launch {
    /// The error continues the place of the entry: it starts with `.member: ` or `: `.
    fn resolve<S: Strings>(name: ServerName, entry: Entry, strings: &S) -> Result<Self, String> {
        let inherited = INHERITED.iter().filter_map(|key| Some(((*key).to_owned(), strings.get(key)?)));
        let mut environment: BTreeMap<String, String> = inherited.collect();
        environment.extend(entry.environment);
        let search = environment.get("PATH").map_or("", String::as_str);
        let program = program::find(&entry.command, search).map_err(|error| format!(".command: {error}"))?;
        let directory = entry.directory.map(PathBuf::from);
        if let Some(missing) = directory.as_ref().filter(|directory| !directory.is_dir()) {
            return Err(format!(".cwd: {} is not a directory", missing.display()));
        }
        let Entry { arguments, is_stateless, .. } = entry;
        Ok(Self { name, program, arguments, environment, directory, is_stateless })
    }
}

#[cfg(test)]
mod tests;
