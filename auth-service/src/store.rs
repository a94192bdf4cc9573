//! What must be remembered, as verbs that are atomic.
//!
//! One trait per concern. "Find, then delete" cannot be written with them: whatever must happen once is one verb, and
//! every implementation makes it one transaction (redb) or one script (Redis). Not found is `Ok(None)`; so is
//! expired, and *now* is always an argument. Secrets come in as digests only.
//! `tests/store_contract/` is the suite that every implementation passes.

mod about;
mod assertion;
mod backup;
mod consent;
mod device;
pub mod embedded;
mod inventory;
mod live;
mod records;
pub mod redis;
mod revocations;

use std::sync::Arc;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use crate::domain::client::{Client, ClientId};
use crate::domain::consent::ConsentKey;
use crate::domain::grant::{Access, BrowserSignIn, CodeGrant, FamilyId, PendingConsent};
use crate::domain::secret::Digest;
use crate::domain::token::IssuedToken;
use crate::domain::upstream::{Departure, Person};
use crate::domain::user::Subject;

pub use assertion::AssertionStore;
pub use backup::{BackupStore, Restoration, Restored, SavedClient};
pub use consent::{ConsentStore, Holdings};
pub use device::{DeviceStore, Polled};
pub use inventory::{Counts, Grant, InventoryStore, Part};
pub use live::Live;
pub use revocations::{Batch, Cursor, RevocationStore};

/// Why the store could not answer. Whoever asked must refuse, not guess.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}: {cause}")]
pub struct StoreError {
    kind: StoreErrorKind,
    cause: String,
}

/// What an operator has to do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreErrorKind {
    /// The store cannot be reached or written at the moment; trying again later may help.
    #[error("the store is unavailable")]
    Unavailable,
    /// Another process has the store open. Nothing helps but stopping one of the two.
    #[error("the store is in use by another process")]
    InUse,
    /// A record cannot be read: written by another version, or damaged.
    #[error("the store holds a record that cannot be read")]
    Corrupt,
}

impl StoreError {
    /// An error with its cause, which goes to the log and never to a client.
    pub fn new(kind: StoreErrorKind, cause: impl std::fmt::Display) -> Self {
        Self { kind, cause: cause.to_string() }
    }

    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// Registered clients.
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// Keeps a new client, until its `expires_at`.
    async fn insert_client(&self, client: &Client) -> Result<(), StoreError>;

    /// The client with this id.
    async fn client(&self, id: &ClientId, now: UnixTime) -> Result<Option<Client>, StoreError>;

    /// The client with this id as this process saw it last, without asking. It may have changed or be gone: a guess, on which
    /// nothing is decided but by [`RefreshStore::rotate_seen`]. `None` for what was not seen, and from a store that answers at once
    /// and has nothing to guess.
    fn seen_client(&self, _id: &ClientId) -> Option<Arc<Client>> {
        None
    }

    /// Moves the expiry of a client that is in use, `None` to for ever; a client that is gone stays gone.
    async fn extend_client(
        &self,
        id: &ClientId,
        expires_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Replaces all that is kept of the client with this id, if there is one and it has the same registration token, and
    /// forgets the consents to it that are remembered (D-12). Gives whether it did: a client that is gone stays gone.
    async fn replace_client(&self, client: &Client, now: UnixTime) -> Result<bool, StoreError>;

    /// Removes a client and, in the same step, does what [`RevocationStore::cut_off`] does to everything of it. Gives
    /// whether there was one; otherwise nothing happens.
    async fn remove_client(&self, id: &ClientId, now: UnixTime) -> Result<bool, StoreError>;
}

/// Signed-in browsers.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a sign-in under the digest of the browser's secret.
    async fn insert_session(
        &self,
        secret: &Digest,
        sign_in: &BrowserSignIn,
        expires_at: UnixTime,
    ) -> Result<(), StoreError>;

