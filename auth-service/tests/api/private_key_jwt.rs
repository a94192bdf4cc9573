//! Clients that sign: `private_key_jwt` (RFC 7523 §2.2, `OpenID` Connect Core §9), from registration to every endpoint.

use auth_service::documents::{DocumentRules, MAX_KEYS_FRESH, RETRY_AFTER};
use auth_service::limits::Rates;
use axum::http::{Method, StatusCode};
use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use serde_json::{Value, json};
use service_kit::clock::Clock as _;

use crate::app::{Answer, CALLBACK, ISSUER, NOW, TestApp};
use crate::browser::{claim, code_for, exchange};
use crate::document_host::{CLIENT, DocumentHost, Manners, document};
use crate::logs::logs;
use crate::signer::{Signer, jwks, key};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The metadata of a client that signs, with these members.
fn metadata(members: &Value) -> String {
    let mut metadata =
        json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt" });
    for (name, value) in members.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata.to_string()
}

async fn registered(app: &TestApp, members: &Value) -> Signer {
    let answer = app.register(&metadata(members)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    Signer::new(answer.json()["client_id"].as_str().unwrap(), key(Algorithm::Es256, 7))
}

async fn signer(app: &TestApp) -> Signer {
    registered(app, &json!({ "jwks": jwks(&[&key(Algorithm::Es256, 7)]) })).await
}

/// Posts a token request that nobody would grant: all there is to learn is whether the client was believed.
async fn shown(app: &TestApp, assertion: &str) -> Answer {
    app.token(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ])
    .await
}

/// What [`shown`] answers to a client that was believed.
const BELIEVED: &str = "400 unauthorized_client";

