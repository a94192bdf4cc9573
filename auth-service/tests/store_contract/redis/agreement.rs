//! The rules that are written in Rust for one store and in Lua for the other: both are asked the same, and answer the same.

use std::fmt::Debug;

use auth_service::domain::client::Client;
use auth_service::domain::device::DeviceRequest;
use auth_service::domain::grant::{BrowserSignIn, CodeGrant, Handover};
use auth_service::domain::revocation::Revocation;
use auth_service::domain::user::Subject;
use auth_service::store::embedded::EmbeddedStore;
use auth_service::store::{CodeLifetime, Issue, Rotation, Store};
use gateway_core::time::UnixTime;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use service_kit::random::SystemRng;
use tokio::runtime::Runtime;

use super::open;
use super::server::Server;
use crate::consents::{consent, key};
use crate::fixtures::{
    LIFETIME, T0, access, client, client_id, digest, family, grant, issued, opening, rotation,
};

/// Something that is asked of a store. The small numbers say of which of a few codes, families and tokens.
#[derive(Debug, Clone)]
enum Ask {
    Wait(u64),
    InsertCode(u8, bool),
    Redeem(u8, Option<bool>),
    Rotate(u8, u8, u64),
    RotateSeen(u8, u8),
    Hoard(u8),
    RevokeFamily(u8),
    RevokeToken(u8),
    CutUser,
    CutClient,
    SignIn(u8),
    Register,
    Extend,
    Replace(bool),
    RemoveClient,
    Remember(bool),
    Withdraw(bool),
    Purge,
    Device(u8, DeviceAsk),
}

/// What is asked about a device.
#[derive(Debug, Clone)]
enum DeviceAsk {
    Begin,
    Answer(bool),
    Poll(bool),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        // Around the bounds of the grace, of codes, and of access tokens with their leeway.
        4 => select(&[1, 4, 8, 59, 60, 61, 840, 899, 959, 960][..]).prop_map(Ask::Wait),
        2 => (0_u8..2, prop::bool::weighted(0.2)).prop_map(|(code, rests)| Ask::InsertCode(code, rests)),
        4 => (0_u8..2, proptest::option::of(any::<bool>())).prop_map(|(code, issue)| Ask::Redeem(code, issue)),
        8 => (0_u8..2, 1_u8..5, select(&[0, 60][..]))
            .prop_map(|(family, token, grace)| Ask::Rotate(family, token, grace)),
        4 => (0_u8..2, 1_u8..5).prop_map(|(family, token)| Ask::RotateSeen(family, token)),
        2 => (0_u8..2).prop_map(Ask::Hoard),
        1 => (0_u8..2).prop_map(Ask::RevokeFamily),
        1 => (0_u8..3).prop_map(Ask::RevokeToken),
        1 => Just(Ask::CutUser),
        1 => Just(Ask::CutClient),
        2 => (0_u8..2).prop_map(Ask::SignIn),
        1 => Just(Ask::Register),
        1 => Just(Ask::Extend),
        1 => any::<bool>().prop_map(Ask::Replace),
        1 => Just(Ask::RemoveClient),
        2 => any::<bool>().prop_map(Ask::Remember),
        1 => prop::bool::weighted(0.7).prop_map(Ask::Withdraw),
        1 => Just(Ask::Purge),
        2 => device(Just(DeviceAsk::Begin)),
        2 => device(any::<bool>().prop_map(DeviceAsk::Answer)),
        4 => device(prop::bool::weighted(0.9).prop_map(DeviceAsk::Poll)),
    ]
}

fn device(ask: impl Strategy<Value = DeviceAsk>) -> impl Strategy<Value = Ask> {
    (0_u8..2, ask).prop_map(|(number, ask)| Ask::Device(number, ask))
}