    /// The sign-in behind a browser's secret.
    async fn session(&self, secret: &Digest, now: UnixTime) -> Result<Option<BrowserSignIn>, StoreError>;

    /// Forgets a sign-in. Nothing to forget is no error.
    async fn remove_session(&self, secret: &Digest) -> Result<(), StoreError>;
}

/// Browsers on their way to a provider outside, and who came back.
#[async_trait]
pub trait UpstreamStore: Send + Sync {
    /// Keeps a departure under the digest of the `state` that the browser takes along.
    async fn insert_departure(
        &self,
        state: &Digest,
        departure: &Departure,
        expires_at: UnixTime,
    ) -> Result<(), StoreError>;

    /// Takes a departure: of any number of callers, one gets it.
    async fn take_departure(&self, state: &Digest, now: UnixTime) -> Result<Option<Departure>, StoreError>;

    /// Keeps what a provider said about its user, instead of what it said before.
    async fn keep_person(&self, person: &Person, expires_at: UnixTime) -> Result<(), StoreError>;

    /// What a provider said last about the user `subject`. [`RevocationStore::cut_off`] of a user forgets it.
    async fn person(&self, subject: &Subject, now: UnixTime) -> Result<Option<Person>, StoreError>;
}

/// Consent pages and the codes they lead to.
#[async_trait]
pub trait AuthorizationStore: Send + Sync {
    /// Keeps a consent page that is being shown.
    async fn insert_pending(
        &self,
        ticket: &Digest,
        pending: &PendingConsent,
        expires_at: UnixTime,
    ) -> Result<(), StoreError>;

    /// Takes a consent page: of any number of callers, one gets it.
    async fn take_pending(
        &self,
        ticket: &Digest,
        now: UnixTime,
    ) -> Result<Option<PendingConsent>, StoreError>;

    /// Keeps a new code, if what it rests on is still there: the browser session of its user, and the remembered consent, if that
    /// is why they were not asked. Gives whether it did: of who was cut off a moment ago nothing begins any more.
    async fn insert_code(
        &self,
        code: &Digest,
        grant: &CodeGrant,
        remembered: Option<&ConsentKey>,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError>;

    /// What stands behind a code. Looking spends nothing, and a spent code can still be looked at, until it is
    /// forgotten: only [`Self::redeem_code`] decides. `None` for an expired or unknown code.
    async fn code(&self, code: &Digest, now: UnixTime) -> Result<Option<CodeGrant>, StoreError>;

    /// Spends a code and, in the same step, remembers the access token that is issued for it and opens its family with its
    /// first refresh token. A code that was spent before takes its family and every access token that came from it down
    /// with it, in the same step too (RFC 6749 §4.1.2). A family beyond [`FamilyOpening::MOST`] ends an older one. Without an `issue` the code is burned: spent with nothing in return.
    /// One whose access token has no family is remembered for as long as that token lives, so that it can be revoked.
    async fn redeem_code(
        &self,
        code: &Digest,
        issue: Option<&Issue>,
        now: UnixTime,
    ) -> Result<Redemption, StoreError>;
}

/// The two ends of a code's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLifetime {
    /// From here on it cannot be redeemed.
    pub expires_at: UnixTime,
    /// Until then a second redemption is noticed, at least.
    pub forgotten_at: UnixTime,
}

/// What a code is redeemed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// The access token.
    pub token: IssuedToken,
    /// The family, for clients that refresh.
    pub family: Option<FamilyOpening>,
}

/// How a family of refresh tokens begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyOpening {
    /// Digest of the first token.
    pub first: Digest,
    /// When the family ends unless it is used.
    pub expires_at: UnixTime,
}

impl FamilyOpening {
    /// Most families that a user has of one client: each is a browser, device or agent of theirs in which that client is signed in. Another
    /// one ends the family that was not used for longest, as [`RefreshStore::revoke_family`] does.
    pub const MOST: usize = 64;
}

