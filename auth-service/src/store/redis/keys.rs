//! The names of all keys. `{oauth}` is their hash tag; see the notes on [`super`].

use crate::domain::client::ClientId;
use crate::domain::consent::ConsentKey;
use crate::domain::grant::FamilyId;
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

/// The stream of revocations.
pub(super) const REVOCATIONS: &str = "{oauth}:revocations";

/// When each record expires.
pub(super) const EXPIRY: &str = "{oauth}:expiry";

/// All records, by name.
pub(super) const NAMES: &str = "{oauth}:names";

/// What the keys of clients begin with.
pub(super) const CLIENT: &str = "{oauth}:client:";

/// What the keys of signed-in browsers begin with.
pub(super) const SESSION: &str = "{oauth}:session:";

/// What the keys of codes begin with.
pub(super) const CODE: &str = "{oauth}:code:";

/// What the keys of families begin with.
pub(super) const FAMILY: &str = "{oauth}:family:";

/// What the keys of remembered consents begin with. The prelude of the scripts knows this name too.
pub(super) const REMEMBERED: &str = "{oauth}:remembered:";

/// The users who have anything.
pub(super) const USERS: &str = "{oauth}:users";

/// A key that is never there, to see whether the server that has our slot answers.
pub(super) const PROBE: &str = "{oauth}:probe";

pub(super) fn client(id: &ClientId) -> String {
    format!("{CLIENT}{id}")
}

pub(super) fn session(secret: &Digest) -> String {
    format!("{SESSION}{}", secret.to_text())
}

pub(super) fn consent(ticket: &Digest) -> String {
    format!("{{oauth}}:consent:{}", ticket.to_text())
}

/// A client assertion that was shown. The prelude of the scripts knows this name too.
pub(super) fn assertion(id: &Digest) -> String {
    format!("{{oauth}}:assertion:{}", id.to_text())
}

/// `oauth:state` of the design: a browser that is on its way to a provider.
pub(super) fn departure(state: &Digest) -> String {
    format!("{{oauth}}:state:{}", state.to_text())
}

/// The prelude of the scripts knows this name too.
pub(super) fn person(subject: &Subject) -> String {
    format!("{{oauth}}:person:{subject}")
}

pub(super) fn remembered(key: &ConsentKey) -> String {
    format!("{REMEMBERED}{}", key.digest().to_text())
}

/// The records that are a user's. The prelude of the scripts knows this name too.
pub(super) fn of_user(subject: &Subject) -> String {
    format!("{{oauth}}:user_tokens:{subject}")
}

pub(super) fn code(code: &Digest) -> String {
    format!("{CODE}{}", code.to_text())
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
    format!("{FAMILY}{id}")
}
