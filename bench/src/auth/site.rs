//! An authorization server under load: who its clients are, and how they come by codes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::browser::{authorization, exchange, get, refresh, registration, submit};
use super::peer::OidcProvider;
use crate::Failure;
use crate::auth_service::AuthService;
use crate::load::{Answer, Client, Load};
use crate::process::processor_time;
use crate::tokens::ISSUER;

/// What differs between the two servers.
#[derive(Debug, Clone, Copy)]
struct Paths {
    authorize: &'static str,
    register: &'static str,
    /// Whether each code is asked for on a page. `oidc-provider` has none of its own, and is told that the user agrees.
    asks: bool,
}

const OURS: Paths = Paths { authorize: "/authorize", register: "/register", asks: true };
const OIDC_PROVIDER: Paths = Paths { authorize: "/auth", register: "/reg", asks: false };

/// As many grants as our users have of one client; more would end each other.
const GRANTS: usize = 64;

/// What a client got: a code, or a refresh token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Got {
    client: String,
    secret: String,
}

/// What a round of requests came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) per_second: f64,
    /// The server's processor time for each, in seconds.
    pub(super) each: f64,
}

/// A server with its first client and one signed-in browser.
#[derive(Debug)]
pub(super) struct Site {
    paths: Paths,
    process: u32,
    host: String,
    client: String,
    cookies: Cookies,
    load: Load,
}

impl Site {
    /// Ours, where the first user signs in.
    pub(super) fn ours(service: &AuthService, connections: usize) -> Result<Self, Failure> {
        let host = ISSUER.split_once("://").map_or(ISSUER, |(_, host)| host).to_owned();
        let mut site = Self::new(OURS, host, (service.id(), service.address()), connections)?;
        let (username, password) = service.first_user();
        let fields = [("action", "sign-in"), ("username", username), ("password", password)];
        let answer = Client::connect(service.address())?.answer(&submit(
            &site.host,
            &site.asking(&site.client),
            "",
            &fields,
        ))?;
        site.cookies.keep(&answer);
        Ok(site)
    }

    /// The peer, where whoever comes is signed in: by three redirects.
    pub(super) fn oidc_provider(peer: &OidcProvider, connections: usize) -> Result<Self, Failure> {
        let address = peer.address();
        let host = format!("localhost:{}", address.port());
        let mut site = Self::new(OIDC_PROVIDER, host, (peer.id(), address), connections)?;
        let mut browser = Client::connect(address)?;
        let mut target = site.asking(&site.client);
        for _ in 0..3 {
            let answer = browser.answer(&get(&site.host, &target, &site.cookies.header()))?;
            let location = answer.header("location").ok_or("oidc-provider redirects nowhere")?;
            location.trim_start_matches(&format!("http://{}", site.host)).clone_into(&mut target);
            site.cookies.keep(&answer);
        }
        Ok(site)
    }

    fn new(
        paths: Paths,
        host: String,
        (process, address): (u32, SocketAddr),
        connections: usize,
    ) -> Result<Self, Failure> {
        let answer = Client::connect(address)?.answer(&registration(&host, paths.register))?;
        let client = member(&answer, "client_id")?;
        let load = Load::connect(address, connections)?;
        Ok(Self { paths, process, host, client, cookies: Cookies::default(), load })
    }

    fn asking(&self, client: &str) -> String {
        format!("{}?{}", self.paths.authorize, authorization(client))
    }

    /// Whom `count` codes are for. We bound what one client has of a user, so ours are for many.
    fn clients(&mut self, count: usize) -> Result<Vec<String>, Failure> {
        if !self.paths.asks {
            return Ok(vec![self.client.clone(); count]);
        }
        let registering = vec![registration(&self.host, self.paths.register); count.div_ceil(GRANTS)];
        let (_, registered) = self.load.answers(&registering, 201)?;
        let ids = registered.iter().map(|answer| member(answer, "client_id"));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Ok(ids.into_iter().flat_map(|id| std::iter::repeat_n(id, GRANTS)).take(count).collect())
    }

