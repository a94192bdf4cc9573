//! Families of refresh tokens.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::Family;
use super::super::{RefreshStore, Rotated, Rotation, StoreError};
use super::EmbeddedStore;
use super::table::{self, Change, Kind, Stored};
use crate::domain::grant::{Access, FamilyId};

#[async_trait]
impl RefreshStore for EmbeddedStore {
    async fn family(&self, family: FamilyId, now: UnixTime) -> Result<Option<Access>, StoreError> {
        self.read(move |transaction| {
            let stored = table::read::<Family>(transaction, Kind::Family, family.as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)).map(|family| family.access))
        })
        .await
    }

    async fn rotate_refresh(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotation = *rotation;
        self.write(move |change| rotate(change, &rotation)).await
    }

    async fn revoke_family(&self, family: FamilyId) -> Result<(), StoreError> {
        self.write(move |change| table::remove(change, Kind::Family, family.as_bytes())).await
    }
}

fn rotate(change: &Change, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let key = rotation.family.as_bytes();
    let stored = table::read_to_change::<Family>(change, Kind::Family, key)?;
    let Some(family) = stored.and_then(|stored| stored.live(rotation.now)) else {
        return Ok(Rotated::Unknown);
    };
    let is_young = |at: UnixTime| rotation.now.since(at) < rotation.grace;
    let mut retired: Vec<_> = family.retired.into_iter().filter(|(_, at)| is_young(*at)).collect();
    if family.current == rotation.presented {
        retired.push((rotation.presented, rotation.now));
        let forgotten = retired.len().saturating_sub(Rotation::MAX_RETIRED);
        retired.drain(..forgotten);
        let next = Family { access: family.access, current: rotation.successor, retired };
        let stored = Stored { value: &next, expires_at: rotation.expires_at };
        table::write(change, Kind::Family, key, &stored)?;
        return Ok(Rotated::Fresh);
    }
    if let Some(position) = retired.iter().position(|(digest, _)| *digest == rotation.presented) {
        return Ok(Rotated::Again { behind: retired.len().saturating_sub(position) });
    }
    table::remove(change, Kind::Family, key)?;
    Ok(Rotated::Reused)
}
