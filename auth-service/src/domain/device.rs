//! Devices that cannot show a browser, and what their users type instead (RFC 8628).

use std::fmt;

use gateway_core::resource::ServerName;
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;
use service_kit::random::{NoEntropy, Rng};

use super::client::ClientId;
use super::secret::Digest;

/// The value of `grant_type` (RFC 8628 §3.4).
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds that a device waits between two questions at first (RFC 8628 §3.2).
pub const FIRST_INTERVAL: u64 = 5;

/// Seconds that are added whenever it asks too soon (RFC 8628 §3.5).
pub const SLOW_DOWN: u64 = 5;

/// The letters of user codes: no vowels, so no words, and nothing that looks like something else (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of a user code: 34 bits, which nobody guesses in ten minutes at the rate that a page allows (RFC 8628 §5.1).
const LENGTH: usize = 8;

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The client that runs on it.
    pub client: ClientId,
    /// The one server that is asked for.
    pub server: ServerName,
    /// What is asked for there; not empty.
    pub scope: ScopeSet,
}

/// What a user types to say which device is theirs (RFC 8628 §3.2). Kept only as a digest, which keeps it out of backups and
/// dumps; against somebody who reads the store while it lives, 34 bits are none. It opens nothing without a sign-in.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A new code, every one as likely as every other.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let bytes = rng.bits256()?;
            // 240 is the last multiple of 20: a byte beyond it would make some letters more likely.
            let letters = bytes.iter().filter(|byte| **byte < 240);
            let letters = letters.filter_map(|byte| ALPHABET.get(usize::from(byte % 20)));
            code.extend(letters.map(|letter| char::from(*letter)).take(LENGTH.saturating_sub(code.len())));
        }
        Ok(Self(code))
    }

    /// Reads what a user typed: in any case, with or without what was put in for readability (RFC 8628 §6.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let typed = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let code: String = typed.map(|c| c.to_ascii_uppercase()).take(LENGTH.saturating_add(1)).collect();
        let is_ours = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_ours.then_some(Self(code))
    }

    /// What the store keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_fields(&["user code", &self.0])
    }

    /// The code as people read it: in two halves. For the device, and for the page that asks about it.
    #[must_use]
    pub fn expose(&self) -> String {
        let (first, second) = self.0.split_at_checked(LENGTH / 2).unwrap_or((&self.0, ""));
        format!("{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserCode(…)")
    }
}

/// How often a device asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Seconds that it has to wait.
    pub interval: u64,
    /// When it asked last.
    pub asked_at: Option<UnixTime>,
}

impl Pace {
    /// Counts a question; gives whether it came too soon, and then the next one has to wait longer (RFC 8628 §3.5). Our
    /// clock counts whole seconds and networks are not even: one second less is still in time.
    pub fn ask(&mut self, now: UnixTime) -> bool {
        let is_early = self.asked_at.is_some_and(|last| now.since(last).saturating_add(1) < self.interval);
        if is_early {
            self.interval = self.interval.saturating_add(SLOW_DOWN);
        }
        self.asked_at = Some(now);
        is_early
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: FIRST_INTERVAL, asked_at: None }
    }
}

#[cfg(test)]
mod tests {
    use service_kit::random::{SequenceRng, SystemRng};

    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it_and_nothing_else_is_one() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        for typed in ["wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T", "WDJB\u{a0}MJHT"] {
            assert_eq!(UserCode::parse(typed), Some(code.clone()), "{typed}");
        }
        assert_eq!(code.expose(), "WDJB-MJHT");
        for other in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB_MJHT", "WDJB-MJH\u{422}", "-"] {
            assert_eq!(UserCode::parse(other), None, "{other}");
        }
    }

    #[test]
    fn codes_differ_are_readable_and_hide_from_logs() {
        let rng = SequenceRng::default();
        let (one, other) = (UserCode::generate(&rng).unwrap(), UserCode::generate(&rng).unwrap());
        assert_ne!(one.digest(), other.digest());
        for _ in 0..200 {
            let code = UserCode::generate(&SystemRng).unwrap();
            assert_eq!(UserCode::parse(&code.expose()), Some(code));
        }
        assert_eq!(format!("{one:?}"), "UserCode(…)");
    }

    #[test]
    fn who_asks_too_soon_has_to_wait_longer_every_time() {
        let at = UnixTime::from_secs;
        let mut pace = Pace::default();
        let asked: Vec<bool> = [0, 5, 9, 12, 21, 22].map(|second| pace.ask(at(second))).to_vec();
        assert_eq!(asked, [false, false, false, true, false, true]);
        assert_eq!(pace.interval, 15);
    }
}
