//! OAuth as values: what a client, a redirect URI, a grant or a secret *is*, and which of them cannot exist.
//!
//! Everything here is parsed once, at the edge, and never checked again. There is no IO and no clock; nothing here
//! knows HTTP, the store or where users come from.

pub mod address;
pub mod admission;
pub mod catalogue;
pub mod client;
pub mod client_assertion;
pub mod client_document;
pub mod client_keys;
pub mod client_update;
pub mod consent;
pub mod device;
pub mod document_url;
pub mod error;
pub mod freshness;
pub mod grant;
pub mod metadata;
pub mod parameters;
pub mod pkce;
pub mod random_id;
pub mod redirect_uri;
pub mod refresh;
pub mod resource_servers;
pub mod revocation;
pub mod secret;
pub mod token;
pub mod upstream;
pub mod user;
