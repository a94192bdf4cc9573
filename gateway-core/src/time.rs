//! Time as a value. There is no clock in this crate: `now` is always an argument.

use serde::{Deserialize, Serialize};

/// Seconds since the Unix epoch, as JWT `NumericDate` (RFC 7519 §2) without fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The last second of the year 9999. A token that claims to live longer is malformed, not long-lived.
    pub const MAX: Self = Self(253_402_300_799);

    /// The point in time `seconds` after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This time, `seconds` later. Saturates.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; 0 when `earlier` is in fact later (a clock that was set back).
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
