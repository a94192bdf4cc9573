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
        self.submit(page, page.form(&button(action)), action, values).await
    }

    async fn submit(
        &mut self,
        page: &Page,
        (target, mut fields): (Url, Vec<(String, String)>),
        action: &str,
        values: &[(&str, &str)],
    ) -> Shown {
        fields.push(("action".to_owned(), action.to_owned()));
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

    /// Goes to the provider with this name, which signs in whoever comes, and back; gives the page that is shown in the end.
    pub async fn sign_in_at(&mut self, url: &str, provider: &str) -> Page {
        let Shown::Page(choice) = self.open(url).await else { panic!("no sign-in page at {url}") };
        let form = choice.form(&format!("input[name=provider][value={provider}]"));
        let Shown::Page(leaving) = self.submit(&choice, form, "upstream", &[]).await else {
            panic!("no page")
        };
        if leaving.status != StatusCode::OK {
            return leaving;
        }
        // The provider is another site: it gets no cookie of ours.
        let answer = self.http.get(leaving.link()).send().await.expect("the provider answers");
        let back = answer.headers().get(LOCATION).expect("it sends the browser back").to_str();
        match self.open(back.expect("a readable location")).await {
            Shown::Page(page) => page,
            Shown::Left(url) => panic!("sent away to {url}"),
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
    /// The form that holds `element`: where it goes, and what it holds already.
    fn form(&self, element: &str) -> (Url, Vec<(String, String)>) {
        let html = Html::parse_document(&self.html);
        let selector = select(element);
        let form = html.select(&select("form")).find(|form| form.select(&selector).next().is_some());
        let form = form.unwrap_or_else(|| panic!("no form with {element} on the page: {}", self.html));
        let hidden = select("input[type=hidden]");
        let hidden = form.select(&hidden).map(|input| (attribute(input, "name"), attribute(input, "value")));
        let fields: Vec<(String, String)> = hidden.filter(|(name, _)| name != "action").collect();
        let target = form.value().attr("action").unwrap_or_default();
        (self.url.join(target).expect("a form's action"), fields)
    }

    /// Where its first link leads.
    fn link(&self) -> String {
        let html = Html::parse_document(&self.html);
        let link = html.select(&select("a[href]")).next();
        attribute(link.unwrap_or_else(|| panic!("no link on the page: {}", self.html)), "href")
    }

    /// The text that a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        let html = Html::parse_document(&self.html);
        let body = html.select(&select("body")).next().expect("a page has a body");
        body.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The button that submits `action`.
fn button(action: &str) -> String {
    format!("button[name=action][value={action}], input[name=action][value={action}]")
}

fn select(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"))
}

fn attribute(element: ElementRef<'_>, name: &str) -> String {
    element.value().attr(name).unwrap_or_default().to_owned()
}