/// What a store answers, as text.
async fn answer(store: &dyn Store, ask: &Ask, now: UnixTime) -> String {
    match ask {
        Ask::Wait(_) => String::new(),
        Ask::InsertCode(code, rests_on_consent) => {
            let lifetime = CodeLifetime {
                expires_at: now.plus(60),
                forgotten_at: now.plus(LIFETIME.forgotten_at.since(T0)),
            };
            let (grant, consent) = (in_browser(grant(*code)), key("c", &access().subject));
            let remembered = rests_on_consent.then_some(&consent);
            shown(store.insert_code(&digest(&code.to_string()), &grant, remembered, lifetime, now).await)
        }
        Ask::Redeem(code, issue) => {
            let issue = issue.map(|has_family| Issue {
                token: issued(&format!("first {code}"), now),
                family: opening().family.filter(|_| has_family),
            });
            shown(store.redeem_code(&digest(&code.to_string()), issue.as_ref(), now).await)
        }
        Ask::Rotate(number, token, grace) => {
            shown(store.rotate_refresh(&trade(*number, *token, *grace, now)).await)
        }
        Ask::RotateSeen(number, token) => match store.client(&client_id("c"), now).await.unwrap() {
            Some(client) => shown(store.rotate_seen(&trade(*number, *token, 60, now), &client).await),
            None => String::new(),
        },
        Ask::Hoard(number) => hoard(store, *number, now).await,
        Ask::RevokeFamily(number) => shown(store.revoke_family(family(*number), now).await),
        Ask::RevokeToken(number) => {
            let token = issued(&format!("first {number}"), now);
            shown(
                store
                    .revoke(&[Revocation::of_token(token), Revocation::of_token_id(token.id, now)], now)
                    .await,
            )
        }
        Ask::CutUser => shown(store.cut_off(&Revocation::of_user(access().subject, now), now).await),
        Ask::CutClient => shown(store.cut_off(&Revocation::of_client(client_id("c"), now), now).await),
        Ask::SignIn(number) => {
            let subject = Subject::new("local", &format!("a{number}"));
            let sign_in = BrowserSignIn { subject, signed_in_at: now, credential: digest("hash") };
            shown(store.insert_session(&digest(&number.to_string()), &sign_in, now.plus(300)).await)
        }
        Ask::Register => shown(store.insert_client(&client("c", Some(now.plus(100)))).await),
        Ask::Extend => shown(store.extend_client(&client_id("c"), Some(now.plus(200)), now).await),
        Ask::Replace(has_token) => {
            let client = Client { issued_at: now, ..client("c", has_token.then(|| now.plus(300))) };
            let registration = client.registration.filter(|_| *has_token);
            shown(store.replace_client(&Client { registration, ..client }, now).await)
        }
        Ask::RemoveClient => shown(store.remove_client(&client_id("c"), now).await),
        Ask::Remember(is_wanted) => remember(store, *is_wanted, now).await,
        Ask::Withdraw(is_its) => {
            let client = client_id(if *is_its { "c" } else { "other" });
            shown(store.withdraw(&access().subject, &client, now).await)
        }
        Ask::Purge => shown(store.purge(now).await),
        Ask::Device(number, ask) => device_answer(store, *number, ask, now).await,
    }
}

/// A grant of the user in the browser where they are signed in, if they are.
fn in_browser(grant: CodeGrant) -> CodeGrant {
    CodeGrant { session: digest("1"), ..grant }
}

async fn remember(store: &dyn Store, is_wanted: bool, now: UnixTime) -> String {
    let (key, consent) = (key("c", &access().subject), consent("c", &access().subject));
    if is_wanted {
        shown(store.remember_consent(&key, &consent, &digest("1"), now.plus(100), now).await)
    } else {
        shown(store.forget_consent(&key).await)
    }
}

