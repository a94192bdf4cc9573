//! What may be asked: pure rules, before anything is sent.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use rustls::pki_types::ServerName;
use url::{Host, Origin, Url};

use crate::domain::address;

/// The port of `https`.
const HTTPS: u16 = 443;

/// An address that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: Host,
    port: u16,
    authority: String,
    path_and_query: String,
    reach: Reach,
    tls_name: Option<ServerName<'static>>,
}

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Public ones.
    Public,
    /// Any: the operator listed the origin, and TLS proves that it is the one.
    Listed,
    /// Loopback: the operator listed the origin, and nothing proves anything.
    Loopback,
}

/// Where a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Where this name leads.
    Name(&'a str),
    /// Here.
    Address(IpAddr),
}

/// An address that a target may be at. Only a [`Target`] makes one, and only of an address that it may be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedAddress(SocketAddr);

/// Why an address must not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither `https` nor an `http` origin that the operator listed.
    #[error("the address is not https")]
    NotHttps,
    /// User name, password, no host.
    #[error("the address is malformed")]
    Malformed,
    /// A port other than 443: what listens there may take a greeting for something else (D-30).
    #[error("the address has a port of its own")]
    Port,
    /// An address in numbers that is not public.
    #[error("the address is not public")]
    NotPublic,
}

impl Target {
    /// The target at `url`. `listed` are the origins that may be inside and at any port.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn new(url: &Url, listed: &Origins) -> Result<Self, TargetError> {
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let host = url.host().filter(|_| !has_credentials).ok_or(TargetError::Malformed)?.to_owned();
        let port = url.port_or_known_default().ok_or(TargetError::Malformed)?;
        let reach = match (url.scheme(), listed.hold(url)) {
            ("https", true) => Reach::Listed,
            ("https", false) if port == HTTPS => Reach::Public,
            ("https", false) => return Err(TargetError::Port),
            ("http", true) => Reach::Loopback,
            _ => return Err(TargetError::NotHttps),
        };
        let tls_name = match reach {
            Reach::Loopback => None,
            Reach::Public | Reach::Listed => Some(tls_name(&host)?),
        };
        let authority = url.authority().to_owned();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path_and_query = format!("{}{query}", url.path());
        let target = Self { host, port, authority, path_and_query, reach, tls_name };
        match target.place() {
            Place::Address(address) if target.admit(address).is_none() => Err(TargetError::NotPublic),
            Place::Address(_) | Place::Name(_) => Ok(target),
        }
    }

    /// The name to resolve, or the address itself. The URL parser has read every way to write one: decimal, octal,
    /// hexadecimal, short, full-width (D-31).
    pub(super) const fn place(&self) -> Place<'_> {
        match &self.host {
            Host::Domain(name) => Place::Name(name.as_str()),
            Host::Ipv4(address) => Place::Address(IpAddr::V4(*address)),
            Host::Ipv6(address) => Place::Address(IpAddr::V6(*address)),
        }
    }

    /// The host without its port: whoever answers there, at whatever port, is one.
    pub(super) fn host(&self) -> String {
        self.host.to_string()
    }

    /// `Host`: the host, with the port unless it is the usual one.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Whom the server must prove to be: the host as it was asked for, whatever the DNS says. `None` for plain `http`, and
    /// for nothing else.
    pub(super) const fn tls_name(&self) -> Option<&ServerName<'static>> {
        self.tls_name.as_ref()
    }

    /// The address to connect to, if the target may be there.
    pub(super) fn admit(&self, address: IpAddr) -> Option<CheckedAddress> {
        let may_be_there = match self.reach {
            Reach::Public => address::is_public(address),
            Reach::Listed => true,
            Reach::Loopback => address.is_loopback(),
        };
        may_be_there.then(|| CheckedAddress(SocketAddr::new(address, self.port)))
    }
}

fn tls_name(host: &Host) -> Result<ServerName<'static>, TargetError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| TargetError::Malformed),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
    }
}

impl CheckedAddress {
    /// The address.
    #[must_use]
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

/// Origins that the operator allows to be at a private address and at any port: `https`, or `http` on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

/// Why a list of origins cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected origins such as https://apps.internal:8443, separated by commas; http is for localhost, 127.0.0.1 and [::1]"
)]
pub struct OriginsError;

