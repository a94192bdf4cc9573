//! J-01, J-09: `kill -9` at a random moment of every flow, over both stores; after each, what was promised is true.
//!
//! The moment is drawn by lot, from a seed that a failure names. `just soak auth` does it a thousand times, with a seed of its own.

use service_kit::random::{Rng as _, SystemRng};

use crate::life::Life;
use crate::world::{Fuse, World};

/// The requests of a life: the fuse burns at one of them.
const REQUESTS: u64 = 24;

/// Says which seed it was.
struct Named(u64, usize);

impl Drop for Named {
    #[expect(clippy::print_stderr, reason = "without the seed, nobody can do it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, kill {}", self.0, self.1);
        }
    }
}

/// Kills the service, or with it its Redis, `times` times.
fn killed(times: usize, seed: u64, redis: bool) {
    let mut named = Named(seed, 0);
    let redis = redis.then(World::durable_redis);
    let mut world = World::new(redis, seed, &[]);
    let (mut dead, mut alive): (Vec<Life>, Vec<Life>) = (vec![], vec![]);
    let mut kills = 0;
    while kills < times {
        named.1 = kills;
        let redis = world.redis.is_some() && world.dice.below(2) == 0;
        world.fuse = Some(Fuse { requests: world.dice.below(REQUESTS), redis });
        if world.dice.below(4) == 0 {
            // Signing in is a flow too.
            world.cookie.clear();
        }
        let life = Life::lived(&mut world);
        kills += usize::from(world.fuse.take().is_none());
        assert_eq!(world.inside("GET /health/ready", "").status, 200);
        if let Some(known) = dead.last() {
            known.is_dead(&mut world);
        }
        if let Some(known) = alive.last_mut() {
            known.goes_on(&mut world);
        }
        (if life.is_over { &mut dead } else { &mut alive }).push(life);
    }
    // Some come before the verb and some after it, and it is the others that this is about.
    assert!(world.lost > times / 10, "{} answers got lost", world.lost);
    everything_is_there(&mut world, &dead, &mut alive);
}

/// At the end, nothing that was promised in any life is broken, and every record can be read.
fn everything_is_there(world: &mut World, dead: &[Life], alive: &mut [Life]) {
    for life in dead {
        life.is_dead(world);
    }
    for life in alive.iter_mut() {
        life.goes_on(world);
    }
    assert_eq!(world.listed("grants").len(), alive.len(), "and none is there that nobody has");
    assert!(world.listed("clients").len() >= alive.len());
    assert_eq!(world.inside("POST /internal/purge", "null").status, 200);
}

fn seed() -> u64 {
    let mut seed = [0; 8];
    SystemRng.fill(&mut seed).unwrap();
    u64::from_be_bytes(seed)
}

#[test]
fn j_09_killed_40_times_over_the_embedded_store_nothing_that_was_promised_is_broken() {
    killed(40, 9, false);
}

#[test]
fn j_01_killed_40_times_over_redis_and_with_it_nothing_that_was_promised_is_broken() {
    killed(40, 1, true);
}

#[test]
#[ignore = "minutes; just soak auth"]
fn j_09_killed_1000_times_over_the_embedded_store() {
    killed(1000, seed(), false);
}

#[test]
#[ignore = "minutes; just soak auth"]
fn j_01_killed_1000_times_over_redis_and_with_it() {
    killed(1000, seed(), true);
}
