//! Whether a request may pass, for proxies that ask instead of deciding (`ForwardAuth`, `auth_request`, `ext_authz`).
//!
//! The rules are the edge's own, out of the same crate. Nothing is looked up outside of this process: keys and revocations
//! are in memory, and a token's signature is checked once for as long as it is in use and the keys are the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_core::bearer::Authorization;
use gateway_core::identity_headers;
use gateway_core::jwt::{
    Audience, Authentic, ClaimNames, Compact, Expectations, JwtError, TokenType, Unverified,
};
use gateway_core::policy::Resource;
use gateway_core::reply::Reply;
use gateway_core::scope::Scope;
use gateway_core::signature::PureRust;
use sha2::{Digest as _, Sha256};

use super::Deps;
use crate::domain::catalogue::Catalogue;
use crate::domain::revocation::TokenFacts;
use crate::keys::InUse;

/// Seconds by which a token's issuer may be ahead of us: another replica of this service. The edge's default.
const LEEWAY: u64 = 30;

/// Most tokens whose signature is remembered: about 2 KiB each.
const CACHED: usize = 8192;

/// What a proxy says of the request that it asks about: each header once, or not at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// `X-Forwarded-Proto`.
    pub proto: Option<&'a str>,
    /// `X-Forwarded-Host`.
    pub host: Option<&'a str>,
    /// `X-Forwarded-Uri`: path and query.
    pub uri: Option<&'a str>,
    /// `X-Original-URL`: all of it in one.
    pub url: Option<&'a str>,
}

/// A token that passed, with what the upstream is told about it.
#[derive(Debug)]
pub struct Known {
    token: Arc<Authentic>,
    /// The edge's identity headers: names in lower case, values visible ASCII.
    pub headers: Vec<(&'static str, String)>,
}

/// All that is needed to verify tokens.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    resources: Vec<Protected>,
    names: ClaimNames,
    cache: Mutex<Cache>,
}

/// A resource and how requests name it.
#[derive(Debug)]
struct Protected {
    scheme: String,
    authority: String,
    resource: Resource,
}

/// Two generations: what is asked for moves to the young one; when that is full, the old one is dropped. When the keys
/// change, both are.
#[derive(Debug, Default)]
struct Cache {
    keys: Option<Arc<InUse>>,
    young: HashMap<[u8; 32], Arc<Known>>,
    old: HashMap<[u8; 32], Arc<Known>>,
}

impl Verifier {
    /// A verifier for the tokens of this issuer.
    #[must_use]
    pub fn new(catalogue: &Catalogue) -> Self {
        let protected = |server: &gateway_core::resource::ServerName| {
            let uri = catalogue.resource_of(server);
            let (scheme, rest) = uri.as_str().split_once("://")?;
            let authority = rest.strip_suffix(uri.path())?;
            let (scheme, authority) = (scheme.to_owned(), authority.to_owned());
            Some(Protected {
                scheme,
                authority,
                resource: Resource { uri, scope: Scope::Server(server.clone()), compares_headers: false },
            })
        };
        Self {
            issuer: catalogue.issuer().to_string(),
            resources: catalogue.servers().filter_map(protected).collect(),
            names: ClaimNames::default(),
            cache: Mutex::default(),
        }
    }

    /// The resource that is meant. Where a proxy says it in both ways they must agree: one of the two may come from the
    /// client, through a proxy that knows only the other.
    fn resource(&self, asked: Asked<'_>) -> Option<&Resource> {
        let forwarded = asked.uri.map(|uri| self.find(asked.proto?, asked.host?, uri));
        let original = asked.url.map(|url| {
            let (scheme, rest) = url.split_once("://")?;
            let (authority, path) = rest.split_at_checked(rest.find('/')?)?;
            self.find(scheme, authority, path)
        });
        match (forwarded, original) {
            (Some(one), Some(two)) if one?.uri != two?.uri => None,
            (Some(meant), _) | (None, Some(meant)) => meant,
            (None, None) => None,
        }
    }

    fn find(&self, scheme: &str, authority: &str, uri: &str) -> Option<&Resource> {
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_meant = |it: &&Protected| {
            it.resource.uri.path() == path
                && it.scheme.eq_ignore_ascii_case(scheme)
                && it.authority.eq_ignore_ascii_case(authority)
        };
        self.resources.iter().find(is_meant).map(|it| &it.resource)
    }