impl Origins {
    fn hold(&self, url: &Url) -> bool {
        self.0.contains(&url.origin())
    }
}

impl FromStr for Origins {
    type Err = OriginsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|origin| self::origin(origin.trim()).ok_or(OriginsError))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let is_local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let origin = url.origin();
    // Byte for byte an origin and nothing else: no path, no query, nobody's name.
    (is_allowed && !text.contains('*') && origin.ascii_serialization() == text).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, listed: &str) -> Result<Target, TargetError> {
        let listed = if listed.is_empty() { Origins::default() } else { listed.parse().unwrap() };
        Target::new(&Url::parse(url).unwrap(), &listed)
    }

    #[test]
    fn d_33_only_https_at_its_own_port_may_be_asked() {
        assert!(target("https://app.example/c?x=1", "").is_ok());
        assert!(target("https://app.example:443/c", "").is_ok());
        for (url, why) in [
            ("http://app.example/c", TargetError::NotHttps),
            ("http://localhost/c", TargetError::NotHttps),
            ("ftp://app.example/c", TargetError::NotHttps),
            ("https://u:p@app.example/c", TargetError::Malformed),
            ("https://u@app.example/c", TargetError::Malformed),
            ("file:///etc/passwd", TargetError::Malformed),
            ("https://app.example:6379/", TargetError::Port),
            ("https://app.example:9200/", TargetError::Port),
            ("https://app.example:2375/", TargetError::Port),
        ] {
            assert_eq!(target(url, ""), Err(why), "{url}");
        }
    }

    #[test]
    fn d_31_every_way_to_write_a_private_address_is_refused() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "0",
            "\u{ff11}27.0.0.1",
            "127.0.0.1.",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "10.0.0.1",
            "100.64.0.1",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ] {
            assert_eq!(target(&format!("https://{host}/c"), ""), Err(TargetError::NotPublic), "{host}");
        }
        for unreadable in ["https://[fe80::1%eth0]/", "https://[fe80::1%25eth0]/", "https://256.0.0.1/"] {
            assert!(Url::parse(unreadable).is_err(), "{unreadable}");
        }
        assert!(target("https://93.184.216.34/c", "").is_ok());
    }

    #[test]
    fn d_30_a_name_is_only_as_good_as_where_it_leads() {
        let public = target("https://app.example/c", "").unwrap();
        for (address, is_admitted) in
            [("93.184.216.34", true), ("127.0.0.1", false), ("10.0.0.1", false), ("::1", false)]
        {
            assert_eq!(public.admit(address.parse().unwrap()).is_some(), is_admitted, "{address}");
        }
    }

    #[test]
    fn d_30_what_the_operator_lists_is_that_origin_and_no_other() {
        let listed = "https://apps.internal:8443,http://localhost:9000";
        let inside = target("https://apps.internal:8443/c", listed).unwrap();
        assert!(inside.admit("10.0.0.1".parse().unwrap()).is_some());
        assert!(inside.tls_name().is_some(), "it still has to prove who it is");
        let local = target("http://localhost:9000/c", listed).unwrap();
        assert!(local.admit("127.0.0.1".parse().unwrap()).is_some());
        assert!(local.admit("10.0.0.1".parse().unwrap()).is_none(), "localhost is this machine");
        assert!(local.admit("93.184.216.34".parse().unwrap()).is_none());
        for url in
            ["https://apps.internal:8444/c", "https://x.apps.internal:8443/c", "http://localhost:9001/c"]
        {
            assert!(target(url, listed).is_err(), "{url}");
        }
        assert!(target("https://localhost:9000/c", listed).is_err(), "another scheme");
    }

    #[test]
    fn an_origin_that_is_listed_is_written_as_one() {
        for bad in [
            "",
            ",",
            "apps.internal",
            "https://apps.internal/",
            "https://apps.internal/x",
            "http://apps.internal",
            "https://u@apps.internal",
            "https://apps.internal:443",
            "*",
            "https://*",
            "http://127.0.0.1.evil.example",
            "https://apps.internal,",
            "ftp://localhost",
        ] {
            assert_eq!(bad.parse::<Origins>(), Err(OriginsError), "{bad}");
        }
        assert!("http://127.0.0.1:1, http://[::1]:2,https://apps.internal".parse::<Origins>().is_ok());
    }
}
