//! What every store promises about revocations.

use auth_service::domain::grant::BrowserSignIn;
use auth_service::domain::revocation::Revocation;
use auth_service::domain::user::Subject;
use auth_service::store::{Batch, Cursor, Issue, Redemption, Rotated, Rotation, Store};
use gateway_core::time::UnixTime;

use crate::fixtures::{
    T0, at, client_id, digest, family, grant, issued, keep_code, open_family, opening, rotation,
};

pub(crate) fn user_cut(now: UnixTime) -> Revocation {
    Revocation::of_user(Subject::new("local", "a1"), now)
}

pub(crate) fn client_cut(now: UnixTime) -> Revocation {
    Revocation::of_client(client_id("c"), now)
}

pub(crate) async fn after(store: &dyn Store, cursor: Cursor, now: UnixTime) -> Vec<Revocation> {
    let batch = store.revocations(Some(cursor), now).await.unwrap();
    assert!(!batch.is_snapshot && !batch.has_more);
    batch.entries
}

pub(crate) async fn end_of(store: &dyn Store) -> Cursor {
    store.revocations(None, T0).await.unwrap().cursor
}

pub(crate) async fn c_31_revocations_come_in_order_once_and_from_the_beginning_to_strangers(
    store: &dyn Store,
) {
    let empty = store.revocations(None, T0).await.unwrap();
    assert!(empty.is_snapshot && empty.entries.is_empty(), "{empty:?}");
    let one = Revocation::of_token(issued("one", T0));
    let two = Revocation::of_token(issued("two", T0));
    let mut bell = store.live().subscribe();
    store.revoke(&[one.clone(), two.clone(), one.clone()], T0).await.unwrap();
    assert!(bell.has_changed().unwrap());
    bell.mark_unchanged();
    assert_eq!(after(store, empty.cursor, T0).await, [one.clone(), two.clone()]);
    store.revoke(std::slice::from_ref(&two), T0).await.unwrap();
    assert!(!bell.has_changed().unwrap(), "nothing new");
    let end = end_of(store).await;
    assert_eq!(after(store, end, T0).await, []);
    for unknown in [Cursor { epoch: end.epoch ^ 1, ..end }, Cursor { sequence: end.sequence + 1, ..end }] {
        let batch = store.revocations(Some(unknown), T0).await.unwrap();
        assert!(batch.is_snapshot);
        assert_eq!((batch.cursor, batch.entries), (end, vec![one.clone(), two.clone()]));
    }
    assert_eq!(
        store.revocations(None, at(960)).await.unwrap().entries,
        [],
        "expired with the token and the leeway"
    );
    assert_eq!(store.purge(at(960)).await.unwrap(), 2);
    assert!(store.live().is_empty());
    assert_eq!(
        after(store, empty.cursor, T0).await,
        [],
        "an old cursor of this store misses nothing that matters"
    );
    assert_eq!(end_of(store).await, end, "a number is never given twice");
}

