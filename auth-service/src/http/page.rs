//! The pages that people see. Everything a stranger wrote is escaped by the templates and cleaned by [`shown`] first.

mod account;

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_core::scope::Scope;

use super::sign_in::Purpose;
use crate::domain::client::Client;
use crate::domain::redirect_uri::{RedirectKind, RedirectUri};
use crate::domain::secret::Digest;
use crate::domain::upstream::Person;
use crate::domain::user::User;
use crate::flow::authorize::Untrusted;
use crate::flow::consent::Question;
use crate::flow::device;
use crate::flow::sign_in::Ways;
use crate::flow::upstream::{Place, Way};
use crate::limits::TooMany;

pub(super) use account::{account, not_from_account, nothing_to_revoke};

/// The one style sheet, inline in every page and allowed by its hash.
const STYLE: &str = include_str!("../../templates/style.css");

/// Longest name that is shown, in characters.
const MAX_NAME: usize = 60;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    style: &'static str,
    reason: Reason<'a>,
    ways: &'a Ways,
    username: Option<&'a str>,
}

/// What a user signs in for, in words.
enum Reason<'a> {
    Connect { name: String, described_by: Option<&'a str>, destination: &'a str, server: &'a str },
    Device,
    Account,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    style: &'static str,
    username: String,
    was_wrong: bool,
}

#[derive(Template)]
#[template(path = "leaving.html")]
struct LeavingPage<'a> {
    style: &'static str,
    label: &'a str,
    address: &'a str,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    style: &'static str,
    client: String,
    described_by: Option<&'a str>,
    goes_to: GoesTo<'a>,
    username: String,
    server: &'a str,
    resource: &'a str,
    scopes: Vec<String>,
    days: Option<u64>,
    /// Days for which the answer can be remembered.
    memory: Option<u64>,
    ticket: &'a str,
}

/// Where the answer to a consent page goes.
enum GoesTo<'a> {
    /// To an address of the client.
    Address { kind: &'static str, destination: &'a str, is_local: bool },
    /// To the device that shows this code.
    Device { code: String },
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
    hint: &'a str,
    again: Option<&'a str>,
}

/// The sign-in page; with the name that was typed, after a try that failed.
pub(super) fn sign_in(purpose: Purpose<'_>, ways: &Ways, failed: Option<&str>) -> Response {
    let (reason, redirect_uri) = match purpose {
        Purpose::Connect(request) => {
            let redirect_uri = &request.reply_to.redirect_uri;
            let reason = Reason::Connect {
                name: client_name(&request.client),
                described_by: request.client.id.host(),
                destination: redirect_uri.destination(),
                server: request.server.as_str(),
            };
            (reason, Some(redirect_uri))
        }
        Purpose::Device => (Reason::Device, None),
        Purpose::Account => (Reason::Account, None),
    };
    let page = SignInPage { style: STYLE, reason, ways, username: failed };
    // 401 would need a WWW-Authenticate challenge, and browsers would open their own dialog.
    let status = if failed.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    with_forms(status, &page, redirect_uri)
}

/// The consent page.
pub(super) fn consent(question: &Question, refresh_lifetime: u64) -> Response {
    let request = &question.request;
    let redirect_uri = &request.reply_to.redirect_uri;
    let goes_to = GoesTo::Address {
        kind: match redirect_uri.kind() {
            RedirectKind::Https => "the website",
            RedirectKind::Loopback => "a program on this computer, at",
            RedirectKind::PrivateUse => "the app that opens links of type",
        },
        destination: redirect_uri.destination(),
        // Whoever asks: any program here can use the name and the address of one that may answer to this computer (D-23).
        is_local: redirect_uri.kind() == RedirectKind::Loopback,
    };
    let page = ConsentPage {
        style: STYLE,
        client: client_name(&request.client),
        described_by: request.client.id.host(),
        goes_to,
        username: shown(&question.user.username),
        server: request.server.as_str(),
        resource: question.resource.as_str(),
        scopes: question.scope.iter().map(in_words).collect(),
        days: days(&request.client, refresh_lifetime),
        memory: question.memory.map(in_days),
        ticket: question.ticket.expose(),
    };
    with_forms(StatusCode::OK, &page, Some(redirect_uri))
}

