//! The JSON of `mcp.json`, member by member, so that every mistake has a place and a sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Sandbox;

/// One entry of `mcpServers` whose members have the right types.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) command: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) directory: Option<String>,
    pub(super) sandbox: Option<Sandbox>,
    pub(super) is_stateless: bool,
}

/// The entries of the file by name; `None` for those that are wrong.
pub(super) fn read(text: &str, mistakes: &mut Vec<String>) -> Vec<(String, Option<Entry>)> {
    let top: Members = match serde_json::from_str(text) {
        Ok(top) => top,
        Err(error) => {
            mistakes.push(format!("expected {{\"mcpServers\": {{…}}}}: {error}"));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    let mut seen = false;
    for (key, value) in top.0 {
        if key == "mcpServers" && !seen {
            seen = true;
            entries = servers(&value, mistakes);
        } else {
            mistakes.push(format!("{}: {}", key.escape_debug(), unexpected(seen, &["mcpServers"], &key)));
        }
    }
    if !seen {
        mistakes.push("mcpServers: expected an object with one member per server".to_owned());
    }
    entries
}

const MEMBERS: [&str; 7] = ["command", "args", "env", "cwd", "sandbox", "stateless", "type"];

fn servers(value: &RawValue, mistakes: &mut Vec<String>) -> Vec<(String, Option<Entry>)> {
    let Some(servers) =
        typed::<Members>("mcpServers", value, "an object with one member per server", mistakes)
    else {
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let mut entries = Vec::new();
    for (name, value) in servers.0 {
        if !names.insert(name.clone()) {
            mistakes
                .push(format!("mcpServers.{}: there are two servers with this name", name.escape_debug()));
        }
        let entry = entry(&name, &value, mistakes);
        entries.push((name, entry));
    }
    entries
}

fn entry(name: &str, value: &RawValue, mistakes: &mut Vec<String>) -> Option<Entry> {
    let place = format!("mcpServers.{}", name.escape_debug());
    let members =
        typed::<Members>(&place, value, "an object such as {\"command\": \"npx\", \"args\": []}", mistakes)?;
    if members.0.iter().any(|(key, _)| key == "url") {
        mistakes
            .push(format!("{place}.url: remote servers are not served yet; only entries with a command are"));
        return None;
    }
    let before = mistakes.len();
    let mut entry = Entry::default();
    let mut seen = BTreeSet::new();
    for (key, value) in &members.0 {
        if seen.insert(key.as_str()) && MEMBERS.contains(&key.as_str()) {
            member(&mut entry, &place, (key, value), mistakes);
        } else {
            let message = unexpected(MEMBERS.contains(&key.as_str()), &MEMBERS, key);
            mistakes.push(format!("{place}.{}: {message}", key.escape_debug()));
        }
    }
    if !seen.contains("command") {
        mistakes.push(format!("{place}.command: expected the program to start, such as \"npx\""));
    }
    (mistakes.len() == before).then_some(entry)
}

fn member(entry: &mut Entry, place: &str, (key, value): (&str, &RawValue), mistakes: &mut Vec<String>) {
    let place = format!("{place}.{key}");
    match key {
        "command" => entry.command = string(&place, value, mistakes).unwrap_or_default(),
        "args" => entry.arguments = typed(&place, value, "a list of strings", mistakes).unwrap_or_default(),
        "env" => entry.environment = environment(&place, value, mistakes),
        "cwd" => entry.directory = string(&place, value, mistakes),
        "sandbox" => entry.sandbox = sandbox(&place, value, mistakes),
        "stateless" => {
            entry.is_stateless = typed(&place, value, "true or false", mistakes).unwrap_or_default();
        }
        _ => {
            if value.get() != "\"stdio\"" {
                mistakes.push(format!("{place}: expected \"stdio\"; remote servers are not served yet"));
            }
        }
    }
    if entry.arguments.iter().any(|argument| argument.contains('\0')) {
        mistakes.push(format!("{place}: expected strings without the character NUL"));
    }
}

fn string(place: &str, value: &RawValue, mistakes: &mut Vec<String>) -> Option<String> {
    let text: String = typed(place, value, "a string", mistakes)?;
    if text.is_empty() || text.contains('\0') {
        mistakes.push(format!("{place}: expected a string that is not empty and has no character NUL"));
    }
    Some(text)
}

fn environment(place: &str, value: &RawValue, mistakes: &mut Vec<String>) -> BTreeMap<String, String> {
    let variables: BTreeMap<String, String> =
        typed(place, value, "an object whose values are strings", mistakes).unwrap_or_default();
    for (name, value) in &variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            mistakes.push(format!("{place}.{}: not a possible environment variable", name.escape_debug()));
        }
    }
    variables
}

fn sandbox(place: &str, value: &RawValue, mistakes: &mut Vec<String>) -> Option<Sandbox> {
    match serde_json::from_str::<Sandbox>(value.get()) {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            mistakes.push(format!("{place}: {error}"));
            None
        }
    }
}

fn unexpected(known: bool, members: &[&str], key: &str) -> String {
    if known && members.contains(&key) {
        "this member is there twice".to_owned()
    } else {
        format!("unknown member; expected {}", members.join(", "))
    }
}

/// Never repeats the value: it may hold secrets.
fn typed<T: DeserializeOwned>(
    place: &str,
    value: &RawValue,
    expected: &str,
    mistakes: &mut Vec<String>,
) -> Option<T> {
    let parsed = serde_json::from_str(value.get()).ok();
    if parsed.is_none() {
        mistakes.push(format!("{place}: expected {expected}"));
    }
    parsed
}

/// The members of an object in their order, doubles included.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
