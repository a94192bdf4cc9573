//! The account page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use gateway_core::time::UnixTime;

use super::super::account::PATH;
use super::{STYLE, client_name, in_words, shown, try_again, with_forms};
use crate::flow::account::{Account, App, Reach};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    style: &'static str,
    username: String,
    apps: Vec<AppCard<'a>>,
    token: String,
}

/// An app as the page shows it.
struct AppCard<'a> {
    id: &'a str,
    name: String,
    /// Whether anybody vouches for the name: an address does for itself.
    is_verified: bool,
    access: Vec<ReachCard<'a>>,
    since: Option<String>,
    used: Option<String>,
    is_remembered: bool,
}

struct ReachCard<'a> {
    resource: &'a str,
    scopes: Vec<String>,
}

/// What apps may do in the name of a user.
pub(in crate::http) fn account(account: &Account, now: UnixTime) -> Response {
    let page = AccountPage {
        style: STYLE,
        username: shown(&account.user.username),
        apps: account.apps.iter().map(|app| card(app, now)).collect(),
        token: account.token.to_text(),
    };
    with_forms(StatusCode::OK, &page, None)
}

fn card(app: &App, now: UnixTime) -> AppCard<'_> {
    let ago = |time: UnixTime| in_time(now.since(time));
    AppCard {
        id: app.id.as_str(),
        name: match (&app.client, app.id.host()) {
            (Some(client), _) => client_name(client),
            (None, Some(_)) => app.id.to_string(),
            (None, None) => "An app that is not registered any more".to_owned(),
        },
        is_verified: app.id.host().is_some(),
        access: app.access.iter().map(reach).collect(),
        since: app.since.map(ago),
        used: app.used_at.map(ago),
        is_remembered: app.is_remembered,
    }
}

fn reach(reach: &Reach) -> ReachCard<'_> {
    ReachCard { resource: reach.resource.as_str(), scopes: reach.scope.iter().map(in_words).collect() }
}

/// How long ago something was, in words. The clock and the calendar of the reader do not matter to it.
fn in_time(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// A form that did not come from the account page in this browser.
pub(in crate::http) fn not_from_account() -> Response {
    let text = "This did not come from your account page in this browser, or you have signed out meanwhile.";
    unchanged(StatusCode::FORBIDDEN, text)
}

/// An app that holds nothing, any more or at all.
pub(in crate::http) fn nothing_to_revoke() -> Response {
    unchanged(StatusCode::NOT_FOUND, "This app has no access in your name.")
}

fn unchanged(status: StatusCode, text: &str) -> Response {
    try_again(status, "Nothing was changed", text, "Your account page shows which apps have access.", PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        let cases = [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (8_640_000, "100 days ago"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(in_time(seconds), expected);
        }
    }
}
