//! Devices that wait.

use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::{BadRecord, Recorded};
use crate::domain::client::ClientId;
use crate::domain::device::{DeviceRequest, Pace};
use crate::domain::secret::Digest;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RequestRecord {
    client: String,
    server: String,
    scope: String,
}

impl Recorded for DeviceRequest {
    type Record = RequestRecord;

    fn record(&self) -> RequestRecord {
        RequestRecord {
            client: self.client.to_string(),
            server: self.server.to_string(),
            scope: self.scope.to_string(),
        }
    }

    fn restore(record: RequestRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            client: ClientId::parse(&record.client).ok_or(BadRecord("client"))?,
            server: record.server.parse().map_err(|_| BadRecord("server"))?,
            scope: ScopeSet::parse(&record.scope),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct UserCodeRecord {
    request: RequestRecord,
    device: String,
}

/// A user code, with the device that waits with it.
pub(in crate::store) struct StoredUserCode {
    pub(in crate::store) request: DeviceRequest,
    pub(in crate::store) device: Digest,
}

impl Recorded for StoredUserCode {
    type Record = UserCodeRecord;

    fn record(&self) -> UserCodeRecord {
        UserCodeRecord { request: self.request.record(), device: self.device.to_text() }
    }

    fn restore(record: UserCodeRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            request: DeviceRequest::restore(record.request)?,
            device: Digest::from_text(&record.device).ok_or(BadRecord("device"))?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DeviceRecord {
    client: String,
    expires_at: UnixTime,
    interval: u64,
    asked_at: Option<UnixTime>,
    granted: Option<bool>,
}

/// A device with its state.
pub(in crate::store) struct StoredDevice {
    pub(in crate::store) client: ClientId,
    pub(in crate::store) expires_at: UnixTime,
    pub(in crate::store) pace: Pace,
    /// What its user has answered.
    pub(in crate::store) granted: Option<bool>,
}

impl Recorded for StoredDevice {
    type Record = DeviceRecord;

    fn record(&self) -> DeviceRecord {
        DeviceRecord {
            client: self.client.to_string(),
            expires_at: self.expires_at,
            interval: self.pace.interval,
            asked_at: self.pace.asked_at,
            granted: self.granted,
        }
    }

    fn restore(record: DeviceRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            client: ClientId::parse(&record.client).ok_or(BadRecord("client"))?,
            expires_at: record.expires_at,
            pace: Pace { interval: record.interval, asked_at: record.asked_at },
            granted: record.granted,
        })
    }
}
