//! Access tokens, in four stages that cannot be mixed up:
//!
//! 1. [`Compact`]: a text of the right shape (three base64url parts, bounded length);
//! 2. [`Unverified`]: its header is one we accept; it shows only what is needed to pick a key;
//! 3. [`Authentic`]: its issuer did sign it, and its claims have been read;
//! 4. [`Verified`]: issuer, audience and times are right for this request. There is no other way to make one.
//!
//! The token format is RFC 9068; the rules that go beyond it are RFC 8725's.

pub mod algorithm;
pub mod claims;
pub mod compact;
mod error;
pub mod header;
#[cfg(feature = "sign")]
pub mod sign;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{ClaimNames, Claims, Facts, Identity};
pub use compact::Compact;
pub use error::JwtError;
pub use header::{TokenType, Unverified};
pub use verify::{Audience, Authentic, Expectations, Verified};
