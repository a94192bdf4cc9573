//! What every store promises an operator who looks.

use auth_service::domain::client::{Client, ClientId};
use auth_service::domain::grant::{Access, BrowserSignIn};
use auth_service::domain::revocation::Revocation;
use auth_service::domain::user::Subject;
use auth_service::store::{Counts, Grant, Part, Rotated, Store};
use gateway_core::time::UnixTime;

use crate::fixtures::{
    T0, access, at, client, client_id, digest, family, grant, issued, keep_code, open_family, rotation,
};
use crate::revocations::user_cut;

/// When everything has expired.
const END: UnixTime = UnixTime::from_secs(9_000_000_000);

/// The whole list, in parts of `limit`.
async fn listed(store: &dyn Store, limit: usize, now: UnixTime) -> Vec<Client> {
    let (mut all, mut after): (Vec<Client>, Option<ClientId>) = (vec![], None);
    loop {
        let Part { items, next } = store.clients(after.as_ref(), limit, now).await.unwrap();
        assert!(items.len() <= limit);
        all.extend(items);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

pub(crate) async fn clients_are_listed_once_however_large_the_parts(store: &dyn Store) {
    store.purge(END).await.unwrap();
    assert_eq!(store.clients(None, 5, T0).await.unwrap(), Part { items: vec![], next: None });
    let mut expected = vec![client("https://app.example:8443/a%2Fb?x=1", Some(at(9000)))];
    expected.extend((0..20).map(|number| client(&format!("listed-{number}"), Some(at(10 + number % 2)))));
    for client in &expected {
        store.insert_client(client).await.unwrap();
    }
    expected.sort_by(|one, two| one.id.as_str().cmp(two.id.as_str()));
    for limit in [1, 7, 21, 100] {
        let mut all = listed(store, limit, T0).await;
        all.sort_by(|one, two| one.id.as_str().cmp(two.id.as_str()));
        assert_eq!(all, expected, "{limit}");
    }
    assert_eq!(listed(store, 3, at(10)).await.len(), 11, "nothing that has expired");
    store.extend_client(&expected[1].id, Some(at(99)), T0).await.unwrap();
    let extended = Client { expires_at: Some(at(99)), ..expected[1].clone() };
    assert!(listed(store, 3, at(10)).await.contains(&extended));
    store.remove_client(&extended.id, T0).await.unwrap();
    assert!(!listed(store, 3, T0).await.contains(&extended));
    store.purge(END).await.unwrap();
    let gone = store.clients(Some(&extended.id), 5, T0).await.unwrap();
    assert_eq!(gone, Part { items: vec![], next: None }, "also after one that is no more");
}

pub(crate) async fn what_is_there_is_counted(store: &dyn Store) {
    store.purge(END).await.unwrap();
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    store.insert_client(&client("counted", Some(at(10)))).await.unwrap();
    store.insert_client(&client("counted", Some(at(20)))).await.unwrap();
    open_family(store, 80).await;
    keep_code(store, &digest("code 81"), &grant(81)).await;
    let sign_in =
        BrowserSignIn { subject: Subject::new("local", "z9"), signed_in_at: T0, credential: digest("hash") };
    for name in ["s1", "s2", "s3"] {
        store.insert_session(&digest(name), &sign_in, at(10)).await.unwrap();
    }
    let counts = Counts { clients: 1, families: 1, codes: 2, sessions: 3, revocations: 0 };
    assert_eq!(store.counts().await.unwrap(), counts);
    store.remove_session(&digest("s1")).await.unwrap();
    store.cut_off(&user_cut(T0), T0).await.unwrap();
    let counts = Counts { families: 0, codes: 0, sessions: 2, revocations: 1, ..counts };
    assert_eq!(store.counts().await.unwrap(), counts);
    store.purge(END).await.unwrap();
    assert_eq!(store.counts().await.unwrap(), Counts::default());
}

pub(crate) async fn a_grant_is_listed_while_it_lives_with_its_last_use(store: &dyn Store) {
    store.purge(END).await.unwrap();
    open_family(store, 90).await;
    open_family(store, 91).await;
    store.rotate_refresh(&rotation(91, "r1", "r2", at(500))).await.unwrap();
    let listed = async |now| {
        let (mut all, mut after): (Vec<Grant>, _) = (vec![], None);
        loop {
            let part = store.grants(after, 1, now).await.unwrap();
            all.extend(part.items);
            after = part.next;
            if after.is_none() {
                all.sort_by_key(|grant| grant.expires_at);
                return all;
            }
        }
    };
    let grant = |number, used_at, expires_at| Grant {
        family: family(number),
        access: access(),
        issued_at: Some(T0),
        used_at: Some(used_at),
        expires_at,
    };
    assert_eq!(listed(at(999)).await, [grant(90, T0, at(1000)), grant(91, at(500), at(1500))]);
    assert_eq!(listed(at(1000)).await, [grant(91, at(500), at(1500))], "expired");
    store.purge(END).await.unwrap();
    assert_eq!(listed(T0).await, []);
}

pub(crate) async fn a_grant_of_one_token_is_listed_and_goes_with_its_client(store: &dyn Store) {
    store.purge(END).await.unwrap();
    let subject = Subject::of_client(&client_id("c"));
    let access = Access { subject: subject.clone(), ..access() };
    let token = issued("alone", T0);
    store.insert_grant(family(80), &access, token).await.unwrap();
    store.insert_grant(family(81), &access, issued("late", at(1))).await.unwrap();
    let listed = store.grants(None, 1, at(899)).await.unwrap();
    let expected = Grant {
        family: family(80),
        access: access.clone(),
        issued_at: Some(T0),
        used_at: Some(T0),
        expires_at: token.expires_at,
    };
    assert_eq!(listed.items, [expected]);
    let nothing = store.rotate_refresh(&rotation(80, "r1", "r2", at(1))).await.unwrap();
    assert_eq!(nothing, Rotated::Unknown, "there is no refresh token to trade");
    assert_eq!(store.live_refresh(family(80), &digest("r1"), at(1)).await.unwrap(), None);
    assert!(store.users().await.unwrap().contains(&subject));
    store.revoke_family(family(80), at(2)).await.unwrap();
    let cut = Revocation::of_client(client_id("c"), T0);
    store.cut_off(&cut, at(3)).await.unwrap();
    assert_eq!(store.grants(None, 9, at(3)).await.unwrap().items, []);
    let revoked = store.revocations(None, at(3)).await.unwrap().entries;
    for revocation in [Revocation::of_token(token), cut, Revocation::of_token(issued("late", at(1)))] {
        assert!(revoked.contains(&revocation), "{revocation:?} in {revoked:?}");
    }
    store.purge(END).await.unwrap();
}
