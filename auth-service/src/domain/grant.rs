//! What a user has granted to a client, in the forms it takes on its way to a token.

use gateway_core::resource::ServerName;
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use super::client::ClientId;
use super::pkce::CodeChallenge;
use super::random_id::RandomId;
use super::redirect_uri::RedirectUri;
use super::secret::Digest;
use super::user::Subject;

/// What has an id of its own: everything that one approval has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {}

/// The identifier of everything that one approval has led to: its refresh tokens live and die together. Not a secret.
pub type FamilyId = RandomId<Family>;

/// What was granted: to whom, by whom, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The client that may act.
    pub client: ClientId,
    /// The user for whom it acts.
    pub subject: Subject,
    /// The one server at which it may act.
    pub server: ServerName,
    /// What it may do there.
    pub scope: ScopeSet,
}

/// What stands behind an authorization code: everything its redemption must agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeGrant {
    /// What the user granted.
    pub access: Access,
    /// How the client gets it.
    pub handover: Handover,
    /// The browser session in which it was granted.
    pub session: Digest,
    /// What will be issued from it.
    pub family: FamilyId,
}

/// How a code comes to its client. One that came in one way is worth nothing in the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handover {
    /// In a redirect (RFC 6749 §4.1.2).
    Redirect {
        /// Where it was sent.
        redirect_uri: RedirectUri,
        /// What the client must prove (RFC 7636).
        challenge: CodeChallenge,
    },
    /// Not at all: the device has had it all the time, and learns by asking that it is good (RFC 8628 §3.5).
    Device,
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSignIn {
    /// Who signed in.
    pub subject: Subject,
    /// When.
    pub signed_in_at: UnixTime,
    /// With what: the user's credential at that time.
    pub credential: Digest,
}

/// A consent page that was shown: the one browser session and the one request it can be answered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingConsent {
    /// Digest of the browser session's secret.
    pub session: Digest,
    /// Digest of the request.
    pub request: Digest,
}
