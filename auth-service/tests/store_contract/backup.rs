//! What every store promises about starting over.

use std::collections::BTreeSet;

use auth_service::domain::client_assertion::SingleUse;
use auth_service::domain::revocation::Revocation;
use auth_service::store::{Counts, Restoration, Restored, Rotated, Store};
use gateway_core::time::UnixTime;

use crate::fixtures::{T0, at, client, digest, family, issued, open_family, rotation};
use crate::revocations::{client_cut, end_of, user_cut};

pub(crate) async fn j_06_a_restored_store_holds_the_clients_and_no_token_of_before_is_good(
    store: &dyn Store,
) {
    store.insert_client(&client("later", None)).await.unwrap();
    open_family(store, 90).await;
    store.revoke(&[user_cut(T0)], T0).await.unwrap();
    let before = end_of(store).await;
    let restored = Restoration {
        clients: vec![client("one", Some(at(500))), client("https://app.example/two", None)],
        replaces: false,
        epoch: 7,
        now: at(10),
    };
    let held = store.counts().await.unwrap();
    assert_eq!(store.restore(&restored).await.unwrap(), Restored::Occupied);
    assert_eq!(store.counts().await.unwrap(), held, "nothing has changed");

    let restored = Restoration { replaces: true, ..restored };
    assert_eq!(store.restore(&restored).await.unwrap(), Restored::Done);
    let counts = Counts { clients: 2, revocations: 1, ..Counts::default() };
    assert_eq!(store.counts().await.unwrap(), counts);
    for client in &restored.clients {
        assert_eq!(store.client(&client.id, at(10)).await.unwrap().as_ref(), Some(client));
    }
    assert_eq!(store.users().await.unwrap(), []);
    let rotated = store.rotate_refresh(&rotation(90, "r1", "r2", at(10))).await.unwrap();
    assert_eq!(rotated, Rotated::Unknown);
    assert_eq!(store.code(&digest("code 90"), at(10)).await.unwrap(), None);
    assert_eq!(store.family(family(90), at(10)).await.unwrap(), None);

    let feed = store.revocations(Some(before), at(10)).await.unwrap();
    assert!(feed.is_snapshot, "edges read from the beginning");
    assert_eq!(feed.entries, [Revocation::of_everyone(at(10))]);
    assert_ne!(feed.cursor.epoch, before.epoch);
    store.revoke(&[Revocation::of_everyone(at(10)), user_cut(T0)], at(10)).await.unwrap();
    let after = store.revocations(Some(feed.cursor), at(10)).await.unwrap();
    assert_eq!((after.is_snapshot, after.entries), (false, vec![user_cut(T0)]));

    // What comes back is used and expires like anything else.
    store.purge(at(500)).await.unwrap();
    assert_eq!(store.counts().await.unwrap().clients, 1);
    let again = Restoration { clients: vec![client("one", None)], epoch: 8, ..restored };
    assert_eq!(store.restore(&again).await.unwrap(), Restored::Done);
    let names: BTreeSet<_> =
        store.clients(None, 9, at(10)).await.unwrap().items.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(names, BTreeSet::from(["one".to_owned()]));
}

pub(crate) async fn j_06_c_07_a_restore_brings_nothing_back_to_life(store: &dyn Store) {
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
    open_family(store, 90).await;
    store.rotate_refresh(&rotation(90, "r1", "r2", at(12))).await.unwrap();
    let revoked = Revocation::of_token(issued("revoked", at(11)));
    let expired = Revocation::of_token(issued("expired", UnixTime::from_secs(1)));
    store.revoke(&[revoked.clone(), expired, user_cut(at(10)), client_cut(at(11))], T0).await.unwrap();
    let assertion = SingleUse { id: digest("shown"), expires_at: at(90) };
    assert!(store.spend_assertion(&assertion, T0).await.unwrap());

    let restoration = Restoration { clients: vec![], replaces: true, epoch: 9, now: at(10) };
    assert_eq!(store.restore(&restoration).await.unwrap(), Restored::Done);
    let overtaken = Revocation::of_token(issued("90 r2", at(12)));
    let entries = store.revocations(None, at(10)).await.unwrap().entries;
    let expected = [Revocation::of_everyone(at(10)), revoked, client_cut(at(11)), overtaken];
    assert_eq!(entries, expected, "by a clock that is two seconds ahead");
    assert!(!store.spend_assertion(&assertion, at(89)).await.unwrap(), "shown before");
    assert_eq!(store.purge(at(90)).await.unwrap(), 1, "and forgotten in time");
}
