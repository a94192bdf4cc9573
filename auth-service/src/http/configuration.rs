//! `GET`, `PUT` and `DELETE /register/{client_id}` (RFC 7592 §2): the client configuration endpoint.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use gateway_core::bearer::Authorization;

use super::bearer;
use super::error::ApiError;
use super::form::JsonBody;
use super::middleware::no_store;
use super::register::ClientInformation;
use crate::domain::error::{ErrorCode, Refusal};
use crate::flow::Deps;
use crate::flow::configuration::{self, Managed, managed};
use crate::flow::register::Registered;

/// The registration that the address names, for who has its token. As an extractor that stands first, it answers before
/// anything else of the request is looked at.
#[derive(Debug)]
pub(super) struct Manager(Managed);

impl FromRequestParts<Arc<Deps>> for Manager {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, ApiError> {
        // An address that cannot be decoded names nobody, and is answered like every other one that names nobody.
        let path = Path::<String>::from_request_parts(parts, deps).await;
        let id = path.map_or_else(|_| String::new(), |Path(id)| id);
        let token = match bearer::authorization(&parts.headers) {
            Authorization::None => return Err(ApiError::NoToken),
            Authorization::Several => {
                let description = "the Authorization header holds several credentials";
                return Err(Refusal::new(ErrorCode::InvalidRequest, description).into());
            }
            // What cannot be a token is looked up like one that is nobody's.
            Authorization::Malformed => "",
            Authorization::Bearer(token) => token.reveal(),
        };
        Ok(Self(managed(deps, &id, token).await?))
    }
}

/// What is stored (RFC 7592 §2.1).
pub(super) async fn get(State(deps): State<Arc<Deps>>, Manager(managed): Manager) -> Response {
    information(&deps, &configuration::read(managed))
}

/// Replaces what is stored (RFC 7592 §2.2).
pub(super) async fn put(
    State(deps): State<Arc<Deps>>,
    Manager(managed): Manager,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let registered = configuration::replace(&deps, managed, &body).await?;
    Ok(information(&deps, &registered))
}

/// Deletes the client (RFC 7592 §2.3).
pub(super) async fn delete(
    State(deps): State<Arc<Deps>>,
    Manager(managed): Manager,
) -> Result<Response, ApiError> {
    configuration::remove(&deps, managed).await?;
    Ok((StatusCode::NO_CONTENT, no_store()).into_response())
}

fn information(deps: &Deps, registered: &Registered) -> Response {
    (no_store(), Json(ClientInformation::of(registered, deps))).into_response()
}
