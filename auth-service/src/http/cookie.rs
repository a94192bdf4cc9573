//! The session cookie of signed-in browsers (B-15).

use axum::http::{HeaderMap, HeaderValue, header};

use crate::domain::secret::{BrowserSession, Secret};
use crate::flow::Deps;

/// With the `__Host-` prefix a browser takes the cookie only over https, for this host, for all of it. Plain http is for
/// loopback only, where browsers refuse the prefix.
const fn name(is_https: bool) -> &'static str {
    if is_https { "__Host-mcp_session" } else { "mcp_session" }
}

/// The session secret that a browser sent; `None` when there is none, or nothing that could be one.
pub(super) fn read(deps: &Deps, headers: &HeaderMap) -> Option<Secret<BrowserSession>> {
    let name = name(deps.catalogue.issuer().is_https());
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    });
    values.find_map(Secret::parse)
}

/// The header that gives a browser its session.
pub(super) fn set(deps: &Deps, secret: &Secret<BrowserSession>) -> Option<HeaderValue> {
    line(deps, secret.expose(), deps.lifetimes.session)
}

/// The header that takes the session away.
pub(super) fn clear(deps: &Deps) -> Option<HeaderValue> {
    line(deps, "", 0)
}

fn line(deps: &Deps, value: &str, max_age: u64) -> Option<HeaderValue> {
    let is_https = deps.catalogue.issuer().is_https();
    let secure = if is_https { "; Secure" } else { "" };
    let text =
        format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", name(is_https));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
