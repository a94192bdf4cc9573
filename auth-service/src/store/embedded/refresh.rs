//! Families of refresh tokens.

use async_trait::async_trait;

use super::super::records::Family;
use super::super::{RefreshStore, Rotated, Rotation, StoreError};
use super::EmbeddedStore;
use super::table::{self, Change, Kind, Stored};
use crate::domain::grant::FamilyId;

#[async_trait]
impl RefreshStore for EmbeddedStore {
    async fn rotate_refresh(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotation = rotation.clone();
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
    if family.access.client != rotation.client {
        return Ok(Rotated::ForeignClient);
    }
    if rotation.server.as_ref().is_some_and(|server| *server != family.access.server) {
        return Ok(Rotated::ForeignServer);
    }
    if family.current == rotation.presented {
        let next = Family {
            access: family.access,
            current: rotation.successor,
            previous: Some(rotation.presented),
            rotated_at: rotation.now,
        };
        table::write(change, Kind::Family, key, &Stored { value: &next, expires_at: rotation.expires_at })?;
        return Ok(Rotated::Fresh(next.access));
    }
    let is_previous = family.previous == Some(rotation.presented);
    if is_previous && rotation.now.since(family.rotated_at) < rotation.grace {
        return Ok(Rotated::Again(family.access));
    }
    table::remove(change, Kind::Family, key)?;
    Ok(Rotated::Reused(family.access))
}
