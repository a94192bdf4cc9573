//! The hosts whose clients are taken.

use std::str::FromStr;

/// A list of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domains(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// `*`.
    Every,
    /// `app.example`.
    Host(String),
    /// `*.app.example`: kept with its dot.
    Below(String),
}

/// Why a list of domains cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected * or domains such as app.example and *.app.example in lower case, separated by commas")]
pub struct DomainsError;

impl Default for Domains {
    fn default() -> Self {
        Self(vec![Pattern::Every])
    }
}

impl Domains {
    /// Whether `host`, in lower case, is in the list.
    #[must_use]
    pub fn hold(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Every => true,
            Pattern::Host(name) => host == name,
            Pattern::Below(suffix) => host.strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.is_empty()),
        })
    }
}

impl FromStr for Domains {
    type Err = DomainsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|entry| pattern(entry.trim()).ok_or(DomainsError))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn pattern(entry: &str) -> Option<Pattern> {
    if entry == "*" {
        return Some(Pattern::Every);
    }
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    let is_label = |label: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(is_plain)
    };
    if !name.split('.').all(is_label) {
        return None;
    }
    match entry.strip_prefix('*') {
        Some(suffix) => Some(Pattern::Below(suffix.to_owned())),
        None => Some(Pattern::Host(entry.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d_23_a_list_of_domains_admits_those_and_no_look_alikes() {
        let domains: Domains = "app.example, *.corp.example".parse().unwrap();
        for (host, is_held) in [
            ("app.example", true),
            ("a.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            (".corp.example", false),
            ("x.app.example", false),
            ("app.example.evil.example", false),
            ("evilcorp.example", false),
            ("myapp.example", false),
        ] {
            assert_eq!(domains.hold(host), is_held, "{host}");
        }
        assert!(Domains::default().hold("anything.example"));
        assert!("*".parse::<Domains>().unwrap().hold("anything.example"));
    }

    #[test]
    fn a_domain_is_written_plainly() {
        for bad in [
            "",
            " ",
            "app.example,",
            "https://app.example",
            "App.example",
            "a.*.example",
            "*app.example",
            "a..b",
            "a:1",
        ] {
            assert_eq!(bad.parse::<Domains>(), Err(DomainsError), "{bad}");
        }
    }
}
