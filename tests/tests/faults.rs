//! Parts of the gateway die under load, or are not there yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;

#[tokio::test]
async fn valid_tokens_keep_working_while_the_auth_service_is_killed_and_after_it_is_back() {
    let recorder = Recorder::start().await;
    let mut gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let header = format!("authorization: Bearer {}", Forge::of(&gateway, "time").token());

    let (edge, done, calls) =
        (gateway.edge(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = tokio::spawn({
        let (header, done, calls) = (header.clone(), Arc::clone(&done), Arc::clone(&calls));
        async move {
            while !done.load(Ordering::SeqCst) {
                assert_eq!(raw::get(edge, "/time/mcp", &[header.as_bytes()]).await.status, 200);
                calls.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let after = |more: usize| {
        let (calls, target) = (Arc::clone(&calls), calls.load(Ordering::SeqCst) + more);
        async move {
            while calls.load(Ordering::SeqCst) < target {
                tokio::task::yield_now().await;
            }
        }
    };

    after(50).await;
    gateway.stack().program("auth-service").expect("it runs").kill().await;
    after(200).await;
    let gone = raw::get(edge, "/.well-known/oauth-authorization-server", &[]).await;
    assert_eq!(gone.status, 503, "its own pages are gone meanwhile");
    gateway.stack().start_auth().await.expect("it starts again on the same data");
    after(50).await;
    let back = raw::get(edge, "/.well-known/oauth-authorization-server", &[]).await;
    assert_eq!(back.status, 200);

    done.store(true, Ordering::SeqCst);
    load.await.expect("every call was answered with 200");
    gateway.stop().await;
}

#[tokio::test]
async fn a_token_signed_before_a_restart_of_the_auth_service_is_good_after_it() {
    let recorder = Recorder::start().await;
    let mut gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let before = Forge::of(&gateway, "time");
    gateway.stack().program("auth-service").expect("it runs").kill().await;
    gateway.stack().start_auth().await.expect("it starts again");
    assert_eq!(Forge::of(&gateway, "time").kid(), before.kid(), "the signing key is kept");
    gateway.stop().await;
}
