//! Devices that wait.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::{StoredCode, StoredDevice, StoredUserCode};
use super::super::{CodeLifetime, DeviceStore, Polled, StoreError};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, sessions};
use crate::domain::client::ClientId;
use crate::domain::device::{DeviceRequest, Pace};
use crate::domain::grant::CodeGrant;
use crate::domain::secret::Digest;
use crate::domain::token::Trail;

#[async_trait]
impl DeviceStore for EmbeddedStore {
    async fn insert_device(
        &self,
        device: &Digest,
        user_code: &Digest,
        request: &DeviceRequest,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (device, user_code, request) = (*device, *user_code, request.clone());
        self.write(move |change| {
            let key = user_code.as_bytes();
            let known = table::read_to_change::<StoredUserCode>(change, Kind::UserCode, key)?;
            if known.and_then(|known| known.live(now)).is_some() {
                return Ok(false);
            }
            let expires_at = lifetime.expires_at;
            let client = request.client.clone();
            let waiting = StoredDevice { client, expires_at, pace: Pace::default(), granted: None };
            write(change, &device, &waiting, lifetime.forgotten_at)?;
            let value = StoredUserCode { request: request.clone(), device };
            table::write(change, Kind::UserCode, key, &Stored { value: &value, expires_at })?;
            Ok(true)
        })
        .await
    }

    async fn device_request(
        &self,
        user_code: &Digest,
        now: UnixTime,
    ) -> Result<Option<DeviceRequest>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<StoredUserCode>(transaction, Kind::UserCode, user_code.as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)).map(|known| known.request))
        })
    }

    async fn answer_device(
        &self,
        user_code: &Digest,
        grant: Option<&CodeGrant>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (user_code, grant) = (*user_code, grant.cloned());
        self.write(move |change| answer(change, &user_code, grant.clone(), now)).await
    }

    async fn poll_device(
        &self,
        device: &Digest,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let (device, client) = (*device, client.clone());
        self.write(move |change| poll(change, &device, &client, now)).await
    }
}

fn write(
    change: &Change,
    device: &Digest,
    value: &StoredDevice,
    forgotten_at: UnixTime,
) -> Result<(), StoreError> {
    let stored = Stored { value, expires_at: forgotten_at };
    table::write(change, Kind::Device, device.as_bytes(), &stored)
}

fn answer(
    change: &Change,
    user_code: &Digest,
    grant: Option<CodeGrant>,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let stored = table::read_to_change::<StoredUserCode>(change, Kind::UserCode, user_code.as_bytes())?;
    let Some(known) = stored.and_then(|stored| stored.live(now)) else { return Ok(false) };
    if let Some(CodeGrant { session, access, .. }) = &grant
        && !sessions::is_there(change, session, &access.subject, now)?
    {
        return Ok(false);
    }
    table::remove(change, Kind::UserCode, user_code.as_bytes())?;
    let stored = table::read_to_change::<StoredDevice>(change, Kind::Device, known.device.as_bytes())?;
    let Some(Stored { value: waiting, expires_at: forgotten_at }) = stored else { return Ok(false) };
    let expires_at = waiting.expires_at;
    let answered = StoredDevice { granted: Some(grant.is_some()), ..waiting };
    write(change, &known.device, &answered, forgotten_at)?;
    if let Some(grant) = grant {
        let value = StoredCode { grant, expires_at, spent: false, issued: Trail::default() };
        let stored = Stored { value: &value, expires_at: forgotten_at };
        table::write(change, Kind::Code, known.device.as_bytes(), &stored)?;
    }
    Ok(true)
}

fn poll(change: &Change, device: &Digest, client: &ClientId, now: UnixTime) -> Result<Polled, StoreError> {
    let Some(stored) = table::read_to_change::<StoredDevice>(change, Kind::Device, device.as_bytes())? else {
        return Ok(Polled::Unknown);
    };
    let forgotten_at = stored.expires_at;
    let Some(mut known) = stored.live(now).filter(|known| known.client == *client) else {
        return Ok(Polled::Unknown);
    };
    match known.granted {
        Some(true) => return Ok(Polled::Granted),
        Some(false) => return Ok(Polled::Denied),
        None if now >= known.expires_at => return Ok(Polled::Expired),
        None => {}
    }
    let is_early = known.pace.ask(now);
    write(change, device, &known, forgotten_at)?;
    Ok(if is_early { Polled::TooSoon } else { Polled::Pending })
}
