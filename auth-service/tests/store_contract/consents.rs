//! What every store promises about consents that are remembered and that are taken back.

use std::sync::Arc;

use auth_service::domain::consent::{ConsentKey, RememberedClients, RememberedConsent};
use auth_service::domain::grant::{Access, CodeGrant};
use auth_service::domain::revocation::Revocation;
use auth_service::domain::user::Subject;
use auth_service::store::{FamilyOpening, Grant, Holdings, Issue, Redemption, Rotated, Store};
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use crate::fixtures::{
    LIFETIME, T0, access, at, client, client_id, digest, family, grant, issued, keep_code, open_family,
    opening, rotation, sign_in,
};
use crate::revocations::{after, end_of, user_cut};

/// When everything has expired.
const END: UnixTime = UnixTime::from_secs(9_000_000_000);

/// The key of what the client `id` asks of a user.
pub(crate) fn key(id: &str, subject: &Subject) -> ConsentKey {
    let (redirect_uri, server) = ("https://app.example/cb".parse().unwrap(), "time".parse().unwrap());
    let scope = ScopeSet::parse("mcp:time");
    let clients: RememberedClients = id.parse().unwrap();
    clients.key(&client(id, None), &redirect_uri, subject, &server, &scope).unwrap()
}

pub(crate) fn consent(id: &str, subject: &Subject) -> RememberedConsent {
    RememberedConsent {
        access: Access { client: client_id(id), subject: subject.clone(), ..access() },
        given_at: T0,
    }
}

fn ada() -> Subject {
    access().subject
}

fn bob() -> Subject {
    Subject::new("local", "b2")
}

async fn remember(store: &dyn Store, id: &str, subject: &Subject) {
    remember_until(store, &key(id, subject), &consent(id, subject), at(1000)).await;
}

/// From a browser that is signed in just for that.
async fn remember_until(
    store: &dyn Store,
    key: &ConsentKey,
    consent: &RememberedConsent,
    expires_at: UnixTime,
) {
    let subject = &consent.access.subject;
    let session = digest(subject.as_str());
    sign_in(store, &session, subject, at(1)).await;
    assert!(store.remember_consent(key, consent, &session, expires_at, T0).await.unwrap());
    store.remove_session(&session).await.unwrap();
}

async fn is_remembered(store: &dyn Store, id: &str, subject: &Subject) -> bool {
    store.remembered_consent(&key(id, subject), at(10)).await.unwrap().is_some()
}

pub(crate) async fn b_14_a_consent_is_remembered_until_it_expires_or_is_forgotten(store: &dyn Store) {
    let (key, given) = (key("c", &ada()), consent("c", &ada()));
    let found = async |now| store.remembered_consent(&key, now).await.unwrap();
    assert_eq!(found(T0).await, None);
    remember_until(store, &key, &given, at(10)).await;
    assert_eq!(found(at(9)).await, Some(given.clone()));
    assert_eq!(found(at(10)).await, None, "expired");
    assert_eq!(store.users().await.unwrap(), [ada()], "who is removed is found by it");
    let later = RememberedConsent { given_at: at(9), ..given };
    remember_until(store, &key, &later, at(20)).await;
    assert_eq!(found(at(19)).await, Some(later));
    store.forget_consent(&key).await.unwrap();
    store.forget_consent(&key).await.unwrap();
    assert_eq!(found(at(9)).await, None);
    assert_eq!(store.users().await.unwrap(), []);
}

pub(crate) async fn c_24_d_12_d_13_a_consent_goes_with_its_user_and_its_client(store: &dyn Store) {
    let ends = ["cut user", "cut client", "replace", "remove"];
    for end in ends {
        for id in ["c", "d"] {
            store.insert_client(&client(id, None)).await.unwrap();
            remember(store, id, &ada()).await;
        }
        remember(store, "c", &bob()).await;
        match end {
            "cut user" => store.cut_off(&user_cut(T0), T0).await.unwrap(),
            "cut client" => store.cut_off(&Revocation::of_client(client_id("c"), T0), T0).await.unwrap(),
            "replace" => assert!(store.replace_client(&client("c", None), T0).await.unwrap()),
            _ => assert!(store.remove_client(&client_id("c"), T0).await.unwrap()),
        }
        assert!(!is_remembered(store, "c", &ada()).await, "{end}");
        assert_eq!(is_remembered(store, "d", &ada()).await, end != "cut user", "{end}: another client");
        assert_eq!(is_remembered(store, "c", &bob()).await, end == "cut user", "{end}: another user");
        store.purge(END).await.unwrap();
    }
    store.insert_client(&client("c", None)).await.unwrap();
    remember(store, "c", &ada()).await;
    let stranger = auth_service::domain::client::Client { registration: None, ..client("c", None) };
    assert!(!store.replace_client(&stranger, T0).await.unwrap());
    assert!(is_remembered(store, "c", &ada()).await, "who may not replace the client changes nothing");
    store.remove_client(&client_id("c"), T0).await.unwrap();
    store.purge(END).await.unwrap();
}

