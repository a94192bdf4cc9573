//! Which of the two eras of MCP an HTTP request belongs to.

use crate::version::{LEGACY, MODERN, Version};

/// The two eras. They share one URL, so each HTTP request is classified on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// Up to 2025-11-25: `initialize`, sessions, the GET stream, requests from the server.
    Legacy,
    /// Since 2026-07-28: every request carries its revision and capabilities; nothing is remembered.
    Modern,
}

/// What of an HTTP request speaks for an era. `Mcp-Method` and `Mcp-Name` do not: clients send them in both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The body's method; `None` for responses and for requests without body.
    pub method: Option<&'a str>,
    /// The body's `_meta["io.modelcontextprotocol/protocolVersion"]`.
    pub meta_version: Option<&'a str>,
    /// The header `MCP-Protocol-Version`.
    pub header_version: Option<&'a str>,
    /// Whether the header `Mcp-Session-Id` is there. Whether the session still lives is a later question (HTTP 404).
    pub names_session: bool,
}

/// Why a request belongs to no era that can be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EraError {
    /// The header must repeat the revision of the body's `_meta` (2026-07-28, "Protocol Version Header"): HTTP 400, -32020.
    #[error("the header MCP-Protocol-Version must be equal to the version in _meta")]
    HeaderMismatch,
    /// A revision that nobody knows: HTTP 400, -32022.
    #[error("unknown protocol version")]
    UnknownVersion {
        /// The revision that was asked for.
        requested: String,
        /// The eras whose revisions are an alternative: a request that carries its revision in `_meta` is modern, whatever
        /// it says; for a header alone, both are.
        alternatives: &'static [Era],
    },
}

/// The era of a request.
///
/// - a revision in the body's `_meta` is modern, and the header must say the same;
/// - `initialize` is legacy, whatever the header says (clients probe first and fall back);
/// - a session stays legacy even under the header 2026-07-28 (a hosted client of 2026 sends that);
/// - else the header decides; without one the request is legacy (2025-03-26 had no such header).
///
/// # Errors
/// [`EraError`] when body and header disagree, or the header names an unknown revision.
pub fn classify(evidence: Evidence<'_>) -> Result<Era, EraError> {
    if let Some(version) = evidence.meta_version {
        return match evidence.header_version {
            Some(header) if header == version => modern(version),
            _ => Err(EraError::HeaderMismatch),
        };
    }
    if evidence.method == Some("initialize") {
        return Ok(Era::Legacy);
    }
    match evidence.header_version {
        None => Ok(Era::Legacy),
        Some(header) => match Version::parse(header) {
            None => Err(unknown(header, &[Era::Modern, Era::Legacy])),
            Some(_) if evidence.names_session => Ok(Era::Legacy),
            Some(version) => Ok(version.era()),
        },
    }
}

/// The revisions of `eras`, newest first, for the `supported` list of an error.
#[must_use]
pub fn supported(eras: &[Era]) -> Vec<&'static str> {
    let all = MODERN.into_iter().chain(LEGACY);
    all.filter(|version| eras.contains(&version.era())).map(Version::as_str).collect()
}

fn modern(version: &str) -> Result<Era, EraError> {
    if MODERN.iter().any(|known| known.as_str() == version) {
        Ok(Era::Modern)
    } else {
        Err(unknown(version, &[Era::Modern]))
    }
}

fn unknown(requested: &str, alternatives: &'static [Era]) -> EraError {
    EraError::UnknownVersion { requested: requested.to_owned(), alternatives }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Option<&str> = Some("2026-07-28");
    const OLD: Option<&str> = Some("2025-11-25");

    #[test]
    fn every_combination_has_one_era() {
        let unknown = |alternatives| Err(super::unknown("2099-01-01", alternatives));
        // method, _meta, header, session → era
        for (method, meta_version, header_version, names_session, expected) in [
            (Some("initialize"), None, None, false, Ok(Era::Legacy)),
            (Some("initialize"), None, NEW, false, Ok(Era::Legacy)),
            (Some("initialize"), None, Some("2099-01-01"), false, Ok(Era::Legacy)),
            (Some("initialize"), NEW, NEW, false, Ok(Era::Modern)),
            (Some("tools/list"), None, None, true, Ok(Era::Legacy)),
            (Some("tools/list"), None, None, false, Ok(Era::Legacy)),
            (Some("tools/list"), None, OLD, true, Ok(Era::Legacy)),
            (Some("tools/list"), None, NEW, true, Ok(Era::Legacy)),
            (Some("tools/list"), None, NEW, false, Ok(Era::Modern)),
            (Some("tools/list"), NEW, NEW, false, Ok(Era::Modern)),
            (Some("tools/list"), NEW, NEW, true, Ok(Era::Modern)),
            (Some("tools/list"), NEW, OLD, false, Err(EraError::HeaderMismatch)),
            (Some("tools/list"), NEW, None, false, Err(EraError::HeaderMismatch)),
            (Some("tools/list"), OLD, OLD, false, Err(super::unknown("2025-11-25", &[Era::Modern]))),
            (Some("tools/list"), Some("2099-01-01"), Some("2099-01-01"), false, unknown(&[Era::Modern])),
            (Some("tools/list"), None, Some("2099-01-01"), true, unknown(&[Era::Modern, Era::Legacy])),
            (None, None, OLD, true, Ok(Era::Legacy)),
            (None, None, NEW, false, Ok(Era::Modern)),
        ] {
            let evidence = Evidence { method, meta_version, header_version, names_session };
            assert_eq!(classify(evidence), expected, "{evidence:?}");
        }
    }

    #[test]
    fn the_supported_list_is_newest_first() {
        assert_eq!(supported(&[Era::Legacy]), ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
        assert_eq!(supported(&[Era::Legacy, Era::Modern]).first(), Some(&"2026-07-28"));
    }
}