    /// The token, if one of the keys `in_use` did sign it.
    fn authentic(&self, text: &str, in_use: &Arc<InUse>) -> Result<Arc<Known>, JwtError> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        if let Some(known) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&hash, in_use) {
            return Ok(known);
        }
        let unverified = Unverified::parse(Compact::parse(text)?, TokenType::AccessToken)?;
        let token = Arc::new(unverified.authenticate(&in_use.keys, &self.names, &PureRust)?);
        let headers = identity_headers::of(token.facts().identity(), token.facts().scopes());
        let known = Arc::new(Known { token, headers });
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(hash, Arc::clone(&known), in_use);
        Ok(known)
    }
}

impl Cache {
    fn get(&mut self, hash: &[u8; 32], in_use: &Arc<InUse>) -> Option<Arc<Known>> {
        if !self.keys.as_ref().is_some_and(|keys| Arc::ptr_eq(keys, in_use)) {
            *self = Self { keys: Some(Arc::clone(in_use)), ..Self::default() };
        }
        if let Some(known) = self.young.get(hash) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(hash)?;
        self.insert(*hash, Arc::clone(&known));
        Some(known)
    }

    /// Keeps a token that was checked with the keys `in_use`, unless they have changed meanwhile.
    fn keep(&mut self, hash: [u8; 32], known: Arc<Known>, in_use: &Arc<InUse>) {
        if self.keys.as_ref().is_some_and(|keys| Arc::ptr_eq(keys, in_use)) {
            self.insert(hash, known);
        }
    }

    fn insert(&mut self, hash: [u8; 32], known: Arc<Known>) {
        if self.young.len() >= CACHED / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, known);
    }
}

/// Decides about the request that `asked` describes and that carries `authorization`.
///
/// # Errors
/// The answer that the edge would give; 403 when no resource of ours is meant.
pub fn verify(deps: &Deps, asked: Asked<'_>, authorization: Authorization<'_>) -> Result<Arc<Known>, Reply> {
    let resource = deps.verifier.resource(asked).ok_or_else(no_resource)?;
    let token = match authorization {
        Authorization::None => return Err(Reply::no_token(resource)),
        Authorization::Several => return Err(Reply::several_tokens(resource)),
        Authorization::Malformed => return Err(Reply::invalid_token(resource, JwtError::NotCompact)),
        Authorization::Bearer(token) => token.reveal(),
    };
    let expected = Expectations {
        issuer: &deps.verifier.issuer,
        audience: Audience::Only(resource.uri.as_str()),
        now: deps.now(),
        leeway: LEEWAY,
    };
    let known = deps
        .verifier
        .authentic(token, &deps.keys.in_use())
        .map_err(|why| Reply::invalid_token(resource, why))?;
    known.token.verify(expected).map_err(|why| Reply::invalid_token(resource, why))?;
    if !deps.store.live().is_current() {
        return Err(Reply::cannot_decide_yet());
    }
    if is_revoked(deps, &known.token) {
        return Err(Reply::invalid_token(resource, JwtError::Revoked));
    }
    if !known.token.facts().scopes().covers(&resource.scope) {
        return Err(Reply::insufficient_scope(resource, &resource.scope));
    }
    Ok(known)
}

/// The access token that `text` is, if this service issued it for one of `audiences` and it is good now: neither expired
/// nor revoked.
pub(super) fn living(deps: &Deps, text: &str, audiences: &[String]) -> Option<Arc<Authentic>> {
    let known = deps.verifier.authentic(text, &deps.keys.in_use()).ok()?;
    let expected = Expectations {
        issuer: &deps.verifier.issuer,
        audience: Audience::OneOf(audiences),
        now: deps.now(),
        leeway: LEEWAY,
    };
    known.token.verify(expected).ok()?;
    let is_good = deps.now() < known.token.facts().expiry() && !is_revoked(deps, &known.token);
    is_good.then(|| Arc::clone(&known.token))
}

fn is_revoked(deps: &Deps, token: &Authentic) -> bool {
    let facts = token.facts();
    let identity = facts.identity();
    deps.store.live().kills(&TokenFacts {
        id: identity.token.unwrap_or_default(),
        subject: identity.user,
        client: identity.client.unwrap_or_default(),
        issued_at: facts.issued_at(),
    })
}

fn no_resource() -> Reply {
    let description = "The proxy must say which resource is asked for, and it must be one of this gateway.";
    let body = serde_json::json!({ "error": "access_denied", "error_description": description });
    Reply { status: 403, body: body.to_string(), reason: "access_denied", ..Reply::ambiguous(description) }
}