/// What became of an attempt to redeem a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// The code is now spent; its family, if one was asked for, is open.
    First(CodeGrant),
    /// The code had been spent before. Its family and its access tokens are now revoked.
    Replayed(CodeGrant),
    /// There is no such code, or it has expired.
    Unknown,
}

/// Families of refresh tokens, and grants that have none.
#[async_trait]
pub trait RefreshStore: Send + Sync {
    /// Remembers an access token for which there was no code and will be no refresh token (RFC 6749 §4.4.3), until it expires: a
    /// family of this one token, which is listed, and goes with its client and its subject, like any other.
    async fn insert_grant(
        &self,
        family: FamilyId,
        access: &Access,
        token: IssuedToken,
    ) -> Result<(), StoreError>;

    /// What was granted to a family; it never changes. Looking spends nothing: only [`Self::rotate_refresh`] decides.
    async fn family(&self, family: FamilyId, now: UnixTime) -> Result<Option<Access>, StoreError>;

    /// What was granted to a family that this process has seen, without asking: it never changes, but the family may be gone. A
    /// guess like [`ClientStore::seen_client`].
    fn seen_family(&self, _family: FamilyId) -> Option<Arc<Access>> {
        None
    }

    /// What was granted to a family, if `presented` is the digest of its live token. Looking spends nothing.
    async fn live_refresh(
        &self,
        family: FamilyId,
        presented: &Digest,
        now: UnixTime,
    ) -> Result<Option<LiveRefresh>, StoreError>;

    /// Trades a refresh token for its successor; see [`Rotation`] and [`Rotated`] for the rules.
    async fn rotate_refresh(&self, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// [`Self::rotate_refresh`] if, in the same step, the client is found to be exactly what [`ClientStore::client`] gave. `None`
    /// when it is not, or when that cannot be said without asking: then nothing has happened.
    async fn rotate_seen(&self, rotation: &Rotation, client: &Client) -> Result<Option<Rotated>, StoreError>;

    /// Ends a family and, in the same step, revokes the access tokens that came from it. A family that is gone stays gone.
    async fn revoke_family(&self, family: FamilyId, now: UnixTime) -> Result<(), StoreError>;
}

/// The live token of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRefresh {
    /// What was granted.
    pub access: Access,
    /// When the family ends unless it is used.
    pub expires_at: UnixTime,
}

/// An attempt to trade a refresh token for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The family that the token names.
    pub family: FamilyId,
    /// Digest of the token.
    pub presented: Digest,
    /// Digest of the token that follows it.
    pub successor: Digest,
    /// The access token that is issued when the trade is good.
    pub issued: IssuedToken,
    /// The present.
    pub now: UnixTime,
    /// Seconds after its rotation for which an old token is answered with the live one.
    pub grace: u64,
    /// When the family ends unless it is used again.
    pub expires_at: UnixTime,
}

impl Rotation {
    /// Most tokens of a family that are remembered for the grace. A client that trades faster than this is not one that
    /// lost an answer.
    pub const MAX_RETIRED: usize = 16;
}

/// What became of a [`Rotation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The successor is now the live token of the family.
    Fresh,
    /// The token was traded less than `grace` seconds ago. Nothing changed, but for the access token that is remembered.
    Again {
        /// How many successors away the live token is: 1 when nobody has traded since.
        behind: usize,
    },
    /// The token was traded longer ago: somebody has a copy. The family and its access tokens are now revoked.
    Reused,
    /// There is no such family: expired, revoked, or never opened.
    Unknown,
}

/// Everything the service remembers.
#[async_trait]
pub trait Store:
    ClientStore
    + AssertionStore
    + SessionStore
    + UpstreamStore
    + AuthorizationStore
    + ConsentStore
    + DeviceStore
    + RefreshStore
    + RevocationStore
    + InventoryStore
    + BackupStore
    + std::fmt::Debug
{
    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Forgets what has expired, in bounded bites; gives how many records went.
    async fn purge(&self, now: UnixTime) -> Result<usize, StoreError>;
}
