//! What a client can do, and what it wants to hear: the `_meta` that every modern request carries (2026-07-28, "`_meta`").

use serde_json::value::RawValue;

use crate::input::InputMethod;
use crate::jsonrpc::{Message, ParseError, Rigour, read_object, string};
use crate::params::Params;

/// The capabilities that a client declares (2026-07-28, `ClientCapabilities`), and their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCapabilities<'a> {
    text: &'a str,
    roots: bool,
    sampling: bool,
    elicitation: Elicitation,
}

/// Which ways of asking the user a client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Elicitation {
    form: bool,
    url: bool,
}

/// The severities of log messages, mildest first (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `notice`
    Notice,
    /// `warning`
    Warning,
    /// `error`
    Error,
    /// `critical`
    Critical,
    /// `alert`
    Alert,
    /// `emergency`
    Emergency,
}

/// What a modern request says about its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestMeta<'a> {
    /// `io.modelcontextprotocol/clientCapabilities`
    pub capabilities: ClientCapabilities<'a>,
    /// `io.modelcontextprotocol/clientInfo`, as JSON; a client should send it.
    pub client_info: Option<&'a str>,
    /// `io.modelcontextprotocol/logLevel`: the mildest log messages that are wanted; without it, none are.
    pub log_level: Option<LogLevel>,
}

