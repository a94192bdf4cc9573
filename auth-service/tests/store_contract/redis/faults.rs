//! Redis fails, is restarted, emptied, or set up wrongly.

use std::time::Duration;

use auth_service::domain::revocation::Revocation;
use auth_service::store::redis::{RedisError, RedisSettings, RedisStore};
use auth_service::store::{
    AuthorizationStore as _, Cursor, Redemption, RefreshStore as _, RevocationStore as _, Rotated, Store,
    StoreErrorKind,
};
use service_kit::random::SystemRng;
use std::sync::Arc;

use super::open;
use super::replicas::until_it_kills;
use super::server::Server;
use crate::fixtures::{
    LIFETIME, T0, access, at, client_id, digest, grant, issued, keep_code, open_family, opening, rotation,
    sign_in,
};
use crate::revocations::{end_of, user_cut};

/// Longest wait for a verb, whatever Redis does: a second, and what a busy machine adds.
const FAST: Duration = Duration::from_secs(3);

/// Longest wait for the recovery.
const SOON: Duration = Duration::from_secs(20);

async fn fails_fast(store: &dyn Store) {
    let (code, issue) = (digest("none"), opening());
    let redeemed = store.redeem_code(&code, Some(&issue), T0);
    let failed = tokio::time::timeout(FAST, redeemed).await.unwrap();
    assert_eq!(failed.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let read = tokio::time::timeout(FAST, store.code(&digest("none"), T0)).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let fed = tokio::time::timeout(FAST, store.revocations(None, T0)).await.unwrap();
    assert_eq!(fed.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

/// Asks until there is an answer.
pub(crate) async fn recovers(store: &dyn Store) {
    let answers = async {
        while store.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, answers).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_01_j_02_without_redis_verbs_fail_fast_and_with_it_they_work_again() {
    let mut server = Server::start();
    let store = open(&server.address()).await;
    keep_code(&store, &digest("k"), &grant(1)).await;
    let before = end_of(&store).await;
    server.kill();
    fails_fast(&store).await;
    server.launch();
    recovers(&store).await;
    let batch = store.revocations(Some(before), T0).await.unwrap();
    assert!(batch.is_snapshot, "J-06: it kept nothing, and its numbers begin anew");
    let token = issued("after", T0);
    store.revoke(&[Revocation::of_token(token)], T0).await.unwrap();
    until_it_kills(&store, token.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_02_a_redis_that_is_frozen_counts_as_gone() {
    let server = Server::start();
    let store = open(&server.address()).await;
    server.signal("STOP");
    fails_fast(&store).await;
    server.signal("CONT");
    recovers(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_03_scripts_that_redis_has_forgotten_are_sent_again() {
    let server = Server::start();
    let store = open(&server.address()).await;
    open_family(&store, 1).await;
    server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(store.rotate_refresh(&rotation(1, "r1", "r2", T0)).await.unwrap(), Rotated::Fresh);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_is_one_round_trip() {
    let server = Server::start();
    let store = open(&server.address()).await;
    open_family(&store, 1).await;
    store.rotate_refresh(&rotation(1, "r1", "r2", T0)).await.unwrap();
    server.ask(&["CONFIG", "RESETSTAT"]);
    store.rotate_refresh(&rotation(1, "r2", "r3", T0)).await.unwrap();
    let stats = server.ask(&["INFO", "commandstats"]);
    let calls = |name: &str| {
        stats.lines().filter(|line| line.starts_with(&format!("cmdstat_{name}:calls=1,"))).count()
    };
    assert_eq!((calls("evalsha"), calls("eval")), (1, 0), "{stats}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_06_an_emptied_redis_is_noticed_and_followed() {
    let server = Server::start();
    let (here, there) = (open(&server.address()).await, open(&server.address()).await);
    here.revoke(&[user_cut(T0), Revocation::of_token(issued("old", T0))], T0).await.unwrap();
    let before = end_of(&here).await;
    server.ask(&["FLUSHALL"]);
    let tokens: Vec<_> = (0..5).map(|number| issued(&format!("new {number}"), T0)).collect();
    for token in &tokens {
        here.revoke(&[Revocation::of_token(*token)], T0).await.unwrap();
        until_it_kills(&here, token.id).await;
    }
    for token in &tokens {
        until_it_kills(&there, token.id).await;
    }
    let batch = there.revocations(Some(before), T0).await.unwrap();
    assert!(batch.is_snapshot, "numbers that have overtaken the cursor are others");
    assert_eq!(batch.entries.len(), 5);
    assert_ne!(batch.cursor.epoch, before.epoch);
    let restarted = Cursor { epoch: before.epoch, sequence: 0 };
    assert!(there.revocations(Some(restarted), T0).await.unwrap().is_snapshot);
    assert_eq!(there.live().len(), 7, "what was once heard is not unheard");
}

async fn opened(address: &str) -> Result<RedisStore, RedisError> {
    RedisStore::open(&RedisSettings::parse(address, None).unwrap(), Arc::new(SystemRng)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_05_a_redis_that_evicts_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Server::with(0, &["--maxmemory-policy", policy]);
        let refused = opened(&server.address()).await.unwrap_err().to_string();
        assert!(refused.contains(policy) && refused.contains("set it to noeviction"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_05_a_redis_that_will_not_tell_is_believed_and_its_password_is_not_told() {
    let users = "user auth on >canary ~{oauth}:* +@all -@dangerous -@admin";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), users).unwrap();
    let server = Server::with(0, &["--aclfile", file.path().to_str().unwrap()]);
    let address = server.address().replace("redis+unix://", "redis+unix://auth:canary@local");
    let store = opened(&address).await.unwrap();
    open_family(&store, 1).await;
    store.cut_off(&user_cut(T0), T0).await.unwrap();
    assert_eq!(store.users().await.unwrap(), []);
    assert!(!format!("{store:?} {store:#?}").contains("canary"));
    let wrong = opened(&address.replace("canary", "wrong-canary")).await.unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("canary"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_03_a_redis_that_is_full_refuses_and_breaks_nothing() {
    let server = Server::start();
    let store = open(&server.address()).await;
    keep_code(&store, &digest("k"), &grant(1)).await;
    sign_in(&store, &grant(2).session, &access().subject, at(99)).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = store.redeem_code(&digest("k"), Some(&opening()), T0).await;
    assert_eq!(full.unwrap_err().kind(), StoreErrorKind::Unavailable);
    // Strangers fill nothing any more, and what has to die still dies.
    let stranger = store.insert_code(&digest("other"), &grant(2), None, LIFETIME, T0).await;
    assert_eq!(stranger.unwrap_err().kind(), StoreErrorKind::Unavailable);
    store.cut_off(&user_cut(T0), T0).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let redeemed = store.redeem_code(&digest("k"), Some(&opening()), T0).await.unwrap();
    assert_eq!(redeemed, Redemption::Unknown, "it was cut off");
    keep_code(&store, &digest("k2"), &grant(2)).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(store.redeem_code(&digest("k2"), Some(&opening()), T0).await.is_err());
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let redeemed = store.redeem_code(&digest("k2"), Some(&opening()), T0).await.unwrap();
    assert_eq!(redeemed, Redemption::First(grant(2)), "it had not been spent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_01_connections_that_are_cut_under_load_are_made_again_and_no_code_is_half_spent() {
    let server = Server::start();
    let store = Arc::new(open(&server.address()).await);
    sign_in(store.as_ref(), &grant(0).session, &access().subject, at(99)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in 0..40_u8 {
                let code = digest(&format!("{worker} {number}"));
                let mut grant = grant(worker * 40 + number);
                // Not so many of one client that they end each other.
                grant.access.client = client_id(&format!("c{worker}"));
                while store.insert_code(&code, &grant, None, LIFETIME, T0).await.is_err() {}
                match store.redeem_code(&code, Some(&opening()), T0).await {
                    Ok(redeemed) => assert_eq!(redeemed, Redemption::First(grant.clone())),
                    Err(error) => {
                        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                        recovers(store.as_ref()).await;
                        let is_spent = store.code(&code, at(60)).await.unwrap().is_some();
                        let has_family = store.family(grant.family, T0).await.unwrap().is_some();
                        assert_eq!(is_spent, has_family, "a spent code has its family");
                    }
                }
            }
        });
    }
    while !tasks.is_empty() {
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        while let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
        recovers(store.as_ref()).await;
    }
    let token = issued("after", T0);
    store.revoke(&[Revocation::of_token(token)], T0).await.unwrap();
    until_it_kills(store.as_ref(), token.id).await;
}

#[tokio::test]
async fn j_02_a_replica_that_hears_nothing_for_five_minutes_vouches_for_no_token() {
    let mut server = Server::start();
    let store = open(&server.address()).await;
    assert!(store.live().is_current());
    server.kill();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    while store.live().is_current() {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    tokio::time::resume();
    server.launch();
    let trusted = async {
        while !store.live().is_current() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, trusted).await.unwrap();
}
