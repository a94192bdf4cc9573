//! One message on one line.

use std::borrow::Cow;

use mcp_protocol::jsonrpc::{Message, ParseError};
use tokio_util::bytes::Bytes;

/// The text of one JSON-RPC message without line ends: fit for stdio and for server-sent events. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Bytes);

impl Line {
    /// The text of `message`, which was read from `source`; copied only when line ends had to be replaced.
    #[must_use]
    pub fn of(message: &Message<'_>, source: &Bytes) -> Self {
        match message.single_line() {
            Cow::Borrowed(text) => Self(source.slice_ref(text.as_bytes())),
            Cow::Owned(text) => Self(text.into()),
        }
    }

    /// A message that the bridge itself has written.
    ///
    /// # Errors
    /// When `text` is not one JSON-RPC message.
    pub fn own(text: String) -> Result<Self, ParseError> {
        let source = Bytes::from(text);
        let line = Self::of(&Message::parse(&source)?, &source);
        Ok(line)
    }

    /// The text of a message that was read, and changed without another line end ([`mcp_protocol::relay`],
    /// [`mcp_protocol::translate`]).
    #[must_use]
    pub(crate) fn trusted(text: String) -> Self {
        debug_assert!(!text.contains(['\r', '\n']), "one line");
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }
}
