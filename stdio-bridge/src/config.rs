//! `mcp.json`: which servers there are and how each is started.

mod document;
mod file;
mod program;
mod sandbox;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use service_kit::settings::{Reader, Strings};

use document::Entry;
pub use file::ConfigFile;
pub use sandbox::Sandbox;

/// The servers of one `mcp.json`, by name; or the one server that a command line names.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    by_name: BTreeMap<String, Arc<Launch>>,
    /// The one that is served at `/mcp` too.
    alone: Option<Arc<Launch>>,
}

/// The name of a server: `[a-z0-9][a-z0-9_-]{0,63}`, because it is part of URLs, scopes and tool names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(Arc<str>);

/// What becomes of a server when the file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was none of this name.
    Added,
    /// Its entry is another.
    Changed,
    /// There is none of this name any more.
    Removed,
}

/// How one server is started. Everything in it comes from the operator's file; no request can add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What is taken away from it before it starts.
    pub sandbox: Option<Sandbox>,
    /// Whether one child may serve the modern requests of everybody: it keeps nothing of one request for another, and
    /// answers the same whoever asks. False where the operator does not say so.
    pub is_stateless: bool,
}

/// What a child sees of the bridge's own environment. Secrets of the bridge and loader variables are not in it.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER"];

impl Servers {
    /// Reads the file that `MCP_CONFIG` names. `None` when something is wrong; `reader` then holds every mistake in it.
    pub fn read<S: Strings>(environment: &S, reader: &mut Reader<'_, S>) -> Option<(ConfigFile, Self)> {
        let path: PathBuf = reader.or("MCP_CONFIG", PathBuf::from("mcp.json"), "a file such as mcp.json");
        match ConfigFile::open(&path, environment) {
            Ok(opened) => Some(opened),
            Err(mistakes) => {
                for mistake in mistakes {
                    reader.mistake("MCP_CONFIG", mistake);
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
                variables::fill(entry, environment)
                    .and_then(|entry| {
                        Launch::resolve(parsed, entry, environment).map_err(|error| vec![error])
                    })
                    .map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("{place}{error}"))))
                    .ok()
            });
            if let Some(launch) = launch {
                servers.insert(name, Arc::new(launch));
            }
        }
        if mistakes.is_empty() { Ok(Self { by_name: servers, alone: None }) } else { Err(mistakes) }
    }

    /// The one server that `words`, a program and its arguments, start; `environment` is added to what every server sees.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn alone<S: Strings>(
        name: ServerName,
        words: &[String],
        environment: BTreeMap<String, String>,
        strings: &S,
    ) -> Result<Self, String> {
        let (command, arguments) = words.split_first().ok_or("expected the program to start")?;
        let (command, arguments) = (command.clone(), arguments.to_vec());
        let launch =
            Launch::resolve(name, Entry { command, arguments, environment, ..Entry::default() }, strings)
                .map_err(|error| error.trim_start_matches(['.', ' ']).to_owned())?;
        let launch = Arc::new(launch);
        let by_name = BTreeMap::from([(launch.name.to_string(), Arc::clone(&launch))]);
        Ok(Self { by_name, alone: Some(launch) })
    }

    /// The server at `/mcp`, when there is one alone.
    #[must_use]
    pub const fn at_root(&self) -> Option<&Arc<Launch>> {
        self.alone.as_ref()
    }

    /// The server that is called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Launch>> {
        self.by_name.get(name)
    }

    /// What becomes of each server when `next` takes the place of these. Those that stay as they are are left out.
    #[must_use]
    pub fn changes(&self, next: &Self) -> BTreeMap<ServerName, Change> {
        let all = self.by_name.values().chain(next.by_name.values()).map(|launch| &launch.name);
        let change = |name: &ServerName| match (self.get(name.as_str()), next.get(name.as_str())) {
            (None, Some(_)) => Some(Change::Added),
            (Some(_), None) => Some(Change::Removed),
            (Some(old), Some(new)) if old != new => Some(Change::Changed),
            _ => None,
        };
        all.filter_map(|name| Some((name.clone(), change(name)?))).collect()
    }

    /// The names of all servers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
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
        let Entry { arguments, sandbox, is_stateless, .. } = entry;
        Ok(Self { name, program, arguments, environment, directory, sandbox, is_stateless })
    }
}

#[cfg(test)]
mod tests;
