//! Proof of enforcement: what the edge tells an upstream so that it can know that the edge has decided.
//!
//! The edge signs when the request leaves, after it decided:
//!
//! ```
//! use gateway_core::assertion::{Assertion, EdgeKey, HEADER};
//! use gateway_core::time::UnixTime;
//!
//! let key = EdgeKey::parse("5c6c0a3bb5b1f8b4cd0c7cf04dbcb3b2f9cf4f2d4b8bb0cc0a0a3b8bd9e0e1f7").unwrap();
//! let headers = [("x-user-id", "local:ada".to_owned()), ("x-scopes", "mcp:time".to_owned())];
//! let identity = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
//! let assertion = Assertion::new(b"POST", b"localhost:8080", b"/time/mcp", identity).unwrap();
//! let now = UnixTime::from_secs(1_800_000_000);
//! let header = (HEADER, assertion.sign(&key, now.as_secs()));
//! assert!(header.1.starts_with("v1."));
//! ```

pub use edge_assertion::{
    Assertion, AssertionError, CLOCK_SKEW, EdgeKey, HEADER, IDENTITY, KeyError, LIFETIME,
};