#[tokio::test]
async fn c_07_an_assertion_stands_for_its_client_once_and_in_no_log() {
    let app = TestApp::new();
    let client = signer(&app).await;
    let (id, assertion) = (client.id.clone(), client.assertion("first"));
    let code = code_for(&app, &id).await;
    let mut form = exchange(&id, &code);
    form.extend([("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())]);
    let answer = app.token(&form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(claim(answer.json()["access_token"].as_str().unwrap(), "client_id"), id);
    let again = shown(&app, &assertion).await;
    assert_eq!(again.error(), "401 invalid_client");
    assert!(again.body.contains("was used before; make a new one"), "{}", again.body);
    assert_eq!(again.header("www-authenticate"), "", "no scheme of HTTP was tried");
    assert_eq!(shown(&app, &client.assertion("second")).await.error(), BELIEVED);
    assert!(!logs().contains(assertion.rsplit('.').next().unwrap()));
}

#[tokio::test]
async fn c_07_every_key_that_a_client_may_have_is_good_for_its_own_algorithm() {
    let app = TestApp::new();
    let [first, second] = [key(Algorithm::Es256, 7), key(Algorithm::EdDsa, 8)];
    let client = registered(&app, &json!({ "jwks": jwks(&[&first, &second]) })).await;
    let named = |key: &SigningKey, jti: &str| {
        client.signed_with(key, &json!({ "alg": key.algorithm().name(), "kid": key.kid() }), jti)
    };
    assert_eq!(shown(&app, &named(&first, "j")).await.error(), BELIEVED);
    assert_eq!(
        shown(&app, &named(&second, "j")).await.error(),
        "401 invalid_client",
        "one jti, whichever key"
    );
    assert_eq!(shown(&app, &named(&second, "k")).await.error(), BELIEVED);
    let mixed = client.signed_with(&second, &json!({ "alg": "ES256", "kid": second.kid() }), "m");
    assert_eq!(shown(&app, &mixed).await.error(), "401 invalid_client");
    let nameless = client.signed_with(&first, &json!({ "alg": "ES256" }), "l");
    assert_eq!(shown(&app, &nameless).await.error(), "401 invalid_client", "which of two keys?");
}

#[tokio::test]
async fn c_07_an_assertion_that_is_wrong_in_any_way_proves_nothing() {
    let app = TestApp::new();
    let client = signer(&app).await;
    let with = |members: Value| client.claiming(members);
    for (what, assertion) in [
        ("aud of another server", with(json!({ "aud": "https://evil.example" }))),
        ("aud of another server too", with(json!({ "aud": [ISSUER, "https://evil.example"] }))),
        ("aud of another endpoint", with(json!({ "aud": format!("{ISSUER}/introspect") }))),
        ("without exp", with(json!({ "exp": null }))),
        ("exp in ten years", with(json!({ "exp": NOW + 10 * 365 * 86_400 }))),
        ("expired", with(json!({ "exp": NOW - 60 }))),
        ("not yet", with(json!({ "nbf": NOW + 300 }))),
        ("without jti", with(json!({ "jti": null }))),
        ("another subject", with(json!({ "sub": "somebody" }))),
        ("another client", with(json!({ "iss": "somebody", "sub": "somebody" }))),
        ("another key", client.signed_with(&key(Algorithm::Es256, 9), &json!({ "alg": "ES256" }), "k")),
        ("alg none", client.signed_with(&client.key, &json!({ "alg": "none" }), "n")),
        ("alg HS256", client.signed_with(&client.key, &json!({ "alg": "HS256" }), "h")),
        (
            "a key of its own",
            client.signed_with(&client.key, &json!({ "alg": "ES256", "jku": "https://evil.example" }), "u"),
        ),
        (
            "an access token",
            client.signed_with(&client.key, &json!({ "alg": "ES256", "typ": "at+jwt" }), "t"),
        ),
        ("no JWT", "x".to_owned()),
    ] {
        assert_eq!(shown(&app, &assertion).await.error(), "401 invalid_client", "{what}");
    }
    assert_eq!(shown(&app, &with(json!({ "aud": format!("{ISSUER}/token") }))).await.error(), BELIEVED);
}

#[tokio::test]
async fn c_06_a_client_proves_itself_in_one_way_and_in_its_own() {
    let app = TestApp::new();
    let client = signer(&app).await;
    let (id, secret) = app.confidential_client().await;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let form = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        grant.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let assertion = client.assertion("one");
    let asserted = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
    for (what, more, expected) in [
        ("a secret too", [&asserted[..], &[("client_secret", "x")]].concat(), "400 invalid_request"),
        ("another client", [&asserted[..], &[("client_id", id.as_str())]].concat(), "400 invalid_request"),
        ("no type", asserted[1..].to_vec(), "400 invalid_request"),
        ("no assertion", asserted[..1].to_vec(), "400 invalid_request"),
        ("another type", vec![("client_assertion_type", "saml"), asserted[1]], "400 invalid_request"),
        ("nothing", vec![("client_id", client.id.as_str())], "401 invalid_client"),
        ("a secret", vec![("client_id", client.id.as_str()), ("client_secret", "x")], "401 invalid_client"),
    ] {
        let form = form(&more);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(app.token(&form).await.error(), expected, "{what}");
    }
    let both = [&grant[..], &asserted].concat();
    let basic = app.token_with_basic(&format!("{id}:{secret}"), &both).await;
    assert_eq!(basic.error(), "400 invalid_request");
    let stranger = Signer::new(&id, key(Algorithm::Es256, 7));
    assert_eq!(shown(&app, &stranger.assertion("s")).await.error(), "401 invalid_client", "it has a secret");
    assert_eq!(shown(&app, &assertion).await.error(), BELIEVED, "none of this has spent it");
}

#[tokio::test]
async fn a_client_that_signs_does_so_at_every_endpoint() {
    let app = TestApp::new();
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = json!(["authorization_code", "refresh_token", device]);
    let keys = jwks(&[&key(Algorithm::Es256, 7)]);
    let client = registered(&app, &json!({ "jwks": keys, "grant_types": grants })).await;
    let code = code_for(&app, &client.id).await;
    let post = async |path: &str, jti: &str, form: &[(&str, &str)]| {
        let assertion = client.assertion(jti);
        let asserted = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
        app.post(path, &[form, &asserted].concat()).await
    };
    let issued = post("/token", "a", &exchange(&client.id, &code)).await.json();
    let refresh_token = issued["refresh_token"].as_str().unwrap();
    let introspected = post("/introspect", "b", &[("token", refresh_token)]).await.json();
    assert_eq!(introspected["active"], true);
    assert_eq!(post("/revoke", "c", &[("token", refresh_token)]).await.status, StatusCode::OK);
    let introspected = post("/introspect", "d", &[("token", refresh_token)]).await.json();
    assert_eq!(introspected["active"], false);
    let resource = ("resource", crate::app::TIME);
    assert_eq!(post("/device_authorization", "e", &[resource]).await.status, StatusCode::OK);
    assert_eq!(post("/device_authorization", "e", &[resource]).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn d_06_a_client_that_signs_registers_public_keys_and_no_others() {
    let app = TestApp::new();
    let good = key(Algorithm::Es256, 7);
    let answer = app.register(&metadata(&json!({ "jwks": jwks(&[&good]) }))).await.json();
    assert_eq!(answer["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(answer["jwks"], jwks(&[&good]));
    assert_eq!((answer.get("client_secret"), answer.get("client_secret_expires_at")), (None, None));
    let private: Value = serde_json::from_str(&good.to_private_jwk()).unwrap();
    let twins = json!({ "keys": [good.public_jwk(), good.public_jwk()] });
    for (members, part) in [
        (json!({}), "private_key_jwt needs jwks or jwks_uri"),
        (json!({ "jwks": { "keys": [private] } }), "public keys only"),
        (json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } }), "public keys only"),
        (json!({ "jwks": { "keys": [] } }), "a key that checks signatures"),
        (
            json!({ "jwks": { "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] } }),
            "a key that checks signatures",
        ),
        (json!({ "jwks": twins }), "no kid twice"),
        (json!({ "jwks": jwks(&[&good]), "jwks_uri": "https://app.example/k" }), "not be there together"),
        (json!({ "jwks_uri": "http://app.example/k" }), "jwks_uri must be an https URL"),
        (json!({ "jwks_uri": "https://169.254.169.254/k" }), "jwks_uri must be an https URL"),
        (json!({ "jwks_uri": "https://app.example/k" }), "send jwks instead"),
    ] {
        let refused = app.register(&metadata(&members)).await;
        assert_eq!(refused.error(), "400 invalid_client_metadata", "{members}");
        assert!(refused.body.contains(part), "{members}: {}", refused.body);
    }
}

#[tokio::test]
async fn d_11_a_client_that_begins_to_sign_loses_what_it_got_as_a_public_one() {
    let app = TestApp::new();
    let public = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"] });
    let client = app.register(&public.to_string()).await.json();
    let member = |name: &str| client[name].as_str().unwrap();
    let (id, token) = (member("client_id"), member("registration_access_token"));
    let code = code_for(&app, id).await;
    let refresh_token = app.token(&exchange(id, &code)).await.json()["refresh_token"].clone();
    let mut update = public.clone();
    update["client_id"] = json!(id);
    update["token_endpoint_auth_method"] = json!("private_key_jwt");
    update["jwks"] = jwks(&[&key(Algorithm::Es256, 7)]);
    let updated = app.manage(Method::PUT, id, token, &update.to_string()).await;
    assert_eq!(updated.json()["jwks"], update["jwks"], "{}", updated.body);
    let assertion = Signer::new(id, key(Algorithm::Es256, 7)).assertion("j");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str().unwrap()),
        ("client_assertion_type", TYPE),
        ("client_assertion", &assertion),
    ];
    assert_eq!(app.token(&form).await.error(), "400 invalid_grant");
}

/// A service that fetches, the website that it fetches from, and a client whose keys are there.
async fn publishing() -> (DocumentHost, TestApp, Signer) {
    let host = DocumentHost::start().await;
    let app = TestApp::with_documents(host.documents(DocumentRules::default()));
    let client = registered(&app, &json!({ "jwks_uri": "https://app.example/keys.json" })).await;
    host.publishes(&jwks(&[&client.key]), "");
    (host, app, client)
}

fn named(client: &Signer, key: &SigningKey, jti: &str) -> String {
    client.signed_with(key, &json!({ "alg": "ES256", "kid": key.kid() }), jti)
}

#[tokio::test]
async fn keys_at_an_address_are_fetched_once_and_again_when_a_new_one_signs() {
    let (host, app, client) = publishing().await;
    for jti in ["a", "b"] {
        assert_eq!(shown(&app, &named(&client, &client.key, jti)).await.error(), BELIEVED);
    }
    assert_eq!(host.requests().len(), 1);
    let new = key(Algorithm::Es256, 8);
    host.publishes(&jwks(&[&new]), "");
    assert_eq!(shown(&app, &named(&client, &new, "c")).await.error(), "401 invalid_client");
    assert_eq!(host.requests().len(), 1, "nobody makes us fetch as often as they like");
    app.clock.advance(RETRY_AFTER);
    assert_eq!(shown(&app, &named(&client, &new, "d")).await.error(), BELIEVED);
    assert_eq!(
        shown(&app, &named(&client, &client.key, "e")).await.error(),
        "401 invalid_client",
        "withdrawn"
    );
    assert_eq!(host.requests().len(), 2);
}

#[tokio::test]
async fn d_32_keys_are_fetched_from_public_places_only_and_a_client_waits_while_they_cannot_be_had() {
    let (host, app, client) = publishing().await;
    host.resolves("app.example", &[&["10.0.0.1"], &[crate::document_host::PUBLIC]]);
    assert_eq!(shown(&app, &client.assertion("a")).await.error(), "503 temporarily_unavailable");
    assert_eq!(host.dialed(), [] as [String; 0]);
    app.clock.advance(RETRY_AFTER);
    host.behaves(Manners::Hangup);
    assert_eq!(shown(&app, &client.assertion("b")).await.error(), "503 temporarily_unavailable");
    app.clock.advance(RETRY_AFTER);
    host.publishes(&json!({ "keys": "none" }), "");
    assert_eq!(shown(&app, &client.assertion("c")).await.error(), "401 invalid_client");
    app.clock.advance(RETRY_AFTER);
    host.publishes(&jwks(&[&client.key]), "");
    assert_eq!(shown(&app, &client.assertion("d")).await.error(), BELIEVED);
}

#[tokio::test]
async fn d_34_keys_that_were_never_there_count_at_every_try_and_those_that_were_do_not() {
    let host = DocumentHost::start().await;
    let rates = Rates { register: "4/h".parse().unwrap(), ..Rates::default() };
    let app = TestApp::with_limited_documents(host.documents(DocumentRules::default()), rates);
    let client = registered(&app, &json!({ "jwks_uri": "https://app.example/keys.json" })).await;
    host.behaves(Manners::Hangup);
    for jti in ["a", "b"] {
        assert_eq!(shown(&app, &client.assertion(jti)).await.error(), "503 temporarily_unavailable");
        assert_eq!(shown(&app, &client.assertion(jti)).await.error(), "503 temporarily_unavailable");
        app.clock.advance(RETRY_AFTER);
    }
    host.publishes(&jwks(&[&client.key]), "");
    assert_eq!(shown(&app, &client.assertion("c")).await.error(), BELIEVED, "the fourth");
    let stranger = Signer::new(CLIENT, key(Algorithm::Es256, 7));
    assert_eq!(shown(&app, &stranger.assertion("d")).await.error(), "429 temporarily_unavailable");
    app.clock.advance(RETRY_AFTER);
    let unknown = named(&client, &key(Algorithm::Es256, 8), "e");
    assert_eq!(
        shown(&app, &unknown).await.error(),
        "401 invalid_client",
        "fetched again, and it is not there"
    );
    assert_eq!(host.requests().len(), 4);
}

#[tokio::test]
async fn e_11_keys_that_were_withdrawn_are_good_for_an_hour_at_most_whatever_their_website_says() {
    let (host, app, client) = publishing().await;
    host.publishes(&jwks(&[&client.key]), "cache-control: max-age=86400\r\n");
    assert_eq!(shown(&app, &client.assertion("a")).await.error(), BELIEVED);
    host.publishes(&jwks(&[&key(Algorithm::Es256, 8)]), "");
    app.clock.advance(MAX_KEYS_FRESH - 1);
    let at = |seconds: u64, jti: &str| {
        client.claiming(json!({ "iat": NOW + seconds, "exp": NOW + seconds + 60, "jti": jti }))
    };
    assert_eq!(shown(&app, &at(MAX_KEYS_FRESH - 1, "b")).await.error(), BELIEVED);
    app.clock.advance(1);
    assert_eq!(shown(&app, &at(MAX_KEYS_FRESH, "c")).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn e_11_keys_stand_in_for_one_more_hour_when_there_is_no_answer() {
    let (host, app, client) = publishing().await;
    assert_eq!(shown(&app, &client.assertion("a")).await.error(), BELIEVED);
    host.behaves(Manners::Hangup);
    for (seconds, expected) in
        [(2 * MAX_KEYS_FRESH - 1, BELIEVED), (2 * MAX_KEYS_FRESH, "503 temporarily_unavailable")]
    {
        app.clock.advance(NOW + seconds - app.clock.now());
        let jti = seconds.to_string();
        let claims = json!({ "iat": NOW + seconds, "exp": NOW + seconds + 60, "jti": jti });
        assert_eq!(shown(&app, &client.claiming(claims)).await.error(), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_client_that_describes_itself_may_sign() {
    let host = DocumentHost::start().await;
    let app = TestApp::with_documents(host.documents(DocumentRules::default()));
    let client = Signer::new(CLIENT, key(Algorithm::EdDsa, 7));
    let mut published = document(CLIENT);
    published["token_endpoint_auth_method"] = json!("private_key_jwt");
    published["jwks"] = jwks(&[&client.key]);
    host.publishes(&published, "");
    let code = code_for(&app, CLIENT).await;
    assert_eq!(app.token(&exchange(CLIENT, &code)).await.error(), "401 invalid_client");
    let assertion = client.assertion("j");
    let asserted = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
    let answer = app.token(&[&exchange(CLIENT, &code)[..], &asserted].concat()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}
