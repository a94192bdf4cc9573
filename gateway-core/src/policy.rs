//! What the edge protects, parsed once from the filter's configuration.

mod issuer;
mod raw;

use std::rc::Rc;

use crate::assertion::EdgeKey;
use crate::jwks::KeySet;
use crate::jwks::cache::Limits;
use crate::jwt::{Algorithm, Audience, ClaimNames, TokenType};
use crate::origins::Origins;
use crate::publication::Publication;
use crate::resource::ResourceUri;
use crate::revocation::FeedLimits;
use crate::scope::Scope;

/// A configuration that was understood in full.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whose tokens are accepted; each name once, never empty.
    pub issuers: Vec<Issuer>,
    /// How requests wait for keys.
    pub waiting: Waiting,
    /// How many verified tokens one VM keeps.
    pub cached_tokens: usize,
    /// Which web pages may call protected resources, and under which names.
    pub origins: Origins,
    /// What the rest of Envoy gets to know.
    pub publication: Publication,
    /// The key that proves to upstreams that a request came through here.
    pub edge_key: Option<EdgeKey>,
    resources: Vec<Rc<Resource>>,
    /// Whether the host of a request has a say: resources are on several.
    has_hosts: bool,
    public_paths: Vec<PublicPath>,
}

/// An authorization server whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`, byte for byte.
    pub name: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// The algorithms its tokens may use; a key of another one is never asked.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` its tokens have.
    pub token_type: TokenType,
    /// Which `aud` is right.
    pub audience: AudienceRule,
    /// In which claims it says what.
    pub claims: ClaimNames,
    /// Seconds by which its clock may differ from ours; 0 to 60.
    pub leeway: u64,
    /// Where its revocations are; `None` when it has no feed: its tokens are good until they expire.
    pub revocations: Option<(Endpoint, FeedLimits)>,
}

/// Where keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// They stand in the configuration.
    Inline(KeySet),
    /// They are fetched and kept fresh.
    Fetched(Endpoint, Limits),
}

/// Where something is fetched: an HTTP GET to a cluster that Envoy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the Envoy cluster.
    pub cluster: String,
    /// Value of the `Host` header.
    pub authority: String,
    /// Path of the document.
    pub path: String,
}

/// Which `aud` an issuer's tokens must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceRule {
    /// The resource, and nothing beside it.
    Resource,
    /// The resource, possibly among others.
    ContainsResource,
    /// One of these, for all resources.
    OneOf(Vec<String>),
}

impl AudienceRule {
    /// The rule for one resource.
    #[must_use]
    pub fn at<'a>(&'a self, resource: &'a ResourceUri) -> Audience<'a> {
        match self {
            Self::Resource => Audience::Only(resource.as_str()),
            Self::ContainsResource => Audience::Contains(resource.as_str()),
            Self::OneOf(accepted) => Audience::OneOf(accepted),
        }
    }
}

/// How long and how many requests may wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Seconds until a waiting request gets 503.
    pub seconds: u64,
    /// Most requests that wait at the same time in one VM; the next one gets 503 at once.
    pub requests: usize,
}

/// One protected resource: an MCP server.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its canonical URI, which is the audience of its tokens.
    pub uri: ResourceUri,
    /// The scope that covers all of it.
    pub scope: Scope,
    /// Whether its server compares the MCP headers of modern requests with their bodies, so that a token for single
    /// tools can be judged by the headers alone. Otherwise the body is read.
    pub compares_headers: bool,
}

/// What a path means to the edge.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// Open to everyone.
    Public,
    /// Open to whoever has a token for this resource.
    Protected(&'a Rc<Resource>),
    /// Nothing is here; the default.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PublicPath {
    Exact(String),
    /// The text before `*`; the rest must be one segment.
    OneSegmentBelow(String),
}

/// What is wrong with a configuration: the JSON path of the member, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct PolicyError {
    path: String,
    problem: String,
}

impl Policy {
    /// Parses the JSON configuration of the filter. Unknown members are refused: a misspelt rule must not be no rule.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(configuration: &[u8]) -> Result<Self, PolicyError> {
        raw::parse(configuration)
    }

    /// The server that a request is for, for an operator's statistics; `none` where there is none.
    #[must_use]
    pub fn server_at(&self, authority: &[u8], path: &[u8]) -> &str {
        match self.access(authority, path) {
            Access::Protected(resource) => match &resource.scope {
                Scope::Server(server) | Scope::Tool(server, _) => server.as_str(),
                Scope::All => "all",
            },
            Access::Public => "public",
            Access::Nothing => "none",
        }
    }

    /// The resource with this URI.
    #[must_use]
    pub fn resource(&self, uri: &str) -> Option<&Rc<Resource>> {
        self.resources.iter().find(|resource| resource.uri.as_str() == uri)
    }

    /// What a request for `path` at `authority` is for. The path is compared byte for byte after Envoy's normalisation; one
    /// trailing slash is tolerated on a protected path, because clients differ in it. Where all resources are on one host,
    /// it may be known by any name ([`Self::origins`] says by which); where they are on several, the name tells them apart.
    #[must_use]
    pub fn access(&self, authority: &[u8], path: &[u8]) -> Access<'_> {
        let bare = path.strip_suffix(b"/").unwrap_or(path);
        let is_meant = |resource: &&Rc<Resource>| {
            resource.uri.path().as_bytes() == bare && (!self.has_hosts || resource.uri.is_at(authority))
        };
        match self.resources.iter().find(is_meant) {
            Some(resource) => Access::Protected(resource),
            None if self.public_paths.iter().any(|public| public.is(path)) => Access::Public,
            None => Access::Nothing,
        }
    }
}

impl PublicPath {
    fn is(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::OneSegmentBelow(parent) => path
                .strip_prefix(parent.as_bytes())
                .is_some_and(|segment| !segment.is_empty() && !segment.contains(&b'/')),
        }
    }
}

#[cfg(test)]
mod tests;
