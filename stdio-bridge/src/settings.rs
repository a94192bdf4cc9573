//! The settings of the bridge, read once from the environment.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use edge_assertion::EdgeKey;
use service_kit::layout::Layout;
use service_kit::settings::{Reader, Strings};

use crate::config::Servers;

/// Where the bridge listens when nobody says otherwise: what it serves has no protection of its own.
pub(crate) const DEFAULT_BIND: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3000));

/// Everything the bridge has to know before it binds its port.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `BRIDGE_BIND`: where the bridge listens.
    pub bind: SocketAddr,
    /// Whom the bridge answers.
    pub access: AccessSettings,
    /// How much of everything there may be.
    pub limits: Limits,
    /// What is served.
    pub servers: Servers,
}

/// Whom the bridge answers.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// `PUBLIC_URL` or `BASE_DOMAIN`: the issuer's host is an allowed `Host` and origin, beside loopback; the host of a server
    /// is an allowed `Host`.
    pub layout: Layout,
    /// `BRIDGE_ALLOWED_ORIGINS`: further web origins that may call, in canonical form.
    pub origins: Vec<Origin>,
    /// `BRIDGE_REQUIRE_IDENTITY`: refuse requests without `x-user-id`.
    pub require_identity: bool,
    /// `EDGE_KEY` or `EDGE_KEY_FILE`: refuse requests without an assertion of the edge that was made with one of these
    /// keys; two while one replaces the other. None: nothing has to be proven.
    pub edge_keys: Vec<EdgeKey>,
}

/// Bounds. Every queue, wait and count of the bridge ends at one of them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `MCP_SESSION_IDLE_SECONDS`: a session without requests ends after this time.
    pub idle: Duration,
    /// An open GET stream keeps a session without requests alive for this time at most.
    pub idle_with_stream: Duration,
    /// `MCP_REQUEST_TIMEOUT_SECONDS`: a request without answer or progress fails after this time.
    pub request_timeout: Duration,
    /// `MCP_REQUEST_LIFE_SECONDS`: a request without answer fails after this time, whatever its progress.
    pub request_life: Duration,
    /// A POST without an answer so far becomes an event stream after this time, so that nobody on the way gives up.
    pub patience: Duration,
    /// A reader that has not made room for this time, while much waits for it, is cut.
    pub reader_patience: Duration,
    /// Between two signs of life on an event stream.
    pub keep_alive: Duration,
    /// `MCP_MAX_SESSIONS`: sessions, and so child processes, in all.
    pub max_sessions: usize,
    /// `MCP_MAX_SESSIONS_PER_USER`: sessions of one `x-user-id`.
    pub max_sessions_per_user: usize,
    /// `MCP_MAX_MESSAGE_BYTES`: one message, in either direction.
    pub max_message_bytes: usize,
    /// What a client of a legacy session may come back for.
    pub replay: ReplayLimits,
    /// How long an answer to `server/discover` is waited for before a server counts as one that knows only `initialize`.
    pub probe_timeout: Duration,
    /// How long, after a server has asked its client for something, it may ask for more in the same answer.
    pub gather: Duration,
    /// How long a server's question to its client stays open.
    pub input_timeout: Duration,
    /// How long the body of a request may stand still.
    pub read_timeout: Duration,
    /// From closing a child's stdin to SIGTERM.
    pub exit_grace: Duration,
    /// From SIGTERM to SIGKILL.
    pub terminate_grace: Duration,
}

/// How many events of a legacy session are kept for clients whose connection broke.
#[derive(Debug, Clone, Copy)]
pub struct ReplayLimits {
    /// `MCP_REPLAY_EVENTS`: their number; 0 keeps none.
    pub events: usize,
    /// `MCP_REPLAY_BYTES`: their length together. An answer that is longer is kept alone if its client had gone before it.
    pub bytes: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { events: 256, bytes: 256 * 1024 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            idle_with_stream: Duration::from_secs(12 * 60 * 60),
            request_timeout: Duration::from_secs(5 * 60),
            request_life: Duration::from_secs(60 * 60),
            patience: Duration::from_secs(5),
            reader_patience: Duration::from_secs(5),
            keep_alive: Duration::from_secs(15),
            max_sessions: 256,
            max_sessions_per_user: 16,
            max_message_bytes: 16 * 1024 * 1024,
            replay: ReplayLimits::default(),
            probe_timeout: Duration::from_secs(10),
            gather: Duration::from_millis(25),
            input_timeout: Duration::from_secs(5 * 60),
            read_timeout: Duration::from_secs(30),
            exit_grace: Duration::from_secs(2),
            terminate_grace: Duration::from_secs(3),
        }
    }
}

