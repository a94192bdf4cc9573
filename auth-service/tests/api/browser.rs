//! A browser, as far as the pages can tell: it keeps cookies, and submits the forms that it was shown.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use scraper::{Html, Selector};

use crate::app::{Answer, CALLBACK, CHALLENGE, PASSWORD, TIME, TestApp, VERIFIER, encoded, form_request};

/// One browser with its cookie jar.
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    pub(crate) cookie: Option<String>,
    /// The cookie of a browser that is on its way to a provider.
    pub(crate) upstream: Option<String>,
    /// The cookie of one that is on its way there for a device.
    device: Option<String>,
}

/// A form as it stands on a page: its fields, and the values of its buttons.
#[derive(Debug, Clone)]
pub(crate) struct PageForm {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) buttons: Vec<String>,
}

/// An authorization request that has everything it needs, as a list to change.
pub(crate) fn request_of(client: &str) -> Vec<(&str, &str)> {
    vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", TIME),
        ("scope", "mcp:time"),
        ("state", "st&te=1 é"),
    ]
}

/// The address of an authorization request.
pub(crate) fn authorize(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/authorize?{query}")
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Self {
        Self { app, cookie: None, upstream: None, device: None }
    }

    pub(crate) async fn open(&mut self, address: &str) -> Answer {
        let request = self.with_cookie(Request::get(address));
        self.sent(request.body(Body::empty()).unwrap()).await
    }

    /// Submits a form as a browser does from our own page.
    pub(crate) async fn submit(&mut self, address: &str, form: &[(&str, &str)]) -> Answer {
        let request = form_request(address, form)
            .header(header::ORIGIN, self.app.deps.catalogue.issuer().as_str())
            .header("sec-fetch-site", "same-origin");
        let request = self.with_cookie(request);
        self.sent(request.body(encoded(form)).unwrap()).await
    }

    /// Presses the button `action` of the form that has it on `page`, after filling in `typed`.
    pub(crate) async fn press(
        &mut self,
        address: &str,
        page: &Answer,
        action: &str,
        typed: &[(&str, &str)],
    ) -> Answer {
        let forms = forms_of(page);
        let form = forms.iter().find(|form| form.buttons.iter().any(|button| button == action));
        let form = form.unwrap_or_else(|| panic!("no button {action}: {}", page.body));
        let mut fields: Vec<(&str, &str)> = vec![("action", action)];
        for (name, value) in &form.fields {
            let value = typed.iter().find(|(key, _)| key == name).map_or(value.as_str(), |(_, value)| value);
            fields.push((name, value));
        }
        self.submit(address, &fields).await
    }

    /// Opens the address and signs in on the page that is shown; gives the page that follows.
    pub(crate) async fn sign_in(&mut self, address: &str, username: &str) -> Answer {
        let page = self.open(address).await;
        let typed = [("username", username), ("password", PASSWORD)];
        let answer = self.press(address, &page, "sign-in", &typed).await;
        assert_eq!(answer.header("location"), address, "{}", answer.body);
        self.open(address).await
    }

    /// Signs in and approves; gives the redirect to the client.
    pub(crate) async fn approve(&mut self, address: &str, username: &str) -> Answer {
        let page = self.sign_in(address, username).await;
        self.press(address, &page, "approve", &[]).await
    }

    fn with_cookie(&self, request: axum::http::request::Builder) -> axum::http::request::Builder {
        let cookies = self.cookie.iter().chain(&self.upstream).chain(&self.device);
        let cookies: Vec<&str> = cookies.map(String::as_str).collect();
        match cookies.as_slice() {
            [] => request,
            cookies => request.header(header::COOKIE, format!("other=1; {}", cookies.join("; "))),
        }
    }

    async fn sent(&mut self, request: Request<Body>) -> Answer {
        let answer = self.app.send(request).await;
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let cookie = line.split(';').next().unwrap();
            let jar = match cookie.split_once('=').unwrap().0 {
                "__Host-mcp_upstream" => &mut self.upstream,
                "__Host-mcp_device" => &mut self.device,
                _ => &mut self.cookie,
            };
            *jar = Some(cookie.to_owned()).filter(|_| !line.contains("Max-Age=0;"));
        }
        answer
    }
}

/// Every form on a page.
pub(crate) fn forms_of(page: &Answer) -> Vec<PageForm> {
    let html = Html::parse_document(&page.body);
    let select = |selector: &str| Selector::parse(selector).unwrap();
    html.select(&select("form[method=post]"))
        .map(|form| {
            let attribute = |element: scraper::ElementRef<'_>, name: &str| {
                element.value().attr(name).unwrap_or_default().to_owned()
            };
            PageForm {
                fields: form
                    // A box that nobody has ticked is not sent.
                    .select(&select("input:not([type=checkbox])"))
                    .map(|input| (attribute(input, "name"), attribute(input, "value")))
                    .collect(),
                buttons: form
                    .select(&select("button[name=action]"))
                    .map(|it| attribute(it, "value"))
                    .collect(),
            }
        })
        .collect()
}

/// What a person reads on a page.
pub(crate) fn text_of(page: &Answer) -> String {
    let html = Html::parse_document(&page.body);
    let main = Selector::parse("main").unwrap();
    let words: Vec<&str> =
        html.select(&main).flat_map(|main| main.text()).flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// The form that redeems a code of [`code_for`].
pub(crate) fn exchange<'a>(client: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", client),
        ("code_verifier", VERIFIER),
        ("resource", TIME),
    ]
}

/// The tokens of a new public client: its id, an access token and a refresh token.
pub(crate) async fn connected(app: &TestApp) -> (String, String, String) {
    let client = app.public_client().await;
    let code = code_for(app, &client).await;
    let answer = app.token(&exchange(&client, &code)).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    (client.clone(), member("access_token"), member("refresh_token"))
}

/// A claim of an access token, unverified.
pub(crate) fn claim(token: &str, name: &str) -> String {
    member(token.split('.').nth(1).unwrap(), name)
}

/// The id of the key that signed a token.
pub(crate) fn kid(token: &str) -> String {
    member(token.split('.').next().unwrap(), "kid")
}

fn member(part: &str, name: &str) -> String {
    use base64::Engine as _;
    let part = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    let members: serde_json::Value = serde_json::from_slice(&part).unwrap();
    members[name].as_str().unwrap().to_owned()
}

/// A code for `client`, approved by ada; the whole way through the pages.
pub(crate) async fn code_for(app: &TestApp, client: &str) -> String {
    let address = authorize(&request_of(client));
    Browser::new(app).approve(&address, "ada").await.redirected("code")
}

/// Trades a refresh token of a public client.
pub(crate) async fn refresh(app: &TestApp, client: &str, token: &str) -> Answer {
    app.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)]).await
}

/// The next access and refresh token of `client`.
pub(crate) async fn refreshed(app: &TestApp, client: &str, token: &str) -> (String, String) {
    let answer = refresh(app, client, token).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    (member("access_token"), member("refresh_token"))
}

/// What `/verify` says to an access token.
pub(crate) async fn verified(app: &TestApp, token: &str) -> StatusCode {
    let request = Request::get("/verify").header("x-original-url", TIME);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.body(Body::empty()).unwrap()).await.status
}