/// The page on which a user types the code of a device.
pub(super) fn device_code(user: &User, was_wrong: bool) -> Response {
    let page = DevicePage { style: STYLE, username: shown(&user.username), was_wrong };
    with_forms(if was_wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK }, &page, None)
}

/// The consent page for a device, with the code that it must show (RFC 8628 §3.3.1, §5.4).
pub(super) fn device_consent(question: &device::Question, refresh_lifetime: u64) -> Response {
    let page = ConsentPage {
        style: STYLE,
        client: client_name(&question.client),
        described_by: question.client.id.host(),
        goes_to: GoesTo::Device { code: question.code.expose() },
        username: shown(&question.user.username),
        server: question.request.server.as_str(),
        resource: question.resource.as_str(),
        scopes: question.scope.iter().map(in_words).collect(),
        days: days(&question.client, refresh_lifetime),
        memory: None,
        ticket: question.ticket.expose(),
    };
    with_forms(StatusCode::OK, &page, None)
}

/// The user has answered for a device.
pub(super) fn device_answered(has_access: bool) -> Response {
    let (title, text) = if has_access {
        ("Your device is connected", "It goes on by itself in a few seconds.")
    } else {
        ("Nothing was approved", "The device gets no access.")
    };
    message(StatusCode::OK, title, text, "You can close this page.")
}

fn days(client: &Client, refresh_lifetime: u64) -> Option<u64> {
    client.profile.refreshes.then(|| in_days(refresh_lifetime))
}

const fn in_days(seconds: u64) -> u64 {
    seconds.div_ceil(86_400)
}

/// The page that takes a browser to a provider. Not a redirect: browsers hold the answer to a form, and wherever it leads, to
/// `form-action`, and nobody knows through which addresses a provider leads its users.
pub(super) fn leaving(way: &Way) -> Response {
    let page = LeavingPage { style: STYLE, label: &way.label, address: &way.address };
    render(StatusCode::OK, &page, "'none'", "no-referrer")
}

/// An answer from a provider that belongs to no sign-in under way.
pub(super) fn upstream_stale() -> Response {
    let text = "This sign-in was finished already, took too long, or was not begun here.";
    message(StatusCode::BAD_REQUEST, "You are not signed in", text, "Go back to the app and connect again.")
}

/// The provider sent the user back without signing them in.
pub(super) fn upstream_declined(place: &Place) -> Response {
    let text = format!("{} sent you back without signing you in.", shown(&place.label));
    not_signed_in(StatusCode::FORBIDDEN, "You are not signed in", &text, place)
}

/// The provider did not say who it is.
pub(super) fn upstream_failed(place: &Place) -> Response {
    let label = shown(&place.label);
    let text = format!(
        "{label} could not be asked who you are. If that does not pass in a few minutes, tell whoever runs this gateway."
    );
    not_signed_in(StatusCode::BAD_GATEWAY, "You are not signed in", &text, place)
}

/// The provider says who it is, and they may do nothing here. The operator needs the subject to change that.
pub(super) fn not_admitted(place: &Place, person: &Person) -> Response {
    let (label, name) = (shown(&place.label), shown(&person.username));
    let subject = shown(person.subject.as_str());
    let text = format!(
        "You are {name} at {label}, and that account may not use this gateway. To change that, ask whoever runs it to let in {subject}."
    );
    not_signed_in(StatusCode::FORBIDDEN, "No access", &text, place)
}

/// Nobody has signed in.
fn not_signed_in(status: StatusCode, title: &str, text: &str, place: &Place) -> Response {
    try_again(status, title, text, "Nothing was shared with any app.", &place.return_to)
}

/// Says what did not happen, and leads to where it can be tried again.
fn try_again(status: StatusCode, title: &str, text: &str, hint: &str, address: &str) -> Response {
    render(
        status,
        &MessagePage { style: STYLE, title, text, hint, again: Some(address) },
        "'none'",
        "no-referrer",
    )
}

