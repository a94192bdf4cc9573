//! Security events: one log line each, always with who, which client, what, outcome and request id; never a secret.

use std::fmt::Display;

use crate::domain::client::ClientId;
use crate::metrics;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Runs `work` so that every event in it carries `request_id`.
pub async fn within<T>(request_id: String, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(request_id, work).await
}

/// The id of the request that is being answered; `-` outside of one.
#[must_use]
pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| "-".to_owned())
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A client registered itself.
    ClientRegistered,
    /// A client changed its registration.
    ClientUpdated,
    /// A client, or an operator, deleted its registration; everything of it is revoked.
    ClientDeleted,
    /// Somebody without the right token tried to manage a registration.
    RegistrationAccess,
    /// A user signed in.
    SignIn,
    /// A user signed out.
    SignOut,
    /// An answer from a provider came without the browser that was sent there, late, or twice.
    SignInForged,
    /// A provider did not say who signed in.
    SignInFailed,
    /// A user answered a consent page.
    Consent,
    /// A user need not be asked again: a code was issued without a question.
    ConsentRemembered,
    /// A user took back what a client, or every client, had been granted.
    ConsentWithdrawn,
    /// A consent answer came from another browser, for another request, or twice.
    ConsentForged,
    /// A device asks for access and waits for its user.
    DeviceRequested,
    /// A user typed a code with which no device waits.
    UserCodeWrong,
    /// A client failed to prove who it is.
    ClientAuthentication,
    /// A token was issued.
    TokenIssued,
    /// A client revoked a token of its own, or tried to revoke another's.
    TokenRevoked,
    /// Somebody asked what a token is worth.
    Introspection,
    /// A code was presented twice; what was issued from it is revoked.
    CodeReplayed,
    /// A code was presented by the wrong party; it is burned.
    CodeBurned,
    /// A refresh token was presented after its time; its family is revoked.
    RefreshReused,
    /// A user who may no longer do anything tried to refresh; the family is revoked.
    AccessWithdrawn,
    /// A user is no more; everything of them is revoked.
    UserRemoved,
    /// An operator revoked something.
    Revoked,
    /// Somebody asks too often.
    Limited,
}

impl Event {
    const fn name(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client_registered",
            Self::ClientUpdated => "client_updated",
            Self::ClientDeleted => "client_deleted",
            Self::RegistrationAccess => "registration_access",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::SignInForged => "sign_in_forged",
            Self::SignInFailed => "sign_in_failed",
            Self::Consent => "consent",
            Self::ConsentRemembered => "consent_remembered",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ConsentForged => "consent_forged",
            Self::DeviceRequested => "device_requested",
            Self::UserCodeWrong => "user_code_wrong",
            Self::ClientAuthentication => "client_authentication",
            Self::TokenIssued => "token_issued",
            Self::TokenRevoked => "token_revoked",
            Self::Introspection => "introspection",
            Self::CodeReplayed => "code_replayed",
            Self::CodeBurned => "code_burned",
            Self::RefreshReused => "refresh_reused",
            Self::AccessWithdrawn => "access_withdrawn",
            Self::UserRemoved => "user_removed",
            Self::Revoked => "revoked",
            Self::Limited => "limited",
        }
    }
}

/// An event in the making. [`Self::ok`] or [`Self::refused`] writes it.
#[derive(Debug)]
#[must_use = "an event that is not written did not happen"]
pub struct Record {
    event: Event,
    user: Option<String>,
    client: Option<String>,
    detail: Option<String>,
}

/// Begins the record of `event`.
pub fn record(event: Event) -> Record {
    Record { event, user: None, client: None, detail: None }
}

impl Record {
    /// Who: a subject, or a name that is known to exist. What strangers type is not logged; it may be a password.
    pub fn user(self, user: &impl Display) -> Self {
        Self { user: Some(user.to_string()), ..self }
    }

    /// Through which client.
    pub fn client(self, client: &ClientId) -> Self {
        Self { client: Some(client.to_string()), ..self }
    }

    /// About what: a server, a scope, a family. Never a secret.
    pub fn detail(self, detail: impl Display) -> Self {
        Self { detail: Some(detail.to_string()), ..self }
    }

    /// Writes the record: it was done.
    pub fn ok(self) {
        let Self { event, user, client, detail } = self;
        let (event, request_id) = (event.name(), request_id());
        metrics::event(event, "ok");
        tracing::info!(event, outcome = "ok", user, client, detail, request_id, "security event");
    }

    /// Writes the record: it was refused.
    pub fn refused(self) {
        let Self { event, user, client, detail } = self;
        let (event, request_id) = (event.name(), request_id());
        metrics::event(event, "refused");
        tracing::warn!(event, outcome = "refused", user, client, detail, request_id, "security event");
    }
}
