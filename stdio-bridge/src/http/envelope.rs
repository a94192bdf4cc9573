//! What the headers of an MCP request say, parsed once.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use mcp_protocol::headers::{CLIENT_ID, PROTOCOL_VERSION, SESSION_ID, USER_ID};
use mcp_protocol::version::Version;

use super::accept::Accepts;
use super::refusal::Refusal;
use super::sse::Resumption;
use crate::app::Bridge;
use crate::config::Launch;
use crate::session::{Owner, Session, SessionId};

/// The headers of an MCP request.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// Who asks.
    pub(super) owner: Owner,
    /// What they take as an answer.
    pub(super) accepts: Accepts,
    /// `MCP-Protocol-Version`.
    pub(super) version: Option<&'a str>,
    session: Option<&'a [u8]>,
}

/// Longest identity; the edge's own are shorter.
const LONGEST_IDENTITY: usize = 1024;

impl<'a> Envelope<'a> {
    /// Reads the headers. [`super::access`] has made sure that none is repeated.
    pub(super) fn read(launch: &Launch, headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let get = |name: &'static str| headers.get(HeaderName::from_static(name));
        let version = get(PROTOCOL_VERSION).map(|value| value.to_str()).transpose();
        let version =
            version.map_err(|_| Refusal::bad_request("the header MCP-Protocol-Version is not valid"))?;
        let owner = Owner {
            server: launch.name.clone(),
            user: identity(headers, USER_ID)?,
            client: identity(headers, CLIENT_ID)?,
        };
        let session = get(SESSION_ID).map(http::HeaderValue::as_bytes);
        Ok(Self { owner, accepts: Accepts::read(headers), version, session })
    }

    /// What the client does with event ids. Without a version it is too old to know a beginning without data.
    pub(super) fn resumption(&self) -> Resumption {
        match self.version.and_then(Version::parse) {
            Some(version) if version >= Version::V20251125 => Resumption::Primed,
            _ => Resumption::Ids,
        }
    }

    /// Whether there is an `Mcp-Session-Id`, of whatever worth.
    pub(super) const fn names_session(&self) -> bool {
        self.session.is_some()
    }

    /// The id in `Mcp-Session-Id`: 400 without one, 404 for what cannot be one.
    pub(super) fn session_id(&self) -> Result<SessionId, Refusal> {
        SessionId::parse(self.session.ok_or_else(Refusal::no_session)?).ok_or_else(Refusal::unknown_session)
    }

    /// The session that the request names: 400 without one, 404 when it is not, or not the caller's.
    pub(super) fn session(&self, bridge: &Bridge) -> Result<Arc<Session>, Refusal> {
        bridge.sessions.find(&self.session_id()?, &self.owner).ok_or_else(Refusal::unknown_session)
    }
}

fn identity(headers: &HeaderMap, name: &'static str) -> Result<Option<Arc<str>>, Refusal> {
    let Some(value) = headers.get(HeaderName::from_static(name)).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| text.len() <= LONGEST_IDENTITY);
    text.map(|text| Some(text.into()))
        .ok_or_else(|| Refusal::bad_request(format!("the header {name} is not valid")))
}
