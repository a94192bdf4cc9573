//! `OpenID` Connect providers, by discovery (`OpenID` Connect Discovery §4): Google, and any other.

use std::sync::Arc;

use gateway_core::jwks::KeySet;
use gateway_core::jwks::cache::{Event, FetchFailed, Fetched, JwksCache, Keys, Limits, freshness};
use gateway_core::jwt::JwtError;
use gateway_core::time::UnixTime;
use http::{Method, Request, Response, StatusCode, header};
use oauth2::{AccessToken, AuthType, AuthUrl, TokenUrl};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::UpstreamError;
use super::fetch::HttpClient;
use super::grant::{self, Endpoints, Luggage, Registration, Souvenir};
use super::id_token::{self, Claims, Expected, IdTokenError, Profile};
use crate::domain::upstream::{Email, Person, ProviderId, is_domain};
use crate::domain::user::Subject;

/// Seconds after which an issuer is asked again where its endpoints are.
const REDISCOVER: u64 = 3600;

/// Seconds for which an issuer that did not answer is not asked again: else everybody would wait for it, one after the other.
const RETRY: u64 = 5;

/// Seconds for which its last answer is good if it does not give another.
const TRUST: u64 = 86_400;

/// An issuer as we are registered there.
#[derive(Debug)]
pub(super) struct Oidc {
    pub(super) http: HttpClient,
    pub(super) registration: Registration,
    pub(super) issuer: String,
    /// Which domain answers for a user.
    pub(super) domain: DomainOf,
    /// What it is asked to do with a browser that it knows already.
    pub(super) prompt: Option<&'static str>,
    pub(super) discovery: Mutex<Discovery>,
    pub(super) keys: Mutex<JwksCache>,
}

/// Which domain answers for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainOf {
    /// The one in their verified e-mail address.
    Email,
    /// The one in `hd`: Google vouches for no other, whatever the address is.
    HostedDomain,
}

/// What is known of where an issuer answers.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    last: Option<(UnixTime, Arc<Metadata>)>,
    failed: Option<(UnixTime, UpstreamError)>,
}

/// Where an issuer answers.
#[derive(Debug)]
struct Metadata {
    endpoints: Endpoints,
    keys: String,
    userinfo: Option<String>,
    names_itself: bool,
}

/// The members of the document that are used here.
#[derive(Deserialize)]
struct RawMetadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    profile: Profile,
}

/// The life of an issuer's keys, with the edge's limits.
pub(super) fn no_keys() -> JwksCache {
    JwksCache::new(Limits::default())
}

