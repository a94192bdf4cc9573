//! The settings of providers. Each has a name, and that name in capitals begins its settings: `GITHUB_CLIENT_ID`.

use oauth2::{ClientId, ClientSecret, RedirectUrl};
use service_kit::public_url::PublicUrl;
use service_kit::settings::{Reader, Strings};
use url::{Host, Url};

use super::github::GitHubSites;
use super::grant::{Endpoints, Registration};
use super::oidc::DomainOf;
use crate::domain::admission::{Admission, ListOf};
use crate::domain::upstream::ProviderId;
use crate::domain::user::Subject;

/// Google's issuer.
const GOOGLE: &str = "https://accounts.google.com";

/// One provider, as the settings describe it.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name.
    pub id: ProviderId,
    /// What people call it.
    pub label: String,
    /// Who may come in.
    pub admission: Admission,
    /// The roles of those who are not in the users file.
    pub default_roles: Vec<String>,
    /// What it knows us by.
    pub registration: Registration,
    /// What it is, and where.
    pub site: Site,
}

/// What a provider is, and where.
#[derive(Debug, Clone)]
pub enum Site {
    /// GitHub.
    GitHub {
        /// Where it is.
        sites: GitHubSites,
        /// Where it answers.
        endpoints: Box<Endpoints>,
    },
    /// An `OpenID` Connect issuer.
    Oidc {
        /// Byte for byte as in `iss`.
        issuer: String,
        /// Which domain answers for a user.
        domain: DomainOf,
        /// What it is asked to do with a browser that it knows already.
        prompt: Option<&'static str>,
    },
}

/// The settings of one provider.
struct Section<'r, 's, S: Strings> {
    reader: &'r mut Reader<'s, S>,
    prefix: String,
}

/// Reads all providers. Each is there when its `…_CLIENT_ID` is.
pub fn read<S: Strings>(reader: &mut Reader<'_, S>, public_url: &PublicUrl) -> Vec<ProviderSettings> {
    let named: Option<String> = reader.optional("OIDC_PROVIDERS", "names separated by commas");
    let is_named = named.is_some();
    let named = named.unwrap_or_else(|| "oidc".to_owned());
    let mut all: Vec<ProviderSettings> = Vec::new();
    all.extend(Section::of(reader, "github").github(public_url));
    all.extend(Section::of(reader, "google").google(public_url));
    for name in named.split(',').map(str::trim) {
        let Some(id) = reader.keep("OIDC_PROVIDERS", name.parse::<ProviderId>()) else { continue };
        let is_taken = ["local", Subject::CLIENT, "github", "google"].contains(&name);
        if is_taken || all.iter().any(|other| other.id == id) {
            reader.mistake("OIDC_PROVIDERS", format!("the name {name} is taken"));
            continue;
        }
        all.extend(Section::of(reader, name).oidc(&id, is_named, public_url));
    }
    all
}

