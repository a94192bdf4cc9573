//! The HTTP API in process: the real router over a real store in a temporary directory, with a clock that stands still.
//! One module per endpoint. The name of a test is the rule that it checks; ids are those of the threat catalogue.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]
#![expect(clippy::string_slice, reason = "tests cut ASCII texts")]

mod account;
mod app;
mod authorize;
mod browser;
mod client_credentials;
mod client_documents;
mod configuration;
mod consent;
mod device;
mod device_upstream;
mod document_host;
mod fake_provider;
mod hostile_documents;
mod hosts;
mod internal;
mod introspection;
mod inventory;
mod keys;
mod limits;
mod logs;
mod metadata;
mod page_snapshots;
mod private_key_jwt;
mod promises;
mod refresh;
mod register;
mod remembered;
mod revocations;
mod revoke;
mod secrets;
mod sign_in;
mod signer;
mod snapshots;
mod token;
mod token_revocation;
mod unused_clients;
mod upstream;
mod upstream_declined;
mod upstream_hostile;
mod upstream_users;
mod verify;
