//! What a legacy child asks its caller for while it works on a request.

use mcp_protocol::input::InputMethod;
use mcp_protocol::jsonrpc::Id;
use tokio_util::bytes::Bytes;

/// A request of the child to its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The child's id for it: the answer must carry it.
    pub id: Id,
    /// What is asked for.
    pub method: InputMethod,
    /// `params`, as the child wrote it; `None` without.
    pub params: Option<Bytes>,
}
