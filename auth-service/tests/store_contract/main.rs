//! What every store promises. One suite, written against the traits; each implementation runs all of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails fails its test, and tests count with small numbers"
)]

mod assertions;
mod backup;
mod clients;
mod consents;
mod devices;
mod fixtures;
mod inventory;
mod redis;
mod revocations;
mod upstream;

use std::sync::Arc;

use auth_service::domain::grant::{BrowserSignIn, PendingConsent};
use auth_service::domain::revocation::Revocation;
use auth_service::domain::user::Subject;
use auth_service::store::embedded::EmbeddedStore;
use auth_service::store::{
    ClientStore as _, ConsentStore as _, LiveRefresh, Redemption, RefreshStore as _, RevocationStore as _,
    Rotated, Rotation, Store, StoreErrorKind,
};
use gateway_core::time::UnixTime;
use service_kit::random::SystemRng;

use crate::fixtures::{
    T0, access, at, client, client_id, digest, family, grant, keep_code, open_family, opening, rotation,
};
use crate::revocations::{end_of, user_cut};

async fn clients_live_until_they_expire(store: &dyn Store) {
    let (short, eternal) = (client("short", Some(at(10))), client("eternal", None));
    store.insert_client(&short).await.unwrap();
    store.insert_client(&eternal).await.unwrap();
    assert_eq!(store.client(&short.id, at(9)).await.unwrap(), Some(short.clone()));
    assert_eq!(store.client(&short.id, at(10)).await.unwrap(), None);
    assert_eq!(store.client(&eternal.id, UnixTime::from_secs(9_000_000_000)).await.unwrap(), Some(eternal));
    assert_eq!(store.client(&client_id("nobody"), T0).await.unwrap(), None);
    store.extend_client(&short.id, Some(at(99)), at(9)).await.unwrap();
    assert_eq!(store.client(&short.id, at(98)).await.unwrap().unwrap().expires_at, Some(at(99)));
    store.extend_client(&short.id, Some(at(500)), at(99)).await.unwrap();
    assert_eq!(store.client(&short.id, at(99)).await.unwrap(), None, "what is gone stays gone");
    let lasting = client("lasting", Some(at(10)));
    store.insert_client(&lasting).await.unwrap();
    store.extend_client(&lasting.id, None, at(9)).await.unwrap();
    let late = store.client(&lasting.id, UnixTime::from_secs(9_000_000_000)).await.unwrap();
    assert_eq!(late.unwrap().expires_at, None, "for ever");
    store.extend_client(&client_id("nobody"), Some(at(500)), T0).await.unwrap();
    assert_eq!(store.client(&client_id("nobody"), T0).await.unwrap(), None);
}

async fn a_grant_may_be_to_a_client_that_is_an_address(store: &dyn Store) {
    let id = client_id("https://app.example:8443/a/client.json?x=%2F,y");
    let mut grant = grant(40);
    grant.access.client = id.clone();
    keep_code(store, &digest("code 40"), &grant).await;
    let redeemed = store.redeem_code(&digest("code 40"), Some(&opening()), T0).await.unwrap();
    assert_eq!(redeemed, Redemption::First(grant.clone()));
    assert_eq!(store.family(family(40), T0).await.unwrap(), Some(grant.access));
    let cut = Revocation::of_client(id, T0);
    store.cut_off(&cut, T0).await.unwrap();
    assert_eq!(store.family(family(40), T0).await.unwrap(), None);
    assert!(store.revocations(None, T0).await.unwrap().entries.contains(&cut));
    store.purge(at(9000)).await.unwrap();
}

async fn sessions_live_until_they_expire_or_are_removed(store: &dyn Store) {
    let sign_in =
        BrowserSignIn { subject: Subject::new("local", "a1"), signed_in_at: T0, credential: digest("hash") };
    store.insert_session(&digest("s1"), &sign_in, at(10)).await.unwrap();
    assert_eq!(store.session(&digest("s1"), at(9)).await.unwrap(), Some(sign_in));
    assert_eq!(store.session(&digest("s1"), at(10)).await.unwrap(), None);
    store.remove_session(&digest("s1")).await.unwrap();
    store.remove_session(&digest("s1")).await.unwrap();
    assert_eq!(store.session(&digest("s1"), T0).await.unwrap(), None);
}

async fn a_consent_page_is_taken_once(store: &Arc<dyn Store>) {
    let pending = PendingConsent { session: digest("s"), request: digest("q") };
    store.insert_pending(&digest("t1"), &pending, at(10)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(store);
        tasks.spawn(async move { store.take_pending(&digest("t1"), T0).await.unwrap() });
    }
    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, [pending]);
    store.insert_pending(&digest("t2"), &pending, at(10)).await.unwrap();
    assert_eq!(store.take_pending(&digest("t2"), at(10)).await.unwrap(), None, "expired");
}

