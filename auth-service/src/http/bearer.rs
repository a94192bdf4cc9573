//! The bearer token of a request (RFC 6750 §2.1).

use axum::http::{HeaderMap, header};
use gateway_core::bearer::Authorization;

/// What the one `Authorization` header holds. Several headers are several credentials (F-17).
pub(super) fn authorization(headers: &HeaderMap) -> Authorization<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Authorization::None,
        (Some(only), None) => Authorization::read(only.as_bytes()),
        (Some(_), Some(_)) => Authorization::Several,
    }
}