/// Why the `_meta` of a modern request is not one: HTTP 400, -32602.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// It is not there, or lacks a member that every request must have.
    #[error("params._meta must have the member \"{0}\"")]
    Missing(&'static str),
    /// A member has the wrong type, or is there twice.
    #[error("params._meta[\"{0}\"] is not valid")]
    Invalid(&'static str),
    /// `_meta` cannot be read without doubt.
    #[error("in params._meta: {0}")]
    Ambiguous(ParseError),
}

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The members of `_meta` that only modern messages have: a legacy server does not get them.
pub(crate) const MODERN_MEMBERS: [&str; 4] = [VERSION, CAPABILITIES, CLIENT_INFO, LOG_LEVEL];

impl<'a> RequestMeta<'a> {
    /// Reads `params._meta`.
    ///
    /// # Errors
    /// [`MetaError`] when a member that must be there is not, or a member is wrong.
    pub fn read(params: &Params<'a>) -> Result<Self, MetaError> {
        let text = params.meta.text.ok_or(MetaError::Missing(VERSION))?;
        let [version, capabilities, client_info, log_level] =
            read_object(text, MODERN_MEMBERS, Rigour::Sought).map_err(MetaError::Ambiguous)?;
        version.ok_or(MetaError::Missing(VERSION))?;
        let capabilities = capabilities.ok_or(MetaError::Missing(CAPABILITIES))?;
        let capabilities = ClientCapabilities::read(capabilities).ok_or(MetaError::Invalid(CAPABILITIES))?;
        let client_info = client_info.map(RawValue::get);
        if client_info.is_some_and(|text| !text.starts_with('{')) {
            return Err(MetaError::Invalid(CLIENT_INFO));
        }
        let log_level = log_level.map(|level| {
            string(level).and_then(|level| LogLevel::parse(&level)).ok_or(MetaError::Invalid(LOG_LEVEL))
        });
        Ok(Self { capabilities, client_info, log_level: log_level.transpose()? })
    }
}

/// Longest declaration of capabilities in bytes; real ones have some hundred.
pub const LONGEST_CAPABILITIES: usize = 16 * 1024;

impl<'a> ClientCapabilities<'a> {
    fn read(value: &'a RawValue) -> Option<Self> {
        if value.get().len() > LONGEST_CAPABILITIES {
            return None;
        }
        let [roots, sampling, elicitation] =
            read_object(value.get(), ["roots", "sampling", "elicitation"], Rigour::Sought).ok()?;
        let elicitation = match elicitation {
            Some(ways) => {
                let [form, url] = read_object(ways.get(), ["form", "url"], Rigour::Sought).ok()?;
                // An empty object means forms: that is all there was before the other way came.
                Elicitation { form: form.is_some() || url.is_none(), url: url.is_some() }
            }
            None => Elicitation::default(),
        };
        Some(Self { text: value.get(), roots: roots.is_some(), sampling: sampling.is_some(), elicitation })
    }

    /// The capabilities, as the client wrote them.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether the client can be asked for it.
    #[must_use]
    pub const fn allows(&self, method: InputMethod) -> bool {
        match method {
            InputMethod::Roots => self.roots,
            InputMethod::Sampling => self.sampling,
            InputMethod::ElicitForm => self.elicitation.form,
            InputMethod::ElicitUrl => self.elicitation.url,
        }
    }
}

impl LogLevel {
    /// All levels, mildest first.
    pub const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// The level that is written `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }

    /// The level of a `notifications/message`; `None` when it says none.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        let [level] = read_object(message.params()?.get(), ["level"], Rigour::Sought).ok()?;
        Self::parse(&string(level?)?)
    }

    /// The level, as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(meta: &str, then: impl FnOnce(Result<RequestMeta<'_>, MetaError>) -> T) -> T {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{meta}}}}}"#);
        let message = Message::parse(text.as_bytes()).unwrap();
        then(RequestMeta::read(&Params::of(&message).unwrap()))
    }

    fn meta(rest: &str) -> String {
        format!(r#"{{"{VERSION}":"2026-07-28","{CAPABILITIES}":{rest}}}"#)
    }

    #[test]
    fn what_a_client_can_be_asked_for_is_what_it_declares() {
        use InputMethod::{ElicitForm, ElicitUrl, Roots, Sampling};
        for (capabilities, expected) in [
            ("{}", vec![]),
            (r#"{"roots":{},"sampling":{"tools":{}}}"#, vec![Roots, Sampling]),
            (r#"{"elicitation":{}}"#, vec![ElicitForm]),
            (r#"{"elicitation":{"url":{}}}"#, vec![ElicitUrl]),
            (r#"{"elicitation":{"form":{},"url":{}},"x":1}"#, vec![ElicitForm, ElicitUrl]),
        ] {
            with(&meta(capabilities), |meta| {
                let meta = meta.unwrap();
                let allowed: Vec<_> = [Roots, Sampling, ElicitForm, ElicitUrl]
                    .into_iter()
                    .filter(|method| meta.capabilities.allows(*method))
                    .collect();
                assert_eq!(
                    allowed,
                    [Roots, Sampling, ElicitForm, ElicitUrl]
                        .into_iter()
                        .filter(|m| expected.contains(m))
                        .collect::<Vec<_>>(),
                    "{capabilities}"
                );
            });
        }
    }

    #[test]
    fn h05_meta_that_lacks_something_is_refused_and_client_info_may_be_absent() {
        for (text, expected) in [
            ("null".to_owned(), Some(MetaError::Missing(VERSION))),
            ("{}".to_owned(), Some(MetaError::Missing(VERSION))),
            (format!(r#"{{"{VERSION}":"2026-07-28"}}"#), Some(MetaError::Missing(CAPABILITIES))),
            (
                meta(&format!(r#"{{"x":"{}"}}"#, "x".repeat(LONGEST_CAPABILITIES))),
                Some(MetaError::Invalid(CAPABILITIES)),
            ),
            (meta("1"), Some(MetaError::Invalid(CAPABILITIES))),
            (meta(r#"{"elicitation":true}"#), Some(MetaError::Invalid(CAPABILITIES))),
            (meta(&format!(r#"{{}},"{CLIENT_INFO}":1"#)), Some(MetaError::Invalid(CLIENT_INFO))),
            (meta(&format!(r#"{{}},"{LOG_LEVEL}":"loud""#)), Some(MetaError::Invalid(LOG_LEVEL))),
            (meta(&format!(r#"{{}},"{LOG_LEVEL}":"info""#)), None),
        ] {
            with(&text, |meta| assert_eq!(meta.err(), expected, "{text}"));
        }
    }
}