/// A web origin (RFC 6454): scheme, host and port, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin, as browsers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let origin = url::Url::parse(text).map_err(|_| ())?.origin();
        let canonical = origin.ascii_serialization();
        if origin.is_tuple() && text.trim_end_matches('/') == canonical {
            Ok(Self(canonical))
        } else {
            Err(())
        }
    }
}

impl Settings {
    /// Reads all settings but the `servers`. Is only to be used when `reader` has seen no mistake.
    pub fn read<S: Strings>(reader: &mut Reader<'_, S>, servers: Servers) -> Self {
        let bind = reader.or("BRIDGE_BIND", DEFAULT_BIND, "an address and port such as 127.0.0.1:3000");
        let access = AccessSettings::read(reader);
        let limits = Limits::read(reader);
        Self { bind, access, limits, servers }
    }
}

impl AccessSettings {
    fn read<S: Strings>(reader: &mut Reader<'_, S>) -> Self {
        let layout = Layout::read(reader);
        let list: Option<String> = reader.optional("BRIDGE_ALLOWED_ORIGINS", "origins");
        let mut origins = Vec::new();
        for text in
            list.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|text| !text.is_empty())
        {
            match text.parse() {
                Ok(origin) => origins.push(origin),
                Err(()) => reader.mistake(
                    "BRIDGE_ALLOWED_ORIGINS",
                    format!(
                        "expected origins such as https://app.example, separated by commas, got \"{}\"",
                        text.escape_debug()
                    ),
                ),
            }
        }
        let require_identity = reader.or("BRIDGE_REQUIRE_IDENTITY", false, "true or false");
        Self { layout, origins, require_identity, edge_keys: edge_keys(reader) }
    }
}

/// Most edge keys at once: the one in use, and the one that replaces it.
const MOST_EDGE_KEYS: usize = 2;

/// A setting that is there but holds no good key is a mistake: it must not mean that nothing has to be proven.
fn edge_keys<S: Strings>(reader: &mut Reader<'_, S>) -> Vec<EdgeKey> {
    const NAME: &str = "EDGE_KEY";
    let Some(list) = reader.secret(NAME) else { return Vec::new() };
    let mut keys: Vec<EdgeKey> = Vec::new();
    for (text, number) in list.split(',').zip(1..) {
        let key = EdgeKey::parse(text.trim());
        match key.map_err(|error| format!("{error} (key {number})")) {
            Ok(key) if keys.iter().any(|other| other.id() == key.id()) => {
                reader.mistake(NAME, format!("expected different keys, got one twice (key {number})"));
            }
            Ok(key) => keys.push(key),
            Err(mistake) => reader.mistake(NAME, mistake),
        }
    }
    if keys.len() > MOST_EDGE_KEYS {
        reader.mistake(NAME, "expected one key, or two, separated by a comma, while one replaces the other");
    }
    keys
}

impl Limits {
    fn read<S: Strings>(reader: &mut Reader<'_, S>) -> Self {
        let default = Self::default();
        Self {
            idle: seconds(reader, "MCP_SESSION_IDLE_SECONDS", default.idle),
            request_timeout: seconds(reader, "MCP_REQUEST_TIMEOUT_SECONDS", default.request_timeout),
            request_life: seconds(reader, "MCP_REQUEST_LIFE_SECONDS", default.request_life),
            max_sessions: count(reader, "MCP_MAX_SESSIONS", default.max_sessions),
            max_sessions_per_user: count(reader, "MCP_MAX_SESSIONS_PER_USER", default.max_sessions_per_user),
            max_message_bytes: count(reader, "MCP_MAX_MESSAGE_BYTES", default.max_message_bytes),
            replay: ReplayLimits {
                events: reader.or("MCP_REPLAY_EVENTS", default.replay.events, "a whole number"),
                bytes: count(reader, "MCP_REPLAY_BYTES", default.replay.bytes),
            },
            ..default
        }
    }
}

