//! The JSON shape of the filter's configuration, and the way from it to a [`Policy`].

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Deserialize;

use super::issuer::RawIssuer;
use super::{Policy, PolicyError, PublicPath, Resource, Waiting};
use crate::assertion::EdgeKey;
use crate::json::{self, Object};
use crate::origins::{Origins, is_host, is_origin};
use crate::publication::{Fact, Publication};
use crate::resource::ResourceUri;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    issuers: Vec<Object<RawIssuer>>,
    resources: Vec<Object<RawResource>>,
    #[serde(default)]
    public_paths: Vec<String>,
    #[serde(default)]
    wait_seconds: Option<u64>,
    #[serde(default)]
    max_waiting_requests: Option<usize>,
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    edge_key: Option<String>,
    #[serde(default)]
    publish: BTreeSet<Fact>,
    #[serde(default)]
    allowed_origins: Vec<String>,
    #[serde(default)]
    allowed_hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    uri: String,
    scope: String,
    #[serde(default)]
    server_compares_mcp_headers: bool,
}

pub(super) fn parse(configuration: &[u8]) -> Result<Policy, PolicyError> {
    let raw: RawPolicy = json::located(configuration).map_err(|(path, error)| wrong(path, error))?;
    let issuers = raw
        .issuers
        .into_iter()
        .enumerate()
        .map(|(index, Object(issuer))| issuer.parse(&format!("$.issuers[{index}]")));
    let issuers = issuers.collect::<Result<Vec<_>, _>>()?;
    if issuers.is_empty() {
        return Err(wrong("$.issuers", "expected at least one issuer"));
    }
    for (index, issuer) in issuers.iter().enumerate() {
        if issuers.iter().skip(index.saturating_add(1)).any(|other| other.name == issuer.name) {
            return Err(wrong(format!("$.issuers[{index}].issuer"), "expected each issuer once"));
        }
    }
    let resources = raw
        .resources
        .into_iter()
        .enumerate()
        .map(|(index, Object(resource))| resource.parse(index).map(Rc::new));
    let resources = resources.collect::<Result<Vec<_>, _>>()?;
    let public_paths = raw.public_paths.iter().enumerate().map(|(index, path)| public_path(index, path));
    let origins = Origins::new(
        names("$.allowed_origins", raw.allowed_origins, is_origin, "an origin such as https://app.example")?,
        names(
            "$.allowed_hosts",
            raw.allowed_hosts,
            is_host,
            "a host such as gateway.example or localhost:*",
        )?,
    );
    let cached_tokens = within("$.cached_tokens", raw.cached_tokens, 10_000, 0, 1_000_000)?;
    let policy = Policy {
        issuers,
        waiting: Waiting {
            seconds: within("$.wait_seconds", raw.wait_seconds, 5, 1, 60)?,
            requests: raw.max_waiting_requests.unwrap_or(1000),
        },
        cached_tokens: usize::try_from(cached_tokens).unwrap_or(usize::MAX),
        origins,
        publication: Publication::new(raw.publish),
        edge_key: raw
            .edge_key
            .map(|key| EdgeKey::parse(&key))
            .transpose()
            .map_err(|error| wrong("$.edge_key", error))?,
        has_hosts: resources.windows(2).any(|pair| matches!(pair, [one, other] if !share_a_host(one, other))),
        resources,
        public_paths: public_paths.collect::<Result<_, _>>()?,
    };
    one_meaning_for_each_path(&policy).map(|()| policy)
}

fn share_a_host(one: &Resource, other: &Resource) -> bool {
    one.uri.is_at(other.uri.authority().as_bytes())
}

/// A path that is a resource's is nothing else: not another resource's of the same host, and not public.
fn one_meaning_for_each_path(policy: &Policy) -> Result<(), PolicyError> {
    for (index, resource) in policy.resources.iter().enumerate() {
        let path = resource.uri.path();
        let is_the_same = |other: &Rc<Resource>| other.uri.path() == path && share_a_host(resource, other);
        if policy.resources.iter().take(index).any(is_the_same) {
            let problem = format!("expected another path than {path}, which a resource of this host has");
            return Err(wrong(format!("$.resources[{index}].uri"), problem));
        }
        let spellings = [path.to_owned(), format!("{path}/")];
        let is_its_own = |public: &PublicPath| spellings.iter().any(|path| public.is(path.as_bytes()));
        if let Some(public) = policy.public_paths.iter().position(is_its_own) {
            let problem = format!("expected no path of a resource: {path} would be open to everyone");
            return Err(wrong(format!("$.public_paths[{public}]"), problem));
        }
    }
    Ok(())
}

fn names(
    path: &str,
    names: Vec<String>,
    is_right: fn(&str) -> bool,
    expected: &str,
) -> Result<Vec<String>, PolicyError> {
    match names.iter().position(|name| !is_right(name)) {
        Some(index) => Err(wrong(format!("{path}[{index}]"), format!("expected {expected}"))),
        None => Ok(names),
    }
}

impl RawResource {
    fn parse(self, index: usize) -> Result<Resource, PolicyError> {
        let uri = ResourceUri::parse(&self.uri).ok_or_else(|| {
            wrong(
                format!("$.resources[{index}].uri"),
                "expected a URI such as https://gateway.example/time/mcp",
            )
        })?;
        let scope =
            self.scope.parse().map_err(|error| wrong(format!("$.resources[{index}].scope"), error))?;
        Ok(Resource { uri, scope, compares_headers: self.server_compares_mcp_headers })
    }
}

fn public_path(index: usize, path: &str) -> Result<PublicPath, PolicyError> {
    let parent = path.strip_suffix('*').filter(|parent| parent.ends_with('/'));
    let parsed = match parent {
        Some(parent) => PublicPath::OneSegmentBelow(parent.to_owned()),
        None => PublicPath::Exact(path.to_owned()),
    };
    let is_plain = path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%;\\".contains(&byte));
    let stars = path.matches('*').count();
    if is_plain && stars == usize::from(parent.is_some()) {
        Ok(parsed)
    } else {
        Err(wrong(
            format!("$.public_paths[{index}]"),
            "expected a path such as /token, or /register/* for one more segment",
        ))
    }
}

pub(super) fn within(
    path: &str,
    given: Option<u64>,
    default: u64,
    least: u64,
    most: u64,
) -> Result<u64, PolicyError> {
    let value = given.unwrap_or(default);
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(wrong(path, format!("expected {least} to {most}, got {value}")))
    }
}

pub(super) fn wrong(path: impl Into<String>, problem: impl std::fmt::Display) -> PolicyError {
    PolicyError { path: path.into(), problem: format!("{problem}") }
}
