//! Limits through Envoy: the address that counts is the one that Envoy saw.

use gateway_e2e::gateway::Gateway;
use serde_json::json;

#[tokio::test]
async fn k_02_no_header_of_a_client_gets_it_another_bucket() {
    let gateway = Gateway::builder().with("LIMIT_REGISTER", "3/h").start().await;
    let client = reqwest::Client::new();
    let mut statuses = Vec::new();
    for number in 0..6 {
        let request = client
            .post(gateway.url("/register"))
            .header("x-forwarded-for", format!("198.51.100.{number}"))
            .header("x-envoy-external-address", format!("198.51.100.{number}"))
            .json(&json!({ "redirect_uris": ["https://app.example/cb"] }));
        statuses.push(request.send().await.expect("an answer").status().as_u16());
    }
    assert_eq!(statuses, [201, 201, 201, 429, 429, 429]);
    gateway.stop().await;
}
