//! A public client and ada's browser.

use scraper::{Html, Selector};

use crate::http::{Answer, form, request};
use crate::world::{PASSWORD, World};

const ORIGIN: &str = "http://localhost:8080";
const RESOURCE: &str = "http://localhost:8080/time/mcp";
const CALLBACK: &str = "https://app.example/cb";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) registration: String,
}

/// What it was issued.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { access: answer.member("access_token"), refresh: answer.member("refresh_token") }
    }
}

impl Client {
    pub(crate) fn registration() -> String {
        let body = serde_json::json!({
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token", DEVICE],
        });
        request("POST /register", &[], ("application/json", &body.to_string()))
    }

    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{answer:?}");
        Self { id: answer.member("client_id"), registration: answer.member("registration_access_token") }
    }

    /// Where a browser is asked whether this client may.
    pub(crate) fn page(&self) -> String {
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
            ("scope", "mcp:time"),
            ("state", "s"),
        ]);
        format!("/authorize?{query}")
    }

    /// A request to the client configuration endpoint (RFC 7592).
    pub(crate) fn manage(&self, method: &str) -> String {
        let bearer = format!("Bearer {}", self.registration);
        request(&format!("{method} /register/{}", self.id), &[("authorization", &bearer)], ("", ""))
    }

    pub(crate) fn redeem(&self, code: &str) -> String {
        let grant = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        self.token(&[&grant[..], &[("code_verifier", VERIFIER), ("resource", RESOURCE)]].concat())
    }

    pub(crate) fn poll(&self, device: &str) -> String {
        self.token(&[("grant_type", DEVICE), ("device_code", device)])
    }

    pub(crate) fn refresh(&self, token: &str) -> String {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub(crate) fn revoke(&self, token: &str) -> String {
        posted("/revoke", &[("token", token), ("client_id", &self.id)])
    }

    pub(crate) fn begin_device(&self) -> String {
        let fields = [("client_id", self.id.as_str()), ("resource", RESOURCE), ("scope", "mcp:time")];
        posted("/device_authorization", &fields)
    }

    fn token(&self, fields: &[(&str, &str)]) -> String {
        posted("/token", &[fields, &[("client_id", &self.id)]].concat())
    }
}

fn posted(path: &str, fields: &[(&str, &str)]) -> String {
    request(&format!("POST {path}"), &[], ("application/x-www-form-urlencoded", &form(fields)))
}

impl World {
    /// Whether an access token is good now.
    pub(crate) fn is_alive(&mut self, access: &str) -> bool {
        let bearer = format!("Bearer {access}");
        let headers = [("authorization", bearer.as_str()), ("x-original-url", RESOURCE)];
        let answer = self.insist(&request("GET /verify", &headers, ("", "")));
        assert!(matches!(answer.status, 200 | 401), "{answer:?}");
        answer.status == 200
    }

    /// How many living grants a client has.
    pub(crate) fn grants(&self, client: &Client) -> usize {
        let all = self.listed("grants");
        all.iter().filter(|grant| grant["client_id"].as_str() == Some(&client.id)).count()
    }

    fn open(&mut self, address: &str) -> Answer {
        let cookie = self.cookie.clone();
        self.insist(&request(&format!("GET {address}"), &[("cookie", &cookie)], ("", "")))
    }

    /// Submits the form that has the button `action`. `None` when the answer got lost.
    fn press(
        &mut self,
        address: &str,
        page: &Answer,
        action: &str,
        typed: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut fields = fields(page, action);
        for (name, value) in &mut fields {
            if let Some((_, typed)) = typed.iter().find(|(key, _)| key == name) {
                (*typed).clone_into(value);
            }
        }
        fields.push(("action".to_owned(), action.to_owned()));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let cookie = self.cookie.clone();
        let headers = [("cookie", cookie.as_str()), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        let body = ("application/x-www-form-urlencoded", form(&fields));
        self.send(&request(&format!("POST {address}"), &headers, (body.0, &body.1)))
    }

    /// Signs in at `address` unless the browser is signed in; gives the page that asks.
    fn asked(&mut self, address: &str) -> Answer {
        loop {
            let page = self.open(address);
            if has(&page, "approve") {
                return page;
            }
            assert!(self.cookie.is_empty(), "who was signed in still is: {page:?}");
            let typed = [("username", "ada"), ("password", PASSWORD)];
            let Some(answer) = self.press(address, &page, "sign-in", &typed) else { continue };
            let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
    }

    /// Says yes at `address`. A page whose answer got lost was perhaps spent: another one is asked for.
    pub(crate) fn approve(&mut self, address: &str) -> Answer {
        loop {
            let page = self.asked(address);
            if let Some(answer) = self.press(address, &page, "approve", &[]) {
                return answer;
            }
        }
    }

    /// Says yes at the page of a device. Gives `None` when the answer got lost.
    pub(crate) fn approve_device(&mut self, address: &str) -> Option<Answer> {
        let page = self.asked(address);
        self.press(address, &page, "approve", &[])
    }

    /// A new client, and a code for it.
    pub(crate) fn with_code(&mut self) -> (Client, String) {
        let client = Client::of(&self.insist(&Client::registration()));
        let code = self.approve(&client.page()).redirected("code");
        (client, code)
    }
}

fn has(page: &Answer, action: &str) -> bool {
    page.body.contains(&format!("value=\"{action}\""))
}

/// The fields of the form that has the button `action`.
fn fields(page: &Answer, action: &str) -> Vec<(String, String)> {
    let html = Html::parse_document(&page.body);
    let select = |selector: &str| Selector::parse(selector).unwrap();
    let (button, input) = (select(&format!("button[value={action}]")), select("input[name]"));
    let forms = select("form");
    let form = html.select(&forms).find(|form| form.select(&button).next().is_some());
    let form = form.unwrap_or_else(|| panic!("no button {action}: {page:?}"));
    form.select(&input)
        .filter(|input| input.value().attr("type") != Some("checkbox"))
        .map(|input| {
            let attribute = |name| input.value().attr(name).unwrap_or_default().to_owned();
            (attribute("name"), attribute("value"))
        })
        .collect()
}
