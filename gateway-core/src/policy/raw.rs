//! The JSON shape of the filter's configuration, and the way from it to a [`Policy`].

use serde::Deserialize;

use super::{Issuer, JwksSource, Policy, PolicyError, PublicPath, Resource, Waiting};
use crate::json;
use crate::jwks::cache::Limits;
use crate::jwt::Algorithm;
use crate::resource::ResourceUri;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    issuers: Vec<RawIssuer>,
    resources: Vec<RawResource>,
    #[serde(default)]
    public_paths: Vec<String>,
    #[serde(default)]
    wait_seconds: Option<u64>,
    #[serde(default)]
    max_waiting_requests: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    issuer: String,
    jwks: RawJwks,
    #[serde(default)]
    algorithms: Option<Vec<String>>,
    #[serde(default)]
    leeway_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJwks {
    cluster: String,
    path: String,
    #[serde(default)]
    authority: Option<String>,
    #[serde(default)]
    refresh_seconds: Option<u64>,
    #[serde(default)]
    max_age_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    uri: String,
    scope: String,
}

pub(super) fn parse(configuration: &[u8]) -> Result<Policy, PolicyError> {
    let raw: RawPolicy = json::object(configuration).map_err(|error| wrong("$", error))?;
    let [issuer] = <[RawIssuer; 1]>::try_from(raw.issuers)
        .map_err(|given| wrong("$.issuers", format!("expected exactly one issuer, got {}", given.len())))?;
    let resources = raw.resources.into_iter().enumerate().map(|(index, resource)| resource.parse(index));
    let public_paths = raw.public_paths.iter().enumerate().map(|(index, path)| public_path(index, path));
    Ok(Policy {
        issuer: issuer.parse()?,
        waiting: Waiting {
            seconds: within("$.wait_seconds", raw.wait_seconds, 5, 1, 60)?,
            requests: raw.max_waiting_requests.unwrap_or(1000),
        },
        resources: resources.collect::<Result<_, _>>()?,
        public_paths: public_paths.collect::<Result<_, _>>()?,
    })
}

impl RawIssuer {
    fn parse(self) -> Result<Issuer, PolicyError> {
        if self.issuer.is_empty() {
            return Err(wrong(
                "$.issuers[0].issuer",
                "expected the issuer identifier, such as https://gateway.example",
            ));
        }
        let names = self.algorithms.unwrap_or_else(|| vec!["ES256".to_owned(), "EdDSA".to_owned()]);
        let algorithms = names.iter().map(|name| name.parse::<Algorithm>()).collect::<Result<Vec<_>, _>>();
        let algorithms = algorithms
            .ok()
            .filter(|list| !list.is_empty())
            .ok_or_else(|| wrong("$.issuers[0].algorithms", "expected some of ES256, EdDSA"))?;
        Ok(Issuer {
            limits: self.jwks.limits()?,
            jwks: self.jwks.source()?,
            algorithms,
            leeway: within("$.issuers[0].leeway_seconds", self.leeway_seconds, 30, 0, 60)?,
            name: self.issuer,
        })
    }
}

impl RawJwks {
    fn limits(&self) -> Result<Limits, PolicyError> {
        let defaults = Limits::default();
        let refresh_after = within(
            "$.issuers[0].jwks.refresh_seconds",
            self.refresh_seconds,
            defaults.refresh_after,
            1,
            86_400,
        )?;
        let max_age =
            within("$.issuers[0].jwks.max_age_seconds", self.max_age_seconds, defaults.max_age, 60, 604_800)?;
        if max_age <= refresh_after {
            return Err(wrong("$.issuers[0].jwks.max_age_seconds", "expected more than refresh_seconds"));
        }
        Ok(Limits { refresh_after, max_age, ..defaults })
    }

    fn source(self) -> Result<JwksSource, PolicyError> {
        if self.cluster.is_empty() {
            return Err(wrong("$.issuers[0].jwks.cluster", "expected the name of an Envoy cluster"));
        }
        if !self.path.starts_with('/') {
            return Err(wrong("$.issuers[0].jwks.path", "expected a path such as /jwks.json"));
        }
        let authority = self.authority.unwrap_or_else(|| self.cluster.clone());
        Ok(JwksSource { cluster: self.cluster, authority, path: self.path })
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
        Ok(Resource { uri, scope })
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

fn within(path: &str, given: Option<u64>, default: u64, least: u64, most: u64) -> Result<u64, PolicyError> {
    let value = given.unwrap_or(default);
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(wrong(path, format!("expected {least} to {most}, got {value}")))
    }
}

fn wrong(path: impl Into<String>, problem: impl std::fmt::Display) -> PolicyError {
    PolicyError { path: path.into(), problem: format!("{problem}") }
}
