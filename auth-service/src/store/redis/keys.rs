//! The names of all keys. `{oauth}` is their hash tag; see the notes on [`super`].

use crate::domain::client::ClientId;
use crate::domain::grant::FamilyId;
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

/// The stream of revocations.
pub(super) const REVOCATIONS: &str = "{oauth}:revocations";

/// When each record expires.
pub(super) const EXPIRY: &str = "{oauth}:expiry";

/// The users who have anything.
pub(super) const USERS: &str = "{oauth}:users";

/// A key that is never there, to see whether the server that has our slot answers.
pub(super) const PROBE: &str = "{oauth}:probe";

pub(super) fn client(id: &ClientId) -> String {
    format!("{{oauth}}:client:{id}")
}

pub(super) fn session(secret: &Digest) -> String {
    format!("{{oauth}}:session:{}", secret.to_text())
}

pub(super) fn consent(ticket: &Digest) -> String {
    format!("{{oauth}}:consent:{}", ticket.to_text())
}

/// `oauth:state` of the design: a browser that is on its way to a provider.
pub(super) fn departure(state: &Digest) -> String {
    format!("{{oauth}}:state:{}", state.to_text())
}

/// The prelude of the scripts knows this name too.
pub(super) fn person(subject: &Subject) -> String {
    format!("{{oauth}}:person:{subject}")
}

pub(super) fn code(code: &Digest) -> String {
    format!("{{oauth}}:code:{}", code.to_text())
}

/// A device that waits. The scripts of devices know this name too.
pub(super) fn device(device: &Digest) -> String {
    format!("{{oauth}}:device:{}", device.to_text())
}

/// What its user types.
pub(super) fn user_code(code: &Digest) -> String {
    format!("{{oauth}}:user_code:{}", code.to_text())
}

pub(super) fn family(id: FamilyId) -> String {
    format!("{{oauth}}:family:{id}")
}
