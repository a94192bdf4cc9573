//! What this process saw last of clients and families, so that a refresh need not ask first. All of it may be outdated, and nothing
//! is decided on it: the script that trades a token compares it with what is there.

use std::fmt;
use std::sync::Arc;

use gateway_core::time::UnixTime;
use quick_cache::sync::Cache;

use super::clients::expiry;
use super::reply::seconds;
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::{Access, FamilyId};

/// Most clients that are remembered: a few KiB each.
const CLIENTS: usize = 2048;

/// Most families that are remembered: a quarter of a KiB each.
const FAMILIES: usize = 16_384;

/// Longest record of a client that is remembered, in bytes. One with more to say is asked for each time.
const LONGEST: usize = 4096;

/// A client as a script can recognize it: id, record, expiry.
pub(super) type ClientState = [String; 3];

/// The memory.
pub(super) struct Seen {
    clients: Cache<ClientId, SeenClient>,
    families: Cache<FamilyId, Arc<Access>>,
}

#[derive(Clone)]
struct SeenClient {
    client: Arc<Client>,
    /// As it is written: what another version has written differently is another record.
    record: Arc<str>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { clients: Cache::new(CLIENTS), families: Cache::new(FAMILIES) }
    }

    /// Remembers a client that was just read.
    pub(super) fn client(&self, client: &Client, record: &str) {
        if record.len() <= LONGEST {
            let seen = SeenClient { client: Arc::new(client.clone()), record: record.into() };
            self.clients.insert(client.id.clone(), seen);
        } else {
            self.clients.remove(&client.id);
        }
    }

    /// Remembers that a client has another expiry now.
    pub(super) fn extended(&self, id: &ClientId, expires_at: Option<UnixTime>) {
        if let Some(SeenClient { client, record }) = self.clients.get(id) {
            let client = Arc::new(Client { expires_at, ..Arc::unwrap_or_clone(client) });
            self.clients.insert(id.clone(), SeenClient { client, record });
        }
    }

    pub(super) fn client_of(&self, id: &ClientId) -> Option<Arc<Client>> {
        self.clients.get(id).map(|seen| seen.client)
    }

    /// How a script recognizes `client`, if it was seen as it is here.
    pub(super) fn state_of(&self, client: &Client) -> Option<ClientState> {
        let seen = self.clients.get(&client.id).filter(|seen| *seen.client == *client)?;
        Some([client.id.to_string(), seen.record.to_string(), seconds(expiry(client.expires_at))])
    }

    /// Remembers what was granted to a family.
    pub(super) fn family(&self, family: FamilyId, access: &Access) {
        self.families.insert(family, Arc::new(access.clone()));
    }

    pub(super) fn access_of(&self, family: FamilyId) -> Option<Arc<Access>> {
        self.families.get(&family)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seen(…)")
    }
}
