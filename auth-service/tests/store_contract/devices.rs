//! Devices that wait for their users.

use std::sync::Arc;

use auth_service::domain::device::DeviceRequest;
use auth_service::domain::grant::{CodeGrant, Handover};
use auth_service::domain::revocation::Revocation;
use auth_service::store::{CodeLifetime, Polled, Redemption, Rotated, Store};
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use crate::fixtures::{T0, access, at, client_id, digest, grant, opening, rotation, sign_in};

const LIFETIME: CodeLifetime = CodeLifetime { expires_at: T0.plus(600), forgotten_at: T0.plus(1200) };

fn request() -> DeviceRequest {
    DeviceRequest {
        client: client_id("c"),
        server: "time".parse().unwrap(),
        scope: ScopeSet::parse("mcp:time"),
    }
}

fn granted(number: u8) -> CodeGrant {
    CodeGrant { handover: Handover::Device, ..grant(number) }
}

/// A device that waits, and a browser in which its user is signed in; of the name come its device code and its user code.
async fn wait(store: &dyn Store, name: &str) {
    sign_in(store, &granted(0).session, &access().subject, at(2000)).await;
    let user_code = digest(&format!("{name} user"));
    assert!(store.insert_device(&digest(name), &user_code, &request(), LIFETIME, T0).await.unwrap());
}

async fn answer(store: &dyn Store, name: &str, grant: Option<&CodeGrant>, now: UnixTime) -> bool {
    store.answer_device(&digest(&format!("{name} user")), grant, now).await.unwrap()
}

async fn poll(store: &dyn Store, name: &str, now: UnixTime) -> Polled {
    store.poll_device(&digest(name), &client_id("c"), now).await.unwrap()
}

pub(crate) async fn a_device_waits_until_its_user_answers_once(store: &Arc<dyn Store>) {
    wait(store.as_ref(), "d1").await;
    let user_code = digest("d1 user");
    let other = store.insert_device(&digest("d2"), &user_code, &request(), LIFETIME, at(599)).await;
    assert!(!other.unwrap(), "the user code is taken");
    assert_eq!(poll(store.as_ref(), "d2", T0).await, Polled::Unknown);
    assert_eq!(store.device_request(&user_code, at(599)).await.unwrap(), Some(request()));
    assert_eq!(store.device_request(&digest("nothing"), T0).await.unwrap(), None);
    assert_eq!(poll(store.as_ref(), "d1", T0).await, Polled::Pending);
    assert_eq!(store.code(&digest("d1"), T0).await.unwrap(), None, "nothing was granted yet");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let yes = granted(80);
            answer(store.as_ref(), "d1", (number % 2 == 0).then_some(&yes), at(1)).await
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|it| *it).count(), 1);
    assert_eq!(store.device_request(&user_code, at(1)).await.unwrap(), None, "the user code is spent");
    let polled = poll(store.as_ref(), "d1", at(1)).await;
    let code = store.code(&digest("d1"), at(1)).await.unwrap();
    assert_eq!(polled, if code.is_some() { Polled::Granted } else { Polled::Denied });
    wait(store.as_ref(), "d3").await;
    assert!(answer(store.as_ref(), "d3", None, at(1)).await);
    assert_eq!(poll(store.as_ref(), "d3", at(1)).await, Polled::Denied);
    assert_eq!(store.code(&digest("d3"), at(1)).await.unwrap(), None);
    let stranger = store.poll_device(&digest("d3"), &client_id("other"), at(1)).await.unwrap();
    assert_eq!(stranger, Polled::Unknown);
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn c_02_a_device_code_is_redeemed_like_any_other(store: &dyn Store) {
    wait(store, "d4").await;
    assert!(answer(store, "d4", Some(&granted(81)), at(1)).await);
    assert_eq!(store.code(&digest("d4"), at(599)).await.unwrap(), Some(granted(81)));
    assert_eq!(store.code(&digest("d4"), at(600)).await.unwrap(), None);
    let redeem = async |now| store.redeem_code(&digest("d4"), Some(&opening()), now).await.unwrap();
    assert_eq!(redeem(at(600)).await, Redemption::Unknown, "in time only");
    assert_eq!(redeem(at(599)).await, Redemption::First(granted(81)));
    assert_eq!(poll(store, "d4", at(1199)).await, Polled::Granted);
    assert_eq!(redeem(at(1199)).await, Redemption::Replayed(granted(81)));
    let rotated = store.rotate_refresh(&rotation(81, "r1", "r2", at(600))).await.unwrap();
    assert_eq!(rotated, Rotated::Unknown, "c_01: the family went down with the replay");
    assert_eq!(redeem(at(1200)).await, Redemption::Unknown);
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn a_device_that_asks_too_soon_waits_longer(store: &dyn Store) {
    wait(store, "d5").await;
    for (second, expected) in [
        (0, Polled::Pending),
        (5, Polled::Pending),
        (9, Polled::Pending),
        (12, Polled::TooSoon),
        (21, Polled::Pending),
        (22, Polled::TooSoon),
        (35, Polled::TooSoon),
        (54, Polled::Pending),
    ] {
        assert_eq!(poll(store, "d5", at(second)).await, expected, "{second}");
        let stranger = store.poll_device(&digest("d5"), &client_id("other"), at(second)).await.unwrap();
        assert_eq!(stranger, Polled::Unknown, "and who asks for another's device does not slow it down");
    }
    assert!(answer(store, "d5", Some(&granted(82)), at(54)).await);
    assert_eq!(poll(store, "d5", at(54)).await, Polled::Granted, "who has an answer need not wait");
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn a_device_expires_and_is_remembered_longer(store: &dyn Store) {
    wait(store, "d6").await;
    assert_eq!(store.device_request(&digest("d6 user"), at(600)).await.unwrap(), None);
    assert!(!answer(store, "d6", Some(&granted(83)), at(600)).await);
    assert_eq!(store.code(&digest("d6"), at(599)).await.unwrap(), None);
    assert_eq!(poll(store, "d6", at(600)).await, Polled::Expired);
    assert_eq!(poll(store, "d6", at(1199)).await, Polled::Expired);
    assert_eq!(poll(store, "d6", at(1200)).await, Polled::Unknown);
    let user_code = digest("d6 user");
    let again = store.insert_device(&digest("d7"), &user_code, &request(), LIFETIME, at(600)).await;
    assert!(again.unwrap(), "an expired user code is free again");
    store.purge(at(9000)).await.unwrap();
    assert_eq!(poll(store, "d6", T0).await, Polled::Unknown, "nothing is left");
    assert_eq!(store.device_request(&digest("d6 user"), T0).await.unwrap(), None);
}

pub(crate) async fn c_24_a_cut_ends_what_a_device_was_granted(store: &dyn Store) {
    wait(store, "d8").await;
    assert!(answer(store, "d8", Some(&granted(84)), T0).await);
    store.cut_off(&Revocation::of_user(access().subject, T0), T0).await.unwrap();
    assert_eq!(store.code(&digest("d8"), T0).await.unwrap(), None);
    let redeemed = store.redeem_code(&digest("d8"), Some(&opening()), T0).await.unwrap();
    assert_eq!(redeemed, Redemption::Unknown);

    wait(store, "d9").await;
    store.cut_off(&Revocation::of_user(access().subject, T0), T0).await.unwrap();
    assert!(!answer(store, "d9", Some(&granted(85)), T0).await, "whoever was cut off grants nothing");
    assert_eq!(poll(store, "d9", T0).await, Polled::Pending);
    assert!(answer(store, "d9", None, T0).await);
    store.purge(at(9000)).await.unwrap();
}
