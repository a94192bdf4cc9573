//! What an operator asks of the internal port: what is there, to add to it, and to get rid of it. Nothing here shows a secret, and
//! only a backup what is kept of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway_core::time::UnixTime;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::form::JsonBody;
use super::middleware::no_store;
use crate::domain::client::{Client, ClientId};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::FamilyId;
use crate::domain::metadata::ClientMetadata;
use crate::domain::parameters::Parameters;
use crate::domain::redirect_uri::RedirectUri;
use crate::flow::Deps;
use crate::flow::inventory::{self, Deletion, Whose};
use crate::flow::register::register_for_operator;
use crate::store::{Grant, Part, SavedClient};

/// How much of a list one answer holds, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// A client in a list.
#[derive(Serialize)]
struct Summary<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<&'a str>,
    token_endpoint_auth_method: &'static str,
    issued_at: u64,
    /// Left out of those that never expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    /// Whether it has got a token.
    used: bool,
}

/// A client with all that it said about itself.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    redirect_uris: Vec<&'a str>,
    application_type: &'static str,
    refreshes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<&'a str>,
}

impl<'a> Summary<'a> {
    fn of(client: &'a Client, deps: &Deps) -> Self {
        Self {
            client_id: client.id.as_str(),
            client_name: client.profile.name.as_deref(),
            token_endpoint_auth_method: client.authentication.name(),
            issued_at: client.issued_at.as_secs(),
            expires_at: client.expires_at.map(UnixTime::as_secs),
            used: !deps.is_unused(client),
        }
    }
}

impl<'a> Details<'a> {
    fn of(client: &'a Client, deps: &Deps) -> Self {
        let profile = &client.profile;
        Self {
            summary: Summary::of(client, deps),
            redirect_uris: profile.redirect_uris.iter().map(RedirectUri::as_str).collect(),
            application_type: profile.application_type.name(),
            refreshes: profile.refreshes,
            scope: profile.scope.as_deref(),
            software_id: profile.software_id.as_deref(),
            software_version: profile.software_version.as_deref(),
        }
    }
}

/// `GET /internal/clients`: the clients after the one named by `after`, at most `limit`. `next` is where to go on; without it,
/// that was all.
pub(super) async fn clients(
    State(deps): State<Arc<Deps>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let part = part_of_clients(&deps, query).await?;
    let clients: Vec<_> = part.items.iter().map(|client| Summary::of(client, &deps)).collect();
    Ok(listed(json!({ "clients": clients }), part.next.as_ref()))
}

/// `POST /internal/backup`: the same clients as they are written into a backup, with the digests of their secrets.
pub(super) async fn backup(
    State(deps): State<Arc<Deps>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    refuse_pages(&headers)?;
    let part = part_of_clients(&deps, query).await?;
    let clients: Vec<_> = part.items.iter().map(SavedClient::from).collect();
    Ok(listed(json!({ "clients": clients }), part.next.as_ref()))
}

async fn part_of_clients(deps: &Deps, query: Option<String>) -> Result<Part<Client, ClientId>, ApiError> {
    let query = read(query, &["after", "limit"])?;
    let after = match query.get("after").map_err(Refusal::from)? {
        Some(text) => Some(ClientId::parse(text).ok_or(invalid("after is not the id of a client"))?),
        None => None,
    };
    let part = deps.store.clients(after.as_ref(), limit(&query)?, deps.now()).await;
    part.map_err(|error| ApiError::Internal(error.into()))
}

/// `POST /internal/clients`: registers a client for an operator, by its metadata (RFC 7591 §2). This answer alone shows its
/// secret.
pub(super) async fn add_client(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    refuse_pages(&headers)?;
    let (client, secret) = register_for_operator(&deps, ClientMetadata::parse(&body)?).await?;
    let mut added = json!({
        "client_id": client.id.as_str(),
        "token_endpoint_auth_method": client.authentication.name(),
    });
    if let (Some(members), Some(secret)) = (added.as_object_mut(), &secret) {
        members.insert("client_secret".to_owned(), secret.expose().into());
    }
    Ok((no_store(), Json(json!({ "added": added }))).into_response())
}

