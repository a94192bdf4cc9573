//! Limits at the door: who asks too often is told when to come again, before anything is done for them.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::page;
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication};
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
            Door::Authorize | Door::SignIn | Door::Device => page::too_many(error),
            Door::Register | Door::Token => ApiError::TooMany(error).into_response(),
        };
    }
    request.extensions_mut().insert(ClientAddress(address));
    crate::limits::on_behalf_of(address, next.run(request)).await
}

/// Counts a request at `door`.
pub(super) fn count(deps: &Deps, door: Door, address: IpAddr) -> Result<(), TooMany> {
    deps.limits.address(door, address).inspect_err(|_| note(deps, door, &format_args!("from {address}")))
}

/// Counts a password for a user name, whoever tries it.
pub(super) fn count_user(deps: &Deps, username: &str) -> Result<(), TooMany> {
    deps.limits.user(username).inspect_err(|_| note(deps, Door::SignIn, &"for one user name"))
}

/// Counts a request for a token of a client that has shown who it is. A public client shows nothing: anybody could use up
/// its share, and only its address counts.
pub(super) fn count_client(deps: &Deps, client: &Client) -> Result<(), TooMany> {
    if client.authentication == ClientAuthentication::None {
        return Ok(());
    }
    deps.limits.client(&client.id).inspect_err(|_| note(deps, Door::Token, &client.id))
}

/// A refusal is counted, and stands in the log as long as there are few.
fn note(deps: &Deps, door: Door, whose: &dyn Display) {
    metrics::limited(door);
    if deps.limits.is_worth_a_line(door) {
        audit::record(Event::Limited).detail(format_args!("{door:?} {whose}")).refused();
    }
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
