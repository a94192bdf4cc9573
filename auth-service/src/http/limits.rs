//! Limits at the door: who asks too often is told when to come again, before anything is done for them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::page;
use crate::audit::{self, Event};
use crate::flow::Deps;
use crate::limits::{Door, TooMany};
use crate::metrics;

/// Where a request came from, for whoever counts further: in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// Counts a request at the door that it comes to.
pub(super) async fn at(
    State((deps, door)): State<(Arc<Deps>, Door)>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address(&deps, &request);
    if let Err(error) = count(&deps, door, address) {
        return match door {
            Door::Authorize | Door::SignIn => page::too_many(error),
            Door::Register | Door::Token => ApiError::TooMany(error).into_response(),
        };
    }
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Counts a request at `door`; a refusal stands in the log, with the address.
pub(super) fn count(deps: &Deps, door: Door, address: IpAddr) -> Result<(), TooMany> {
    deps.limits.address(door, address).inspect_err(|_| {
        metrics::limited(door);
        if deps.limits.is_worth_a_line(door) {
            audit::record(Event::Limited).detail(format_args!("{door:?} from {address}")).refused();
        }
    })
}

fn address(deps: &Deps, request: &Request) -> IpAddr {
    // Without a connection (a router that is called in process) everybody is the same.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    deps.limits.client_address(peer, forwarded(request.headers()))
}

fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(HeaderName::from_static("x-forwarded-for")).iter();
    values.filter_map(|value| value.to_str().ok())
}
