//! What every store promises about clients that change and that are deleted.

use std::sync::Arc;

use auth_service::domain::client::{Client, ClientAuthentication};
use auth_service::domain::client_keys::{ClientKeys, InlineKeys};
use auth_service::domain::revocation::Revocation;
use auth_service::store::{Redemption, Rotated, Rotation, Store};
use gateway_core::time::UnixTime;

use crate::fixtures::{
    T0, at, client, client_id, digest, family, grant, issued, keep_code, open_family, opening, rotation,
};
use crate::revocations::{after, end_of};

pub(crate) async fn d_11_a_client_is_replaced_as_a_whole_by_who_has_its_token(store: &dyn Store) {
    let before = client("changing", Some(at(10)));
    store.insert_client(&before).await.unwrap();
    let mut after = Client {
        authentication: ClientAuthentication::None,
        expires_at: Some(at(50)),
        ..client("changing", None)
    };
    after.profile.name = None;
    after.profile.redirect_uris.truncate(1);
    assert!(store.replace_client(&after, at(9)).await.unwrap());
    assert_eq!(store.client(&before.id, at(49)).await.unwrap(), Some(after.clone()), "with its new expiry");
    for registration in [None, Some(digest("another token"))] {
        let other = Client { registration, ..before.clone() };
        assert!(!store.replace_client(&other, at(9)).await.unwrap());
    }
    assert_eq!(store.client(&before.id, at(9)).await.unwrap(), Some(after.clone()));
    assert!(!store.replace_client(&after, at(50)).await.unwrap(), "what has expired stays gone");
    assert!(!store.replace_client(&client("nobody", None), T0).await.unwrap());
    assert_eq!(store.client(&client_id("nobody"), T0).await.unwrap(), None, "and nothing is made");
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
}

pub(crate) async fn a_trade_for_a_client_that_was_seen_fails_when_it_has_changed(store: &dyn Store) {
    let mut seen = client("c", Some(at(500)));
    store.insert_client(&seen).await.unwrap();
    open_family(store, 52).await;
    let trade = |presented, successor, now| rotation(52, presented, successor, now);
    assert_eq!(store.client(&seen.id, at(1)).await.unwrap().as_ref(), Some(&seen));
    let rotated = store.rotate_seen(&trade("r1", "r2", at(1)), &seen).await.unwrap();
    assert_eq!(rotated, Some(Rotated::Fresh));
    let rotated = store.rotate_seen(&trade("r1", "r2", at(2)), &seen).await.unwrap();
    assert_eq!(rotated, Some(Rotated::Again { behind: 1 }));
    let rotated = store.rotate_seen(&rotation(53, "r1", "r2", at(2)), &seen).await.unwrap();
    assert_eq!(rotated, Some(Rotated::Unknown), "of a family that is not there");
    let other = Client { authentication: ClientAuthentication::None, ..seen.clone() };
    let nobody = client("nobody", None);
    for (who, now) in [(&other, at(3)), (&nobody, at(3)), (&seen, at(500))] {
        assert_eq!(store.rotate_seen(&trade("r2", "x", now), who).await.unwrap(), None, "{who:?} at {now:?}");
    }
    store.extend_client(&seen.id, Some(at(900)), at(3)).await.unwrap();
    assert_eq!(store.rotate_seen(&trade("r2", "x", at(4)), &seen).await.unwrap(), None);
    seen.expires_at = Some(at(900));
    let rotated = store.rotate_seen(&trade("r2", "r3", at(4)), &seen).await.unwrap();
    assert_eq!(rotated, Some(Rotated::Fresh), "nothing had happened to the family");
    assert!(store.replace_client(&Client { expires_at: Some(at(900)), ..other }, at(5)).await.unwrap());
    assert_eq!(store.rotate_seen(&trade("r3", "x", at(5)), &seen).await.unwrap(), None, "D-11");
    assert!(store.remove_client(&seen.id, at(6)).await.unwrap());
    assert_eq!(store.rotate_seen(&trade("r3", "x", at(6)), &seen).await.unwrap(), None, "D-13");
    store.purge(at(9000)).await.unwrap();
}

