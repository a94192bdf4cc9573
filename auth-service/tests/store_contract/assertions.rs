//! What every store promises about client assertions.

use std::sync::Arc;

use auth_service::domain::client_assertion::SingleUse;
use auth_service::store::Store;
use gateway_core::time::UnixTime;

use crate::fixtures::{T0, at, digest};

pub(crate) async fn c_07_an_assertion_is_spent_once_however_many_try(store: &Arc<dyn Store>) {
    let assertion = SingleUse { id: digest("assertion"), expires_at: at(90) };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(store);
        tasks.spawn(async move { store.spend_assertion(&assertion, T0).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|is_first| *is_first).count(), 1);
    assert!(!store.spend_assertion(&assertion, at(89)).await.unwrap());
    let other = SingleUse { id: digest("another"), ..assertion };
    assert!(store.spend_assertion(&other, at(89)).await.unwrap());
    assert_eq!(store.purge(at(89)).await.unwrap(), 0);
    assert_eq!(store.purge(at(90)).await.unwrap(), 2, "remembered for as long as anybody takes it");
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
}
