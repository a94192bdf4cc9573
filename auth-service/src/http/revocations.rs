//! `/internal/revocations`: the feed that edges follow, and how an operator adds to it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::form;
use super::middleware::no_store;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::Parameters;
use crate::domain::revocation::{Revocation, Target};
use crate::flow::Deps;
use crate::flow::feed::next_batch;
use crate::flow::revoke::{Order, revoke};
use crate::store::{Batch, Cursor};

/// Longest wait for the next revocation.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct BatchBody<'a> {
    cursor: String,
    snapshot: bool,
    more: bool,
    entries: Vec<Entry<'a>>,
}

/// A revocation, with the members of its kind.
#[derive(Serialize, Default)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<u64>,
    expires_at: u64,
}

impl<'a> From<&'a Revocation> for Entry<'a> {
    fn from(revocation: &'a Revocation) -> Self {
        let mut entry = Self { expires_at: revocation.expires_at.as_secs(), ..Self::default() };
        match &revocation.target {
            Target::Token(id) => entry.jti = Some(id.to_string()),
            Target::User { subject, issued_before } => {
                entry.sub = Some(subject.as_str());
                entry.issued_before = Some(issued_before.as_secs());
            }
            Target::Client { client, issued_before } => {
                entry.client_id = Some(client.as_str());
                entry.issued_before = Some(issued_before.as_secs());
            }
            Target::Everyone { issued_before } => entry.issued_before = Some(issued_before.as_secs()),
        }
        entry
    }
}

impl<'a> From<&'a Batch> for BatchBody<'a> {
    fn from(batch: &'a Batch) -> Self {
        Self {
            cursor: batch.cursor.to_string(),
            snapshot: batch.is_snapshot,
            more: batch.has_more,
            entries: batch.entries.iter().map(Entry::from).collect(),
        }
    }
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

/// `GET`: what came after the cursor, or the next revocation within `wait` seconds.
pub(super) async fn get(
    State(deps): State<Arc<Deps>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let query = query.map_err(|_| invalid("the query is not well-formed"))?;
    if query.names().any(|name| !matches!(name, "after" | "wait")) {
        return Err(invalid("the parameters are after and wait").into());
    }
    // A cursor that cannot be read is one of another store: the answer begins at the beginning.
    let after = query.get("after").map_err(Refusal::from)?.and_then(Cursor::parse);
    let wait = seconds(query.get("wait").map_err(Refusal::from)?)?;
    let batch = next_batch(&deps, after, wait).await?;
    Ok((no_store(), Json(BatchBody::from(&batch))).into_response())
}

/// What an operator wants dead: exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    jti: Option<String>,
    user: Option<String>,
    client_id: Option<String>,
}

/// `POST`: revokes a token, a user's or a client's; gives the entry.
pub(super) async fn post(State(deps): State<Arc<Deps>>, request: Request) -> Result<Response, ApiError> {
    if request.headers().contains_key(header::ORIGIN) {
        // A page in an operator's browser that found this port.
        return Err(invalid("this is not for browsers").into());
    }
    let body = form::json(request, ErrorCode::InvalidRequest).await?;
    let wrong = invalid("the body must be one of {\"jti\":…}, {\"user\":…} and {\"client_id\":…}");
    let order: OrderBody = serde_json::from_slice(&body).map_err(|_| wrong)?;
    let order = match (&order.jti, &order.user, &order.client_id) {
        (Some(id), None, None) => Order::Token(id),
        (None, Some(name), None) => Order::User(name),
        (None, None, Some(id)) => Order::Client(id),
        _ => return Err(wrong.into()),
    };
    let revocation = revoke(&deps, order).await?;
    Ok((no_store(), Json(Entry::from(&revocation))).into_response())
}

fn seconds(text: Option<&str>) -> Result<Duration, Refusal> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    let wrong = invalid("wait must be a number of seconds from 0 to 60");
    let wait = Duration::from_secs(text.parse().map_err(|_| wrong)?);
    if wait <= MAX_WAIT { Ok(wait) } else { Err(wrong) }
}
