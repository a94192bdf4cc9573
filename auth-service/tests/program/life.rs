//! The life of a client, from its registration to its end, with a client's right to its promises: whatever answer got lost on the
//! way, what was answered is true, and what was not answered happened whole or not at all.

use crate::client::{Client, Tokens};
use crate::world::World;

/// What came of a life.
pub(crate) struct Life {
    pub(crate) client: Client,
    /// Every refresh token that it ever had.
    pub(crate) refresh: Vec<String>,
    /// Every access token that it ever had.
    pub(crate) access: Vec<String>,
    pub(crate) is_over: bool,
}

/// How a grant ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Revoked,
    Replayed,
    Deleted,
    CutOff,
    NotYet,
}

impl Life {
    /// A whole life.
    pub(crate) fn lived(world: &mut World) -> Self {
        let client = Client::of(&world.insist(&Client::registration()));
        assert_eq!(
            world.insist(&client.manage("GET")).status,
            200,
            "a registration that was answered is kept"
        );
        let (code, first) =
            if world.dice.below(3) == 0 { by_device(world, &client) } else { by_code(world, &client) };
        let mut life =
            Self { client, refresh: vec![first.refresh], access: vec![first.access], is_over: false };
        for _ in 0..2 {
            life.refresh_once(world);
        }
        assert!(life.access.iter().all(|token| world.is_alive(token)));
        assert_eq!(world.grants(&life.client), 1);
        life.end(world, &code);
        life
    }

    /// J-01: a refresh whose answer got lost can be asked for again, and however often it is, there is one live token.
    fn refresh_once(&mut self, world: &mut World) {
        let last = self.refresh.last().unwrap().clone();
        let next = Tokens::of(&world.insist(&self.client.refresh(&last)));
        for old in &self.refresh {
            let again = Tokens::of(&world.insist(&self.client.refresh(old)));
            assert_eq!(again.refresh, next.refresh, "c_22: never two live branches");
            self.access.push(again.access);
        }
        assert_eq!(world.grants(&self.client), 1);
        self.refresh.push(next.refresh);
        self.access.push(next.access);
    }

    fn end(&mut self, world: &mut World, code: &Code) {
        let ends = [End::Revoked, End::Replayed, End::Deleted, End::CutOff, End::NotYet];
        let end = ends[usize::try_from(world.dice.below(5)).unwrap()];
        let last = self.refresh.last().unwrap().clone();
        match end {
            End::NotYet => return,
            End::Revoked => {
                let revoke = self.client.revoke(&last);
                if world.send(&revoke).is_none() {
                    self.is_whole(world);
                    assert_eq!(world.insist(&revoke).status, 200);
                }
            }
            End::Replayed => {
                let replay = code.redeem(&self.client);
                if world.send(&replay).is_none() {
                    self.is_whole(world);
                    assert_eq!(world.insist(&replay).status, 400, "a code is redeemed once");
                }
            }
            End::Deleted => {
                let delete = self.client.manage("DELETE");
                if world.send(&delete).is_none() {
                    self.is_whole(world);
                    assert!(matches!(world.insist(&delete).status, 204 | 401));
                }
            }
            End::CutOff => {
                let order = serde_json::json!({ "client_id": self.client.id }).to_string();
                assert_eq!(world.inside("POST /internal/revocations", &order).status, 200);
            }
        }
        self.is_over = true;
        self.is_dead(world);
    }

    /// Whatever was under way when the lights went out: all of it is done, or nothing.
    fn is_whole(&self, world: &mut World) {
        let lives = world.grants(&self.client) == 1;
        for token in &self.access {
            assert_eq!(world.is_alive(token), lives, "a grant ends with its access tokens, in one step");
        }
    }

    /// What was revoked, and was answered, stays revoked.
    pub(crate) fn is_dead(&self, world: &mut World) {
        assert_eq!(world.grants(&self.client), 0);
        for token in &self.access {
            assert!(!world.is_alive(token), "revoked, and alive again");
        }
        for token in &self.refresh {
            assert!(matches!(world.insist(&self.client.refresh(token)).status, 400 | 401));
        }
    }

    /// What was promised, and was not revoked, is there.
    pub(crate) fn goes_on(&mut self, world: &mut World) {
        assert_eq!(world.insist(&self.client.manage("GET")).status, 200);
        let last = self.refresh.last().unwrap().clone();
        let next = Tokens::of(&world.insist(&self.client.refresh(&last)));
        self.refresh.push(next.refresh);
        self.access.push(next.access);
    }
}

/// What a grant began with.
enum Code {
    Browser(String),
    Device(String),
}

impl Code {
    fn redeem(&self, client: &Client) -> String {
        match self {
            Self::Browser(code) => client.redeem(code),
            Self::Device(code) => client.poll(code),
        }
    }

    /// J-01: a code is redeemed once, and spent only together with what it is spent for. `None` when its tokens got lost.
    fn redeemed(&self, world: &mut World, client: &Client) -> Option<Tokens> {
        if let Some(answer) = world.send(&self.redeem(client)) {
            return Some(Tokens::of(&answer));
        }
        let was_spent = world.grants(client) == 1;
        let again = world.insist(&self.redeem(client));
        assert_eq!(again.status == 200, !was_spent, "c_02: {again:?}");
        assert_eq!(world.grants(client), usize::from(!was_spent), "c_01: a replay ends what came of it");
        (!was_spent).then(|| Tokens::of(&again))
    }
}

fn by_code(world: &mut World, client: &Client) -> (Code, Tokens) {
    loop {
        let code = Code::Browser(world.approve(&client.page()).redirected("code"));
        if let Some(tokens) = code.redeemed(world, client) {
            return (code, tokens);
        }
    }
}

fn by_device(world: &mut World, client: &Client) -> (Code, Tokens) {
    loop {
        let device = world.insist(&client.begin_device());
        let page = format!("/device?user_code={}", device.member("user_code"));
        let code = Code::Device(device.member("device_code"));
        if world.approve_device(&page).is_none() {
            // Approved or not: then it waits as before, and can be approved still.
            let polled = world.insist(&code.redeem(client));
            if polled.status == 200 {
                return (code, Tokens::of(&polled));
            }
            assert!(polled.body.contains("authorization_pending"), "{polled:?}");
            assert_eq!(world.approve_device(&page).unwrap().status, 200);
        }
        if let Some(tokens) = code.redeemed(world, client) {
            return (code, tokens);
        }
    }
}