impl Oidc {
    /// The address that the browser is sent to.
    pub(super) async fn address(&self, luggage: &Luggage, now: UnixTime) -> Result<String, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let prompt = if luggage.again { Some("login") } else { self.prompt };
        let prompt = prompt.map(|prompt| ("prompt", prompt));
        let more: Vec<_> = [("nonce", luggage.nonce.as_str())].into_iter().chain(prompt).collect();
        let scopes = ["openid", "email", "profile"];
        Ok(grant::address(&self.registration, &metadata.endpoints, luggage, &scopes, &more))
    }

    /// Whether an answer that names `named` as its issuer is this one's (RFC 9207 §2.4).
    pub(super) async fn is_named(&self, named: Option<&str>, now: UnixTime) -> Result<bool, UpstreamError> {
        match named {
            Some(named) => Ok(named == self.issuer),
            None => Ok(!self.metadata(now).await?.names_itself),
        }
    }

    /// Fetches the discovery document, unless it is known.
    pub(super) async fn discover(&self, now: UnixTime) -> Result<(), UpstreamError> {
        self.metadata(now).await.map(drop)
    }

    /// Who signed in.
    pub(super) async fn person(
        &self,
        provider: &ProviderId,
        souvenir: Souvenir,
        now: UnixTime,
    ) -> Result<Person, UpstreamError> {
        let metadata = self.metadata(now).await?;
        let nonce = souvenir.nonce.clone();
        let redeemed = grant::redeem(&self.http, &self.registration, &metadata.endpoints, souvenir).await?;
        let token = redeemed.id_token.ok_or(IdTokenError::Missing)?;
        let client = self.registration.client.as_str();
        let expected = Expected { issuer: &self.issuer, client, nonce: &nonce, now };
        let Claims { sub, mut profile, .. } = self.verified(&token, &metadata, expected).await?;
        if let (None, Some(endpoint)) = (&profile.email, &metadata.userinfo) {
            profile = self.userinfo(endpoint, &redeemed.access_token, &sub).await?;
        }
        Ok(self.described(provider, &sub, profile))
    }

    fn described(&self, provider: &ProviderId, sub: &str, profile: Profile) -> Person {
        let is_verified = profile.is_verified();
        let email = profile.email.as_deref().filter(|_| is_verified).and_then(Email::parse);
        let of_email = || email.as_ref().map(|email| email.domain().to_owned());
        let domain = match self.domain {
            DomainOf::Email => of_email(),
            DomainOf::HostedDomain => {
                profile.hd.filter(|domain| is_domain(domain)).map(|domain| domain.to_ascii_lowercase())
            }
        };
        // The name stands in access tokens, which clients can read: no address is one (C-11).
        let names = [profile.preferred_username, profile.name];
        let is_name = |name: &String| (1..=256).contains(&name.len()) && Email::parse(name).is_none();
        let username = names.into_iter().flatten().find(is_name).unwrap_or_else(|| sub.to_owned());
        Person {
            subject: Subject::new(provider.as_str(), sub),
            issuer: self.issuer.clone(),
            username,
            login: sub.to_owned(),
            email,
            domain,
            organisations: Vec::new(),
        }
    }

    /// What the token says. A key that we have not seen yet may be new: then the set is fetched, at a bounded rate.
    async fn verified(
        &self,
        token: &str,
        metadata: &Metadata,
        expected: Expected<'_>,
    ) -> Result<Claims, UpstreamError> {
        // Whoever comes while keys are being fetched waits for them here.
        let mut cache = self.keys.lock().await;
        self.refresh(&mut cache, metadata, (expected.now, Event::Tick)).await;
        let Keys::Usable(keys) = cache.keys(expected.now) else { return Err(UpstreamError::NoKeys) };
        match id_token::verify(token, keys, expected) {
            Err(IdTokenError::Jwt(JwtError::UnknownKey)) => {}
            judged => return Ok(judged?),
        }
        self.refresh(&mut cache, metadata, (expected.now, Event::UnknownKid)).await;
        let Keys::Usable(keys) = cache.keys(expected.now) else { return Err(UpstreamError::NoKeys) };
        Ok(id_token::verify(token, keys, expected)?)
    }

    async fn refresh(&self, cache: &mut JwksCache, metadata: &Metadata, (now, event): (UnixTime, Event)) {
        if cache.on_event(now, event).is_some() {
            let fetched = self.fetched_keys(&metadata.keys).await;
            if let Err(error) = &fetched {
                tracing::warn!(issuer = self.issuer, %error, "the keys of an issuer cannot be fetched");
            }
            // An event of this kind asks for nothing.
            let _none = cache.on_event(now, Event::Fetched(fetched.map_err(|_| FetchFailed)));
        }
    }

    async fn fetched_keys(&self, address: &str) -> Result<Fetched, UpstreamError> {
        let answer = self.get(address, None).await?;
        let keys = KeySet::parse(answer.body()).map_err(|_| UpstreamError::Malformed("key set"))?;
        let cache_control = answer.headers().get(header::CACHE_CONTROL);
        let fresh_for = cache_control.and_then(|value| value.to_str().ok()).and_then(freshness);
        Ok(Fetched { keys, fresh_for })
    }

    /// More about the user whose token says `sub`. The answer must be about the same one (§5.3.2).
    async fn userinfo(
        &self,
        endpoint: &str,
        token: &AccessToken,
        sub: &str,
    ) -> Result<Profile, UpstreamError> {
        let answer = self.get(endpoint, Some(token)).await?;
        let info: UserInfo =
            serde_json::from_slice(answer.body()).map_err(|_| UpstreamError::Malformed("userinfo"))?;
        if info.sub == sub { Ok(info.profile) } else { Err(IdTokenError::Subject.into()) }
    }

    /// Where the issuer answers: what it said within the hour, or else what it says now, or else what it said last.
    async fn metadata(&self, now: UnixTime) -> Result<Arc<Metadata>, UpstreamError> {
        let mut discovery = self.discovery.lock().await;
        let known = discovery.last.as_ref().map(|(at, metadata)| (now.since(*at), Arc::clone(metadata)));
        if let Some((age, metadata)) = &known
            && *age < REDISCOVER
        {
            return Ok(Arc::clone(metadata));
        }
        let trusted = known.filter(|(age, _)| *age < TRUST).map(|(_, metadata)| metadata);
        if let Some((at, error)) = discovery.failed
            && now.since(at) < RETRY
        {
            return trusted.ok_or(error);
        }
        let began = Instant::now();
        match self.discovered().await.map(Arc::new) {
            Ok(metadata) => {
                *discovery = Discovery { last: Some((now, Arc::clone(&metadata))), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                // From its end on: else whoever comes while an issuer hangs would ask it again at once.
                discovery.failed = Some((now.plus(began.elapsed().as_secs()), error));
                trusted.ok_or(error)
            }
        }
    }

    async fn discovered(&self) -> Result<Metadata, UpstreamError> {
        let base = self.issuer.trim_end_matches('/');
        let answer = self.get(&format!("{base}/.well-known/openid-configuration"), None).await?;
        let raw: RawMetadata =
            serde_json::from_slice(answer.body()).map_err(|_| UpstreamError::Malformed("discovery"))?;
        // Byte for byte: who answers for another issuer could hand its users out (Discovery §4.3).
        if raw.issuer != self.issuer {
            return Err(UpstreamError::Malformed("discovery: issuer"));
        }
        raw.usable(self.issuer.starts_with("http://")).ok_or(UpstreamError::Malformed("discovery: address"))
    }

    async fn get(
        &self,
        address: &str,
        token: Option<&AccessToken>,
    ) -> Result<Response<Vec<u8>>, UpstreamError> {
        let mut request =
            Request::builder().method(Method::GET).uri(address).header(header::ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.secret()));
        }
        let request = request.body(Vec::new()).map_err(|_| UpstreamError::Malformed("address"))?;
        let answer = self.http.send(request).await?;
        if answer.status() == StatusCode::OK {
            Ok(answer)
        } else {
            Err(UpstreamError::Status(answer.status().as_u16()))
        }
    }
}

impl RawMetadata {
    /// `is_local`: the issuer is on this machine and speaks plain http. No other may lead there.
    fn usable(self, is_local: bool) -> Option<Metadata> {
        let is_good = |url: &Url| url.scheme() == "https" || is_local && url.scheme() == "http";
        let all = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        if !all.into_iter().chain(&self.userinfo_endpoint).all(is_good) {
            return None;
        }
        // What it names first; Basic is what a provider that says nothing takes (Discovery §3).
        let methods = self.token_endpoint_auth_methods_supported.unwrap_or_default();
        let auth = methods.iter().find_map(|method| match method.as_str() {
            "client_secret_basic" => Some(AuthType::BasicAuth),
            "client_secret_post" => Some(AuthType::RequestBody),
            _ => None,
        });
        Some(Metadata {
            endpoints: Endpoints {
                authorization: AuthUrl::from_url(self.authorization_endpoint),
                token: TokenUrl::from_url(self.token_endpoint),
                auth: auth.unwrap_or(AuthType::BasicAuth),
            },
            keys: self.jwks_uri.into(),
            userinfo: self.userinfo_endpoint.map(Into::into),
            names_itself: self.authorization_response_iss_parameter_supported,
        })
    }
}