async fn c_02_a_code_is_redeemed_once_however_many_try(store: &Arc<dyn Store>) {
    keep_code(store.as_ref(), &digest("k1"), &grant(1)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(store);
        tasks.spawn(async move { store.redeem_code(&digest("k1"), Some(&opening()), T0).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Redemption::First(grant(1))).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Redemption::Replayed(grant(1))).count(), 49);
    let rotated = store.rotate_refresh(&rotation(1, "r1", "r2", T0)).await.unwrap();
    assert_eq!(rotated, Rotated::Unknown, "c_01: the family went down with the replay");
}

async fn a_code_expires_and_a_spent_one_is_remembered_longer(store: &dyn Store) {
    keep_code(store, &digest("k2"), &grant(2)).await;
    assert_eq!(store.code(&digest("k2"), at(59)).await.unwrap(), Some(grant(2)));
    assert_eq!(store.code(&digest("k2"), at(60)).await.unwrap(), None);
    assert_eq!(
        store.redeem_code(&digest("k2"), Some(&opening()), at(60)).await.unwrap(),
        Redemption::Unknown
    );
    assert_eq!(
        store.redeem_code(&digest("k2"), None, at(59)).await.unwrap(),
        Redemption::First(grant(2)),
        "burned"
    );
    assert_eq!(
        store.rotate_refresh(&rotation(2, "r1", "r2", T0)).await.unwrap(),
        Rotated::Unknown,
        "nothing opened"
    );
    assert_eq!(store.code(&digest("k2"), at(599)).await.unwrap(), Some(grant(2)));
    assert_eq!(
        store.redeem_code(&digest("k2"), None, at(599)).await.unwrap(),
        Redemption::Replayed(grant(2))
    );
    assert_eq!(store.redeem_code(&digest("k2"), None, at(600)).await.unwrap(), Redemption::Unknown);
    assert_eq!(store.redeem_code(&digest("nothing"), None, T0).await.unwrap(), Redemption::Unknown);
}

async fn c_20_to_c_22_a_family_has_one_live_token(store: &dyn Store) {
    open_family(store, 3).await;
    let rotate = async |presented: &str, successor: &str, now| {
        store.rotate_refresh(&rotation(3, presented, successor, now)).await.unwrap()
    };
    assert_eq!(rotate("r1", "r2", at(10)).await, Rotated::Fresh);
    assert_eq!(rotate("r1", "r2", at(69)).await, Rotated::Again { behind: 1 }, "within the grace");
    assert_eq!(rotate("r2", "r3", at(69)).await, Rotated::Fresh);
    assert_eq!(rotate("r2", "r3", at(70)).await, Rotated::Again { behind: 1 });
    assert_eq!(rotate("r2", "r3", at(129)).await, Rotated::Reused, "after it");
    assert_eq!(rotate("r3", "r4", at(130)).await, Rotated::Unknown, "the family is revoked");
    open_family(store, 4).await;
    store.rotate_refresh(&rotation(4, "r1", "r2", T0)).await.unwrap();
    store.rotate_refresh(&rotation(4, "r2", "r3", T0)).await.unwrap();
    let late = store.rotate_refresh(&rotation(4, "r1", "r2", at(59))).await.unwrap();
    assert_eq!(late, Rotated::Again { behind: 2 }, "two trades later, within the grace");
    let mut live = "r3".to_owned();
    for _ in 0..Rotation::MAX_RETIRED {
        let next = format!("{live}+");
        let traded = store.rotate_refresh(&rotation(4, &live, &next, at(59))).await.unwrap();
        assert_eq!(traded, Rotated::Fresh);
        live = next;
    }
    let forgotten = store.rotate_refresh(&rotation(4, "r1", "r2", at(59))).await.unwrap();
    assert_eq!(forgotten, Rotated::Reused, "too many trades ago, even within the grace");
}

async fn looking_at_a_family_changes_nothing(store: &dyn Store) {
    open_family(store, 5).await;
    assert_eq!(store.family(family(5), at(999)).await.unwrap(), Some(access()));
    assert_eq!(store.family(family(5), at(1000)).await.unwrap(), None, "expired");
    assert_eq!(store.family(family(99), T0).await.unwrap(), None);
    assert_eq!(store.rotate_refresh(&rotation(5, "r1", "r2", at(100))).await.unwrap(), Rotated::Fresh);
    assert_eq!(store.family(family(5), at(1099)).await.unwrap(), Some(access()), "it lives on with its use");
}

