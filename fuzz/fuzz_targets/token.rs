//! Nobody passes but with the token that was made for it.
#![no_main]

mod graft;
#[path = "../../gateway-core/tests/invariants/token.rs"]
mod token;

use std::cell::RefCell;

use graft::graft;
use libfuzzer_sys::fuzz_target;
use token::Fixture;

thread_local! {
    static FIXTURE: RefCell<Option<Fixture>> = RefCell::new(Fixture::new());
}

// The first byte says what is hostile: the whole request, the header, the claims, or claims that are signed.
fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    FIXTURE.with_borrow_mut(|fixture| {
        let fixture = fixture.as_mut().expect("the fixture is good");
        let (header, claims) = (fixture.header.clone().into_bytes(), fixture.claims.clone().into_bytes());
        match kind % 4 {
            0 => {
                let good = format!("/time/mcp\nBearer {}", fixture.token);
                fixture.check_request(&graft(good.as_bytes(), data));
            }
            1 => fixture.check_unsigned(&graft(&header, data), &claims),
            2 => fixture.check_unsigned(&header, &graft(&claims, data)),
            _ => {
                let _ = fixture.check_claims(&graft(&claims, data));
            }
        }
    });
});
