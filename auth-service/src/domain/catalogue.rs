//! The protected resources of this gateway.

use gateway_core::resource::{ResourceUri, ServerName};
use service_kit::layout::{Layout, NoHost};
use service_kit::public_url::PublicUrl;

use super::client::ClientId;
use super::resource_servers::ResourceServers;

/// Every MCP server behind the gateway, with the URI under which clients ask for it. Never empty.
#[derive(Debug, Clone)]
pub struct Catalogue {
    layout: Layout,
    servers: Vec<ServerName>,
    resource_servers: ResourceServers,
}

/// Why servers cannot be behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A gateway without a server has nothing to authorize.
    #[error("there is no MCP server")]
    NoServer,
    /// In a layout where each has a host.
    #[error("the server {0} cannot have a host: {1}")]
    NoHost(ServerName, NoHost),
}

impl Catalogue {
    /// The servers behind the gateway, and where all of it is.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn new(layout: Layout, servers: Vec<ServerName>) -> Result<Self, CatalogueError> {
        if servers.is_empty() {
            return Err(CatalogueError::NoServer);
        }
        if let Layout::Hosts(domain) = &layout {
            for server in &servers {
                let admitted = domain.admits(server.as_str());
                admitted.map_err(|why| CatalogueError::NoHost(server.clone(), why))?;
            }
        }
        Ok(Self { layout, servers, resource_servers: ResourceServers::default() })
    }

    /// The same, with clients that stand for servers.
    #[must_use]
    pub fn with_resource_servers(self, resource_servers: ResourceServers) -> Self {
        Self { resource_servers, ..self }
    }

    /// The issuer identifier.
    #[must_use]
    pub const fn issuer(&self) -> &PublicUrl {
        self.layout.issuer()
    }

    /// How the gateway and its servers share names.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The servers, in the order in which they were given.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.iter()
    }

    /// The resource of `server`: the audience of its tokens.
    #[must_use]
    pub fn resource_of(&self, server: &ServerName) -> ResourceUri {
        match &self.layout {
            Layout::Paths(origin) => ResourceUri::of_server(origin.as_str(), server),
            Layout::Hosts(domain) => ResourceUri::of_host(&domain.origin_of(server.as_str())),
        }
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

    /// The server whose own host is `host` (without port), where servers have hosts of their own.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Option<&ServerName> {
        match &self.layout {
            Layout::Paths(_) => None,
            Layout::Hosts(domain) => self.named(&domain.server_at(host)?),
        }
    }

    /// Whether `origin` is one of ours: where users sign in, or where a server is.
    #[must_use]
    pub fn is_ours(&self, origin: &str) -> bool {
        let is_a_servers = match &self.layout {
            Layout::Paths(_) => false,
            Layout::Hosts(domain) => self.servers().any(|server| domain.origin_of(server.as_str()) == origin),
        };
        is_a_servers || self.issuer().as_str() == origin
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
    use std::collections::BTreeMap;

    use service_kit::settings::Reader;

    use super::*;

    fn at(setting: &str, value: &str, names: &[&str]) -> Result<Catalogue, CatalogueError> {
        let env = BTreeMap::from([(setting.to_owned(), value.to_owned())]);
        let layout = Layout::read(&mut Reader::new(&env));
        Catalogue::new(layout, names.iter().map(|name| name.parse().unwrap()).collect())
    }

    fn catalogue(names: &[&str]) -> Catalogue {
        at("PUBLIC_URL", "https://gw.example", names).unwrap()
    }

    fn with_hosts(names: &[&str]) -> Catalogue {
        at("BASE_DOMAIN", "gw.example", names).unwrap()
    }

    #[test]
    fn a_08_without_a_resource_only_a_single_server_can_be_meant() {
        for catalogue in [catalogue, with_hosts] {
            assert_eq!(catalogue(&["time"]).requested(None).unwrap().as_str(), "time");
            assert_eq!(catalogue(&["time", "fetch"]).requested(None), None);
        }
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

    #[test]
    fn a_07_where_servers_have_hosts_a_resource_is_one_of_those_hosts_or_nothing() {
        let both = with_hosts(&["time", "fetch"]);
        for fetch in
            ["https://fetch.gw.example/mcp", "https://fetch.gw.example/mcp/", "HTTPS://Fetch.gw.example/mcp"]
        {
            assert_eq!(both.requested(Some(fetch)).unwrap().as_str(), "fetch", "{fetch}");
        }
        for foreign in [
            "https://fetch.gw.example",
            "https://fetch.gw.example/MCP",
            "http://fetch.gw.example/mcp",
            "https://fetch.gw.example:8443/mcp",
            "https://fetch.gw.example/fetch/mcp",
            "https://auth.gw.example/mcp",
            "https://auth.gw.example/fetch/mcp",
            "https://gw.example/fetch/mcp",
            "https://git.gw.example/mcp",
            "https://fetch.gw.example.evil.example/mcp",
        ] {
            assert_eq!(both.requested(Some(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn a_server_whose_name_cannot_be_a_host_needs_the_layout_of_paths() {
        for (name, why) in [("my_server", "a host name holds only"), ("auth", "where users sign in")] {
            assert!(at("PUBLIC_URL", "https://gw.example", &[name]).is_ok());
            let error = at("BASE_DOMAIN", "gw.example", &["time", name]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("the server {name} cannot have a host: ")) && error.contains(why),
                "{error}"
            );
        }
    }
}
