//! The feed of revocations: what came after a cursor, or else the next thing that comes.

use std::time::Duration;

use super::Deps;
use super::error::Cause;
use crate::store::{Batch, Cursor};

/// What came after `after`. When nothing did, waits for the next revocation, at most `wait`, and at most until the service
/// ends; the batch is empty then, and the cursor the same. Without a cursor, or with one of another store, there is nothing
/// to wait for. Nobody asks the store while waiting.
///
/// # Errors
/// When the store does not answer.
pub async fn next_batch(deps: &Deps, after: Option<Cursor>, wait: Duration) -> Result<Batch, Cause> {
    // Before the store is read, so that a revocation in between rings too.
    let mut bell = deps.store.live().subscribe();
    let end_of_wait = tokio::time::sleep(wait);
    tokio::pin!(end_of_wait);
    loop {
        let batch = deps.store.revocations(after, deps.now()).await?;
        if batch.is_snapshot || !batch.entries.is_empty() || wait.is_zero() {
            return Ok(batch);
        }
        tokio::select! {
            rung = bell.changed() => if rung.is_err() { return Ok(batch) },
            () = &mut end_of_wait => return Ok(batch),
            () = deps.ending.begun() => return Ok(batch),
        }
    }
}
