//! A service with its store, and what may happen to it.

use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Answer, begin, finish, request};
use crate::server::Server;
use crate::service::{Running, command, home};

/// The password of ada, hashed with the least cost that argon2 allows: she signs in by the hundred.
pub(crate) const PASSWORD: &str = "correct horse";
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$4Smw+8uJE9vkMuQHTI8JCch07funn1w88/v1CwyXAOw";

/// Longest time between a request and the kill, in microseconds: a verb takes a few milliseconds.
const LATEST: u64 = 4000;

/// Random numbers that a seed leads to (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Who is killed, after so many more requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fuse {
    pub(crate) requests: u64,
    pub(crate) redis: bool,
}

/// The service, its home and its store: a file, or a Redis that keeps what it has promised.
pub(crate) struct World {
    home: TempDir,
    settings: Vec<(String, String)>,
    pub(crate) redis: Option<Server>,
    pub(crate) service: Running,
    pub(crate) fuse: Option<Fuse>,
    /// How many answers got lost.
    pub(crate) lost: usize,
    pub(crate) dice: Dice,
    /// The cookies of ada's browser.
    pub(crate) cookie: String,
    /// What the service logs, from when it is ready to its end.
    pub(crate) log: JoinHandle<String>,
    /// Every page and every error, where somebody wants to search them.
    pub(crate) heard: Option<String>,
}

impl World {
    pub(crate) fn new(redis: Option<Server>, seed: u64, settings: &[(&str, &str)]) -> Self {
        let home = home();
        std::fs::create_dir(home.path().join("data")).unwrap();
        let user =
            serde_json::json!({ "username": "ada", "id": "a1", "password": HASH, "allowed_tools": ["*"] });
        let users = serde_json::json!({ "users": [user] });
        std::fs::write(home.path().join("data/users.json"), users.to_string()).unwrap();
        let mut settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let limits = ["REGISTER", "AUTHORIZE", "SIGN_IN", "DEVICE", "TOKEN", "TOKEN_CLIENT"];
        settings.extend(limits.map(|limit| (format!("LIMIT_{limit}"), "off".to_owned())));
        settings.extend(redis.iter().map(|server| ("REDIS_URL".to_owned(), server.address())));
        let service = spawn(&home, &settings);
        let log = follow(&service);
        let (dice, cookie) = (Dice(seed), String::new());
        Self { home, settings, redis, service, fuse: None, lost: 0, dice, cookie, log, heard: None }
    }

    /// A Redis that has on disk what it has answered.
    pub(crate) fn durable_redis() -> Server {
        Server::with(0, &["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Another service at the same store.
    pub(crate) fn replica(&self) -> Running {
        spawn(&self.home, &self.settings)
    }

    /// Sends a request. `None` when the answer got lost: then whoever was to be killed was, and is back.
    pub(crate) fn send(&mut self, request: &str) -> Option<Answer> {
        let burns = self.fuse.as_mut().is_some_and(|fuse| {
            let is_over = fuse.requests == 0;
            fuse.requests = fuse.requests.saturating_sub(1);
            is_over
        });
        let answer = if burns { self.killed_during(request) } else { ask(self.service.public, request) };
        assert!(burns || answer.is_some(), "an answer got lost without a reason: {request}");
        if let (Some(heard), Some(answer)) = (&mut self.heard, &answer) {
            // What hands a secret out is neither a page nor an error.
            let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            if is_page || answer.status >= 400 {
                *heard += &answer.whole();
            }
        }
        answer
    }

    /// Sends a request again if its answer got lost.
    pub(crate) fn insist(&mut self, request: &str) -> Answer {
        self.send(request).or_else(|| self.send(request)).unwrap()
    }

    /// What is seen on the internal port.
    pub(crate) fn inside(&self, what: &str, body: &str) -> Answer {
        let kind = if what.starts_with("POST") { "application/json" } else { "" };
        ask(self.service.internal, &request(what, &[], (kind, body))).unwrap()
    }

    /// What is seen on the internal port, as JSON.
    pub(crate) fn look(&self, path: &str) -> Value {
        let answer = self.inside(&format!("GET {path}"), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// All parts of a list on the internal port.
    pub(crate) fn listed(&self, name: &str) -> Vec<Value> {
        let (mut all, mut after) = (vec![], String::new());
        loop {
            let part = self.look(&format!("/internal/{name}?limit=1000{after}"));
            all.extend(part[name].as_array().unwrap().iter().cloned());
            let Some(next) = part["next"].as_str() else { return all };
            after = format!("&after={next}");
        }
    }

    fn killed_during(&mut self, request: &str) -> Option<Answer> {
        let with_redis = self.fuse.take().is_some_and(|fuse| fuse.redis);
        let under_way = begin(self.service.public, request);
        // Nothing waits for this: it is the moment, drawn by lot, at which the lights go out.
        std::thread::sleep(Duration::from_micros(self.dice.below(LATEST)));
        let answer = if let Some(redis) = self.redis.as_mut().filter(|_| with_redis) {
            redis.kill();
            let answer = under_way.and_then(finish);
            self.service.child.kill().unwrap();
            redis.launch();
            answer
        } else {
            self.service.child.kill().unwrap();
            under_way.and_then(finish)
        };
        self.service.child.wait().unwrap();
        self.service = spawn(&self.home, &self.settings);
        self.log = follow(&self.service);
        // What it could not decide is not decided.
        let answer = answer.filter(|answer| answer.status < 500);
        self.lost += usize::from(answer.is_none());
        answer
    }
}

fn spawn(home: &TempDir, settings: &[(String, String)]) -> Running {
    let mut command = command(home.path(), &["serve"]);
    Running::spawn(command.envs(settings.iter().map(|(name, value)| (name, value))))
}

/// Reads the log to its end: the service would wait for its reader.
fn follow(service: &Running) -> JoinHandle<String> {
    let mut log = service.log.buffer().to_vec();
    let mut rest = File::from(service.log.get_ref().as_fd().try_clone_to_owned().unwrap());
    std::thread::spawn(move || {
        rest.read_to_end(&mut log).unwrap();
        String::from_utf8(log).unwrap()
    })
}

fn ask(to: SocketAddr, request: &str) -> Option<Answer> {
    finish(begin(to, request)?)
}