pub(crate) async fn a_newer_revocation_of_the_same_user_replaces_the_older(store: &dyn Store) {
    let begin = end_of(store).await;
    store.revoke(&[user_cut(T0), client_cut(T0), user_cut(at(10)), user_cut(T0)], T0).await.unwrap();
    assert_eq!(after(store, begin, T0).await, [client_cut(T0), user_cut(at(10))]);
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn many_revocations_come_in_bounded_batches(store: &dyn Store) {
    let begin = end_of(store).await;
    let many: Vec<_> = (0..=Batch::MAX).map(|it| Revocation::of_token(issued(&it.to_string(), T0))).collect();
    store.revoke(&many, T0).await.unwrap();
    for cursor in [None, Some(begin)] {
        let first = store.revocations(cursor, T0).await.unwrap();
        assert_eq!((first.entries.len(), first.has_more), (Batch::MAX, true));
        let rest = after(store, first.cursor, T0).await;
        assert_eq!([first.entries, rest].concat(), many);
    }
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn c_01_c_21_with_a_grant_the_access_tokens_that_came_from_it_die(store: &dyn Store) {
    let begin = end_of(store).await;
    let killed = |names: &[(&str, UnixTime)]| -> Vec<Revocation> {
        names.iter().map(|(name, now)| Revocation::of_token(issued(name, *now))).collect()
    };
    open_family(store, 20).await;
    store.redeem_code(&digest("code 20"), None, at(1)).await.unwrap();
    assert_eq!(after(store, begin, T0).await, killed(&[("first", T0)]), "C-01");
    store.purge(at(9000)).await.unwrap();

    let begin = end_of(store).await;
    open_family(store, 21).await;
    store.rotate_refresh(&rotation(21, "r1", "r2", at(10))).await.unwrap();
    let again = Rotation { issued: issued("again", at(20)), ..rotation(21, "r1", "r2", at(20)) };
    store.rotate_refresh(&again).await.unwrap();
    store.rotate_refresh(&rotation(21, "r2", "r3", at(970))).await.unwrap();
    assert_eq!(store.rotate_refresh(&rotation(21, "r1", "x", at(970))).await.unwrap(), Rotated::Reused);
    let expected = killed(&[("21 r2", at(10)), ("again", at(20)), ("21 r3", at(970))]);
    assert_eq!(after(store, begin, at(971)).await, expected[1..], "C-21; the first two have expired");
    store.purge(at(9000)).await.unwrap();

    let begin = end_of(store).await;
    open_family(store, 22).await;
    store.revoke_family(family(22), T0).await.unwrap();
    assert_eq!(after(store, begin, T0).await, killed(&[("first", T0)]));
    let without_family = Issue { family: None, ..opening() };
    keep_code(store, &digest("k23"), &grant(23)).await;
    let begin = end_of(store).await;
    store.purge(at(9000)).await.unwrap();
    keep_code(store, &digest("k23"), &grant(23)).await;
    store.redeem_code(&digest("k23"), Some(&without_family), T0).await.unwrap();
    store.redeem_code(&digest("k23"), None, at(5)).await.unwrap();
    assert_eq!(
        after(store, begin, T0).await,
        killed(&[("first", T0)]),
        "C-01, of a client that does not refresh"
    );
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn c_24_who_is_cut_off_has_nothing_left_to_go_on_with(store: &dyn Store) {
    let ada = Subject::new("local", "a1");
    for (number, cut, keeps_session) in [(30, user_cut(T0), false), (40, client_cut(T0), true)] {
        let sign_in = BrowserSignIn { subject: ada.clone(), signed_in_at: T0, credential: digest("hash") };
        store.insert_session(&digest("mine"), &sign_in, at(99)).await.unwrap();
        let other = BrowserSignIn { subject: Subject::new("local", "a11"), ..sign_in };
        store.insert_session(&digest("other"), &other, at(99)).await.unwrap();
        open_family(store, number).await;
        open_family(store, number + 1).await;
        store.rotate_refresh(&rotation(number, "r1", "r2", at(1))).await.unwrap();
        keep_code(store, &digest("unspent"), &grant(number + 2)).await;
        let begin = end_of(store).await;
        store.cut_off(&cut, T0).await.unwrap();
        let late = Revocation::of_token(issued(&format!("{number} r2"), at(1)));
        assert_eq!(after(store, begin, T0).await, [cut.clone(), late], "and what was issued meanwhile");
        assert_eq!(store.family(family(number), T0).await.unwrap(), None);
        assert_eq!(store.family(family(number + 1), T0).await.unwrap(), None);
        let redeemed = store.redeem_code(&digest("unspent"), Some(&opening()), T0).await.unwrap();
        assert_eq!(redeemed, Redemption::Unknown);
        assert_eq!(store.session(&digest("mine"), T0).await.unwrap().is_some(), keeps_session);
        assert!(store.session(&digest("other"), T0).await.unwrap().is_some(), "another user");
        let users = store.users().await.unwrap();
        assert_eq!(users.contains(&ada), keeps_session, "{users:?}");
        assert!(users.contains(&Subject::new("local", "a11")));
        store.purge(at(9000)).await.unwrap();
        assert_eq!(store.users().await.unwrap(), []);
    }
}
