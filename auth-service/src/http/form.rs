//! Bodies, read strictly: bounded, of the right type, and nothing in the query that belongs into the body.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;

use super::error::ApiError;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::Parameters;

/// Longest body that is read, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// The parameters of an `application/x-www-form-urlencoded` body.
#[derive(Debug)]
pub(super) struct Form(pub(super) Parameters);

/// The parameters of a request that has them in its body only, each of them once.
#[derive(Debug)]
pub(super) struct StrictForm(pub(super) Parameters);

/// The bytes of an `application/json` body.
#[derive(Debug)]
pub(super) struct JsonBody(pub(super) Bytes);

const fn invalid(description: &'static str) -> ApiError {
    ApiError::Refused(Refusal::new(ErrorCode::InvalidRequest, description))
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !has_type(&request, "application/x-www-form-urlencoded") {
            return Err(invalid("the content type must be application/x-www-form-urlencoded"));
        }
        let bytes = read(request.into_body()).await?;
        Parameters::parse(&bytes).map(Self).map_err(|_| invalid("the body is not a well-formed form"))
    }
}

impl<S: Sync> FromRequest<S> for StrictForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            // Queries end up in logs (RFC 6749 §2.3.1).
            return Err(invalid("parameters belong into the body"));
        }
        let Form(form) = Form::from_request(request, state).await?;
        if form.has_repeated() {
            return Err(invalid("a parameter is repeated"));
        }
        Ok(Self(form))
    }
}

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        json(request, ErrorCode::InvalidClientMetadata).await.map(Self)
    }
}

/// The bytes of an `application/json` body; `wrong` is the error code for every other type.
pub(super) async fn json(request: Request, wrong: ErrorCode) -> Result<Bytes, ApiError> {
    if !has_type(&request, "application/json") {
        return Err(ApiError::Refused(Refusal::new(wrong, "the content type must be application/json")));
    }
    read(request.into_body()).await
}

fn has_type(request: &Request, expected: &str) -> bool {
    let mut values = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::TooLarge)
}
