//! What every store promises about people who sign in at a provider outside.

use std::sync::Arc;

use auth_service::domain::revocation::Revocation;
use auth_service::domain::upstream::{Departure, Email, Person};
use auth_service::domain::user::Subject;
use auth_service::store::Store;

use crate::fixtures::{T0, at, client_id, digest};

fn person(id: &str, login: &str) -> Person {
    Person {
        subject: Subject::new("github", id),
        issuer: "https://github.com/login/oauth".to_owned(),
        username: "N\u{e4}me".to_owned(),
        login: login.to_owned(),
        email: Email::parse("ada@corp.example"),
        domain: Some("corp.example".to_owned()),
        organisations: vec!["corp".to_owned()],
    }
}

pub(crate) async fn b_05_a_departure_is_taken_once(store: &Arc<dyn Store>) {
    let departure = Departure {
        provider: "github".parse().unwrap(),
        browser: digest("browser"),
        return_to: "/authorize?client_id=c&state=%20".to_owned(),
    };
    store.insert_departure(&digest("d1"), &departure, at(10)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(store);
        tasks.spawn(async move { store.take_departure(&digest("d1"), at(9)).await.unwrap() });
    }
    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, std::slice::from_ref(&departure));
    store.insert_departure(&digest("d2"), &departure, at(10)).await.unwrap();
    assert_eq!(store.take_departure(&digest("d2"), at(10)).await.unwrap(), None, "expired");
    assert_eq!(store.take_departure(&digest("nothing"), T0).await.unwrap(), None);
}

pub(crate) async fn what_a_provider_said_is_replaced_expires_and_goes_with_its_user(store: &dyn Store) {
    let ada = person("1", "ada");
    let bob = Person { email: None, domain: None, organisations: vec![], ..person("11", "bob") };
    store.keep_person(&ada, at(10)).await.unwrap();
    store.keep_person(&bob, at(99)).await.unwrap();
    assert_eq!(store.person(&ada.subject, at(9)).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.person(&ada.subject, at(10)).await.unwrap(), None, "expired");
    let renamed = person("1", "lovelace");
    store.keep_person(&renamed, at(99)).await.unwrap();
    assert_eq!(store.person(&ada.subject, at(50)).await.unwrap(), Some(renamed));
    assert_eq!(store.users().await.unwrap(), [], "they have nothing that could lead to a token");
    store.cut_off(&Revocation::of_client(client_id("c"), T0), T0).await.unwrap();
    store.cut_off(&Revocation::of_user(ada.subject.clone(), T0), T0).await.unwrap();
    assert_eq!(store.person(&ada.subject, at(50)).await.unwrap(), None);
    assert_eq!(store.person(&bob.subject, at(50)).await.unwrap(), Some(bob));
    store.purge(at(9000)).await.unwrap();
}
