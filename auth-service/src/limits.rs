//! How often somebody may ask, so that nobody can guess, flood or starve the others (K-02, D-01).
//!
//! One bucket for each address, client and user, in memory, for each replica. What is remembered of them is bounded: when
//! too many are known at once, everybody shares one bucket until the old ones are forgotten.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use service_kit::clock::Clock;

use crate::domain::client::ClientId;
use crate::domain::secret::Digest;

/// A user may try from several places, and somebody else from one place must not be able to keep them out.
const USERS_SHARE: u32 = 5;

/// Of the refusals at one door, this many are logged.
const LINES: Steady = Steady { burst: NonZeroU32::MIN.saturating_add(9), period: Duration::from_secs(60) };

/// Most buckets of one kind, about 100 bytes each.
const MAX_BUCKETS: usize = 100_000;

/// The bucket that everybody shares when there are too many.
const EVERYBODY: u128 = 0;

/// So many times in such a time, all of them at once if need be: `60/m`. `off`, the default, is as often as anybody likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate(Option<Steady>);

/// A bucket of `burst`, of which one comes back in each `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steady {
    burst: NonZeroU32,
    period: Duration,
}

/// How often each may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// `LIMIT_REGISTER`: registrations, and fetches of clients that describe themselves and are new here, or of their keys, for each address.
    pub register: Rate,
    /// `LIMIT_AUTHORIZE`: pages, for each address.
    pub authorize: Rate,
    /// `LIMIT_SIGN_IN`: passwords, for each address, and five times as many for each user.
    pub sign_in: Rate,
    /// `LIMIT_DEVICE`: codes that users type for their devices, for each address.
    pub device: Rate,
    /// `LIMIT_TOKEN`: tokens, revocations and questions about tokens, for each address.
    pub token: Rate,
    /// `LIMIT_TOKEN_CLIENT`: tokens, for each client that authenticates, with a secret or a key.
    pub token_client: Rate,
    /// `PROXY_HOPS`: how many proxies of ours a request passes, each of which adds the address that it came from to
    /// `X-Forwarded-For`. What stands before that is the client's own word.
    pub proxy_hops: u8,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A registration, or a fetch of a client that describes itself and was not met before, or of its keys.
    Register,
    /// A page.
    Authorize,
    /// A check of a password.
    SignIn,
    /// A look at what waits with a code that a user typed (RFC 8628 §5.1).
    Device,
    /// A token, or something about one.
    Token,
}

tokio::task_local! {
    static ASKER: IpAddr;
}

/// Runs `work` for whoever asks from `address`.
pub async fn on_behalf_of<T>(address: IpAddr, work: impl Future<Output = T>) -> T {
    ASKER.scope(address, work).await
}

/// For whom this is done; `None` when nobody outside asked for it.
#[must_use]
pub fn asker() -> Option<IpAddr> {
    ASKER.try_with(|address| *address).ok()
}

/// Too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {seconds} s")]
pub struct TooMany {
    /// When it is worth trying again, at the earliest.
    pub seconds: u64,
}

/// The buckets.
#[derive(Debug)]
pub struct Limits {
    register: Buckets,
    authorize: Buckets,
    sign_in: Buckets,
    sign_in_user: Buckets,
    device: Buckets,
    token: Buckets,
    token_client: Buckets,
    lines: Buckets,
    proxy_hops: u8,
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "off" {
            return Ok(Self(None));
        }
        let (times, unit) = text.split_once('/').ok_or(())?;
        let burst: NonZeroU32 = times.parse().map_err(|_| ())?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(()),
        };
        let period = Duration::from_secs(seconds).checked_div(burst.get());
        let period = period.filter(|period| !period.is_zero()).ok_or(())?;
        Ok(Self(Some(Steady { burst, period })))
    }
}

impl Rate {
    /// So many times as often.
    fn times(self, factor: u32) -> Self {
        let steady = self.0.and_then(|Steady { burst, period }| {
            Some(Steady {
                burst: burst.saturating_mul(NonZeroU32::new(factor)?),
                period: period.checked_div(factor)?,
            })
        });
        Self(steady)
    }
}

impl Limits {
    /// Full buckets.
    #[must_use]
    pub fn new(rates: &Rates, clock: &Arc<dyn Clock>) -> Self {
        let of = |rate: Rate| Buckets::new(rate, clock);
        Self {
            register: of(rates.register),
            authorize: of(rates.authorize),
            sign_in: of(rates.sign_in),
            sign_in_user: of(rates.sign_in.times(USERS_SHARE)),
            device: of(rates.device),
            token: of(rates.token),
            token_client: of(rates.token_client),
            lines: of(Rate(Some(LINES))),
            proxy_hops: rates.proxy_hops,
        }
    }

    /// Counts a request from `address`.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn address(&self, door: Door, address: IpAddr) -> Result<(), TooMany> {
        let buckets = match door {
            Door::Register => &self.register,
            Door::Authorize => &self.authorize,
            Door::SignIn => &self.sign_in,
            Door::Device => &self.device,
            Door::Token => &self.token,
        };
        buckets.take(key_of(address))
    }

    /// Counts a request of a client that has shown who it is.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn client(&self, client: &ClientId) -> Result<(), TooMany> {
        self.token_client.take(key_of_name(client.as_str()))
    }

    /// Counts a password for `username`, who need not exist.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn user(&self, username: &str) -> Result<(), TooMany> {
        self.sign_in_user.take(key_of_name(username))
    }

    /// Whether a refusal at `door` is worth a line in the log: in a flood only the first few are.
    #[must_use]
    pub fn is_worth_a_line(&self, door: Door) -> bool {
        self.lines.take(door as u128).is_ok()
    }

    /// Forgets the buckets that are full again.
    pub fn forget(&self) {
        for buckets in [
            &self.register,
            &self.authorize,
            &self.sign_in,
            &self.sign_in_user,
            &self.device,
            &self.token,
            &self.token_client,
        ] {
            buckets.forget();
        }
    }

    /// The address that counts: the connection's, or what the last of our own proxies but `proxy_hops` saw. `forwarded` are
    /// the values of `X-Forwarded-For`, in their order.
    #[must_use]
    pub fn client_address<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a str>) -> IpAddr {
        let Some(back) = usize::from(self.proxy_hops).checked_sub(1) else { return peer };
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        hops.iter().rev().nth(back).and_then(|hop| hop.parse().ok()).unwrap_or(peer)
    }
}

