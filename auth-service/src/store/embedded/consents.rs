//! What users have granted: remembered consents, what clients hold, and taking it back.

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use redb::ReadTransaction;

use super::super::records::{Family, StoredCode};
use super::super::{ConsentStore, Grant, Holdings, StoreError, about};
use super::table::{self, Change, Kind, Stored};
use super::{BITE, EmbeddedStore, index, inventory, revocations, sessions};
use crate::domain::client::ClientId;
use crate::domain::consent::{ConsentKey, RememberedConsent};
use crate::domain::revocation::Revocation;
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

#[async_trait]
impl ConsentStore for EmbeddedStore {
    async fn remember_consent(
        &self,
        key: &ConsentKey,
        consent: &RememberedConsent,
        session: &Digest,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (key, consent, session) = (*key, consent.clone(), *session);
        self.write(move |change| {
            if !sessions::is_there(change, &session, &consent.access.subject, now)? {
                return Ok(false);
            }
            let stored = Stored { value: &consent, expires_at };
            table::write(change, Kind::Remembered, key.digest().as_bytes(), &stored)?;
            Ok(true)
        })
        .await
    }

    async fn remembered_consent(
        &self,
        key: &ConsentKey,
        now: UnixTime,
    ) -> Result<Option<RememberedConsent>, StoreError> {
        let key = *key;
        self.read(move |transaction| {
            let stored = table::read(transaction, Kind::Remembered, key.digest().as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
        .await
    }

    async fn forget_consent(&self, key: &ConsentKey) -> Result<(), StoreError> {
        let key = *key;
        self.write(move |change| table::remove(change, Kind::Remembered, key.digest().as_bytes())).await
    }

    async fn holdings(&self, subject: &Subject, now: UnixTime) -> Result<Holdings, StoreError> {
        let user = about::key_of_user(subject);
        self.read(move |transaction| holdings(transaction, &user, now)).await
    }

    async fn withdraw(
        &self,
        subject: &Subject,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let held = about::key_of_held(client, subject);
        let mut has_any = false;
        loop {
            let held = held.clone();
            let ended = self.write(move |change| withdraw(change, &held, now)).await?;
            has_any |= ended > 0;
            if ended < BITE {
                return Ok(has_any);
            }
        }
    }
}

/// Whether the consent is remembered, if there has to be one.
pub(super) fn is_there(change: &Change, key: Option<ConsentKey>, now: UnixTime) -> Result<bool, StoreError> {
    let Some(key) = key else { return Ok(true) };
    let stored =
        table::read_to_change::<RememberedConsent>(change, Kind::Remembered, key.digest().as_bytes())?;
    Ok(stored.and_then(|stored| stored.live(now)).is_some())
}

fn holdings(transaction: &ReadTransaction, user: &str, now: UnixTime) -> Result<Holdings, StoreError> {
    let mut holdings = Holdings::default();
    for key in index::look(transaction, user, Kind::Family)? {
        let stored = table::read::<Family>(transaction, Kind::Family, &key)?;
        let family = inventory::family_of(key)?;
        holdings.grants.extend(stored.and_then(|stored| inventory::grant(family, stored, now)));
    }
    for key in index::look(transaction, user, Kind::Code)? {
        let stored = table::read::<StoredCode>(transaction, Kind::Code, &key)?;
        holdings.grants.extend(stored.and_then(|stored| grant(stored.value, now)));
    }
    for key in index::look(transaction, user, Kind::Remembered)? {
        let stored = table::read::<RememberedConsent>(transaction, Kind::Remembered, &key)?;
        holdings.remembered.extend(stored.and_then(|stored| stored.live(now)));
    }
    Ok(holdings)
}

/// What a code led to without a family, while it lives.
fn grant(code: StoredCode, now: UnixTime) -> Option<Grant> {
    let token = code.issued.tokens.last().filter(|token| now < token.expires_at)?;
    let (issued_at, expires_at) = (Some(token.issued_at), token.expires_at);
    let family = code.grant.family;
    Some(Grant { family, access: code.grant.access, issued_at, used_at: issued_at, expires_at })
}

/// Ends at most [`BITE`] records of what a client has of a user, what leads to more of them first; gives how many.
fn withdraw(change: &Change, held: &str, now: UnixTime) -> Result<usize, StoreError> {
    let mut ended: usize = 0;
    for kind in [Kind::Remembered, Kind::Code, Kind::Family] {
        let keys = index::find(change, held, kind)?;
        for key in keys.iter().take(BITE.saturating_sub(ended)) {
            revocations::append_all(change, &issued(change, kind, key, now)?, now)?;
            table::remove(change, kind, key)?;
            ended = ended.saturating_add(1);
        }
    }
    Ok(ended)
}

/// What revokes the access tokens that a record has led to.
fn issued(change: &Change, kind: Kind, key: &[u8], now: UnixTime) -> Result<Vec<Revocation>, StoreError> {
    if kind == Kind::Family {
        let stored = table::read_to_change::<Family>(change, kind, key)?.map(|stored| stored.value);
        return Ok(stored.map(|it| it.issued.revocations(&it.access.subject, now)).unwrap_or_default());
    }
    if kind == Kind::Code {
        let stored = table::read_to_change::<StoredCode>(change, kind, key)?.map(|stored| stored.value);
        return Ok(stored.map(|it| it.issued.revocations(&it.grant.access.subject, now)).unwrap_or_default());
    }
    Ok(vec![])
}

/// Forgets every consent to a client.
pub(super) fn forget_each(change: &Change, client: &ClientId) -> Result<(), StoreError> {
    let keys = index::find(change, &about::key_of_client(client), Kind::Remembered)?;
    keys.iter().try_for_each(|key| table::remove(change, Kind::Remembered, key))
}
