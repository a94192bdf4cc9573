//! Two replicas of the service on one Redis.

use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::client::{Client, ClientAuthentication};
use auth_service::domain::grant::BrowserSignIn;
use auth_service::domain::revocation::Revocation;
use auth_service::domain::revocation::TokenFacts;
use auth_service::domain::token::TokenId;
use auth_service::domain::user::Subject;
use auth_service::store::redis::RedisStore;
use auth_service::store::{
    AuthorizationStore as _, ClientStore as _, InventoryStore as _, Redemption, RefreshStore as _,
    RevocationStore, Rotated, SessionStore as _, Store as _,
};
use gateway_core::time::UnixTime;
use tokio::task::JoinSet;

use super::open;
use super::server::Server;
use crate::fixtures::{
    LIFETIME, T0, access, at, client, digest, family, grant, issued, keep_code, open_family, opening,
    rotation, sign_in,
};
use crate::revocations::{end_of, user_cut};

/// Longest wait for what should happen within milliseconds.
const SOON: Duration = Duration::from_secs(20);

async fn two(server: &Server) -> [Arc<RedisStore>; 2] {
    [Arc::new(open(&server.address()).await), Arc::new(open(&server.address()).await)]
}

/// Waits until `store` has heard of what kills the token named `name`.
pub(crate) async fn until_it_kills(store: &dyn RevocationStore, id: TokenId) {
    let mut bell = store.live().subscribe();
    let id = id.to_string();
    let facts = TokenFacts { id: &id, subject: "nobody:x", client: "nobody", issued_at: T0 };
    let heard = async {
        while !store.live().kills(&facts) {
            bell.changed().await.unwrap();
        }
    };
    tokio::time::timeout(SOON, heard).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_02_of_fifty_redemptions_over_two_replicas_one_succeeds() {
    let server = Server::start();
    let replicas = two(&server).await;
    keep_code(replicas[0].as_ref(), &digest("k"), &grant(1)).await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let replica = Arc::clone(&replicas[number % 2]);
        tasks.spawn(async move { replica.redeem_code(&digest("k"), Some(&opening()), T0).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Redemption::First(grant(1))).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Redemption::Replayed(grant(1))).count(), 49);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_22_a_refresh_token_that_is_traded_at_two_replicas_at_once_has_one_successor() {
    let server = Server::start();
    let replicas = two(&server).await;
    open_family(replicas[0].as_ref(), 1).await;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let replica = Arc::clone(&replicas[number % 2]);
        tasks.spawn(async move { replica.rotate_refresh(&rotation(1, "r1", "r2", T0)).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Rotated::Fresh).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Rotated::Again { behind: 1 }).count(), 19);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_replica_has_seen_decides_nothing_once_another_has_changed_it() {
    let server = Server::start();
    let [here, there] = two(&server).await;
    let named = client("c", Some(at(900)));
    there.insert_client(&named).await.unwrap();
    open_family(here.as_ref(), 1).await;
    assert_eq!(here.seen_client(&named.id), None);
    assert!(here.client(&named.id, T0).await.unwrap().is_some());
    let seen = here.seen_client(&named.id).unwrap();
    assert_eq!((&*seen, &*here.seen_family(family(1)).unwrap()), (&named, &access()));
    let fresh = here.rotate_seen(&rotation(1, "r1", "r2", T0), &seen).await.unwrap();
    assert_eq!(fresh, Some(Rotated::Fresh));

    let public = Client { authentication: ClientAuthentication::None, ..named.clone() };
    assert!(there.replace_client(&public, T0).await.unwrap());
    assert_eq!(here.rotate_seen(&rotation(1, "r2", "r3", T0), &seen).await.unwrap(), None, "D-11");
    assert_eq!(here.rotate_seen(&rotation(1, "r2", "r3", T0), &public).await.unwrap(), None, "not seen yet");
    assert_eq!(here.client(&named.id, T0).await.unwrap(), Some(public.clone()));
    let fresh = here.rotate_seen(&rotation(1, "r2", "r3", T0), &public).await.unwrap();
    assert_eq!(fresh, Some(Rotated::Fresh));

    there.revoke_family(family(1), T0).await.unwrap();
    let gone = here.rotate_seen(&rotation(1, "r3", "r4", T0), &public).await.unwrap();
    assert_eq!((gone, here.seen_family(family(1)).is_some()), (Some(Rotated::Unknown), true));
    open_family(here.as_ref(), 2).await;
    there.cut_off(&user_cut(T0), T0).await.unwrap();
    let gone = here.rotate_seen(&rotation(2, "r1", "r2", T0), &public).await.unwrap();
    assert_eq!(gone, Some(Rotated::Unknown), "the user was cut off");
    assert!(there.remove_client(&named.id, T0).await.unwrap());
    open_family(here.as_ref(), 3).await;
    assert_eq!(here.rotate_seen(&rotation(3, "r1", "r2", T0), &public).await.unwrap(), None, "D-13");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_31_a_revocation_at_one_replica_wakes_who_waits_at_another() {
    let server = Server::start();
    let [here, there] = two(&server).await;
    let cursor = end_of(there.as_ref()).await;
    assert_eq!(end_of(here.as_ref()).await, cursor, "a cursor of one is good at the other");
    for round in 0..20 {
        let token = issued(&round.to_string(), T0);
        let waiting = tokio::spawn({
            let there = Arc::clone(&there);
            async move { until_it_kills(there.as_ref(), token.id).await }
        });
        here.revoke(&[Revocation::of_token(token)], T0).await.unwrap();
        waiting.await.unwrap();
    }
    let batch = there.revocations(Some(cursor), T0).await.unwrap();
    assert_eq!((batch.is_snapshot, batch.entries.len()), (false, 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_that_starts_later_knows_what_was_revoked() {
    let server = Server::start();
    let first = open(&server.address()).await;
    first.revoke(&[user_cut(T0)], T0).await.unwrap();
    assert_eq!(open(&server.address()).await.live().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_11_every_key_of_a_record_ends_by_itself_and_none_before_its_record() {
    let server = Server::start();
    let store = open(&server.address()).await;
    let long = T0.plus(30 * 86_400);
    let sign_in =
        BrowserSignIn { subject: Subject::new("local", "a1"), signed_in_at: T0, credential: digest("hash") };
    store.insert_session(&digest("s"), &sign_in, long).await.unwrap();
    store.insert_client(&client("short", Some(UnixTime::from_secs(1)))).await.unwrap();
    open_family(&store, 1).await;
    let shared = ["expiry", "names", "users", "revocations", "revoked", "sequence", "epoch"];
    let shared: Vec<_> = shared.iter().map(|name| format!("{{oauth}}:{name}")).collect();
    let keys = server.ask(&["--scan"]);
    let own: Vec<_> = keys.lines().filter(|key| !shared.iter().any(|name| name == key)).collect();
    assert_eq!(own.len(), 8, "session, client, code, family and four indexes: {keys}");
    for key in own {
        let seconds: i64 = server.ask(&["TTL", key]).trim().parse().unwrap();
        assert!(
            seconds > 86_000,
            "{key} would end after {seconds} s: a clock that is ahead removes nothing early"
        );
    }
    store.purge(long).await.unwrap();
    let keys = server.ask(&["--scan"]);
    assert!(keys.lines().all(|key| shared.iter().any(|name| name == key)), "a purge leaves nothing: {keys}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_07_j_08_names_are_what_they_are_and_secrets_are_not_there() {
    let server = Server::start();
    let store = open(&server.address()).await;
    let names = ["https://app.example/c", "*", "{x}", "}{oauth}", "\"\\", "%00"];
    for name in names {
        store.insert_client(&client(name, None)).await.unwrap();
    }
    for name in names {
        assert_eq!(store.client(&client(name, None).id, T0).await.unwrap(), Some(client(name, None)));
    }
    let odd = Subject::new("local", "a\n\0*\"\u{e4}/\\}");
    let sign_in = BrowserSignIn { subject: odd.clone(), signed_in_at: T0, credential: digest("hash") };
    store.insert_session(&digest("canary-secret"), &sign_in, at(9)).await.unwrap();
    assert_eq!(store.users().await.unwrap(), std::slice::from_ref(&odd));
    store.cut_off(&Revocation::of_user(odd, T0), T0).await.unwrap();
    assert_eq!(store.users().await.unwrap(), []);
    open_family(&store, 1).await;
    store.rotate_refresh(&rotation(1, "r1", "canary-secret", T0)).await.unwrap();
    assert!(store.family(family(1), T0).await.unwrap().is_some());
    for key in server.ask(&["--scan"]).lines() {
        let dump =
            format!("{key} {} {}", server.ask(&["HGETALL", key]), server.ask(&["ZRANGE", key, "0", "-1"]));
        assert!(!dump.contains("canary-secret"), "{dump}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_24_somebody_with_thousands_of_records_is_cut_off_in_small_steps_and_whole() {
    let server = Server::start();
    let store = Arc::new(open(&server.address()).await);
    store.insert_client(&client("c", None)).await.unwrap();
    sign_in(store.as_ref(), &grant(1).session, &access().subject, at(300)).await;
    let mut inserting = JoinSet::new();
    for number in 0..2100 {
        let store = Arc::clone(&store);
        inserting.spawn(async move {
            // Everybody has a browser, and every tenth is this user's first.
            let user = if number % 10 == 0 { format!("u{number}") } else { "a1".to_owned() };
            let sign_in = BrowserSignIn {
                subject: Subject::new("local", &user),
                signed_in_at: T0,
                credential: digest("hash"),
            };
            store.insert_session(&digest(&format!("many {number}")), &sign_in, at(300)).await.unwrap();
            let code = digest(&format!("code {number}"));
            assert!(store.insert_code(&code, &grant(1), None, LIFETIME, T0).await.unwrap());
        });
    }
    inserting.join_all().await;
    open_family(store.as_ref(), 1).await;
    assert_eq!(store.users().await.unwrap().len(), 211);
    server.ask(&["CONFIG", "RESETSTAT"]);
    store.cut_off(&user_cut(T0), T0).await.unwrap();
    let runs = server.ask(&["INFO", "commandstats"]);
    let runs = runs.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).unwrap();
    assert!(!runs.starts_with("1,"), "in more than one step: {runs}");
    assert_eq!(store.users().await.unwrap().len(), 210);
    assert_eq!(store.family(family(1), T0).await.unwrap(), None);
    assert_eq!(store.session(&digest("many 1"), T0).await.unwrap(), None);
    assert!(store.session(&digest("many 10"), T0).await.unwrap().is_some());
    assert_eq!(store.counts().await.unwrap().codes, 0);

    for number in 0..1100 {
        keep_code(store.as_ref(), &digest(&format!("code {number}")), &grant(1)).await;
    }
    let short = client("c", Some(at(10)));
    store.insert_client(&short).await.unwrap();
    // The purge comes when the removal has ended its first records: before that, it would be the one to remove the client.
    let purge = async {
        let begun = async { while store.counts().await.unwrap().codes == 1100 {} };
        tokio::time::timeout(Duration::from_secs(20), begun).await.unwrap();
        store.purge(at(10)).await
    };
    let (removed, purged) = tokio::join!(store.remove_client(&short.id, at(9)), purge);
    assert!(
        removed.unwrap() && purged.is_ok(),
        "what has begun goes on, also when the client expires meanwhile"
    );
    assert_eq!((store.counts().await.unwrap().codes, store.counts().await.unwrap().clients), (0, 0));
    assert!(!store.remove_client(&client("c", None).id, T0).await.unwrap());
}
