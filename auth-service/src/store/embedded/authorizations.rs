//! Consent pages and codes.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::{Family, StoredCode};
use super::super::{AuthorizationStore, CodeLifetime, FamilyOpening, Redemption, StoreError};
use super::EmbeddedStore;
use super::table::{self, Change, Kind, Stored};
use crate::domain::grant::{CodeGrant, PendingConsent};
use crate::domain::secret::Digest;

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
        lifetime: CodeLifetime,
    ) -> Result<(), StoreError> {
        let (code, grant) = (*code, grant.clone());
        self.write(move |change| {
            let value = StoredCode { grant, expires_at: lifetime.expires_at, spent: false };
            let stored = Stored { value: &value, expires_at: lifetime.forgotten_at };
            table::write(change, Kind::Code, code.as_bytes(), &stored)
        })
        .await
    }

    async fn code(&self, code: &Digest, now: UnixTime) -> Result<Option<CodeGrant>, StoreError> {
        let code = *code;
        self.read(move |transaction| {
            let stored = table::read::<StoredCode>(transaction, Kind::Code, code.as_bytes())?;
            let known = stored.and_then(|stored| stored.live(now));
            Ok(known.filter(|code| code.spent || now < code.expires_at).map(|code| code.grant))
        })
        .await
    }

    async fn redeem_code(
        &self,
        code: &Digest,
        opening: Option<&FamilyOpening>,
        now: UnixTime,
    ) -> Result<Redemption, StoreError> {
        let (code, opening) = (*code, opening.copied());
        self.write(move |change| redeem(change, &code, opening.as_ref(), now)).await
    }
}

fn redeem(
    change: &Change,
    code: &Digest,
    opening: Option<&FamilyOpening>,
    now: UnixTime,
) -> Result<Redemption, StoreError> {
    let Some(stored) = table::read_to_change::<StoredCode>(change, Kind::Code, code.as_bytes())? else {
        return Ok(Redemption::Unknown);
    };
    let forgotten_at = stored.expires_at;
    let Some(mut known) = stored.live(now) else { return Ok(Redemption::Unknown) };
    let family_key = *known.grant.family.as_bytes();
    if known.spent {
        table::remove(change, Kind::Family, &family_key)?;
        return Ok(Redemption::Replayed(known.grant));
    }
    if now >= known.expires_at {
        return Ok(Redemption::Unknown);
    }
    known.spent = true;
    let stored = Stored { value: &known, expires_at: forgotten_at };
    table::write(change, Kind::Code, code.as_bytes(), &stored)?;
    if let Some(opening) = opening {
        let access = known.grant.access.clone();
        let family = Family { access, current: opening.first, retired: vec![] };
        let stored = Stored { value: &family, expires_at: opening.expires_at };
        table::write(change, Kind::Family, &family_key, &stored)?;
    }
    Ok(Redemption::First(known.grant))
}