/// `GET /internal/clients/{id}`: all that is known of a client but for its secrets.
pub(super) async fn client(
    State(deps): State<Arc<Deps>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(match inventory::client(&deps, &id).await? {
        Some(client) => (no_store(), Json(Details::of(&client, &deps))).into_response(),
        None => no_such_client(),
    })
}

/// `DELETE /internal/clients/{id}`: the client goes, and everything of it with it.
pub(super) async fn delete_client(
    State(deps): State<Arc<Deps>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    refuse_pages(&headers)?;
    Ok(match inventory::delete_client(&deps, &id).await? {
        Deletion::Done => (no_store(), Json(json!({ "deleted": id }))).into_response(),
        Deletion::Revoked => (no_store(), Json(json!({ "revoked": id }))).into_response(),
        Deletion::Unknown => no_such_client(),
    })
}

/// `GET /internal/grants`: the living grants, of a `user` or `client_id`; `after`, `limit` and `next` are those of clients.
pub(super) async fn grants(
    State(deps): State<Arc<Deps>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = read(query, &["after", "limit", "user", "client_id"])?;
    let get = |name| query.get(name).map_err(Refusal::from);
    let after = match get("after")? {
        Some(text) => Some(FamilyId::parse(text).ok_or(invalid("after is not the id of a grant"))?),
        None => None,
    };
    let whose = Whose { user: get("user")?, client: get("client_id")? };
    let part = inventory::grants(&deps, whose, after, limit(&query)?).await?;
    let grants: Vec<_> = part.items.iter().map(described).collect();
    Ok(listed(json!({ "grants": grants }), part.next.as_ref()))
}

fn described(grant: &Grant) -> serde_json::Value {
    json!({
        "family": grant.family.to_string(),
        "sub": grant.access.subject.as_str(),
        "client_id": grant.access.client.as_str(),
        "server": grant.access.server.as_str(),
        "scope": grant.access.scope.to_string(),
        "issued_at": grant.issued_at.map(UnixTime::as_secs),
        "used_at": grant.used_at.map(UnixTime::as_secs),
        "expires_at": grant.expires_at.as_secs(),
    })
}

/// `GET /internal/stats`: how much is kept.
pub(super) async fn stats(State(deps): State<Arc<Deps>>) -> Result<Response, ApiError> {
    let counts = deps.store.counts().await.map_err(|error| ApiError::Internal(error.into()))?;
    let body = json!({
        "clients": counts.clients,
        "families": counts.families,
        "codes": counts.codes,
        "sessions": counts.sessions,
        "revocations": counts.revocations,
    });
    Ok((no_store(), Json(body)).into_response())
}

/// `POST /internal/purge`: forgets at once what has expired.
pub(super) async fn purge(State(deps): State<Arc<Deps>>, headers: HeaderMap) -> Result<Response, ApiError> {
    refuse_pages(&headers)?;
    let purged = deps.store.purge(deps.now()).await.map_err(|error| ApiError::Internal(error.into()))?;
    Ok((no_store(), Json(json!({ "purged": purged }))).into_response())
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

/// A page in an operator's browser that found this port.
fn refuse_pages(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(header::ORIGIN) { Err(invalid("this is not for browsers")) } else { Ok(()) }
}

fn no_such_client() -> Response {
    let body = json!({ "error": "not_found", "error_description": "there is no client with this id" });
    (StatusCode::NOT_FOUND, no_store(), Json(body)).into_response()
}

/// The query, in which nothing but `known` may stand.
fn read(query: Option<String>, known: &[&str]) -> Result<Parameters, Refusal> {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let query = query.map_err(|_| invalid("the query is not well-formed"))?;
    if query.names().all(|name| known.contains(&name)) {
        Ok(query)
    } else {
        Err(invalid("there is no such parameter"))
    }
}

fn limit(query: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = query.get("limit").map_err(Refusal::from)? else { return Ok(USUAL) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or(invalid("limit must be a number from 1 to 1000"))
}

/// A part of a list, with where to go on.
fn listed(mut body: serde_json::Value, next: Option<&impl ToString>) -> Response {
    if let (Some(members), Some(next)) = (body.as_object_mut(), next) {
        members.insert("next".to_owned(), next.to_string().into());
    }
    (no_store(), Json(body)).into_response()
}
