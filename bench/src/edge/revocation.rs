//! How long a token lives after it was revoked.

use std::time::Instant;

use super::{Bench, get};
use crate::auth_service::AuthService;
use crate::bootstrap::{self, Listener, ours_following};
use crate::envoy::{Envoy, free_address};
use crate::load::Client;
use crate::report::{figure, say};
use crate::stats::percentile;
use crate::tokens::{Key, SCOPE, claims};
use crate::{Failure, pin};

const REVOCATIONS: u32 = 300;

/// From the moment in which the order to revoke is sent to the first refusal. One connection asks without a pause, so the
/// edge is busy meanwhile.
pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("revocation: {REVOCATIONS} tokens, each revoked while it is used without a pause"));
    let auth = AuthService::start(&bench.root, pin::REST)?;
    let (key, admin, address) = (auth.key()?, free_address()?, free_address()?);
    let filters = vec![ours_following("revocation", &bench.wasm)];
    let listener = Listener { name: "our filter".to_owned(), address, filters };
    let clusters = [("auth-service", auth.address()), ("auth-internal", auth.internal())];
    let _envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &[listener], &clusters), admin)?;
    let mut edge = Client::connect(address)?;
    let mut operator = Client::connect(auth.internal())?;
    let mut times = Vec::new();
    for number in 0..REVOCATIONS {
        times.push(one(&key, number, &mut edge, &mut operator)?);
    }
    figure("edge.revocation_ms_p50", percentile(&times, 50));
    figure("edge.revocation_ms_p99", percentile(&times, 99));
    Ok(())
}

/// The milliseconds for one token.
fn one(key: &Key, number: u32, edge: &mut Client, operator: &mut Client) -> Result<f64, Failure> {
    // An id as the auth service makes them: 128 bits in base64url.
    let id = format!("{number:021}A");
    let mut claims = claims(SCOPE, "revoked");
    id.clone_into(&mut claims.jti);
    let request = get(&key.token(&claims)?);
    let status = edge.ask(&request)?;
    if status != 200 {
        return Err(format!("a good token got {status}").into());
    }
    let order = format!("{{\"jti\":\"{id}\"}}");
    let order = format!(
        "POST /internal/revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{order}",
        order.len()
    );
    let began = Instant::now();
    let status = operator.ask(order.as_bytes())?;
    if status >= 300 {
        return Err(format!("the order to revoke got {status}").into());
    }
    loop {
        match edge.ask(&request)? {
            200 => {}
            401 => return Ok(began.elapsed().as_secs_f64() * 1000.0),
            other => return Err(format!("a revoked token got {other}").into()),
        }
    }
}