/// Whoever has an IPv6 address has 2^64 of them, and a household often 2^72: a /56.
fn key_of(address: IpAddr) -> u128 {
    const NETWORK: u128 = !0 << 72;
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()) | 1 << 32,
        IpAddr::V6(address) => address.to_bits() & NETWORK,
    }
}

fn key_of_name(name: &str) -> u128 {
    let digest = Digest::of(name.as_bytes());
    digest.as_bytes().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}

#[derive(Debug)]
struct Buckets(Option<Limiter>);

type Limiter = RateLimiter<u128, DashMapStateStore<u128>, OurClock, NoOpMiddleware<Nanos>>;

impl Buckets {
    fn new(rate: Rate, clock: &Arc<dyn Clock>) -> Self {
        Self(rate.0.and_then(|rate| {
            let quota = Quota::with_period(rate.period)?.allow_burst(rate.burst);
            Some(RateLimiter::new(quota, DashMapStateStore::default(), OurClock(Arc::clone(clock))))
        }))
    }

    fn take(&self, key: u128) -> Result<(), TooMany> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        let key = if limiter.len() < MAX_BUCKETS { key } else { EVERYBODY };
        limiter.check_key(&key).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(limiter.clock().now());
            TooMany { seconds: wait.as_secs().saturating_add(1) }
        })
    }

    fn forget(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
        }
    }
}

/// The service's clock, for the buckets.
#[derive(Debug, Clone)]
struct OurClock(Arc<dyn Clock>);

impl governor::clock::Clock for OurClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Duration::from_secs(self.0.now()).into()
    }
}

#[cfg(test)]
mod tests {
    use service_kit::clock::ManualClock;

    use super::*;

    fn limits(rate: &str, proxy_hops: u8) -> (Limits, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let rate = rate.parse().unwrap();
        let rates = Rates { register: rate, sign_in: rate, proxy_hops, ..Rates::default() };
        (Limits::new(&rates, &(Arc::clone(&clock) as Arc<dyn Clock>)), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn k_02_each_address_has_its_own_bucket_and_a_network_of_ipv6_has_one() {
        let (limits, clock) = limits("2/m", 1);
        let ask = |address| limits.address(Door::Register, ip(address)).is_ok();
        assert!(ask("192.0.2.1") && ask("::ffff:192.0.2.1") && !ask("192.0.2.1"));
        assert!(ask("192.0.2.2"));
        assert!(ask("2001:db8::1") && ask("2001:db8::2") && !ask("2001:db8::3"));
        assert!(!ask("2001:db8:0:1::1") && ask("2001:db8:0:100::1"), "a /56 is one household");
        let refused = limits.address(Door::Register, ip("192.0.2.1")).unwrap_err();
        assert!((29..=31).contains(&refused.seconds), "{refused}");
        clock.advance(31);
        assert!(ask("192.0.2.1") && !ask("192.0.2.1"));
        assert!(limits.address(Door::Token, ip("192.0.2.1")).is_ok(), "no limit was set there");
    }

    #[test]
    fn k_02_what_a_client_says_of_its_address_does_not_count() {
        let peer = ip("10.0.0.1");
        let cases = [
            (0, vec!["192.0.2.7"], "10.0.0.1"),
            (1, vec!["1.1.1.1, 2.2.2.2", "192.0.2.7"], "192.0.2.7"),
            (2, vec!["1.1.1.1", "192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (2, vec!["192.0.2.7"], "10.0.0.1"),
            (1, vec!["nonsense"], "10.0.0.1"),
            (1, vec![], "10.0.0.1"),
        ];
        for (hops, forwarded, expected) in cases {
            let (limits, _) = limits("1/s", hops);
            assert_eq!(limits.client_address(peer, forwarded.into_iter()), ip(expected), "{hops}");
        }
    }

    #[test]
    fn d_01_what_is_remembered_is_bounded_and_forgotten() {
        let (limits, clock) = limits("1/s", 1);
        for number in 0..MAX_BUCKETS + 10 {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            let _either = limits.address(Door::Register, address);
        }
        let known = || limits.register.0.as_ref().map_or(0, RateLimiter::len);
        assert!(known() <= MAX_BUCKETS + 1);
        clock.advance(10);
        limits.forget();
        assert_eq!(known(), 0);
    }

    #[test]
    fn a_rate_is_written_as_a_number_and_a_unit() {
        for wrong in ["", "60", "0/m", "-1/s", "60/d", "60/min", "60 / m", "4294967296/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        let once_a_second = Steady { burst: NonZeroU32::new(60).unwrap(), period: Duration::from_secs(1) };
        assert_eq!("60/m".parse(), Ok(Rate(Some(once_a_second))));
        assert_eq!("off".parse(), Ok(Rate::default()));
    }
}
