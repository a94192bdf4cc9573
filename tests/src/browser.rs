//! A person with a browser: opens pages, fills in the real forms, presses the real buttons.

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, StatusCode, redirect};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// One browser with its cookies.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    cookies: Vec<(String, String)>,
}

/// What a browser shows after a step.
#[derive(Debug)]
pub enum Shown {
    /// A page of the gateway.
    Page(Page),
    /// The browser was sent away, to this address of a client.
    Left(Url),
}

/// A page of the gateway.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it is.
    pub url: Url,
    /// The HTTP status it came with.
    pub status: StatusCode,
    /// Its HTML.
    pub html: String,
}

impl Default for Browser {
    fn default() -> Self {
        let http = Client::builder().redirect(redirect::Policy::none()).build().expect("an HTTP client");
        Self { http, cookies: Vec::new() }
    }
}

impl Browser {
    /// Opens `url` and follows the gateway's redirects.
    pub async fn open(&mut self, url: &str) -> Shown {
        let url = Url::parse(url).expect("an absolute URL");
        let request = self.http.get(url.clone());
        self.follow(url, request).await
    }

    /// Presses the button that submits `action` on `page`, with `values` in its form in the place of what was there.
    pub async fn press(&mut self, page: &Page, action: &str, values: &[(&str, &str)]) -> Shown {
        let (target, mut fields) = page.form(action);
        fields.retain(|(name, _)| !values.iter().any(|(typed, _)| typed == name));
        fields.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let origin = page.url.origin().ascii_serialization();
        let request = self.http.post(target.clone()).form(&fields).header(ORIGIN, origin);
        self.follow(target, request).await
    }

    /// Signs in at an address that asks for it; gives the page that follows.
    pub async fn sign_in(&mut self, url: &str, username: &str, password: &str) -> Page {
        let Shown::Page(sign_in) = self.open(url).await else { panic!("no sign-in page at {url}") };
        let typed = [("username", username), ("password", password)];
        match self.press(&sign_in, "sign-in", &typed).await {
            Shown::Page(page) => page,
            Shown::Left(address) => panic!("signing in led away to {address}"),
        }
    }

    /// Signs in and approves at the authorization URL of a client; gives the address that the client gets back.
    pub async fn sign_in_and_approve(&mut self, url: &str, username: &str, password: &str) -> Url {
        let consent = self.sign_in(url, username, password).await;
        match self.press(&consent, "approve", &[]).await {
            Shown::Left(callback) => callback,
            Shown::Page(page) => panic!("approval led to a page with status {}: {}", page.status, page.html),
        }
    }

    async fn follow(&mut self, mut url: Url, mut request: reqwest::RequestBuilder) -> Shown {
        for _ in 0..5 {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !cookies.is_empty() {
                request = request.header(COOKIE, cookies.join("; "));
            }
            let answer = request.send().await.expect("an answer");
            self.keep_cookies(&answer);
            let Some(location) = answer.headers().get(LOCATION) else {
                let status = answer.status();
                return Shown::Page(Page { url, status, html: answer.text().await.expect("a page") });
            };
            let target = url.join(location.to_str().expect("a readable location")).expect("a location");
            if target.origin() != url.origin() {
                return Shown::Left(target);
            }
            request = self.http.get(target.clone());
            url = target;
        }
        panic!("redirected in circles at {url}")
    }

    fn keep_cookies(&mut self, answer: &reqwest::Response) {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a readable cookie");
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            self.cookies.retain(|(other, _)| other != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

impl Page {
    /// The form whose button submits `action`: where it goes, and what it holds already.
    fn form(&self, action: &str) -> (Url, Vec<(String, String)>) {
        let html = Html::parse_document(&self.html);
        let button =
            select(&format!("button[name=action][value={action}], input[name=action][value={action}]"));
        let form = html.select(&select("form")).find(|form| form.select(&button).next().is_some());
        let form = form.unwrap_or_else(|| panic!("no button for {action} on the page: {}", self.html));
        let hidden = select("input[type=hidden]");
        let hidden = form.select(&hidden).map(|input| (attribute(input, "name"), attribute(input, "value")));
        let mut fields: Vec<(String, String)> = hidden.filter(|(name, _)| name != "action").collect();
        fields.push(("action".to_owned(), action.to_owned()));
        let target = form.value().attr("action").unwrap_or_default();
        (self.url.join(target).expect("a form's action"), fields)
    }

    /// The text that a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        let html = Html::parse_document(&self.html);
        let body = html.select(&select("body")).next().expect("a page has a body");
        body.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn select(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"))
}

fn attribute(element: ElementRef<'_>, name: &str) -> String {
    element.value().attr(name).unwrap_or_default().to_owned()
}
