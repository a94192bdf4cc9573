//! Records: hashes of `record` (JSON), `expires_at`, whose it is, and whatever changes.

use gateway_core::time::UnixTime;

use super::super::StoreError;
use super::super::records::Recorded;
use super::Inner;
use super::reply::{json, restore, seconds, time};

/// Whose a record is; nobody's is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Owner<'a> {
    pub(super) user: &'a str,
    pub(super) client: &'a str,
}

impl Inner {
    /// Writes a record that is nobody's.
    pub(super) async fn insert<T: Recorded>(
        &self,
        key: &str,
        value: &T,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        self.insert_owned(key, value, expires_at, Owner::default(), vec![]).await
    }

    /// Writes a record, replacing what was there, with more fields and their values.
    pub(super) async fn insert_owned<T: Recorded>(
        &self,
        key: &str,
        value: &T,
        expires_at: UnixTime,
        owner: Owner<'_>,
        more: Vec<String>,
    ) -> Result<(), StoreError> {
        let arguments = record(value, expires_at, owner, more)?;
        self.verb(&self.scripts.insert, key, &arguments).await.map(drop)
    }

    /// Reads a record that has not expired, and when it will.
    pub(super) async fn read<T: Recorded>(
        &self,
        key: &str,
        now: UnixTime,
    ) -> Result<Option<(T, UnixTime)>, StoreError> {
        let fields = self.link.fields(key, ["record", "expires_at"]).await?;
        let [Some(record), Some(expires_at)] = fields.as_slice() else { return Ok(None) };
        let expires_at = time(expires_at)?;
        if now < expires_at { Ok(Some((restore(record)?, expires_at))) } else { Ok(None) }
    }
}

/// A record as scripts take it: expiry, whose it is, then fields and their values.
pub(super) fn record<T: Recorded>(
    value: &T,
    expires_at: UnixTime,
    owner: Owner<'_>,
    more: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let head = [seconds(expires_at), owner.user.to_owned(), owner.client.to_owned()];
    let record = ["record".to_owned(), json(value)?];
    Ok(head.into_iter().chain(record).chain(more).collect())
}
