//! What 100,000 stored tokens cost.

use super::site::Site;
use super::{Bench, CONNECTIONS};
use crate::Failure;
use crate::auth_service::Prepared;
use crate::report::{figure, say};

/// Access tokens; each with a refresh token, in a family of its own, of the clients that it takes.
const TOKENS: usize = 100_000;
/// As many as are exchanged long before their codes expire.
const AT_ONCE: usize = 10_000;

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("stored: {TOKENS} access tokens and as many refresh tokens, in the embedded store"));
    let service = Prepared::new(&bench.root)?.start()?;
    let before = service.resident_kib()?;
    let mut site = Site::ours(&service, CONNECTIONS)?;
    for _ in 0..TOKENS / AT_ONCE {
        let codes = site.codes(AT_ONCE)?;
        site.exchange(&codes)?;
    }
    let after = service.resident_kib()?;
    say(&format!("  resident {before} KiB, then {after} KiB"));
    figure("auth.rss_mib", f64::from(after) / 1024.0);
    Ok(())
}