impl<'r, 's, S: Strings> Section<'r, 's, S> {
    fn of(reader: &'r mut Reader<'s, S>, name: &str) -> Self {
        Self { reader, prefix: name.to_ascii_uppercase() }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}_{rest}", self.prefix)
    }

    fn github(mut self, public_url: &PublicUrl) -> Option<ProviderSettings> {
        let site = self.address("URL");
        let api = self.address("API_URL");
        let lists = [
            ("USERS", ListOf::Logins),
            ("EMAILS", ListOf::Emails),
            ("DOMAINS", ListOf::Domains),
            ("ORGS", ListOf::Organisations),
        ];
        let id: ProviderId = "github".parse().ok()?;
        let common = self.common(&id, &lists, public_url)?;
        let (site, enterprise) = match site {
            Some(site) => (site.clone(), Some(below(&site, "api/v3")?)),
            None => (Url::parse("https://github.com").ok()?, None),
        };
        let api = match api.or(enterprise) {
            Some(api) => api,
            None => Url::parse("https://api.github.com").ok()?,
        };
        let sites = GitHubSites { site, api };
        let name = self.name("URL");
        let endpoints = self.reader.keep(&name, sites.endpoints())?;
        Some(common.at("GitHub".to_owned(), Site::GitHub { sites, endpoints: Box::new(endpoints) }))
    }

    fn google(mut self, public_url: &PublicUrl) -> Option<ProviderSettings> {
        let issuer = self.issuer().unwrap_or_else(|| GOOGLE.to_owned());
        let id: ProviderId = "google".parse().ok()?;
        let common = self.common(&id, &OIDC_LISTS, public_url)?;
        let site = Site::Oidc { issuer, domain: DomainOf::HostedDomain, prompt: Some("select_account") };
        Some(common.at("Google".to_owned(), site))
    }

    /// `is_named`: the operator has listed the provider, so it must be there.
    fn oidc(mut self, id: &ProviderId, is_named: bool, public_url: &PublicUrl) -> Option<ProviderSettings> {
        let client_setting = self.name("CLIENT_ID");
        if is_named && self.reader.optional::<String>(&client_setting, "a client").is_none() {
            let because = format!("expected a client, because OIDC_PROVIDERS names {id}");
            self.reader.mistake(&client_setting, because);
        }
        let issuer = self.issuer();
        let label_setting = self.name("LABEL");
        let label: Option<String> = self.reader.optional(&label_setting, "what people call the provider");
        let common = self.common(id, &OIDC_LISTS, public_url)?;
        let Some(issuer) = issuer else {
            let name = self.name("ISSUER");
            self.reader.mistake(&name, "expected the provider's issuer, such as https://idp.example");
            return None;
        };
        let host = || Url::parse(&issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        let label = label.or_else(host).unwrap_or_else(|| id.to_string());
        Some(common.at(label, Site::Oidc { issuer, domain: DomainOf::Email, prompt: None }))
    }

    /// What all kinds of providers have. `None` when the provider is not wanted, or its registration is not complete.
    fn common(
        &mut self,
        id: &ProviderId,
        lists: &[(&str, ListOf)],
        public_url: &PublicUrl,
    ) -> Option<Common> {
        let client_setting = self.name("CLIENT_ID");
        let client: Option<String> =
            self.reader.optional(&client_setting, "what the provider calls this gateway");
        let secret_setting = self.name("CLIENT_SECRET");
        let secret = self.reader.secret(&secret_setting).filter(|secret| !secret.is_empty());
        let admission = self.admission(lists);
        let roles_setting = self.name("DEFAULT_ROLES");
        let roles: Option<String> = self.reader.optional(&roles_setting, "roles separated by commas");
        let (client, secret) = match (client, secret) {
            (Some(client), Some(secret)) => (client, secret),
            (Some(_), None) => {
                self.reader
                    .mistake(&secret_setting, format!("expected a secret, because {client_setting} is set"));
                return None;
            }
            (None, Some(_)) => {
                self.reader
                    .mistake(&client_setting, format!("expected a client, because {secret_setting} is set"));
                return None;
            }
            (None, None) => return None,
        };
        let redirect_uri = RedirectUrl::new(format!("{public_url}/callback/{id}")).ok()?;
        let roles = roles.unwrap_or_default();
        Some(Common {
            id: id.clone(),
            admission,
            default_roles: roles
                .split(',')
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            registration: Registration {
                client: ClientId::new(client),
                secret: ClientSecret::new(secret),
                redirect_uri,
            },
        })
    }

    fn admission(&mut self, lists: &[(&str, ListOf)]) -> Admission {
        let mut admission = Admission::default();
        for (what, kind) in lists {
            let name = format!("ALLOWED_{}_{what}", self.prefix);
            let text: Option<String> = self.reader.optional(&name, "a list separated by commas, or *");
            if let Some(text) = text {
                // A list that cannot be read ends the start, so what was read of it matters to nobody.
                self.reader.keep(&name, admission.add(*kind, &text));
            }
        }
        admission
    }

    /// The issuer as it was written: it is compared byte for byte.
    fn issuer(&mut self) -> Option<String> {
        let name = self.name("ISSUER");
        let text: String = self.reader.optional(&name, "an address")?;
        let is_good = Url::parse(&text).is_ok_and(|url| is_good(&url));
        if !is_good {
            self.reader.mistake(&name, BAD_ADDRESS);
        }
        is_good.then_some(text)
    }

    fn address(&mut self, rest: &str) -> Option<Url> {
        let name = self.name(rest);
        let url: Url = self.reader.optional(&name, "an address such as https://github.corp.example")?;
        if !is_good(&url) {
            self.reader.mistake(&name, BAD_ADDRESS);
        }
        is_good(&url).then_some(url)
    }
}

const BAD_ADDRESS: &str =
    "expected https:// (http:// for this machine only), without user name, query or fragment";

const OIDC_LISTS: [(&str, ListOf); 3] =
    [("USERS", ListOf::Subjects), ("EMAILS", ListOf::Emails), ("DOMAINS", ListOf::Domains)];