/// Longest time that can be set: 30 days. Longer ones are mistakes, and could overflow the clock.
const LONGEST_SECONDS: u64 = 30 * 24 * 60 * 60;

fn seconds<S: Strings>(reader: &mut Reader<'_, S>, name: &str, default: Duration) -> Duration {
    let Some(given) = reader.optional::<NonZeroU64>(name, "a whole number of seconds above 0") else {
        return default;
    };
    if given.get() > LONGEST_SECONDS {
        reader.mistake(name, format!("expected at most {LONGEST_SECONDS} seconds, got {given}"));
    }
    Duration::from_secs(given.get())
}

fn count<S: Strings>(reader: &mut Reader<'_, S>, name: &str, default: usize) -> usize {
    reader.optional::<NonZeroUsize>(name, "a whole number above 0").map_or(default, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn mistakes(settings: &[(&str, &str)]) -> String {
        let map: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&map);
        let servers = Servers::read(&map, &mut reader).map(|(_, servers)| servers);
        Settings::read(&mut reader, servers.unwrap_or_default());
        reader.finish().unwrap_err().to_string()
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let told = mistakes(&[
            ("BRIDGE_BIND", "3000"),
            ("PUBLIC_URL", "https://gateway.example/path"),
            ("BRIDGE_ALLOWED_ORIGINS", "https://a.example, nonsense"),
            ("BRIDGE_REQUIRE_IDENTITY", "yes"),
            ("MCP_MAX_SESSIONS", "0"),
            ("MCP_SESSION_IDLE_SECONDS", "99999999999"),
            ("MCP_CONFIG", "/nonexistent/mcp.json"),
        ]);
        for name in [
            "BRIDGE_BIND",
            "PUBLIC_URL",
            "BRIDGE_ALLOWED_ORIGINS",
            "BRIDGE_REQUIRE_IDENTITY",
            "MCP_MAX_SESSIONS",
            "MCP_SESSION_IDLE_SECONDS",
            "MCP_CONFIG",
        ] {
            assert!(told.lines().any(|line| line.starts_with(name)), "{name} is missing in:\n{told}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_only() {
        assert_eq!("https://app.example".parse(), Ok(Origin("https://app.example".to_owned())));
        for text in
            ["app.example", "null", "https://app.example/x", "file:///x", "https://a.example:443", "*"]
        {
            assert_eq!(text.parse::<Origin>(), Err(()), "{text}");
        }
    }

    const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
    const NEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn one_edge_key_or_two_can_be_set() {
        for (text, expected) in
            [("", 0), (KEY, 1), (&format!("{KEY},{NEXT}"), 2), (&format!(" {KEY} , {NEXT} "), 2)]
        {
            let map = BTreeMap::from([("EDGE_KEY".to_owned(), text.to_owned())]);
            let mut reader = Reader::new(&map);
            assert_eq!(AccessSettings::read(&mut reader).edge_keys.len(), expected);
            reader.finish().unwrap();
        }
    }

    #[test]
    fn an_edge_key_that_is_none_is_a_mistake_and_never_shown() {
        let third = KEY.replace("0a1b", "0a1c");
        for (text, expected) in [
            ("hunter2hunter2", "EDGE_KEY: expected "),
            ("correct horse", "`openssl rand -hex 32` (key 1)"),
            (&format!("{KEY},"), "256 random bits, such as the output of `openssl rand -hex 32` (key 2)"),
            (&format!("{KEY},{KEY}"), "expected different keys, got one twice (key 2)"),
            (&format!("{KEY},{NEXT},{third}"), "expected one key, or two"),
        ] {
            let told = mistakes(&[("EDGE_KEY", text), ("MCP_CONFIG", "/nonexistent/mcp.json")]);
            assert!(told.contains(expected), "{told}");
            for secret in ["hunter2", "correct", "0a1b2c3d", "AAECAwQF"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }

    #[test]
    fn an_empty_file_is_no_way_to_require_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let told = mistakes(&[("EDGE_KEY_FILE", path), ("MCP_CONFIG", "/nonexistent/mcp.json")]);
        assert!(told.contains("EDGE_KEY: expected at least 256 random bits"), "{told}");
    }
}
