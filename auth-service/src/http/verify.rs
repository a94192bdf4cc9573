//! `/verify`: `ForwardAuth` of Traefik, `auth_request` of nginx, `ext_authz` of Envoy. For networks in which only such a
//! proxy reaches this service; our own edge decides by itself and never routes here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway_core::reply::Reply;

use super::bearer::authorization;
use crate::flow::Deps;
use crate::flow::verify::{Asked, verify};

/// 200 with the identity headers and nothing else, or the answer that the edge would give. The token is never sent back
/// (H-22).
pub(super) async fn any(State(deps): State<Arc<Deps>>, headers: HeaderMap) -> Response {
    let verdict = match asked(&headers) {
        Ok(asked) => verify(&deps, asked, authorization(&headers)),
        Err(repeated) => Err(Reply::ambiguous(repeated)),
    };
    match verdict {
        Ok(known) => {
            let mut response = StatusCode::OK.into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            add(response, &known.headers)
        }
        Err(reply) => refused(reply),
    }
}

fn asked(headers: &HeaderMap) -> Result<Asked<'_>, &'static str> {
    Ok(Asked {
        proto: only(headers, "x-forwarded-proto", "x-forwarded-proto is repeated")?,
        host: only(headers, "x-forwarded-host", "x-forwarded-host is repeated")?,
        uri: only(headers, "x-forwarded-uri", "x-forwarded-uri is repeated")?,
        url: only(headers, "x-original-url", "x-original-url is repeated")?,
    })
}

/// A value that is not text names nothing, which is not the same as being absent.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    repeated: &'static str,
) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(repeated),
        (value, None) => Ok(value.map(|value| value.to_str().unwrap_or_default())),
    }
}

fn refused(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::FORBIDDEN);
    add(response, &reply.headers)
}

/// All of `headers`, or an answer that lets nobody through: half an identity would be another one.
fn add(mut response: Response, headers: &[(&'static str, String)]) -> Response {
    for (name, value) in headers {
        let Ok(value) = HeaderValue::from_str(value) else {
            return StatusCode::FORBIDDEN.into_response();
        };
        response.headers_mut().insert(*name, value);
    }
    response
}