pub(crate) async fn a_user_sees_what_clients_hold_and_nobody_elses(store: &dyn Store) {
    store.purge(END).await.unwrap();
    open_family(store, 110).await;
    store.rotate_refresh(&rotation(110, "r1", "r2", at(300))).await.unwrap();
    keep_code(store, &digest("once"), &grant(111)).await;
    let once = Issue { token: issued("once", at(5)), family: None };
    store.redeem_code(&digest("once"), Some(&once), at(5)).await.unwrap();
    keep_code(store, &digest("unspent"), &grant(112)).await;
    remember(store, "c", &ada()).await;
    remember(store, "c", &bob()).await;
    let held = async |subject: &Subject, now| {
        let mut held = store.holdings(subject, now).await.unwrap();
        held.grants.sort_by_key(|grant| *grant.family.as_bytes());
        held
    };
    let row = |number, issued_at, used_at, expires_at| Grant {
        family: family(number),
        access: access(),
        issued_at: Some(issued_at),
        used_at: Some(used_at),
        expires_at,
    };
    let (lasting, once) = (row(110, T0, at(300), at(1300)), row(111, at(5), at(5), at(905)));
    let remembered = vec![consent("c", &ada())];
    let all = Holdings { grants: vec![lasting.clone(), once], remembered };
    assert_eq!(held(&ada(), at(904)).await, all, "a token without a family as long as it lives");
    assert_eq!(held(&ada(), at(905)).await, Holdings { grants: vec![lasting], ..all });
    assert_eq!(held(&ada(), at(1300)).await, Holdings::default());
    let bobs = Holdings { grants: vec![], remembered: vec![consent("c", &bob())] };
    assert_eq!(held(&bob(), T0).await, bobs);
    assert_eq!(held(&Subject::new("local", "nobody"), T0).await, Holdings::default());
    store.purge(END).await.unwrap();
}

pub(crate) async fn c_24_what_a_user_takes_back_from_a_client_ends_at_once(store: &dyn Store) {
    open_family(store, 120).await;
    for name in ["once", "unspent"] {
        keep_code(store, &digest(name), &grant(121)).await;
    }
    let once = Issue { token: issued("once", T0), family: None };
    store.redeem_code(&digest("once"), Some(&once), T0).await.unwrap();
    let access_of = |id: &str, subject: &Subject| consent(id, subject).access;
    for (name, number, access) in
        [("bob's", 122, access_of("c", &bob())), ("d's", 123, access_of("d", &ada()))]
    {
        let other = CodeGrant { access, ..grant(number) };
        keep_code(store, &digest(name), &other).await;
        store.redeem_code(&digest(name), Some(&opening()), T0).await.unwrap();
    }
    for (id, subject) in [("c", ada()), ("c", bob()), ("d", ada())] {
        remember(store, id, &subject).await;
    }
    let begin = end_of(store).await;
    assert!(store.withdraw(&ada(), &client_id("c"), at(5)).await.unwrap());
    let mut revoked = after(store, begin, at(5)).await;
    let mut expected = ["first", "once"].map(|name| Revocation::of_token(issued(name, T0)));
    revoked.sort_by_key(|it| format!("{it:?}"));
    expected.sort_by_key(|it| format!("{it:?}"));
    assert_eq!(revoked, expected);
    let rotated = store.rotate_refresh(&rotation(120, "r1", "r2", at(5))).await.unwrap();
    assert_eq!(rotated, Rotated::Unknown);
    let redeemed = store.redeem_code(&digest("unspent"), Some(&opening()), at(5)).await.unwrap();
    assert_eq!(redeemed, Redemption::Unknown);
    assert!(!is_remembered(store, "c", &ada()).await);
    assert!(!store.withdraw(&ada(), &client_id("c"), at(5)).await.unwrap(), "once");
    for (number, id, subject) in [(122, "c", bob()), (123, "d", ada())] {
        assert_eq!(store.family(family(number), at(5)).await.unwrap(), Some(access_of(id, &subject)));
        assert!(is_remembered(store, id, &subject).await);
    }
    store.purge(END).await.unwrap();
}

