//! `clients`, `tokens`, `stats` and `purge`: what is in the store, which belongs to the running service.

use std::net::SocketAddr;

use clap::Subcommand;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::operator::{self, OperatorError};

/// How much is asked for at a time.
const LIMIT: usize = 100;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Clients {
    /// Show all registered clients.
    List,
    /// Show one client, with all that it said about itself.
    Show {
        /// The client's id; it may be the address of its metadata.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Delete a client: everything of it ends at once.
    Delete {
        /// The client's id; of one that is an address, everything is revoked.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Show the living grants: who gave which client what, when, and when it was last used. `revoke` ends them.
    List {
        /// Only those of a user, by name or `sub`.
        #[arg(long, value_name = "NAME", conflicts_with = "client", allow_hyphen_values = true)]
        user: Option<String>,
        /// Only those of a client.
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        client: Option<String>,
    },
}

/// Shows the grants that `order` asks for.
pub(super) fn tokens(bound: SocketAddr, order: &Tokens) -> Result<Value, OperatorError> {
    let Tokens::List { user, client } = order;
    let filters = [("user", user), ("client_id", client)].into_iter();
    let filters = filters.filter_map(|(name, value)| Some(format!("&{name}={}", encoded(value.as_deref()?))));
    all(bound, "grants", &filters.collect::<String>())
}

/// Carries out `order` at the service whose internal port is bound to `bound`; gives what is printed.
pub(super) fn clients(bound: SocketAddr, order: &Clients) -> Result<Value, OperatorError> {
    match order {
        Clients::List => all(bound, "clients", ""),
        Clients::Show { id } => operator::fetch(bound, &address(id)),
        Clients::Delete { id } => operator::delete(bound, &address(id)),
    }
}

/// How much is kept.
pub(super) fn stats(bound: SocketAddr) -> Result<Value, OperatorError> {
    operator::fetch(bound, "/internal/stats")
}

/// Forgets what has expired.
pub(super) fn purge(bound: SocketAddr) -> Result<Value, OperatorError> {
    operator::post(bound, "/internal/purge", &Value::Null)
}

fn address(id: &str) -> String {
    format!("/internal/clients/{}", encoded(id))
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The whole list `name`, as far as `filter` lets it through.
fn all(bound: SocketAddr, name: &str, filter: &str) -> Result<Value, OperatorError> {
    let part =
        |after: &str| operator::fetch(bound, &format!("/internal/{name}?limit={LIMIT}{filter}{after}"));
    Ok(json!({ name: parts(name, part)? }))
}

/// The registered clients, as a backup holds them.
pub(super) fn saved_clients(bound: SocketAddr) -> Result<Vec<Value>, OperatorError> {
    let part =
        |after: &str| operator::post(bound, &format!("/internal/backup?limit={LIMIT}{after}"), &Value::Null);
    parts("clients", part)
}

/// All parts of a list, one after the other.
fn parts(
    name: &str,
    part: impl Fn(&str) -> Result<Value, OperatorError>,
) -> Result<Vec<Value>, OperatorError> {
    let mut items = vec![];
    let mut after = String::new();
    loop {
        let mut part = part(&after)?;
        if let Some(more) = part.get_mut(name).and_then(Value::as_array_mut) {
            items.append(more);
        }
        let Some(next) = part.get("next").and_then(Value::as_str) else { return Ok(items) };
        after = format!("&after={}", encoded(next));
    }
}
