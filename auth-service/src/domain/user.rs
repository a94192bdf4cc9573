//! People who sign in.

use std::fmt;

use gateway_core::scope::ScopeSet;

use super::client::ClientId;
use super::secret::Digest;

/// Who a token speaks for, for good: `{provider}:{stable id}`. Never a name or an e-mail address, which change hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// What stands in the place of the provider for clients that act on their own behalf; no provider has this name.
    pub const CLIENT: &str = "client";

    /// The subject that `provider` knows as `id`.
    #[must_use]
    pub fn new(provider: &str, id: &str) -> Self {
        Self(format!("{provider}:{id}"))
    }

    /// A client that acts on its own behalf.
    #[must_use]
    pub fn of_client(id: &ClientId) -> Self {
        Self::new(Self::CLIENT, id.as_str())
    }

    /// Reads a stored subject.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, id) = text.split_once(':')?;
        (!provider.is_empty() && !id.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The id within `provider`, when the subject is one of its users.
    #[must_use]
    pub fn id_within(&self, provider: &str) -> Option<&str> {
        self.0.strip_prefix(provider)?.strip_prefix(':')
    }

    /// The subject as it stands in `sub`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A user as their identity provider describes them right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub subject: Subject,
    /// A name to show; may change.
    pub username: String,
    /// The most that they may be granted.
    pub allowed: ScopeSet,
    /// Digest of what they sign in with. When it changes, browsers that signed in with the old one are signed out.
    pub credential: Digest,
}
