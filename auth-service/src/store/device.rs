//! What is remembered of devices that wait for their users (RFC 8628).

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::{CodeLifetime, StoreError};
use crate::domain::client::ClientId;
use crate::domain::device::DeviceRequest;
use crate::domain::grant::CodeGrant;
use crate::domain::secret::Digest;

/// Devices that wait, each under the digest of its device code, and under that of the code that its user types.
///
/// A device whose user has approved has an authorization code: its own. From there on
/// [`AuthorizationStore`](super::AuthorizationStore) decides, so that it is redeemed once, and a replay ends what came from it.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Keeps a device that begins to wait. Gives whether it did: a user code that another device waits with is taken.
    async fn insert_device(
        &self,
        device: &Digest,
        user_code: &Digest,
        request: &DeviceRequest,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError>;

    /// What the device asks for that waits with this user code. Looking changes nothing.
    async fn device_request(
        &self,
        user_code: &Digest,
        now: UnixTime,
    ) -> Result<Option<DeviceRequest>, StoreError>;

    /// Answers the device that waits with this user code, and spends the user code: with a grant, its device code becomes an
    /// authorization code that lives as long as the device code would have; without one, it is told no. Gives whether a device
    /// was waiting: of any number of answers, one counts. A grant counts only while the browser session is there in which it was given.
    async fn answer_device(
        &self,
        user_code: &Digest,
        grant: Option<&CodeGrant>,
        now: UnixTime,
    ) -> Result<bool, StoreError>;

    /// What has become of a device, for its client; to any other client it is unknown. While it waits, the question is
    /// counted, and one that comes too soon makes the device wait longer from then on
    /// ([`Pace`](crate::domain::device::Pace)).
    async fn poll_device(
        &self,
        device: &Digest,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<Polled, StoreError>;
}

/// What has become of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// Its user has not answered yet.
    Pending,
    /// Nor has it waited long enough.
    TooSoon,
    /// Its user has approved: there is, or was, an authorization code under its digest.
    Granted,
    /// Its user has said no.
    Denied,
    /// Its user has not answered in time.
    Expired,
    /// There is no such device, or it is another client's.
    Unknown,
}
