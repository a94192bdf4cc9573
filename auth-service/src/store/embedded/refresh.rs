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
    if family.current == rotation.presented {
        let next = Family {
            access: family.access,
            current: rotation.successor,
            previous: Some(rotation.presented),
            rotated_at: rotation.now,
        };
        let stored = Stored { value: &next, expires_at: rotation.expires_at };
        table::write(change, Kind::Family, key, &stored)?;
        return Ok(Rotated::Fresh);
    }
    let is_previous = family.previous == Some(rotation.presented);
    if is_previous && rotation.now.since(family.rotated_at) < rotation.grace {
        return Ok(Rotated::Again);
    }
    table::remove(change, Kind::Family, key)?;
    Ok(Rotated::Reused)
}
