//! The protected resources of this gateway.

use gateway_core::resource::{ResourceUri, ServerName};
use service_kit::public_url::PublicUrl;

use super::client::ClientId;
use super::resource_servers::ResourceServers;

/// Every MCP server behind the gateway, with the URI under which clients ask for it. Never empty.
#[derive(Debug, Clone)]
pub struct Catalogue {
    issuer: PublicUrl,
    servers: Vec<ServerName>,
    resource_servers: ResourceServers,
}

/// A gateway without a server has nothing to authorize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no MCP server")]
pub struct NoServer;

impl Catalogue {
    /// The servers behind the gateway at `issuer`.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn new(issuer: PublicUrl, servers: Vec<ServerName>) -> Result<Self, NoServer> {
        let resource_servers = ResourceServers::default();
        if servers.is_empty() { Err(NoServer) } else { Ok(Self { issuer, servers, resource_servers }) }
    }

    /// The same, with clients that stand for servers.
    #[must_use]
    pub fn with_resource_servers(self, resource_servers: ResourceServers) -> Self {
        Self { resource_servers, ..self }
    }

    /// The issuer identifier.
    #[must_use]
    pub const fn issuer(&self) -> &PublicUrl {
        &self.issuer
    }

    /// The servers, in the order in which they were given.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.iter()
    }

    /// The resource of `server`: the audience of its tokens.
    #[must_use]
    pub fn resource_of(&self, server: &ServerName) -> ResourceUri {
        ResourceUri::of_server(self.issuer.as_str(), server)
    }

    /// The resource of every server.
    #[must_use]
    pub fn audiences(&self) -> Vec<String> {
        self.servers().map(|server| self.resource_of(server).to_string()).collect()
    }

    /// The resources whose tokens are for `client`, because it stands for their servers.
    #[must_use]
    pub fn audiences_of(&self, client: &ClientId) -> Vec<String> {
        self.resource_servers.servers_of(client).map(|server| self.resource_of(server).to_string()).collect()
    }

    /// The server named `name`, when there is one.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ServerName> {
        self.servers.iter().find(|server| server.as_str() == name)
    }

    /// The server that a `resource` parameter means (RFC 8707 §2). Without the parameter it can only be a single one:
    /// a token for "all of them" is never issued.
    #[must_use]
    pub fn requested(&self, resource: Option<&str>) -> Option<&ServerName> {
        match (resource, self.servers.as_slice()) {
            (Some(text), servers) => servers.iter().find(|server| self.resource_of(server).is_meant_by(text)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(names: &[&str]) -> Catalogue {
        let servers = names.iter().map(|name| name.parse().unwrap()).collect();
        Catalogue::new("https://gw.example".parse().unwrap(), servers).unwrap()
    }

    #[test]
    fn a_08_without_a_resource_only_a_single_server_can_be_meant() {
        assert_eq!(catalogue(&["time"]).requested(None).unwrap().as_str(), "time");
        assert_eq!(catalogue(&["time", "fetch"]).requested(None), None);
    }

    #[test]
    fn a_07_a_resource_is_one_of_ours_or_nothing() {
        let both = catalogue(&["time", "fetch"]);
        assert_eq!(both.requested(Some("https://gw.example/fetch/mcp")).unwrap().as_str(), "fetch");
        for foreign in
            ["https://gw.example", "https://other.example/time/mcp", "time", "https://gw.example/Time/mcp"]
        {
            assert_eq!(both.requested(Some(foreign)), None, "{foreign}");
        }
    }
}