struct Common {
    id: ProviderId,
    admission: Admission,
    default_roles: Vec<String>,
    registration: Registration,
}

impl Common {
    fn at(self, label: String, site: Site) -> ProviderSettings {
        let Self { id, admission, default_roles, registration } = self;
        ProviderSettings { id, label, admission, default_roles, registration, site }
    }
}

/// Secrets and codes travel there: https, or a server on this machine.
fn is_good(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback;
    let is_bare = url.query().is_none() && url.fragment().is_none();
    is_safe && is_bare && url.username().is_empty() && url.password().is_none()
}

fn below(base: &Url, path: &str) -> Option<Url> {
    Url::parse(&format!("{}/{path}", base.as_str().trim_end_matches('/'))).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read_all(settings: &[(&str, &str)]) -> Result<Vec<ProviderSettings>, String> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: BTreeMap<String, String> = settings.collect();
        let mut reader = Reader::new(&env);
        let all = read(&mut reader, &PublicUrl::default());
        reader.finish().map_err(|mistakes| mistakes.to_string())?;
        Ok(all)
    }

    fn site(settings: &[(&str, &str)]) -> (String, String) {
        let mut all = read_all(settings).unwrap();
        let only = all.remove(0);
        let place = match only.site {
            Site::GitHub { sites, .. } => format!("{} {}", sites.site, sites.api),
            Site::Oidc { issuer, .. } => issuer,
        };
        (format!("{} {}", only.label, only.registration.redirect_uri.as_str()), place)
    }

    #[test]
    fn without_settings_there_are_no_providers() {
        assert!(read_all(&[]).unwrap().is_empty());
        assert!(read_all(&[("ALLOWED_GITHUB_USERS", "*")]).unwrap().is_empty());
    }

    #[test]
    fn every_provider_has_its_places() {
        let github = [("GITHUB_CLIENT_ID", "c"), ("GITHUB_CLIENT_SECRET", "s")];
        let (who, place) = site(&github);
        assert_eq!(who, "GitHub http://localhost:8080/callback/github");
        assert_eq!(place, "https://github.com/ https://api.github.com/");
        let (_, place) = site(&[&github[..], &[("GITHUB_URL", "https://ghe.example")]].concat());
        assert_eq!(place, "https://ghe.example/ https://ghe.example/api/v3");
        let (who, place) = site(&[("GOOGLE_CLIENT_ID", "c"), ("GOOGLE_CLIENT_SECRET", "s")]);
        assert_eq!(who, "Google http://localhost:8080/callback/google");
        assert_eq!(place, GOOGLE);
        let (who, place) = site(&[
            ("OIDC_PROVIDERS", "corp"),
            ("CORP_CLIENT_ID", "c"),
            ("CORP_CLIENT_SECRET", "s"),
            ("CORP_ISSUER", "https://idp.example/realms/x/"),
        ]);
        assert_eq!(who, "idp.example http://localhost:8080/callback/corp");
        assert_eq!(place, "https://idp.example/realms/x/", "byte for byte");
    }

    #[test]
    fn all_mistakes_are_reported_at_once_and_no_secret_with_them() {
        let mistakes = read_all(&[
            ("GITHUB_CLIENT_ID", "c"),
            ("GITHUB_URL", "http://ghe.example"),
            ("ALLOWED_GITHUB_USERS", "*"),
            ("ALLOWED_GITHUB_ORGS", "corp"),
            ("GOOGLE_CLIENT_SECRET", "canary"),
            ("ALLOWED_GOOGLE_EMAILS", "everybody"),
            ("OIDC_PROVIDERS", "corp,github,Corp,later"),
            ("CORP_CLIENT_ID", "c"),
            ("CORP_CLIENT_SECRET", "canary"),
        ])
        .unwrap_err();
        for expected in [
            "GITHUB_CLIENT_SECRET: expected a secret",
            "GITHUB_URL: expected https://",
            "ALLOWED_GITHUB_ORGS: * admits everyone",
            "GOOGLE_CLIENT_ID: expected a client",
            "ALLOWED_GOOGLE_EMAILS: \"everybody\" is no e-mail address",
            "OIDC_PROVIDERS: the name github is taken",
            "OIDC_PROVIDERS: expected names such as corp",
            "CORP_ISSUER: expected the provider's issuer",
            "LATER_CLIENT_ID: expected a client, because OIDC_PROVIDERS names later",
        ] {
            assert!(mistakes.contains(expected), "{expected}: {mistakes}");
        }
        assert!(!mistakes.contains("canary"));
    }
}
