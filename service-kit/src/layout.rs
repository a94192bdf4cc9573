//! How gateway, sign-in and MCP servers share names.

use std::fmt;
use std::str::FromStr;

use url::Host;

use crate::public_url::PublicUrl;
use crate::settings::{Reader, Strings};

/// The label below [`BaseDomain`] where users sign in and tokens come from.
const AUTH: &str = "auth";

/// Longest name of the DNS, without the dot at its end (RFC 1035 §2.3.4), and longest label.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Where clients find the gateway and the servers behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One origin for all: a server is a path below it.
    Paths(PublicUrl),
    /// A host for each server, and one for the sign-in.
    Hosts(BaseDomain),
}

/// `BASE_DOMAIN`: the domain below which every server has a host, `{server}.{BASE_DOMAIN}`, and the issuer has
/// `auth.{BASE_DOMAIN}`. All of them are https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseDomain {
    name: String,
    issuer: PublicUrl,
}

/// A text that is no [`BaseDomain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a domain of at least two labels such as example.com, without a scheme, port or path")]
pub struct NotABaseDomain;

/// Why a server cannot have a host of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoHost {
    /// RFC 1123 §2.1.
    #[error("a host name holds only a-z, 0-9 and -, does not end with -, and is 253 characters long at most")]
    NotALabel,
    /// It is the issuer's.
    #[error("that host is where users sign in")]
    Taken,
}

impl Layout {
    /// Reads `PUBLIC_URL` or `BASE_DOMAIN`; without either it is `http://localhost:8080`.
    pub fn read<S: Strings>(reader: &mut Reader<'_, S>) -> Self {
        let origin: Option<PublicUrl> = reader.optional_explained("PUBLIC_URL");
        let domain: Option<BaseDomain> = reader.optional_explained("BASE_DOMAIN");
        if origin.is_some() && domain.is_some() {
            reader.mistake(
                "BASE_DOMAIN",
                "set PUBLIC_URL (one origin) or BASE_DOMAIN (a host for each server), not both",
            );
        }
        match domain {
            Some(domain) => Self::Hosts(domain),
            None => Self::Paths(origin.unwrap_or_default()),
        }
    }

    /// The origin of the sign-in, which is the issuer identifier (RFC 8414 §2).
    #[must_use]
    pub const fn issuer(&self) -> &PublicUrl {
        match self {
            Self::Paths(origin) => origin,
            Self::Hosts(domain) => &domain.issuer,
        }
    }

    /// The setting that says this, and its value: what a program is started with to see the same world.
    #[must_use]
    pub fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Paths(origin) => ("PUBLIC_URL", origin.to_string()),
            Self::Hosts(domain) => ("BASE_DOMAIN", domain.to_string()),
        }
    }
}

impl BaseDomain {
    /// Whether a server of this name can have a host here.
    ///
    /// # Errors
    /// [`NoHost`].
    pub fn admits(&self, server: &str) -> Result<(), NoHost> {
        match self.host_of(server) {
            _ if server == AUTH => Err(NoHost::Taken),
            host if is_label(server) && is_name(&host) => Ok(()),
            _ => Err(NoHost::NotALabel),
        }
    }

    /// The host of `server`, such as `time.example.com`. Only that of an admitted server exists.
    #[must_use]
    pub fn host_of(&self, server: &str) -> String {
        format!("{server}.{}", self.name)
    }

    /// The origin of `server`, such as `https://time.example.com`.
    #[must_use]
    pub fn origin_of(&self, server: &str) -> String {
        format!("https://{}", self.host_of(server))
    }

    /// The server that `host` would be the host of: one label below the domain, which is not the issuer's. Names are the same
    /// in any case (RFC 4343). Whether there is such a server is another question.
    #[must_use]
    pub fn server_at(&self, host: &str) -> Option<String> {
        let host = host.to_ascii_lowercase();
        let label = host.strip_suffix(&self.name)?.strip_suffix('.')?;
        self.admits(label).is_ok().then(|| label.to_owned())
    }
}

impl fmt::Display for BaseDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl FromStr for BaseDomain {
    type Err = NotABaseDomain;

