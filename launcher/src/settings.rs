//! Where everything is and what it listens on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use gateway_core::origins::is_origin;
use gateway_core::resource::{ResourceUri, ServerName};
use service_kit::layout::Layout;
use service_kit::settings::{Mistakes, Reader, Strings};

/// The settings of a native run. Every field has a setting of the same name in `.env.example`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PUBLIC_URL` or `BASE_DOMAIN`: the addresses that clients use.
    pub layout: Layout,
    /// `GATEWAY_BIND`: where Envoy listens for clients.
    pub gateway_bind: SocketAddr,
    /// `ENVOY_ADMIN_BIND`: Envoy's admin interface; loopback only.
    pub admin_bind: SocketAddr,
    /// `AUTH_BIND`: the auth service's public paths, behind Envoy.
    pub auth_bind: SocketAddr,
    /// `AUTH_INTERNAL_BIND`: the auth service's internal paths, never routed by Envoy.
    pub auth_internal_bind: SocketAddr,
    /// `BRIDGE_BIND`: the stdio bridge, behind Envoy.
    pub bridge_bind: SocketAddr,
    /// `DATA_DIR`: keys, users, store.
    pub data_dir: PathBuf,
    /// `LOG_DIR`: one log file for each program.
    pub log_dir: PathBuf,
    /// `MCP_CONFIG`: the MCP servers.
    pub mcp_config: PathBuf,
    /// `ALLOWED_ORIGINS`: web pages, besides the gateway's own, that may call MCP servers.
    pub allowed_origins: Vec<String>,
    /// `EDGE_KEY`: proves to the bridge that a request came through the edge; generated in `DATA_DIR` when absent.
    pub edge_key: Option<String>,
    /// `TOKEN_LEEWAY_SECONDS`: by how much the clocks of edge and auth service may differ.
    pub token_leeway: u64,
    /// `ENVOY_CONCURRENCY`: worker threads; absent means one for each core.
    pub envoy_concurrency: Option<u32>,
    /// `TOOLS_DIR`: what `just setup` installed.
    pub tools_dir: PathBuf,
    /// `ENVOY_TEMPLATE`: the bootstrap to fill in.
    pub envoy_template: PathBuf,
    /// `FILTER_WASM`: the compiled filter.
    pub filter_wasm: PathBuf,
    /// The folder of the programs: the one that this program is in.
    pub bin_dir: PathBuf,
    /// Whether the bridge is started; a test may put something else at [`Self::bridge_bind`].
    pub runs_bridge: bool,
    /// Further settings for the programs, beside the environment.
    pub extra_env: BTreeMap<String, String>,
}

