//! Which clients are resource servers: those that an operator has named as the ones that receive tokens (RFC 7662 §1).
//!
//! Whoever registers can say anything about itself, so a registration alone does not make a client the audience of
//! anything. It says who a client is; the operator says for which server it stands.

use std::str::FromStr;

use gateway_core::resource::ServerName;

use super::client::ClientId;

/// Clients, each with a server whose tokens are for it. The same client may stand for several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceServers(Vec<(ClientId, ServerName)>);

/// A text that does not name clients and servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected clients and their servers such as client_abc=time, separated by commas")]
pub struct NotResourceServers;

impl ResourceServers {
    /// The servers for which `client` stands.
    pub fn servers_of(&self, client: &ClientId) -> impl Iterator<Item = &ServerName> {
        self.0.iter().filter(move |(its_client, _)| its_client == client).map(|(_, server)| server)
    }

    /// Every server that a client stands for.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.0.iter().map(|(_, server)| server)
    }
}

impl FromStr for ResourceServers {
    type Err = NotResourceServers;

    /// Reads `client=server,client=server`.
    fn from_str(text: &str) -> Result<Self, NotResourceServers> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
            let (client, server) = pair.rsplit_once('=')?;
            Some((ClientId::parse(client.trim())?, server.trim().parse().ok()?))
        });
        pairs.collect::<Option<_>>().map(Self).ok_or(NotResourceServers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_stands_for_the_servers_it_is_named_with_and_for_no_other() {
        let known: ResourceServers = " a=time, b = fetch ,a=fetch,".parse().unwrap();
        let of = |client: &str| {
            let id = ClientId::parse(client).unwrap();
            known.servers_of(&id).map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("a"), ["time", "fetch"]);
        assert_eq!(of("b"), ["fetch"]);
        assert_eq!(of("c"), [] as [&str; 0]);
        assert_eq!("".parse(), Ok(ResourceServers::default()));
    }

    #[test]
    fn half_a_pair_is_no_pair() {
        for text in ["a", "=time", "a=", "a=Time", "a=time/mcp", "a b=time", "a=time b=fetch"] {
            assert_eq!(text.parse::<ResourceServers>(), Err(NotResourceServers), "{text}");
        }
    }
}
