//! Devices that wait.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{CodeLifetime, DeviceStore, Polled, StoreError};
use super::reply::{corrupt, json, seconds};
use super::{RedisStore, keys};
use crate::domain::client::ClientId;
use crate::domain::device::DeviceRequest;
use crate::domain::grant::CodeGrant;
use crate::domain::secret::Digest;

#[async_trait]
impl DeviceStore for RedisStore {
    async fn insert_device(
        &self,
        device: &Digest,
        user_code: &Digest,
        request: &DeviceRequest,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let arguments = [
            seconds(now),
            seconds(lifetime.expires_at),
            seconds(lifetime.forgotten_at),
            device.to_text(),
            request.client.to_string(),
            json(request)?,
        ];
        let script = &self.inner.scripts.insert_device;
        let (word, _) = self.inner.verb(script, &keys::user_code(user_code), &arguments).await?;
        Ok(word == "done")
    }

    async fn device_request(
        &self,
        user_code: &Digest,
        now: UnixTime,
    ) -> Result<Option<DeviceRequest>, StoreError> {
        let found = self.inner.read::<DeviceRequest>(&keys::user_code(user_code), now).await?;
        Ok(found.map(|(request, _)| request))
    }

    async fn answer_device(
        &self,
        user_code: &Digest,
        grant: Option<&CodeGrant>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut arguments = vec![seconds(now)];
        if let Some(grant) = grant {
            let access = &grant.access;
            arguments.extend([json(grant)?, json(access)?, grant.family.to_string()]);
            arguments.extend([access.subject.to_string(), access.client.to_string()]);
            arguments.push(keys::session(&grant.session));
        }
        let script = &self.inner.scripts.answer_device;
        let (word, _) = self.inner.verb(script, &keys::user_code(user_code), &arguments).await?;
        Ok(word == "done")
    }

    async fn poll_device(
        &self,
        device: &Digest,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let arguments = [seconds(now), client.to_string()];
        let script = &self.inner.scripts.poll_device;
        let (word, _) = self.inner.verb(script, &keys::device(device), &arguments).await?;
        match word.as_str() {
            "pending" => Ok(Polled::Pending),
            "too soon" => Ok(Polled::TooSoon),
            "granted" => Ok(Polled::Granted),
            "denied" => Ok(Polled::Denied),
            "expired" => Ok(Polled::Expired),
            "unknown" => Ok(Polled::Unknown),
            other => Err(corrupt(format_args!("poll answered {other}"))),
        }
    }
}