pub(crate) async fn j_03_somebody_with_thousands_of_records_is_looked_at_and_withdrawn_in_small_steps(
    store: &Arc<dyn Store>,
) {
    store.insert_client(&client("c", None)).await.unwrap();
    sign_in(store.as_ref(), &grant(130).session, &ada(), at(1)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..20 {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for number in 0..55 {
                let number = format!("{worker} {number}");
                let user = Subject::new("local", &number);
                let code = digest(&format!("many {number}"));
                assert!(store.insert_code(&code, &grant(130), None, LIFETIME, T0).await.unwrap());
                let once = Issue { token: issued(&format!("many {number}"), T0), family: None };
                store.redeem_code(&code, Some(&once), T0).await.unwrap();
                remember(store.as_ref(), "c", &user).await;
            }
        });
    }
    tasks.join_all().await;
    let store = store.as_ref();
    store.remove_session(&grant(130).session).await.unwrap();
    open_family(store, 131).await;
    remember(store, "c", &ada()).await;
    let held = store.holdings(&ada(), T0).await.unwrap();
    assert_eq!((held.grants.len(), held.remembered.len()), (1101, 1));
    assert!(store.withdraw(&ada(), &client_id("c"), T0).await.unwrap());
    assert_eq!(store.holdings(&ada(), T0).await.unwrap(), Holdings::default());
    assert_eq!(store.counts().await.unwrap().revocations, 1101);
    assert_eq!(store.users().await.unwrap().len(), 1100, "the others");
    assert!(store.replace_client(&client("c", None), T0).await.unwrap());
    assert_eq!(store.users().await.unwrap(), [], "who had nothing but a remembered consent");
    store.remove_client(&client_id("c"), T0).await.unwrap();
    store.purge(END).await.unwrap();
}

pub(crate) async fn j_03_a_user_has_a_bounded_number_of_families_of_one_client(store: &dyn Store) {
    let open = async |number: u8, access: Access| {
        let code = digest(&format!("bounded {number}"));
        keep_code(store, &code, &CodeGrant { access, ..grant(number) }).await;
        let family = FamilyOpening { first: digest("r1"), expires_at: at(1000 + u64::from(number)) };
        let issue = Issue { token: issued(&format!("bounded {number}"), T0), family: Some(family) };
        store.redeem_code(&code, Some(&issue), T0).await.unwrap();
    };
    let lives = async |number: u8| store.family(family(number), T0).await.unwrap().is_some();
    let most = u8::try_from(FamilyOpening::MOST).unwrap();
    open(200, consent("c", &bob()).access).await;
    open(201, consent("d", &ada()).access).await;
    for number in 0..most {
        open(number, access()).await;
    }
    assert_eq!(store.rotate_refresh(&rotation(0, "r1", "r2", at(500))).await.unwrap(), Rotated::Fresh);
    let begin = end_of(store).await;
    open(most, access()).await;
    assert!(!lives(1).await, "it was not used for longest");
    let revoked = after(store, begin, T0).await;
    assert_eq!(revoked, [Revocation::of_token(issued("bounded 1", T0))], "with its access tokens");
    for number in (2..=most).chain([0, 200, 201]) {
        assert!(lives(number).await, "{number}");
    }
    store.purge(END).await.unwrap();
}

pub(crate) async fn c_24_of_who_was_cut_off_a_moment_ago_nothing_begins(store: &dyn Store) {
    let (session, key) = (grant(140).session, key("c", &ada()));
    let code = async |remembered, now| {
        store.insert_code(&digest("late"), &grant(140), remembered, LIFETIME, now).await.unwrap()
    };
    let remembers =
        async || store.remember_consent(&key, &consent("c", &ada()), &session, at(99), at(1)).await.unwrap();
    let nothing = Holdings::default();
    assert!(!code(None, T0).await && !remembers().await, "nobody is signed in");
    sign_in(store, &session, &bob(), at(10)).await;
    assert!(!code(None, T0).await && !remembers().await, "somebody else is");
    store.remove_session(&session).await.unwrap();
    sign_in(store, &session, &ada(), at(10)).await;
    assert!(!code(None, at(10)).await, "they were");
    assert!(!code(Some(&key), T0).await, "they would have been asked");
    assert_eq!(store.code(&digest("late"), T0).await.unwrap(), None);
    assert_eq!(store.holdings(&ada(), T0).await.unwrap(), nothing);

    assert!(code(None, at(9)).await && remembers().await && code(Some(&key), at(9)).await);
    assert!(store.withdraw(&ada(), &client_id("c"), at(1)).await.unwrap());
    assert!(!code(Some(&key), at(9)).await, "what was taken back is no reason any more");
    assert_eq!(store.code(&digest("late"), T0).await.unwrap(), None);
    store.cut_off(&user_cut(T0), T0).await.unwrap();
    assert!(!code(None, T0).await && !remembers().await, "cut off");
    assert_eq!(store.code(&digest("late"), T0).await.unwrap(), None);
    assert_eq!(store.holdings(&ada(), T0).await.unwrap(), nothing);
    store.purge(END).await.unwrap();
}