pub(crate) async fn the_keys_of_a_client_come_back_as_they_were(store: &dyn Store) {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"one","use":"sig"}"#;
    let inline = InlineKeys::parse(serde_json::from_str(&format!(r#"{{"keys":[{jwk}]}}"#)).unwrap()).unwrap();
    let published = ClientKeys::At("https://app.example/keys.json?of=client".parse().unwrap());
    for keys in [ClientKeys::Inline(inline), published] {
        let client =
            Client { authentication: ClientAuthentication::PrivateKey(keys), ..client("signs", None) };
        store.insert_client(&client).await.unwrap();
        assert_eq!(store.client(&client.id, T0).await.unwrap(), Some(client));
    }
    store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
    assert!(store.remove_client(&client_id("signs"), T0).await.unwrap());
}

pub(crate) async fn d_13_a_client_that_is_used_while_it_is_deleted_stays_deleted(store: &Arc<dyn Store>) {
    for round in 70..75 {
        let named = client("c", Some(at(500)));
        store.insert_client(&named).await.unwrap();
        open_family(store.as_ref(), round).await;
        let begin = end_of(store.as_ref()).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let (store, named) = (Arc::clone(store), named.clone());
            tasks.spawn(async move {
                store.replace_client(&named, T0).await.unwrap();
                store.extend_client(&named.id, Some(at(900)), T0).await.unwrap();
                let trade = Rotation { grace: 900, ..rotation(round, "r1", "r2", at(1)) };
                store.rotate_refresh(&trade).await.unwrap() != Rotated::Unknown
            });
        }
        let deleting = Arc::clone(store);
        tasks.spawn(async move { !deleting.remove_client(&client_id("c"), T0).await.unwrap() });
        let has_traded = tasks.join_all().await.contains(&true);
        assert_eq!(store.client(&client_id("c"), T0).await.unwrap(), None);
        assert_eq!(store.family(family(round), T0).await.unwrap(), None);
        let revoked = after(store.as_ref(), begin, T0).await;
        assert!(revoked.contains(&Revocation::of_client(client_id("c"), T0)), "{revoked:?}");
        let late = Revocation::of_token(issued(&format!("{round} r2"), at(1)));
        assert_eq!(revoked.contains(&late), has_traded, "what was issued meanwhile dies too: {revoked:?}");
        store.purge(UnixTime::from_secs(9_000_000_000)).await.unwrap();
    }
}

pub(crate) async fn d_13_with_a_client_everything_of_it_goes(store: &dyn Store) {
    store.insert_client(&client("c", None)).await.unwrap();
    store.insert_client(&client("d", None)).await.unwrap();
    open_family(store, 50).await;
    keep_code(store, &digest("unspent"), &grant(51)).await;
    let begin = end_of(store).await;
    assert!(store.remove_client(&client_id("c"), at(5)).await.unwrap());
    assert_eq!(store.client(&client_id("c"), at(5)).await.unwrap(), None);
    assert_eq!(after(store, begin, at(5)).await, [Revocation::of_client(client_id("c"), at(5))]);
    assert_eq!(store.family(family(50), at(5)).await.unwrap(), None);
    let rotated = store.rotate_refresh(&rotation(50, "r1", "r2", at(5))).await.unwrap();
    assert_eq!(rotated, Rotated::Unknown);
    let redeemed = store.redeem_code(&digest("unspent"), Some(&opening()), at(5)).await.unwrap();
    assert_eq!(redeemed, Redemption::Unknown);
    let end = end_of(store).await;
    assert!(!store.remove_client(&client_id("c"), at(9)).await.unwrap(), "once");
    store.extend_client(&client_id("c"), Some(at(99)), at(9)).await.unwrap();
    assert!(!store.replace_client(&client("c", None), at(9)).await.unwrap());
    assert_eq!(store.client(&client_id("c"), at(9)).await.unwrap(), None, "and what is gone stays gone");
    assert_eq!(end_of(store).await, end, "nothing more to revoke");
    assert!(store.client(&client_id("d"), at(9)).await.unwrap().is_some(), "another client");
    store.insert_client(&client("short", Some(at(10)))).await.unwrap();
    assert!(!store.remove_client(&client_id("short"), at(10)).await.unwrap(), "expired");
    store.purge(at(9000)).await.unwrap();
}
