//! GitHub, and GitHub Enterprise Server. Not `OpenID` Connect: who signed in is asked at the API.

use http::{Method, Request, StatusCode, header};
use oauth2::{AccessToken, AuthType, AuthUrl, TokenUrl};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::UpstreamError;
use super::fetch::HttpClient;
use super::grant::{self, Endpoints, Luggage, Registration, Souvenir};
use crate::domain::upstream::{Email, Person, ProviderId};
use crate::domain::user::Subject;

/// Entries on one page of a list; the most that GitHub gives.
const PAGE: usize = 100;

/// Most pages of one list that are read.
const PAGES: usize = 5;

/// Where GitHub is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubSites {
    /// `https://github.com`, or an Enterprise server.
    pub site: Url,
    /// `https://api.github.com`, or `/api/v3` of an Enterprise server.
    pub api: Url,
}

/// GitHub as we are registered there.
#[derive(Debug)]
pub(super) struct GitHub {
    pub(super) http: HttpClient,
    pub(super) registration: Registration,
    pub(super) endpoints: Endpoints,
    pub(super) sites: GitHubSites,
    /// Whether to ask which organisations somebody is a member of. It takes one more permission.
    pub(super) asks_for_organisations: bool,
}

#[derive(Deserialize)]
struct RawUser {
    id: u64,
    login: String,
}

#[derive(Deserialize)]
struct RawEmail {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct RawOrganisation {
    login: String,
}

impl GitHubSites {
    fn below(base: &Url, path: &str) -> String {
        format!("{}{path}", base.as_str().trim_end_matches('/'))
    }

    /// Where codes come from and are redeemed.
    pub(super) fn endpoints(&self) -> Result<Endpoints, url::ParseError> {
        Ok(Endpoints {
            authorization: AuthUrl::new(Self::below(&self.site, "/login/oauth/authorize"))?,
            token: TokenUrl::new(Self::below(&self.site, "/login/oauth/access_token"))?,
            auth: AuthType::RequestBody,
        })
    }

    /// What GitHub calls itself in `iss` of an authorization response (RFC 9207).
    pub(super) fn issuer(&self) -> String {
        Self::below(&self.site, "/login/oauth")
    }
}

impl GitHub {
    /// The address that the browser is sent to. The picker lets people choose another account than the one GitHub knows.
    pub(super) fn address(&self, luggage: &Luggage) -> String {
        let all = ["user:email", "read:org"];
        let scopes = if self.asks_for_organisations { &all[..] } else { &["user:email"][..] };
        grant::address(&self.registration, &self.endpoints, luggage, scopes, &[("prompt", "select_account")])
    }

    /// Who signed in. The numeric id stays theirs when they give up their login, and whoever takes that is another (B-08).
    pub(super) async fn person(
        &self,
        provider: &ProviderId,
        souvenir: Souvenir,
    ) -> Result<Person, UpstreamError> {
        let redeemed = grant::redeem(&self.http, &self.registration, &self.endpoints, souvenir).await?;
        let token = &redeemed.access_token;
        let user: RawUser = self.get(token, "/user").await?;
        if !is_login(&user.login) {
            return Err(UpstreamError::Malformed("API"));
        }
        let emails: Vec<RawEmail> = match self.list(token, "/user/emails").await {
            // A GitHub App need not have the permission to ask; then nobody has an address.
            Err(UpstreamError::Status(403 | 404)) => Vec::new(),
            asked => asked?,
        };
        let email = emails.iter().find(|email| email.primary && email.verified);
        let email = email.and_then(|email| Email::parse(&email.email));
        let organisations: Vec<RawOrganisation> =
            if self.asks_for_organisations { self.list(token, "/user/orgs").await? } else { Vec::new() };
        Ok(Person {
            subject: Subject::new(provider.as_str(), &user.id.to_string()),
            issuer: self.sites.issuer(),
            login: user.login.to_ascii_lowercase(),
            username: user.login,
            domain: email.as_ref().map(|email| email.domain().to_owned()),
            email,
            organisations: organisations
                .iter()
                .filter(|organisation| is_login(&organisation.login))
                .map(|organisation| organisation.login.to_ascii_lowercase())
                .collect(),
        })
    }

    /// A whole list, page by page.
    async fn list<T: DeserializeOwned>(
        &self,
        token: &AccessToken,
        path: &str,
    ) -> Result<Vec<T>, UpstreamError> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let entries: Vec<T> = self.get(token, &format!("{path}?per_page={PAGE}&page={page}")).await?;
            let is_last = entries.len() < PAGE;
            all.extend(entries);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    async fn get<T: DeserializeOwned>(&self, token: &AccessToken, path: &str) -> Result<T, UpstreamError> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(GitHubSites::below(&self.sites.api, path))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.secret()))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .body(Vec::new())
            .map_err(|_| UpstreamError::Malformed("request"))?;
        let answer = self.http.send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(UpstreamError::Status(answer.status().as_u16()));
        }
        serde_json::from_slice(answer.body()).map_err(|_| UpstreamError::Malformed("API"))
    }
}

/// Whether this can be the login of somebody; Enterprise servers allow underscores.
fn is_login(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