impl Settings {
    /// Reads all settings from `strings`; `bin_dir` holds the gateway's programs.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read<S: Strings>(strings: &S, bin_dir: PathBuf) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(strings);
        let layout = Layout::read(&mut reader);
        let port = if layout.issuer().is_https() { 8080 } else { layout.issuer().port() };
        let admin_bind = bind(&mut reader, "ENVOY_ADMIN_BIND", 9901);
        if !admin_bind.ip().is_loopback() {
            reader.mistake(
                "ENVOY_ADMIN_BIND",
                "expected a loopback address: whoever reaches it controls Envoy",
            );
        }
        let token_leeway = reader.or("TOKEN_LEEWAY_SECONDS", 30, "0 to 60 seconds");
        if token_leeway > 60 {
            reader.mistake("TOKEN_LEEWAY_SECONDS", "expected 0 to 60 seconds");
        }
        let settings = Self {
            layout,
            gateway_bind: bind(&mut reader, "GATEWAY_BIND", port),
            admin_bind,
            auth_bind: bind(&mut reader, "AUTH_BIND", 8000),
            auth_internal_bind: bind(&mut reader, "AUTH_INTERNAL_BIND", 8001),
            bridge_bind: bind(&mut reader, "BRIDGE_BIND", 3000),
            data_dir: path(&mut reader, "DATA_DIR", "data"),
            log_dir: path(&mut reader, "LOG_DIR", "logs"),
            mcp_config: path(&mut reader, "MCP_CONFIG", "mcp.json"),
            allowed_origins: origins(&mut reader, "ALLOWED_ORIGINS"),
            edge_key: reader.secret("EDGE_KEY"),
            token_leeway,
            envoy_concurrency: reader.optional("ENVOY_CONCURRENCY", "a number of threads, such as 2"),
            tools_dir: path(&mut reader, "TOOLS_DIR", ".tools"),
            envoy_template: path(&mut reader, "ENVOY_TEMPLATE", "envoy/envoy.yaml"),
            filter_wasm: path(&mut reader, "FILTER_WASM", "target/wasm32-wasip1/wasm/wasm_filter.wasm"),
            bin_dir,
            runs_bridge: true,
            extra_env: BTreeMap::new(),
        };
        reader.finish().map(|()| settings)
    }

    /// The resource of `server`: the address that clients of it use.
    #[must_use]
    pub fn resource_of(&self, server: &ServerName) -> ResourceUri {
        match &self.layout {
            Layout::Paths(origin) => ResourceUri::of_server(origin.as_str(), server),
            Layout::Hosts(domain) => ResourceUri::of_host(&domain.origin_of(server.as_str())),
        }
    }

    /// The addresses that this machine must have free, with the setting that moves each.
    #[must_use]
    pub fn binds(&self) -> Vec<(&'static str, SocketAddr)> {
        let mut binds = vec![
            ("GATEWAY_BIND", self.gateway_bind),
            ("ENVOY_ADMIN_BIND", self.admin_bind),
            ("AUTH_BIND", self.auth_bind),
            ("AUTH_INTERNAL_BIND", self.auth_internal_bind),
        ];
        if self.runs_bridge {
            binds.push(("BRIDGE_BIND", self.bridge_bind));
        }
        binds
    }

    /// Everything the programs are told, so that all of them see the same world.
    #[must_use]
    pub fn program_env(&self) -> BTreeMap<String, String> {
        let text = |path: &PathBuf| path.display().to_string();
        let (layout, addresses) = self.layout.setting();
        let mut env = BTreeMap::from([
            (layout.to_owned(), addresses),
            ("AUTH_BIND".to_owned(), self.auth_bind.to_string()),
            ("AUTH_INTERNAL_BIND".to_owned(), self.auth_internal_bind.to_string()),
            ("BRIDGE_BIND".to_owned(), self.bridge_bind.to_string()),
            // Behind the edge every request has an identity; one without it did not come through the edge.
            ("BRIDGE_REQUIRE_IDENTITY".to_owned(), "true".to_owned()),
            ("DATA_DIR".to_owned(), text(&self.data_dir)),
            ("MCP_CONFIG".to_owned(), text(&self.mcp_config)),
        ]);
        if !self.allowed_origins.is_empty() {
            // The bridge knows localhost at any port by itself, and no other wildcard.
            let exact = self.allowed_origins.iter().filter(|origin| !origin.ends_with(":*"));
            let exact = exact.map(String::as_str).collect::<Vec<_>>().join(",");
            env.insert("BRIDGE_ALLOWED_ORIGINS".to_owned(), exact);
        }
        env.extend(self.edge_key.clone().map(|key| ("EDGE_KEY".to_owned(), key)));
        env.extend(self.extra_env.clone());
        env
    }
}

fn origins<S: Strings>(reader: &mut Reader<'_, S>, name: &str) -> Vec<String> {
    let text = reader.or(name, String::new(), "origins");
    let all: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if !all.iter().all(|origin| is_origin(origin)) {
        reader.mistake(name, "expected origins such as https://app.example, separated by commas");
    }
    all.into_iter().map(str::to_owned).collect()
}

fn bind<S: Strings>(reader: &mut Reader<'_, S>, name: &str, port: u16) -> SocketAddr {
    let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    reader.or(name, default, &format!("an address and a port, such as {default}"))
}

fn path<S: Strings>(reader: &mut Reader<'_, S>, name: &str, default: &str) -> PathBuf {
    reader.or(name, PathBuf::from(default), "a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(&env, PathBuf::from("bin"))
    }

    #[test]
    fn without_any_setting_everything_is_on_loopback_at_its_usual_port() {
        let settings = read(&[]).unwrap();
        let binds: Vec<String> = settings.binds().iter().map(|(_, bind)| bind.to_string()).collect();
        assert_eq!(
            binds,
            ["127.0.0.1:8080", "127.0.0.1:9901", "127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:3000"]
        );
    }

    #[test]
    fn the_gateway_listens_on_the_port_of_a_plain_public_url() {
        assert_eq!(read(&[("PUBLIC_URL", "http://localhost:9000")]).unwrap().gateway_bind.port(), 9000);
        assert_eq!(read(&[("PUBLIC_URL", "https://gw.example")]).unwrap().gateway_bind.port(), 8080);
        assert_eq!(read(&[("BASE_DOMAIN", "gw.example")]).unwrap().gateway_bind.port(), 8080);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let mistakes = read(&[
            ("PUBLIC_URL", "http://gw.example"),
            ("ENVOY_ADMIN_BIND", "0.0.0.0:9901"),
            ("AUTH_BIND", "8000"),
            ("TOKEN_LEEWAY_SECONDS", "61"),
        ]);
        let text = mistakes.unwrap_err().to_string();
        for name in
            ["PUBLIC_URL: plain http", "ENVOY_ADMIN_BIND: expected a loopback", "AUTH_BIND: ", "TOKEN_LEEWAY"]
        {
            assert!(text.contains(name), "{text}");
        }
    }
}
