//! The JSON shape of one issuer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw::{within, wrong};
use super::{AudienceRule, Endpoint, Issuer, KeySource, PolicyError};
use crate::json::Object;
use crate::jwks::KeySet;
use crate::jwks::cache::Limits;
use crate::jwt::{Algorithm, ClaimNames, TokenType};
use crate::revocation::FeedLimits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIssuer {
    issuer: String,
    jwks: Object<RawKeys>,
    #[serde(default)]
    algorithms: Option<Vec<String>>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    audience: Option<Object<RawAudience>>,
    #[serde(default)]
    claims: Object<RawClaims>,
    #[serde(default)]
    leeway_seconds: Option<u64>,
    #[serde(default)]
    revocations: Option<Object<RawFeed>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeys {
    #[serde(default)]
    inline: Option<Box<RawValue>>,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    authority: Option<String>,
    #[serde(default)]
    refresh_seconds: Option<u64>,
    #[serde(default)]
    max_age_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAudience {
    /// `exact` (default) or `contains`: the resource alone, or among others.
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    one_of: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawClaims {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    cluster: String,
    path: String,
    #[serde(default)]
    authority: Option<String>,
    #[serde(default)]
    wait_seconds: Option<u64>,
    #[serde(default)]
    max_staleness_seconds: Option<u64>,
}

impl RawIssuer {
    pub(super) fn parse(self, at: &str) -> Result<Issuer, PolicyError> {
        if self.issuer.is_empty() {
            let expected = "expected the issuer identifier, such as https://gateway.example";
            return Err(wrong(format!("{at}.issuer"), expected));
        }
        let token_type = match self.token_type.as_deref() {
            None | Some("at+jwt") => TokenType::AccessToken,
            Some("JWT") => TokenType::Jwt,
            Some(_) => return Err(wrong(format!("{at}.token_type"), "expected at+jwt or JWT")),
        };
        Ok(Issuer {
            keys: self.jwks.0.parse(&format!("{at}.jwks"))?,
            algorithms: algorithms(self.algorithms, at)?,
            token_type,
            audience: self.audience.map_or(Ok(AudienceRule::Resource), |Object(rule)| rule.parse(at))?,
            claims: self.claims.0.parse(),
            leeway: within(&format!("{at}.leeway_seconds"), self.leeway_seconds, 30, 0, 60)?,
            revocations: self
                .revocations
                .map(|Object(feed)| feed.parse(&format!("{at}.revocations")))
                .transpose()?,
            name: self.issuer,
        })
    }
}

fn algorithms(names: Option<Vec<String>>, at: &str) -> Result<Vec<Algorithm>, PolicyError> {
    let Some(names) = names else { return Ok(vec![Algorithm::Es256, Algorithm::EdDsa]) };
    let parsed = names.iter().map(|name| name.parse::<Algorithm>()).collect::<Result<Vec<_>, _>>();
    parsed.ok().filter(|list| !list.is_empty()).ok_or_else(|| {
        let all = Algorithm::ALL.map(Algorithm::name).join(", ");
        wrong(format!("{at}.algorithms"), format!("expected some of {all}"))
    })
}

impl RawKeys {
    fn parse(self, at: &str) -> Result<KeySource, PolicyError> {
        let Some(inline) = self.inline else {
            let limits = self.limits(at)?;
            let endpoint = endpoint(self.cluster, self.authority, self.path, at)?;
            return Ok(KeySource::Fetched(endpoint, limits));
        };
        let is_fetched = [&self.cluster, &self.path, &self.authority].iter().any(|member| member.is_some());
        let is_refreshed = self.refresh_seconds.or(self.max_age_seconds).is_some();
        if is_fetched || is_refreshed {
            return Err(wrong(
                at,
                "expected either inline alone, or cluster and path and how they are refreshed",
            ));
        }
        let keys = KeySet::parse(inline.get().as_bytes());
        keys.map(KeySource::Inline).map_err(|error| wrong(format!("{at}.inline"), error))
    }

    fn limits(&self, at: &str) -> Result<Limits, PolicyError> {
        let defaults = Limits::default();
        let refresh = format!("{at}.refresh_seconds");
        let refresh_after = within(&refresh, self.refresh_seconds, defaults.refresh_after, 1, 86_400)?;
        let max_age = format!("{at}.max_age_seconds");
        let max_age_seconds = within(&max_age, self.max_age_seconds, defaults.max_age, 60, 604_800)?;
        if max_age_seconds <= refresh_after {
            return Err(wrong(max_age, "expected more than refresh_seconds"));
        }
        Ok(Limits { refresh_after, max_age: max_age_seconds, ..defaults })
    }
}

impl RawAudience {
    fn parse(self, at: &str) -> Result<AudienceRule, PolicyError> {
        match (self.resource.as_deref(), self.one_of) {
            (Some("exact"), None) => Ok(AudienceRule::Resource),
            (Some("contains"), None) => Ok(AudienceRule::ContainsResource),
            (None, Some(accepted)) if !accepted.is_empty() => Ok(AudienceRule::OneOf(accepted)),
            _ => Err(wrong(
                format!("{at}.audience"),
                "expected {\"resource\": \"exact\"}, {\"resource\": \"contains\"} or {\"one_of\": [\"…\"]}",
            )),
        }
    }
}

impl RawClaims {
    fn parse(self) -> ClaimNames {
        let default = ClaimNames::default();
        ClaimNames {
            user: self.user.unwrap_or(default.user),
            name: self.name.unwrap_or(default.name),
            client: self.client.unwrap_or(default.client),
            scope: self.scope.unwrap_or(default.scope),
        }
    }
}

impl RawFeed {
    fn parse(self, at: &str) -> Result<(Endpoint, FeedLimits), PolicyError> {
        let defaults = FeedLimits::default();
        let wait = within(&format!("{at}.wait_seconds"), self.wait_seconds, defaults.wait, 1, 60)?;
        let staleness = format!("{at}.max_staleness_seconds");
        let max_staleness =
            within(&staleness, self.max_staleness_seconds, defaults.max_staleness, 10, 86_400)?;
        if max_staleness <= wait.saturating_add(crate::revocation::Feed::PATIENCE) {
            return Err(wrong(staleness, "expected more than wait_seconds and 5 seconds"));
        }
        let endpoint = endpoint(Some(self.cluster), self.authority, Some(self.path), at)?;
        Ok((endpoint, FeedLimits { wait, max_staleness }))
    }
}

fn endpoint(
    cluster: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    at: &str,
) -> Result<Endpoint, PolicyError> {
    let cluster = cluster.filter(|cluster| !cluster.is_empty());
    let cluster =
        cluster.ok_or_else(|| wrong(format!("{at}.cluster"), "expected the name of an Envoy cluster"))?;
    let path = path.filter(|path| path.starts_with('/'));
    let path = path.ok_or_else(|| wrong(format!("{at}.path"), "expected a path such as /jwks.json"))?;
    Ok(Endpoint { authority: authority.unwrap_or_else(|| cluster.clone()), cluster, path })
}
