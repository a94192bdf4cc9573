//! What users have granted: remembered consents, what clients hold, and taking it back.

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use redb::ReadTransaction;

use super::super::records::{Family, StoredCode};
use super::super::{ConsentStore, Grant, Holdings, StoreError, about};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, index, inventory, refresh, revocations};
use crate::domain::client::ClientId;
use crate::domain::consent::{ConsentKey, RememberedConsent};
use crate::domain::user::Subject;

#[async_trait]
impl ConsentStore for EmbeddedStore {
    async fn remember_consent(
        &self,
        key: &ConsentKey,
        consent: &RememberedConsent,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let (key, consent) = (*key, consent.clone());
        self.write(move |change| {
            let stored = Stored { value: &consent, expires_at };
            table::write(change, Kind::Remembered, key.digest().as_bytes(), &stored)
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
        let (user, client) = (about::key_of_user(subject), client.clone());
        self.write(move |change| withdraw(change, &user, &client, now)).await
    }
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

fn withdraw(change: &Change, user: &str, client: &ClientId, now: UnixTime) -> Result<bool, StoreError> {
    let mut has_any = false;
    for key in index::find(change, user, Kind::Family)? {
        let stored = table::read_to_change::<Family>(change, Kind::Family, &key)?;
        if stored.is_some_and(|stored| stored.value.access.client == *client) {
            refresh::revoke(change, inventory::family_of(key)?, now)?;
            has_any = true;
        }
    }
    for key in index::find(change, user, Kind::Code)? {
        let stored = table::read_to_change::<StoredCode>(change, Kind::Code, &key)?;
        let code = stored.map(|stored| stored.value).filter(|code| code.grant.access.client == *client);
        let Some(code) = code else { continue };
        let issued = code.issued.revocations(&code.grant.access.subject, now);
        revocations::append_all(change, &issued, now)?;
        table::remove(change, Kind::Code, &key)?;
        has_any = true;
    }
    for key in index::find(change, user, Kind::Remembered)? {
        let stored = table::read_to_change::<RememberedConsent>(change, Kind::Remembered, &key)?;
        if stored.is_some_and(|stored| stored.value.access.client == *client) {
            table::remove(change, Kind::Remembered, &key)?;
            has_any = true;
        }
    }
    Ok(has_any)
}

/// Forgets every consent to a client.
pub(super) fn forget_each(change: &Change, client: &ClientId) -> Result<(), StoreError> {
    let keys = index::find(change, &about::key_of_client(client), Kind::Remembered)?;
    keys.iter().try_for_each(|key| table::remove(change, Kind::Remembered, key))
}