/// A device has the same digest as a code: whoever is granted something has it there.
async fn device_answer(store: &dyn Store, number: u8, ask: &DeviceAsk, now: UnixTime) -> String {
    let (device, user_code) = (digest(&number.to_string()), digest(&format!("user code {number}")));
    match ask {
        DeviceAsk::Begin => {
            let (client, server) = (client_id("c"), "time".parse().unwrap());
            let request = DeviceRequest { client, server, scope: access().scope };
            let lifetime = CodeLifetime { expires_at: now.plus(60), forgotten_at: now.plus(600) };
            shown(store.insert_device(&device, &user_code, &request, lifetime, now).await)
        }
        DeviceAsk::Answer(is_yes) => {
            let yes = CodeGrant { handover: Handover::Device, ..in_browser(grant(number)) };
            shown(store.answer_device(&user_code, is_yes.then_some(&yes), now).await)
        }
        DeviceAsk::Poll(is_its) => {
            let client = client_id(if *is_its { "c" } else { "other" });
            shown(store.poll_device(&device, &client, now).await)
        }
    }
}

fn trade(number: u8, token: u8, grace: u64, now: UnixTime) -> Rotation {
    let (presented, successor) = (format!("r{token}"), format!("r{}", token + 1));
    Rotation { grace, ..rotation(number, &presented, &successor, now) }
}

/// More access tokens from one refresh token than a family remembers.
async fn hoard(store: &dyn Store, number: u8, now: UnixTime) -> String {
    let mut answers = String::new();
    for count in 0..70 {
        let token = issued(&format!("hoarded {number} {count}"), now);
        let trade = Rotation { issued: token, ..trade(number, 1, 60, now) };
        answers += &shown(store.rotate_refresh(&trade).await);
    }
    answers
}

/// Everything that can be seen of a store. What one step revokes has no order.
async fn seen(store: &dyn Store, now: UnixTime) -> String {
    let mut entries: Vec<_> =
        store.revocations(None, now).await.unwrap().entries.iter().map(|it| format!("{it:?}")).collect();
    entries.sort();
    let mut users: Vec<_> = store.users().await.unwrap().iter().map(ToString::to_string).collect();
    users.sort();
    users.push(shown((store.counts().await, store.clients(None, 9, now).await)));
    let mut seen = format!("{entries:#?} {users:?} {:?}", store.client(&client_id("c"), now).await);
    let mut held = store.holdings(&access().subject, now).await.unwrap();
    held.grants.sort_by_key(|grant| (*grant.family.as_bytes(), grant.expires_at));
    seen += &shown((held, store.remembered_consent(&key("c", &access().subject), now).await));
    for number in 0..2 {
        let name = digest(&number.to_string());
        seen += &shown((store.family(family(number), now).await, store.code(&name, now).await));
        seen += &shown(store.session(&name, now).await);
        seen += &shown(store.device_request(&digest(&format!("user code {number}")), now).await);
        seen += &shown(store.live_refresh(family(number), &digest("r2"), now).await);
    }
    seen
}

fn shown(value: impl Debug) -> String {
    format!("{value:?}\n")
}

async fn agree(one: &dyn Store, other: &dyn Store, asks: &[Ask]) {
    let mut now = T0;
    for ask in asks {
        if let Ask::Wait(seconds) = ask {
            now = now.plus(*seconds);
        }
        assert_eq!(answer(one, ask, now).await, answer(other, ask, now).await, "{ask:?}");
        assert_eq!(seen(one, now).await, seen(other, now).await, "after {ask:?}");
    }
}

#[test]
fn redis_and_the_embedded_store_answer_the_same() {
    let runtime = Runtime::new().unwrap();
    let server = Server::start();
    let redis = runtime.block_on(open(&server.address()));
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let asked = TestRunner::new(config).run(&proptest::collection::vec(ask(), 1..40), |asks| {
        let home = tempfile::tempdir().unwrap();
        let embedded = EmbeddedStore::open(&home.path().join("auth.redb"), &SystemRng).unwrap();
        server.ask(&["FLUSHALL"]);
        let opened = [Ask::SignIn(1), Ask::InsertCode(0, false), Ask::Redeem(0, Some(true))];
        runtime.block_on(agree(&redis, &embedded, &[&opened[..], &asks].concat()));
        Ok(())
    });
    asked.unwrap();
}
