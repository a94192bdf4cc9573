//! Scopes are the permission model, and they form a hierarchy: `mcp` ⊇ `mcp:{server}` ⊇ `mcp:{server}:{tool}`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::resource::ServerName;

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `mcp`: every tool of every server.
    All,
    /// `mcp:{server}`: every tool of one server.
    Server(ServerName),
    /// `mcp:{server}:{tool}`: one tool of one server.
    Tool(ServerName, ToolName),
}

/// A tool's name as it may stand in a scope: 1 to 128 characters of the scope-token alphabet (RFC 6749 §3.3:
/// visible ASCII without `"` and `\`). The name is compared exactly, colons included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolName(String);

/// A text that is not a scope of this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `mcp`, `mcp:server` or `mcp:server:tool`")]
pub struct NotAScope;

impl ToolName {
    /// Longest tool name in a scope. MCP clients refuse names over 64 characters; the rest is head room.
    pub const MAX_LENGTH: usize = 128;

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolName {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        let is_scope_token = text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if fits && is_scope_token { Ok(Self(text.to_owned())) } else { Err(NotAScope) }
    }
}

impl Scope {
    /// Whether whoever holds this scope may do what `needed` names.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        match (self, needed) {
            (Self::All, _) => true,
            (Self::Server(held), Self::Server(wanted) | Self::Tool(wanted, _)) => held == wanted,
            (Self::Tool(..), Self::Tool(..)) => self == needed,
            (Self::Server(_) | Self::Tool(..), Self::All) | (Self::Tool(..), Self::Server(_)) => false,
        }
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        if parts.next() != Some("mcp") {
            return Err(NotAScope);
        }
        match (parts.next(), parts.next()) {
            (None, _) => Ok(Self::All),
            (Some(server), None) => Ok(Self::Server(server.parse().map_err(|_| NotAScope)?)),
            (Some(server), Some(tool)) => {
                Ok(Self::Tool(server.parse().map_err(|_| NotAScope)?, tool.parse()?))
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("mcp"),
            Self::Server(server) => write!(formatter, "mcp:{server}"),
            Self::Tool(server, tool) => write!(formatter, "mcp:{server}:{}", tool.as_str()),
        }
    }
}

/// The scopes of a token, a request or a user, in order. Kept minimal: a scope that another one covers is not stored.
/// (A slice, because the edge keeps one for each token that it knows: a tree of one scope would take half a kilobyte.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(Box<[Scope]>);

impl ScopeSet {
    /// Most scope tokens that are looked at in one text; what follows is ignored, so it can only narrow.
    pub const MAX_TOKENS: usize = 256;

    /// Reads a space-separated scope text (RFC 6749 §3.3). Tokens that are not scopes of this gateway (`openid`,
    /// `offline_access`, nonsense) grant nothing and are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split(' ').take(Self::MAX_TOKENS).filter_map(|token| token.parse().ok()).collect()
    }

    /// Whether some scope of the set covers `needed`.
    #[must_use]
    pub fn covers(&self, needed: &Scope) -> bool {
        self.0.iter().any(|held| held.covers(needed))
    }

    /// What both sets allow: the greatest set that each of the two covers.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let narrower = |one: &Self, two: &Self| -> Vec<Scope> {
            one.0.iter().filter(|scope| two.covers(scope)).cloned().collect()
        };
        narrower(self, other).into_iter().chain(narrower(other, self)).collect()
    }

    /// Whether the set allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, widest first.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let all: BTreeSet<Scope> = scopes.into_iter().collect();
        let is_minimal = |scope: &Scope| !all.iter().any(|wider| wider != scope && wider.covers(scope));
        Self(all.iter().filter(|scope| is_minimal(scope)).cloned().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            write!(formatter, "{scope}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn a_scope_covers_itself_and_what_is_below_it() {
        let cases = [
            ("mcp", "mcp:time:now", true),
            ("mcp", "mcp", true),
            ("mcp:time", "mcp:time", true),
            ("mcp:time", "mcp:time:now", true),
            ("mcp:time", "mcp:timer", false),
            ("mcp:time", "mcp", false),
            ("mcp:time:now", "mcp:time:now", true),
            ("mcp:time:now", "mcp:time:nowhere", false),
            ("mcp:time:now", "mcp:time", false),
            ("mcp:time:now", "mcp:fetch:now", false),
        ];
        for (held, needed, expected) in cases {
            assert_eq!(scope(held).covers(&scope(needed)), expected, "{held} ⊇ {needed}");
        }
    }

    #[test]
    fn f_15_look_alikes_are_not_scopes() {
        for text in [
            "",
            "mcp:",
            "mcp::x",
            "mcps",
            "MCP",
            "mcp:Time",
            "mcp:time:",
            "mcp:a b",
            "mcp:time:a\"b",
            "mcpx:time",
        ] {
            assert_eq!(text.parse::<Scope>(), Err(NotAScope), "{text:?}");
        }
    }

    #[test]
    fn a_set_keeps_only_what_is_not_covered_already() {
        assert_eq!(
            ScopeSet::parse("mcp:time:now openid mcp:time mcp:fetch").to_string(),
            "mcp:fetch mcp:time"
        );
        assert_eq!(ScopeSet::parse("mcp:time mcp").to_string(), "mcp");
    }

    #[test]
    fn an_intersection_is_what_both_sides_allow() {
        let cases = [
            ("mcp", "mcp:time", "mcp:time"),
            ("mcp:time mcp:fetch:get", "mcp:fetch mcp:memory", "mcp:fetch:get"),
            ("mcp:time", "mcp:fetch", ""),
            ("", "mcp", ""),
        ];
        for (one, two, both) in cases {
            let (one, two) = (ScopeSet::parse(one), ScopeSet::parse(two));
            assert_eq!(one.intersect(&two).to_string(), both);
            assert_eq!(two.intersect(&one).to_string(), both);
        }
    }
}