/// A request that is not answered by a redirect.
pub(super) fn untrusted(reason: Untrusted) -> Response {
    let hint = "Nothing was shared with it. Go back to the app and connect again.";
    message(StatusCode::BAD_REQUEST, "This request cannot be trusted", &reason.to_string(), hint)
}

/// A form that was not sent from a page shown in this browser, or was sent twice.
pub(super) fn forbidden() -> Response {
    let text = "This answer was already given, is too old, or was not given on a page shown in this browser.";
    message(StatusCode::FORBIDDEN, "Nothing was approved", text, "Go back to the app and connect again.")
}

/// We could not decide.
pub(super) fn unavailable() -> Response {
    let text = "The service cannot answer at the moment.";
    message(StatusCode::SERVICE_UNAVAILABLE, "Try again in a minute", text, "Nothing was approved.")
}

/// Asked too often.
pub(super) fn too_many(error: TooMany) -> Response {
    let hint = format!("Try again in {} seconds.", error.seconds);
    let text = "Too many requests came from here in a short time.";
    let page = message(StatusCode::TOO_MANY_REQUESTS, "One moment, please", text, &hint);
    ([(header::RETRY_AFTER, error.seconds.to_string())], page).into_response()
}

fn message(status: StatusCode, title: &str, text: &str, hint: &str) -> Response {
    render(status, &MessagePage { style: STYLE, title, text, hint, again: None }, "'none'", "no-referrer")
}

/// A page with forms. Its referrer policy is `same-origin` and not `no-referrer`: under the latter a browser sends
/// `Origin: null` with the form (Fetch §3.2), and the check for forged forms would have nothing to hold on to. No other
/// site sees more: to them the policy is the same. Chromium applies `form-action` also to where the form's answer
/// redirects, so the client's address must be in it.
fn with_forms(status: StatusCode, page: &impl Template, redirect_uri: Option<&RedirectUri>) -> Response {
    let client = redirect_uri.map(|uri| format!(" {}", uri.csp_source())).unwrap_or_default();
    render(status, page, &format!("'self'{client}"), "same-origin")
}

fn render(status: StatusCode, page: &impl Template, form_action: &str, referrer: &'static str) -> Response {
    static STYLE_HASH: LazyLock<String> =
        LazyLock::new(|| STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    let (Ok(html), Ok(policy)) = (page.render(), HeaderValue::from_str(&policy)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static(referrer)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (status, headers, html).into_response()
}

fn client_name(client: &Client) -> String {
    let name = client.profile.name.as_deref().map(shown).unwrap_or_default();
    if name.is_empty() { "An app without a name".to_owned() } else { name }
}

fn in_words(scope: &Scope) -> String {
    match scope {
        Scope::All => "Use every tool of every server".to_owned(),
        Scope::Server(server) => format!("Use every tool of {server}"),
        Scope::Tool(server, tool) => format!("Use the tool {} of {server}", tool.as_str()),
    }
}

/// A text that a stranger chose, fit to stand in a sentence: no control, direction or invisible characters, white space
/// as single spaces, cut to [`MAX_NAME`] characters with a mark (B-11).
fn shown(text: &str) -> String {
    let is_visible = |c: &char| {
        let is_invisible = matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}');
        !is_invisible && (!c.is_control() || c.is_whitespace())
    };
    let cleaned: String = text.chars().filter(is_visible).collect();
    let cleaned = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    if cleaned.chars().count() <= MAX_NAME {
        return cleaned;
    }
    cleaned.chars().take(MAX_NAME).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_11_a_name_cannot_reorder_hide_or_flood_the_page() {
        let cases = [
            ("Claude", "Claude"),
            ("  My\n\tApp ", "My App"),
            ("\u{202E}edualC\u{202C}", "edualC"),
            ("Cla\u{200B}ude\u{FEFF}", "Claude"),
            ("a\u{0}b\u{7}", "ab"),
            ("\u{200B}\u{2060}", ""),
        ];
        for (given, expected) in cases {
            assert_eq!(shown(given), expected, "{given:?}");
        }
        assert_eq!(shown(&"x".repeat(10_000)), format!("{}…", "x".repeat(MAX_NAME)));
    }
}
