//! Whom a record is about: the keys under which the index finds it.

use gateway_core::time::UnixTime;
use serde::Deserialize;

use crate::domain::client::ClientId;
use crate::domain::revocation::Target;
use crate::domain::user::Subject;

const TOKEN: &str = "t:";
const USER: &str = "u:";
const CLIENT: &str = "c:";
const HELD: &str = "h:";
const EVERYONE: &str = "e:";

/// The members of all kinds of records that say whom they are about.
#[derive(Deserialize, Default)]
struct Names {
    subject: Option<String>,
    access: Option<AccessNames>,
    jti: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    issued_before: Option<UnixTime>,
}

#[derive(Deserialize, Default)]
struct AccessNames {
    client: String,
    subject: String,
}

/// The keys of a record that is written as `json`.
pub(super) fn keys_of(json: &[u8]) -> serde_json::Result<Vec<String>> {
    let Names { subject, access, jti, sub, client_id, issued_before } = serde_json::from_slice(json)?;
    if issued_before.is_some() && sub.is_none() && client_id.is_none() {
        return Ok(vec![EVERYONE.to_owned()]);
    }
    let held = access.as_ref().map(|names| held(&names.client, &names.subject));
    let (its_client, its_subject) = access.map(|names| (names.client, names.subject)).unzip();
    let named = |prefix: &'static str, name: Option<String>| name.map(|name| format!("{prefix}{name}"));
    let users = [subject, its_subject, sub].map(|name| named(USER, name));
    let clients = [its_client, client_id].map(|name| named(CLIENT, name));
    Ok(users.into_iter().chain(clients).chain([named(TOKEN, jti), held]).flatten().collect())
}

/// There is no space in the name of a client.
fn held(client: &str, subject: &str) -> String {
    format!("{HELD}{client} {subject}")
}

/// The key of everything about what a revocation names.
pub(super) fn key_of_target(target: &Target) -> String {
    match target {
        Target::Token(id) => format!("{TOKEN}{id}"),
        Target::User { subject, .. } => key_of_user(subject),
        Target::Client { client, .. } => key_of_client(client),
        Target::Everyone { .. } => EVERYONE.to_owned(),
    }
}

/// The key of everything about a user.
pub(super) fn key_of_user(subject: &Subject) -> String {
    format!("{USER}{subject}")
}

/// The key of everything about a client.
pub(super) fn key_of_client(client: &ClientId) -> String {
    format!("{CLIENT}{client}")
}

/// The key of everything that a client has of a user.
pub(super) fn key_of_held(client: &ClientId, subject: &Subject) -> String {
    held(client.as_str(), subject.as_str())
}

/// The user that a key is about.
pub(super) fn user_of(key: &str) -> Option<Subject> {
    Subject::parse(key.strip_prefix(USER)?)
}
