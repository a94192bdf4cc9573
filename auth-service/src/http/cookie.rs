//! The cookies of browsers: who is signed in (B-15), who is on the way to a provider (B-02), and for which device.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::domain::device::UserCode;
use crate::domain::secret::{BrowserSession, Kind, Secret, UpstreamBrowser};
use crate::flow::{DEPARTURE_LIFETIME, Deps};

/// What browsers keep for us.
pub(super) trait Kept: Written {
    /// The name of its cookie.
    const NAME: &'static str;

    /// Seconds for which browsers keep it.
    fn lifetime(deps: &Deps) -> u64;
}

/// What can be the value of a cookie.
pub(super) trait Written: Sized {
    /// Reads what a browser sent.
    fn read(text: &str) -> Option<Self>;

    /// What a browser gets.
    fn text(&self) -> Cow<'_, str>;
}

impl<K: Kind> Written for Secret<K> {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn text(&self) -> Cow<'_, str> {
        self.expose().into()
    }
}

impl Written for UserCode {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn text(&self) -> Cow<'_, str> {
        self.expose().into()
    }
}

impl Kept for Secret<BrowserSession> {
    const NAME: &'static str = "mcp_session";

    fn lifetime(deps: &Deps) -> u64 {
        deps.lifetimes.session
    }
}

impl Kept for Secret<UpstreamBrowser> {
    const NAME: &'static str = "mcp_upstream";

    fn lifetime(_: &Deps) -> u64 {
        DEPARTURE_LIFETIME
    }
}

/// The code that stands in the address of the page, for the way to a provider and back: no store may hold it.
impl Kept for UserCode {
    const NAME: &'static str = "mcp_device";

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

/// What a browser kept; `None` when it sent nothing, or nothing that could be it.
pub(super) fn read<K: Kept>(deps: &Deps, headers: &HeaderMap) -> Option<K> {
    let name = name::<K>(deps);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    });
    values.find_map(K::read)
}

/// The header that gives a browser something to keep.
pub(super) fn set<K: Kept>(deps: &Deps, kept: &K) -> Option<HeaderValue> {
    line::<K>(deps, &kept.text(), K::lifetime(deps))
}

/// Adds such a header to an answer.
pub(super) fn add(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The header that takes it away.
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