    /// `count` new codes, by the way that a browser goes.
    pub(super) fn codes(&mut self, count: usize) -> Result<Vec<Got>, Failure> {
        let clients = self.clients(count)?;
        let cookie = self.cookies.header();
        let targets: Vec<_> = clients.iter().map(|client| self.asking(client)).collect();
        let asking: Vec<_> = targets.iter().map(|target| get(&self.host, target, &cookie)).collect();
        if !self.paths.asks {
            let (_, answers) = self.load.answers(&asking, 303)?;
            return got(clients, answers.iter().map(code));
        }
        let (_, pages) = self.load.answers(&asking, 200)?;
        let approving = pages.iter().zip(&targets).map(|(page, target)| {
            let ticket = between(page.body(), "name=\"ticket\" value=\"", "\"").ok_or("no consent page")?;
            let fields = [("action", "approve"), ("ticket", ticket)];
            Ok(submit(&self.host, target, &cookie, &fields))
        });
        let approving = approving.collect::<Result<Vec<_>, Failure>>()?;
        let (_, answers) = self.load.answers(&approving, 303)?;
        got(clients, answers.iter().map(code))
    }

    /// Exchanges each of `codes`; gives the refresh tokens.
    pub(super) fn exchange(&mut self, codes: &[Got]) -> Result<(Work, Vec<Got>), Failure> {
        let requests = codes.iter().map(|code| exchange(&self.host, "/token", &code.client, &code.secret));
        let (work, answers) = self.work(&requests.collect::<Vec<_>>(), 200)?;
        Ok((work, refresh_tokens(codes, &answers)?))
    }

    /// Trades each of `tokens`; gives their successors.
    pub(super) fn refresh(&mut self, tokens: &[Got]) -> Result<(Work, Vec<Got>), Failure> {
        let requests = tokens.iter().map(|token| refresh(&self.host, "/token", &token.client, &token.secret));
        let (work, answers) = self.work(&requests.collect::<Vec<_>>(), 200)?;
        Ok((work, refresh_tokens(tokens, &answers)?))
    }

    /// Registers `count` clients.
    pub(super) fn register(&mut self, count: usize) -> Result<Work, Failure> {
        let requests = vec![registration(&self.host, self.paths.register); count];
        Ok(self.work(&requests, 201)?.0)
    }

    fn work(&mut self, requests: &[Vec<u8>], expected: u16) -> Result<(Work, Vec<Answer>), Failure> {
        let before = processor_time(self.process)?;
        let (round, answers) = self.load.answers(requests, expected)?;
        let spent = processor_time(self.process)?.saturating_sub(before);
        let each = spent.as_secs_f64() / f64::from(round.answers);
        Ok((Work { per_second: round.per_second(), each }, answers))
    }

    /// One access token, as it was issued.
    pub(super) fn access_token(&mut self) -> Result<String, Failure> {
        let code = self.codes(1)?.pop().ok_or("no code")?;
        let request = exchange(&self.host, "/token", &code.client, &code.secret);
        let (_, answers) = self.load.answers(&[request], 200)?;
        member(answers.first().ok_or("no answer")?, "access_token")
    }
}

fn refresh_tokens(before: &[Got], answers: &[Answer]) -> Result<Vec<Got>, Failure> {
    let clients = before.iter().map(|it| it.client.clone()).collect();
    got(clients, answers.iter().map(|answer| member(answer, "refresh_token")))
}

fn got(
    clients: Vec<String>,
    secrets: impl Iterator<Item = Result<String, Failure>>,
) -> Result<Vec<Got>, Failure> {
    clients.into_iter().zip(secrets).map(|(client, secret)| Ok(Got { client, secret: secret? })).collect()
}

fn code(answer: &Answer) -> Result<String, Failure> {
    let code = answer.header("location").and_then(|location| between(location, "code=", "&"));
    Ok(code.ok_or("a redirect without a code")?.to_owned())
}

fn member(answer: &Answer, name: &str) -> Result<String, Failure> {
    let document: Value = serde_json::from_str(answer.body())?;
    let text = document.get(name).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("no {name} in: {}", answer.body()))?.to_owned())
}

/// What a browser keeps, for every path.
#[derive(Debug, Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    fn keep(&mut self, answer: &Answer) {
        let pairs = answer.headers("set-cookie").filter_map(|line| line.split(';').next()?.split_once('='));
        for (name, value) in pairs {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        self.0.retain(|_, value| !value.is_empty());
    }

    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after).map_or(rest, |(found, _)| found))
}
