//! The cookies of browsers: who is signed in (B-15), and who is on the way to a provider (B-02).

use axum::http::{HeaderMap, HeaderValue, header};

use crate::domain::secret::{BrowserSession, Kind, Secret, UpstreamBrowser};
use crate::flow::{DEPARTURE_LIFETIME, Deps};

/// A secret that browsers keep for us.
pub(super) trait Kept: Kind {
    /// The name of its cookie.
    const NAME: &'static str;

    /// Seconds for which browsers keep it.
    fn lifetime(deps: &Deps) -> u64;
}

impl Kept for BrowserSession {
    const NAME: &'static str = "mcp_session";

    fn lifetime(deps: &Deps) -> u64 {
        deps.lifetimes.session
    }
}

impl Kept for UpstreamBrowser {
    const NAME: &'static str = "mcp_upstream";

    fn lifetime(_: &Deps) -> u64 {
        DEPARTURE_LIFETIME
    }
}

/// With the `__Host-` prefix a browser takes the cookie only over https, for this host, for all of it. Plain http is for
/// loopback only, where browsers refuse the prefix.
fn name<K: Kept>(deps: &Deps) -> String {
    let prefix = if deps.catalogue.issuer().is_https() { "__Host-" } else { "" };
    format!("{prefix}{}", K::NAME)
}

/// The secret that a browser sent; `None` when there is none, or nothing that could be one.
pub(super) fn read<K: Kept>(deps: &Deps, headers: &HeaderMap) -> Option<Secret<K>> {
    let name = name::<K>(deps);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    });
    values.find_map(Secret::parse)
}

/// The header that gives a browser its secret.
pub(super) fn set<K: Kept>(deps: &Deps, secret: &Secret<K>) -> Option<HeaderValue> {
    line::<K>(deps, secret.expose(), K::lifetime(deps))
}

/// The header that takes the secret away.
pub(super) fn clear<K: Kept>(deps: &Deps) -> Option<HeaderValue> {
    line::<K>(deps, "", 0)
}

fn line<K: Kept>(deps: &Deps, value: &str, max_age: u64) -> Option<HeaderValue> {
    let secure = if deps.catalogue.issuer().is_https() { "; Secure" } else { "" };
    let text =
        format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", name::<K>(deps));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
