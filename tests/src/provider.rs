//! Identity providers that others wrote, as real programs: `emulate` plays GitHub and Google, `oidc-provider` is a certified
//! `OpenID` provider.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::gateway::{Gateway, repository};
use crate::ports::Reserved;

/// What providers know the gateway by.
const CLIENT: &str = "the-gateway";

/// What the gateway proves it with. Nobody else is ever to see it.
pub const SECRET: &str = "canary-secret-of-the-gateway-at-its-providers";

/// A token with which an administrator of GitHub's organisations can use its API.
const ADMIN_TOKEN: &str = "test_token_admin";

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// GitHub: users choose who they are by their logins.
    GitHub,
    /// Google: by their addresses.
    Google,
    /// An issuer called `corp`, found by discovery: they type their `sub` and any password.
    Oidc,
}

/// A provider: first a place where nobody answers, so that a gateway can be told of it, then a program.
#[derive(Debug)]
pub struct Provider {
    service: Service,
    port: Reserved,
    folder: TempDir,
    program: Option<Child>,
}

impl Provider {
    /// The place for a provider.
    #[must_use]
    pub fn new(service: Service) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { service, port: Reserved::new(), folder, program: None }
    }

    /// Where it is. Not at `localhost`: to a browser it is another site than the gateway.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The gateway's settings for it. Whoever may come in has the role `clerk`.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let prefix = match self.service {
            Service::GitHub => "GITHUB",
            Service::Google => "GOOGLE",
            Service::Oidc => "CORP",
        };
        let url = self.url();
        let common = [("CLIENT_ID", CLIENT), ("CLIENT_SECRET", SECRET), ("DEFAULT_ROLES", "clerk")];
        let mut settings: Vec<(String, String)> =
            common.map(|(name, value)| (format!("{prefix}_{name}"), value.to_owned())).into();
        match self.service {
            Service::GitHub => {
                settings.extend([("GITHUB_URL".to_owned(), url.clone()), ("GITHUB_API_URL".to_owned(), url)]);
            }
            Service::Google => settings.push(("GOOGLE_ISSUER".to_owned(), url)),
            Service::Oidc => settings.extend([
                ("OIDC_PROVIDERS".to_owned(), "corp".to_owned()),
                ("CORP_LABEL".to_owned(), "Corp & Co".to_owned()),
                ("CORP_ISSUER".to_owned(), url),
            ]),
        }
        settings
    }

    /// Starts it with these users, in its own terms, as one at which `gateway` is registered; waits until it answers.
    pub async fn start(&mut self, gateway: &Gateway, users: &Value) {
        let mut command = Command::new("node");
        match self.service {
            Service::GitHub => self.emulate(&mut command, "github", &github(gateway, users)),
            Service::Google => self.emulate(&mut command, "google", &google(gateway, users)),
            Service::Oidc => self.oidc(&mut command, gateway, users),
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut program = command.spawn().expect("node starts");
        while TcpStream::connect(self.port.address()).await.is_err() {
            assert!(program.try_wait().expect("a child").is_none(), "{:?} ended", self.service);
        }
        self.program = Some(program);
    }

    /// Takes `login` out of `organisation`, as its administrator does.
    pub async fn expel(&self, login: &str, organisation: &str) {
        let url = format!("{}/orgs/{organisation}/members/{login}", self.url());
        let answer = reqwest::Client::new().delete(url).bearer_auth(ADMIN_TOKEN).send().await;
        assert_eq!(answer.expect("an answer").status(), 204);
    }

    fn emulate(&self, command: &mut Command, service: &str, seed: &Value) {
        let (port, url) = (self.port.address().port().to_string(), self.url());
        command
            .arg(modules().join("emulate/dist/index.js"))
            .args(["start", "--service", service, "--port", &port, "--base-url", &url, "--seed"])
            .arg(self.config(&json!({ service: seed })));
    }

    fn oidc(&self, command: &mut Command, gateway: &Gateway, users: &Value) {
        let config = json!({
            "port": self.port.address().port(),
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uri": gateway.url("/callback/corp"),
            "users": users,
        });
        command.arg(repository().join("tests/clients/providers/oidc.mjs")).arg(self.config(&config));
        // It warns about its development pages and keys on standard error.
        command.stderr(Stdio::null());
    }

    fn config(&self, config: &Value) -> std::path::PathBuf {
        let path = self.folder.path().join("config.json");
        std::fs::write(&path, config.to_string()).expect("the configuration is written");
        path
    }
}

fn modules() -> std::path::PathBuf {
    repository().join("tests/clients/providers/node_modules")
}

/// `users` are members of the organisation `corp` when they say so; `admin` runs it.
fn github(gateway: &Gateway, users: &Value) -> Value {
    let members = users.as_array().into_iter().flatten();
    let members = members.filter(|user| user.get("member").is_some()).filter_map(|user| user.get("login"));
    let mut members: Vec<Value> = members.map(|login| json!({ "login": login })).collect();
    members.push(json!({ "login": "admin", "role": "admin" }));
    json!({
        "users": users,
        "orgs": [{ "login": "corp", "members": members }],
        "oauth_apps": [{
            "client_id": CLIENT, "client_secret": SECRET, "name": "Gateway",
            "redirect_uris": [gateway.url("/callback/github")],
        }],
    })
}

fn google(gateway: &Gateway, users: &Value) -> Value {
    json!({
        "users": users,
        "oauth_clients": [{
            "client_id": CLIENT, "client_secret": SECRET, "name": "Gateway",
            "redirect_uris": [gateway.url("/callback/google")],
        }],
    })
}
