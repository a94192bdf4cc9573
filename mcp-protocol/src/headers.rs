//! Names of the HTTP headers that MCP, or the trusted hop from the edge, gives a meaning to. All in lower case.

/// Legacy session (revisions up to 2025-11-25). Modern requests ignore it.
pub const SESSION_ID: &str = "mcp-session-id";

/// Protocol revision of the request (since 2025-06-18; equal to the body's `_meta` since 2026-07-28).
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The body's `method` (2026-07-28). Some clients send it on legacy requests too: its presence is not the era.
pub const METHOD: &str = "mcp-method";

/// The body's `params.name` or `params.uri` (2026-07-28).
pub const NAME: &str = "mcp-name";

/// Where a broken event stream goes on (legacy).
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Who the edge authenticated: the token's `sub`. Never taken from a client that did not pass the edge.
pub const USER_ID: &str = "x-user-id";

/// Which OAuth client the edge authenticated: the token's `client_id`.
pub const CLIENT_ID: &str = "x-client-id";
