//! What must not come out of a store.

use super::client::ClientRecord;
use super::*;
use crate::domain::client::Client;

#[test]
fn a_15_a_client_with_a_dangerous_redirect_uri_does_not_come_out_of_the_store() {
    let record = |uri: &str| -> ClientRecord {
        let json = serde_json::json!({
            "id": "c", "issued_at": 1, "redirect_uris": ["https://app.example/cb", uri],
            "native": true, "refreshes": false,
        });
        serde_json::from_value(json).unwrap()
    };
    assert!(Client::restore(record("cursor://x/cb")).is_ok());
    for uri in ["javascript:alert(1)", "data:text/html,x", "http://app.example/cb"] {
        assert_eq!(Client::restore(record(uri)), Err(BadRecord("redirect_uris")), "{uri}");
    }
}

#[test]
fn a_client_of_an_earlier_version_has_no_registration_token_and_a_damaged_one_is_not_read() {
    let record = |registration: Option<&str>| -> ClientRecord {
        let json = serde_json::json!({
            "id": "c", "issued_at": 1, "redirect_uris": [], "native": false, "refreshes": false,
            "registration": registration,
        });
        serde_json::from_value(json).unwrap()
    };
    let mut earlier = serde_json::to_value(record(None)).unwrap();
    assert_eq!(earlier.as_object_mut().unwrap().remove("registration"), None, "it is left out");
    assert_eq!(Client::restore(serde_json::from_value(earlier).unwrap()).unwrap().registration, None);
    assert_eq!(Client::restore(record(Some("damaged"))), Err(BadRecord("registration")));
}

#[test]
fn a_secret_without_its_method_is_no_client_without_a_secret() {
    let json = serde_json::json!({
        "id": "c", "issued_at": 1, "redirect_uris": [], "native": false, "refreshes": false,
        "secret_method": "client_secret_basic", "secret": "damaged",
    });
    assert_eq!(Client::restore(serde_json::from_value(json).unwrap()), Err(BadRecord("secret")));
}