async fn only_the_live_token_of_a_family_is_live(store: &dyn Store) {
    open_family(store, 60).await;
    let live = async |name: &str, now| store.live_refresh(family(60), &digest(name), now).await.unwrap();
    assert_eq!(live("r1", at(999)).await, Some(LiveRefresh { access: access(), expires_at: at(1000) }));
    assert_eq!(live("r1", at(1000)).await, None, "expired");
    assert_eq!(live("r2", T0).await, None, "not yet");
    assert_eq!(store.live_refresh(family(99), &digest("r1"), T0).await.unwrap(), None, "no such family");
    store.rotate_refresh(&rotation(60, "r1", "r2", at(10))).await.unwrap();
    assert_eq!(live("r1", at(11)).await, None, "spent, even within the grace");
    assert_eq!(live("r2", at(11)).await, Some(LiveRefresh { access: access(), expires_at: at(1010) }));
    store.revoke_family(family(60), at(12)).await.unwrap();
    assert_eq!(live("r2", at(12)).await, None);
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
}

async fn c_25_a_family_expires_by_disuse_and_is_revoked_for_good(store: &dyn Store) {
    open_family(store, 6).await;
    let rotate = async |presented: &str, successor: &str, now| {
        store.rotate_refresh(&rotation(6, presented, successor, now)).await.unwrap()
    };
    assert_eq!(rotate("r1", "r2", at(999)).await, Rotated::Fresh);
    assert_eq!(rotate("r2", "r3", at(1999)).await, Rotated::Unknown, "1000 s after the last use");
    open_family(store, 7).await;
    store.revoke_family(family(7), T0).await.unwrap();
    store.revoke_family(family(7), T0).await.unwrap();
    assert_eq!(store.rotate_refresh(&rotation(7, "r1", "r2", T0)).await.unwrap(), Rotated::Unknown);
}

async fn a_purge_forgets_what_has_expired_and_nothing_else(store: &dyn Store) {
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
    let sign_in =
        BrowserSignIn { subject: Subject::new("local", "a1"), signed_in_at: T0, credential: digest("hash") };
    for number in 0..30 {
        let expires_at = if number < 20 { at(10) } else { at(20) };
        store.insert_session(&digest(&format!("p{number}")), &sign_in, expires_at).await.unwrap();
    }
    open_family(store, 8).await;
    store.rotate_refresh(&rotation(8, "r1", "r2", at(500))).await.unwrap();
    assert_eq!(store.purge(at(9)).await.unwrap(), 0);
    assert_eq!(store.purge(at(10)).await.unwrap(), 20);
    assert_eq!(store.purge(at(10)).await.unwrap(), 0);
    assert!(store.session(&digest("p20"), at(10)).await.unwrap().is_some());
    assert_eq!(store.purge(at(1200)).await.unwrap(), 11, "the rest and the code");
    let live = store.rotate_refresh(&rotation(8, "r2", "r3", at(1200))).await.unwrap();
    assert_eq!(live, Rotated::Fresh, "its expiry had moved");
    store.ping().await.unwrap();
}

