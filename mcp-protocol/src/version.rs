//! The protocol revisions of MCP.

use crate::era::Era;

/// A revision that this gateway knows, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05: HTTP+SSE with two endpoints, and stdio.
    V20241105,
    /// 2025-03-26: Streamable HTTP with sessions.
    V20250326,
    /// 2025-06-18: the `MCP-Protocol-Version` header; no batches.
    V20250618,
    /// 2025-11-25: the last revision with `initialize`.
    V20251125,
    /// 2026-07-28: stateless, one POST per request.
    V20260728,
}

/// Revisions of the legacy era, newest first: the order in which clients should prefer them.
pub const LEGACY: [Version; 4] =
    [Version::V20251125, Version::V20250618, Version::V20250326, Version::V20241105];

/// Revisions of the modern era, newest first.
pub const MODERN: [Version; 1] = [Version::V20260728];

impl Version {
    /// The revision that is written `text`, or `None` when this gateway does not know it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        LEGACY.into_iter().chain(MODERN).find(|version| version.as_str() == text)
    }

    /// The revision as it is written in headers and bodies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V20241105 => "2024-11-05",
            Self::V20250326 => "2025-03-26",
            Self::V20250618 => "2025-06-18",
            Self::V20251125 => "2025-11-25",
            Self::V20260728 => "2026-07-28",
        }
    }

    /// The era whose rules the revision follows.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V20241105 | Self::V20250326 | Self::V20250618 | Self::V20251125 => Era::Legacy,
            Self::V20260728 => Era::Modern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_reads_back_and_lies_in_the_era_of_its_list() {
        for (list, era) in [(LEGACY.as_slice(), Era::Legacy), (MODERN.as_slice(), Era::Modern)] {
            for version in list {
                assert_eq!(Version::parse(version.as_str()), Some(*version));
                assert_eq!(version.era(), era);
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_revision_is_unknown() {
        for text in ["", "2025-11-26", "2025-11-25 ", "DRAFT-2026-v1", "1.0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
