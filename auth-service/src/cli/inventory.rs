//! `clients`, `tokens`, `stats` and `purge`: what is in the store, which belongs to the running service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::CommandError;
use crate::identity::users_file::UsersFileError;
use crate::identity::users_file::edit;
use crate::operator::{self, OperatorError};

/// How much is asked for at a time.
const LIMIT: usize = 100;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Clients {
    /// Register a client that acts on its own behalf (`CLIENT_CREDENTIALS`), permit it what it may do, and print its id and,
    /// once, its secret. It never expires.
    Add {
        /// What the client is called.
        name: String,
        /// A file with its public keys (a JSON Web Key Set): it signs with the private one instead of having a secret.
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
        #[command(flatten)]
        permissions: Permissions,
    },
    /// Say what a client may do on its own behalf, instead of what was said before. A running service takes it in within two
    /// seconds.
    Permit {
        /// The client's id; it may be the address of its metadata.
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        permissions: Permissions,
    },
    /// Show all registered clients.
    List,
    /// Show one client, with all that it said about itself.
    Show {
        /// The client's id; it may be the address of its metadata.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Delete a client, with what it may do on its own behalf: everything of it ends at once.
    Delete {
        /// The client's id; of one that is an address, everything is revoked.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// What a client may do on its own behalf: nothing without any of them.
#[derive(Debug, Args)]
pub(super) struct Permissions {
    /// A role that the users file defines; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// `*`, `server/*` or `server/tool`; may be repeated.
    #[arg(long = "allow", value_name = "PATTERN")]
    allowed_tools: Vec<String>,
}

/// What to do with grants and access tokens.
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
    /// Revoke one access token, as `revoke --token` does.
    Revoke {
        /// The token's `jti`.
        #[arg(allow_hyphen_values = true)]
        jti: String,
    },
}

/// Carries out `order` at the service whose internal port is bound to `bound`; gives what is printed.
pub(super) fn tokens(bound: SocketAddr, order: &Tokens) -> Result<Value, OperatorError> {
    let (user, client) = match order {
        Tokens::Revoke { jti } => return revoke(bound, &json!({ "jti": jti })),
        Tokens::List { user, client } => (user, client),
    };
    let filters = [("user", user), ("client_id", client)].into_iter();
    let filters = filters.filter_map(|(name, value)| Some(format!("&{name}={}", encoded(value.as_deref()?))));
    all(bound, "grants", &filters.collect::<String>())
}

/// Revokes what `order` names; gives the entry of the feed.
pub(super) fn revoke(bound: SocketAddr, order: &Value) -> Result<Value, OperatorError> {
    operator::post(bound, "/internal/revocations", order)
}

/// Carries out `order` at the service whose internal port is bound to `bound`, and in the users file; gives what is printed.
pub(super) fn clients(bound: SocketAddr, users_file: &Path, order: Clients) -> Result<Value, CommandError> {
    match order {
        Clients::List => Ok(all(bound, "clients", "")?),
        Clients::Show { id } => Ok(operator::fetch(bound, &address(&id))?),
        Clients::Delete { id } => {
            let deleted = operator::delete(bound, &address(&id));
            match edit::remove_client(users_file, &id) {
                Ok(_) | Err(UsersFileError::Missing(_)) => Ok(deleted?),
                Err(error) => Err(error.into()),
            }
        }
        Clients::Permit { id, permissions } => {
            permit(users_file, &id, permissions)?;
            Ok(json!({ "permitted": id }))
        }
        Clients::Add { name, jwks, permissions } => {
            let added = operator::post(bound, "/internal/clients", &metadata(&name, jwks.as_deref())?)?;
            let id = added.pointer("/added/client_id").and_then(Value::as_str).unwrap_or_default();
            // A client that may do nothing, and whose secret nobody was told, is of no use to anybody.
            permit(users_file, id, permissions).or_else(|error| {
                operator::delete(bound, &address(id))?;
                Err(error)
            })?;
            Ok(added)
        }
    }
}

fn permit(users_file: &Path, id: &str, permissions: Permissions) -> Result<(), CommandError> {
    let Permissions { roles, allowed_tools } = permissions;
    Ok(edit::permit_client(users_file, id, roles, allowed_tools)?)
}

/// What a client that acts on its own behalf would register with (RFC 7591 §2).
fn metadata(name: &str, jwks: Option<&Path>) -> Result<Value, CommandError> {
    let method = if jwks.is_some() { "private_key_jwt" } else { "client_secret_basic" };
    let mut metadata = json!({
        "client_name": name,
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": method,
    });
    if let (Some(path), Some(members)) = (jwks, metadata.as_object_mut()) {
        let unreadable =
            |error: &dyn std::fmt::Display| CommandError::Jwks(path.to_owned(), error.to_string());
        let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let keys: Value = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
        members.insert("jwks".to_owned(), keys);
    }
    Ok(metadata)
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