/// The suite. `store` is empty at first.
async fn keeps_the_contract(store: Arc<dyn Store>) {
    revocations::c_31_revocations_come_in_order_once_and_from_the_beginning_to_strangers(store.as_ref())
        .await;
    revocations::a_newer_revocation_of_the_same_user_replaces_the_older(store.as_ref()).await;
    revocations::many_revocations_come_in_bounded_batches(store.as_ref()).await;
    revocations::c_01_c_21_with_a_grant_the_access_tokens_that_came_from_it_die(store.as_ref()).await;
    revocations::c_24_who_is_cut_off_has_nothing_left_to_go_on_with(store.as_ref()).await;
    inventory::clients_are_listed_once_however_large_the_parts(store.as_ref()).await;
    inventory::a_grant_is_listed_while_it_lives_with_its_last_use(store.as_ref()).await;
    inventory::what_is_there_is_counted(store.as_ref()).await;
    consents::b_14_a_consent_is_remembered_until_it_expires_or_is_forgotten(store.as_ref()).await;
    consents::c_24_d_12_d_13_a_consent_goes_with_its_user_and_its_client(store.as_ref()).await;
    consents::a_user_sees_what_clients_hold_and_nobody_elses(store.as_ref()).await;
    consents::c_24_what_a_user_takes_back_from_a_client_ends_at_once(store.as_ref()).await;
    consents::j_03_somebody_with_thousands_of_records_is_looked_at_and_withdrawn_in_small_steps(&store).await;
    consents::c_24_of_who_was_cut_off_a_moment_ago_nothing_begins(store.as_ref()).await;
    consents::j_03_a_user_has_a_bounded_number_of_families_of_one_client(store.as_ref()).await;
    clients::d_11_a_client_is_replaced_as_a_whole_by_who_has_its_token(store.as_ref()).await;
    clients::a_trade_for_a_client_that_was_seen_fails_when_it_has_changed(store.as_ref()).await;
    clients::d_13_with_a_client_everything_of_it_goes(store.as_ref()).await;
    clients::d_13_a_client_that_is_used_while_it_is_deleted_stays_deleted(&store).await;
    clients_live_until_they_expire(store.as_ref()).await;
    a_grant_may_be_to_a_client_that_is_an_address(store.as_ref()).await;
    sessions_live_until_they_expire_or_are_removed(store.as_ref()).await;
    a_consent_page_is_taken_once(&store).await;
    upstream::b_05_a_departure_is_taken_once(&store).await;
    upstream::what_a_provider_said_is_replaced_expires_and_goes_with_its_user(store.as_ref()).await;
    c_02_a_code_is_redeemed_once_however_many_try(&store).await;
    a_code_expires_and_a_spent_one_is_remembered_longer(store.as_ref()).await;
    devices::a_device_waits_until_its_user_answers_once(&store).await;
    devices::c_02_a_device_code_is_redeemed_like_any_other(store.as_ref()).await;
    devices::a_device_that_asks_too_soon_waits_longer(store.as_ref()).await;
    devices::a_device_expires_and_is_remembered_longer(store.as_ref()).await;
    devices::c_24_a_cut_ends_what_a_device_was_granted(store.as_ref()).await;
    c_20_to_c_22_a_family_has_one_live_token(store.as_ref()).await;
    looking_at_a_family_changes_nothing(store.as_ref()).await;
    only_the_live_token_of_a_family_is_live(store.as_ref()).await;
    c_25_a_family_expires_by_disuse_and_is_revoked_for_good(store.as_ref()).await;
    a_purge_forgets_what_has_expired_and_nothing_else(store.as_ref()).await;
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
    clients::the_keys_of_a_client_come_back_as_they_were(store.as_ref()).await;
    assertions::c_07_an_assertion_is_spent_once_however_many_try(&store).await;
    inventory::a_grant_of_one_token_is_listed_and_goes_with_its_client(store.as_ref()).await;
    backup::j_06_a_restored_store_holds_the_clients_and_no_token_of_before_is_good(store.as_ref()).await;
    backup::j_06_c_07_a_restore_brings_nothing_back_to_life(store.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_store_keeps_the_contract() {
    let home = tempfile::tempdir().unwrap();
    keeps_the_contract(Arc::new(EmbeddedStore::open(&home.path().join("auth.redb"), &SystemRng).unwrap()))
        .await;
}

#[tokio::test]
async fn j_09_what_was_promised_is_there_after_a_restart_and_a_second_process_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("auth.redb");
    let store = EmbeddedStore::open(&path, &SystemRng).unwrap();
    store_one(&store).await;
    let cursor = end_of(&store).await;
    store.revoke(&[user_cut(T0)], T0).await.unwrap();
    assert_eq!(EmbeddedStore::open(&path, &SystemRng).unwrap_err().kind(), StoreErrorKind::InUse);
    drop(store);
    let again = EmbeddedStore::open(&path, &SystemRng).unwrap();
    assert!(again.client(&client_id("one"), T0).await.unwrap().is_some());
    let batch = again.revocations(Some(cursor), T0).await.unwrap();
    assert_eq!((batch.is_snapshot, batch.entries), (false, vec![user_cut(T0)]), "its cursors are still good");
    assert_eq!(again.live().len(), 1);
    let other = EmbeddedStore::open(&home.path().join("other.redb"), &SystemRng).unwrap();
    assert!(other.revocations(Some(batch.cursor), T0).await.unwrap().is_snapshot, "and no other store's are");
}

async fn store_one(store: &dyn Store) {
    store.insert_client(&client("one", None)).await.unwrap();
}

#[tokio::test]
async fn c_24_j_10_what_an_earlier_version_wrote_with_another_index_is_found_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("auth.redb");
    let store = EmbeddedStore::open(&path, &SystemRng).unwrap();
    open_family(&store, 1).await;
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let change = database.begin_write().unwrap();
    let index = |name| redb::TableDefinition::<(&str, u8, &[u8]), ()>::new(name);
    assert!(change.delete_table(index("index.2")).unwrap());
    change.open_table(index("index")).unwrap();
    change.commit().unwrap();
    drop(database);
    let store = EmbeddedStore::open(&path, &SystemRng).unwrap();
    assert_eq!(store.users().await.unwrap(), [Subject::new("local", "a1")]);
    assert!(store.withdraw(&access().subject, &access().client, T0).await.unwrap());
    assert_eq!(store.family(family(1), T0).await.unwrap(), None);
}