    fn from_str(text: &str) -> Result<Self, NotABaseDomain> {
        let name = text.to_ascii_lowercase();
        let issuer = format!("https://{AUTH}.{name}").parse().map_err(|_| NotABaseDomain)?;
        let is_domain = name.contains('.') && is_name(&format!("{AUTH}.{name}")) && is_name(&name);
        if is_domain { Ok(Self { name, issuer }) } else { Err(NotABaseDomain) }
    }
}

/// Whether clients would take `host` for exactly this name of the DNS: no address, and nothing that a URL spells differently.
fn is_name(host: &str) -> bool {
    let is_kept = Host::parse(host).is_ok_and(|parsed| matches!(parsed, Host::Domain(name) if name == host));
    is_kept && host.len() <= LONGEST_NAME && host.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let is_framed = !text.starts_with('-') && !text.ends_with('-');
    is_plain && is_framed && (1..=LONGEST_LABEL).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Layout, String> {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&env);
        let layout = Layout::read(&mut reader);
        reader.finish().map(|()| layout).map_err(|mistakes| mistakes.to_string())
    }

    fn example() -> BaseDomain {
        "example.com".parse().unwrap()
    }

    #[test]
    fn one_of_two_settings_says_where_everything_is() {
        let issuer = |pairs: &[(&str, &str)]| read(pairs).map(|layout| layout.issuer().to_string());
        assert_eq!(issuer(&[]).unwrap(), "http://localhost:8080");
        assert_eq!(issuer(&[("PUBLIC_URL", "https://gw.example")]).unwrap(), "https://gw.example");
        assert_eq!(issuer(&[("BASE_DOMAIN", "MCP.Example.com")]).unwrap(), "https://auth.mcp.example.com");
        let both = issuer(&[("PUBLIC_URL", "https://gw.example"), ("BASE_DOMAIN", "example.com")]);
        assert!(both.unwrap_err().contains("BASE_DOMAIN: set PUBLIC_URL (one origin) or BASE_DOMAIN"));
    }

    #[test]
    fn a_setting_handed_on_says_the_same() {
        for pair in [("PUBLIC_URL", "https://gw.example"), ("BASE_DOMAIN", "example.com")] {
            let layout = read(&[pair]).unwrap();
            let (name, value) = layout.setting();
            assert_eq!(read(&[(name, &value)]), Ok(layout));
        }
    }

    #[test]
    fn only_a_domain_is_a_base_domain() {
        let long = format!("{}.com", ["a"; 124].join("."));
        for text in [
            "",
            "com",
            "localhost",
            "https://example.com",
            "example.com:8443",
            "example.com/mcp",
            "example.com.",
            ".example.com",
            "exa_mple.com",
            "-a.example.com",
            "a..com",
            "*.example.com",
            "10.0.0.1",
            "[::1]",
            "exämple.com",
            "xn--a.com",
            &long,
        ] {
            let told = read(&[("BASE_DOMAIN", text)]);
            assert!(
                text.is_empty() || told.unwrap_err().contains("BASE_DOMAIN: expected a domain"),
                "{text}"
            );
        }
        assert!(read(&[("BASE_DOMAIN", "xn--bcher-kva.example")]).is_ok(), "an internationalised name");
    }

    #[test]
    fn a_server_has_a_host_if_its_name_is_a_label_and_not_the_issuers() {
        for good in ["time", "0x", "sequential-thinking"] {
            assert_eq!(example().admits(good), Ok(()), "{good}");
        }
        for bad in ["my_server", "a-", "xn--a", ""] {
            assert_eq!(example().admits(bad), Err(NoHost::NotALabel), "{bad}");
        }
        assert_eq!(example().admits("auth"), Err(NoHost::Taken));
    }

    #[test]
    fn e_02_a_host_names_a_server_only_directly_below_the_domain() {
        for host in ["time.example.com", "TIME.Example.COM"] {
            assert_eq!(example().server_at(host).as_deref(), Some("time"), "{host}");
        }
        for host in [
            "",
            "time",
            "example.com",
            ".example.com",
            "auth.example.com",
            "timeexample.com",
            "a.time.example.com",
            "time.example.com.",
            "time.example.com.evil.example",
            "time.example.com:443",
            "ti_me.example.com",
        ] {
            assert_eq!(example().server_at(host), None, "{host}");
        }
    }
}
