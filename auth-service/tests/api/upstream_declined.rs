//! Users who come back from a provider without having signed in, or never go there.

use axum::http::StatusCode;

use crate::app::Answer;
use crate::browser::{Browser, text_of};
use crate::fake_provider::FakeProvider;
use crate::upstream::{address, app, leave, link};

#[tokio::test]
async fn b_19_what_a_provider_says_instead_of_a_code_is_not_repeated() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    for error in ["server_error", "%3Cscript%3Ecanary", "temporarily_unavailable&code=stolen"] {
        let answer = declined(&mut browser, &fake, &address, error).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(text_of(&answer).contains("Corp & Co sent you back"), "{}", text_of(&answer));
        assert!(!answer.body.contains("canary") && !answer.body.contains("<script"));
        assert_eq!(link(&answer), address, "the user can try again");
    }
    assert!(!fake.script().seen.iter().any(|(path, _)| path == "/token"));
}

/// A user comes back from `corp` with `error` in the place of a code.
async fn declined(browser: &mut Browser<'_>, fake: &FakeProvider, address: &str, error: &str) -> Answer {
    let away = leave(browser, address, "corp").await;
    let state = fake.signed_in(&away).split_once("state=").unwrap().1.to_owned();
    browser.open(&format!("/callback/corp?error={error}&error_description=canary-words&state={state}")).await
}

#[tokio::test]
async fn b_19_who_says_no_at_the_provider_or_goes_back_before_it_has_said_no_to_the_client() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let at_the_provider = declined(&mut browser, &fake, &address, "access_denied").await;
    let on_the_way = browser.submit(&address, &[("action", "cancel")]).await;
    for answer in [at_the_provider, on_the_way] {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let told = url::Url::parse(answer.header("location")).unwrap();
        let told: std::collections::HashMap<_, _> = told.query_pairs().into_owned().collect();
        assert_eq!((told["error"].as_str(), told["state"].as_str()), ("access_denied", "st&te=1 é"));
        assert_eq!(told["iss"], app.deps.catalogue.issuer().to_string(), "A-14");
        assert!(!answer.header("location").contains("canary"));
    }
    let elsewhere = Browser::new(&app).open("/authorize?action=cancel").await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST, "a link says no to nobody");
}
