//! Two services at one Redis.

use std::sync::Barrier;

use crate::client::Tokens;
use crate::http::{begin, finish};
use crate::server::Server;
use crate::world::World;

#[test]
fn c_02_of_50_who_redeem_a_code_at_two_replicas_at_once_one_gets_tokens_and_they_die_with_the_second() {
    let mut world = World::new(Some(Server::start()), 1, &[]);
    let other = world.replica();
    let (client, code) = world.with_code();
    let (request, barrier) = (client.redeem(&code), Barrier::new(50));
    let places = [world.service.public, other.public];
    let answers: Vec<_> = std::thread::scope(|scope| {
        let redeem = |number: usize| {
            let (request, barrier) = (&request, &barrier);
            scope.spawn(move || {
                barrier.wait();
                finish(begin(places[number % 2], request).unwrap()).unwrap()
            })
        };
        let all: Vec<_> = (0..50).map(redeem).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), refused.len()), (1, 49));
    assert!(refused.iter().all(|answer| answer.status == 400 && answer.body.contains("invalid_grant")));
    let tokens = Tokens::of(good[0]);
    assert_eq!(world.grants(&client), 0, "c_01");
    assert!(world.insist(&client.refresh(&tokens.refresh)).status == 400);
    assert!(!world.is_alive(&tokens.access));
    world.service = other;
    assert!(world.insist(&client.refresh(&tokens.refresh)).status == 400 && world.grants(&client) == 0);
}

#[test]
fn d_13_a_client_that_one_replica_deletes_refreshes_nothing_at_another_that_knew_it() {
    let mut world = World::new(Some(Server::start()), 1, &[]);
    let other = world.replica();
    let (client, code) = world.with_code();
    let mut tokens = Tokens::of(&world.insist(&client.redeem(&code)));
    for _ in 0..2 {
        tokens = Tokens::of(&world.insist(&client.refresh(&tokens.refresh)));
    }
    let deleted = finish(begin(other.public, &client.manage("DELETE")).unwrap()).unwrap();
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let refused = world.insist(&client.refresh(&tokens.refresh));
    assert_eq!((refused.status, refused.member("error").as_str()), (401, "invalid_client"));
    assert_eq!(world.grants(&client), 0);
}
