//! Families of refresh tokens.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::Family;
use super::super::{FamilyOpening, LiveRefresh, RefreshStore, Rotated, Rotation, StoreError, about};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, clients, index, inventory, revocations};
use crate::domain::client::Client;
use crate::domain::grant::{Access, FamilyId};
use crate::domain::secret::Digest;
use crate::domain::token::{IssuedToken, Trail};

#[async_trait]
impl RefreshStore for EmbeddedStore {
    async fn insert_grant(
        &self,
        family: FamilyId,
        access: &Access,
        token: IssuedToken,
    ) -> Result<(), StoreError> {
        let issued = Trail { tokens: vec![token], forgotten_until: None };
        let opened_at = Some(token.issued_at);
        let grant = Family { access: access.clone(), current: None, opened_at, retired: vec![], issued };
        self.write(move |change| {
            let stored = Stored { value: &grant, expires_at: token.expires_at };
            table::write(change, Kind::Family, family.as_bytes(), &stored)
        })
        .await
    }

    async fn family(&self, family: FamilyId, now: UnixTime) -> Result<Option<Access>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<Family>(transaction, Kind::Family, family.as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)).map(|family| family.access))
        })
    }

    async fn live_refresh(
        &self,
        family: FamilyId,
        presented: &Digest,
        now: UnixTime,
    ) -> Result<Option<LiveRefresh>, StoreError> {
        self.look(|transaction| {
            let Some(stored) = table::read::<Family>(transaction, Kind::Family, family.as_bytes())? else {
                return Ok(None);
            };
            let expires_at = stored.expires_at;
            let live = stored.live(now).filter(|family| family.current == Some(*presented));
            Ok(live.map(|family| LiveRefresh { access: family.access, expires_at }))
        })
    }

    async fn rotate_refresh(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotation = *rotation;
        self.write(move |change| rotate(change, &rotation)).await
    }

    async fn rotate_seen(&self, rotation: &Rotation, client: &Client) -> Result<Option<Rotated>, StoreError> {
        let (rotation, seen) = (*rotation, client.clone());
        self.write(move |change| {
            let client = clients::living(change, seen.id.as_str().as_bytes(), rotation.now)?;
            if client.as_ref() == Some(&seen) { rotate(change, &rotation).map(Some) } else { Ok(None) }
        })
        .await
    }

    async fn revoke_family(&self, family: FamilyId, now: UnixTime) -> Result<(), StoreError> {
        self.write(move |change| revoke(change, family, now)).await
    }
}

/// Ends a family, and revokes the access tokens that came from it.
pub(super) fn revoke(change: &Change, family: FamilyId, now: UnixTime) -> Result<(), StoreError> {
    let key = family.as_bytes();
    let Some(stored) = table::read_to_change::<Family>(change, Kind::Family, key)? else { return Ok(()) };
    let Family { access, issued, .. } = stored.value;
    revocations::append_all(change, &issued.revocations(&access.subject, now), now)?;
    table::remove(change, Kind::Family, key)
}

/// Ends those of a user's families of one client that were not used for longest, so that there may be another.
pub(super) fn make_room(change: &Change, access: &Access, now: UnixTime) -> Result<(), StoreError> {
    let held = about::key_of_held(&access.client, &access.subject);
    let keys = index::find(change, &held, Kind::Family)?;
    let too_many = keys.len().saturating_add(1).saturating_sub(FamilyOpening::MOST);
    if too_many == 0 {
        return Ok(());
    }
    let mut families = vec![];
    for key in keys {
        let stored = table::read_to_change::<Family>(change, Kind::Family, &key)?;
        families.push((stored.map(|stored| stored.expires_at), inventory::family_of(key)?));
    }
    families.sort_by_key(|(expires_at, _)| *expires_at);
    families.iter().take(too_many).try_for_each(|(_, family)| revoke(change, *family, now))
}

fn rotate(change: &Change, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let key = rotation.family.as_bytes();
    let stored = table::read_to_change::<Family>(change, Kind::Family, key)?;
    let Some(stored) = stored.filter(|stored| rotation.now < stored.expires_at) else {
        return Ok(Rotated::Unknown);
    };
    let Stored { value: family, expires_at } = stored;
    let Some(current) = family.current else { return Ok(Rotated::Unknown) };
    let is_young = |at: UnixTime| rotation.now.since(at) < rotation.grace;
    let mut retired: Vec<_> = family.retired.into_iter().filter(|(_, at)| is_young(*at)).collect();
    let opened_at = family.opened_at;
    let mut issued = family.issued;
    issued.remember(rotation.issued, rotation.now);
    if current == rotation.presented {
        retired.push((rotation.presented, rotation.now));
        let forgotten = retired.len().saturating_sub(Rotation::MAX_RETIRED);
        retired.drain(..forgotten);
        let next =
            Family { access: family.access, current: Some(rotation.successor), opened_at, retired, issued };
        let stored = Stored { value: &next, expires_at: rotation.expires_at };
        table::write(change, Kind::Family, key, &stored)?;
        return Ok(Rotated::Fresh);
    }
    if let Some(position) = retired.iter().position(|(digest, _)| *digest == rotation.presented) {
        let behind = retired.len().saturating_sub(position);
        let next = Family { access: family.access, current: family.current, opened_at, retired, issued };
        table::write(change, Kind::Family, key, &Stored { value: &next, expires_at })?;
        return Ok(Rotated::Again { behind });
    }
    revoke(change, rotation.family, rotation.now)?;
    Ok(Rotated::Reused)
}
