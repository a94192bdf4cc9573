//! Starting over from a backup: one script, however many clients there are.

use std::time::Duration;

use async_trait::async_trait;

use super::super::StoreError;
use super::super::backup::{BackupStore, Restoration, Restored};
use super::clients::{expiry, registration};
use super::link::Link;
use super::reply::{Answer, corrupt, json, seconds};
use super::revocations::parts;
use super::{RedisStore, keys};
use crate::domain::revocation::Revocation;

/// Longest wait for the answer. A client takes about a twentieth of a millisecond.
const PATIENCE: Duration = Duration::from_secs(60);

#[async_trait]
impl BackupStore for RedisStore {
    async fn restore(&self, restoration: &Restoration) -> Result<Restored, StoreError> {
        let Restoration { clients, replaces, epoch, now } = restoration;
        let mut arguments = vec![seconds(*now), u8::from(*replaces).to_string(), format!("{epoch:016x}")];
        arguments.extend(parts(&Revocation::of_everyone(*now))?);
        for client in clients {
            let expires_at = seconds(expiry(client.expires_at));
            arguments.extend([keys::client(&client.id), expires_at, registration(client), json(client)?]);
        }
        let script = &self.inner.scripts.restore;
        // On a connection of its own: on others, silence means that it is broken.
        let link = Link::patient(&self.settings, PATIENCE).await?;
        let reply = link.run_within(PATIENCE, script, keys::NAMES, &arguments).await?;
        let Answer { word, revoked, .. } = Answer::read(reply)?;
        self.inner.copy.announce(revoked);
        match word.as_str() {
            "done" => Ok(Restored::Done),
            "occupied" => Ok(Restored::Occupied),
            other => Err(corrupt(format_args!("restore answered {other}"))),
        }
    }
}
