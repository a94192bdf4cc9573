//! Consent pages and codes.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::{Family, StoredCode};
use super::super::{AuthorizationStore, CodeLifetime, Issue, Redemption, StoreError};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, consents, refresh, revocations, sessions};
use crate::domain::consent::ConsentKey;
use crate::domain::grant::{CodeGrant, PendingConsent};
use crate::domain::revocation::LEEWAY;
use crate::domain::secret::Digest;
use crate::domain::token::Trail;

#[async_trait]
impl AuthorizationStore for EmbeddedStore {
    async fn insert_pending(
        &self,
        ticket: &Digest,
        pending: &PendingConsent,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let (ticket, pending) = (*ticket, *pending);
        self.write(move |change| {
            let stored = Stored { value: &pending, expires_at };
            table::write(change, Kind::Pending, ticket.as_bytes(), &stored)
        })
        .await
    }

    async fn take_pending(
        &self,
        ticket: &Digest,
        now: UnixTime,
    ) -> Result<Option<PendingConsent>, StoreError> {
        let ticket = *ticket;
        self.write(move |change| {
            let key = ticket.as_bytes();
            let stored = table::read_to_change::<PendingConsent>(change, Kind::Pending, key)?;
            table::remove(change, Kind::Pending, key)?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
        .await
    }

    async fn insert_code(
        &self,
        code: &Digest,
        grant: &CodeGrant,
        remembered: Option<&ConsentKey>,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (code, grant, remembered) = (*code, grant.clone(), remembered.copied());
        self.write(move |change| {
            let is_signed_in = sessions::is_there(change, &grant.session, &grant.access.subject, now)?;
            if !is_signed_in || !consents::is_there(change, remembered, now)? {
                return Ok(false);
            }
            let expires_at = lifetime.expires_at;
            let grant = grant.clone();
            let value = StoredCode { grant, expires_at, spent: false, issued: Trail::default() };
            let stored = Stored { value: &value, expires_at: lifetime.forgotten_at };
            table::write(change, Kind::Code, code.as_bytes(), &stored)?;
            Ok(true)
        })
        .await
    }

    async fn code(&self, code: &Digest, now: UnixTime) -> Result<Option<CodeGrant>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<StoredCode>(transaction, Kind::Code, code.as_bytes())?;
            let known = stored.and_then(|stored| stored.live(now));
            Ok(known.filter(|code| code.spent || now < code.expires_at).map(|code| code.grant))
        })
    }

    async fn redeem_code(
        &self,
        code: &Digest,
        issue: Option<&Issue>,
        now: UnixTime,
    ) -> Result<Redemption, StoreError> {
        let (code, issue) = (*code, issue.copied());
        self.write(move |change| redeem(change, &code, issue.as_ref(), now)).await
    }
}

fn redeem(
    change: &Change,
    code: &Digest,
    issue: Option<&Issue>,
    now: UnixTime,
) -> Result<Redemption, StoreError> {
    let Some(stored) = table::read_to_change::<StoredCode>(change, Kind::Code, code.as_bytes())? else {
        return Ok(Redemption::Unknown);
    };
    let mut forgotten_at = stored.expires_at;
    let Some(mut known) = stored.live(now) else { return Ok(Redemption::Unknown) };
    if known.spent {
        let issued = known.issued.revocations(&known.grant.access.subject, now);
        revocations::append_all(change, &issued, now)?;
        refresh::revoke(change, known.grant.family, now)?;
        return Ok(Redemption::Replayed(known.grant));
    }
    if now >= known.expires_at {
        return Ok(Redemption::Unknown);
    }
    known.spent = true;
    let mut issued = Trail::default();
    if let Some(issue) = issue {
        issued.remember(issue.token, now);
    }
    if let Some(opening) = issue.and_then(|issue| issue.family) {
        let access = known.grant.access.clone();
        refresh::make_room(change, &access, now)?;
        let current = Some(opening.first);
        let family = Family { access, current, opened_at: Some(now), retired: vec![], issued };
        let stored = Stored { value: &family, expires_at: opening.expires_at };
        table::write(change, Kind::Family, known.grant.family.as_bytes(), &stored)?;
    } else {
        let last = issued.tokens.last().map(|token| token.expires_at.plus(LEEWAY));
        forgotten_at = last.map_or(forgotten_at, |last| last.max(forgotten_at));
        known.issued = issued;
    }
    let stored = Stored { value: &known, expires_at: forgotten_at };
    table::write(change, Kind::Code, code.as_bytes(), &stored)?;
    Ok(Redemption::First(known.grant))
}
