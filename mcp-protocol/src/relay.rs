//! A message on its way between a client and a server that many clients may share: its id, its progress token or the
//! request that it cancels are exchanged, every other byte stays.
//!
//! Towards the server, every request gets a [`WireId`] that no other request of the same server ever had; it is also
//! the token under which the server reports progress. On the way back the client's own are restored, as it wrote them.

use std::fmt;

use crate::jsonrpc::{Id, Message};
use crate::params::Params;
use crate::splice::Splice;

/// The id of a request towards a server, and its progress token: unique for the life of that server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireId(u64);

impl WireId {
    /// The id with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The wire id that a server has written as `id`; `None` for what cannot be one.
    #[must_use]
    pub fn of(id: &Id) -> Option<Self> {
        id.as_raw().parse().ok().map(Self)
    }
}

impl fmt::Display for WireId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A request as the server gets it: with `id`, and with that as its progress token when it has one. On one line.
#[must_use]
pub fn request(message: &Message<'_>, params: &Params<'_>, id: WireId) -> String {
    let mut splice = Splice::of(message.raw());
    exchange(&mut splice, message.id_text(), &id);
    exchange(&mut splice, params.meta.progress_token_text, &id);
    splice.finish()
}

/// A cancellation as the server gets it: of its request `id`. On one line.
#[must_use]
pub fn cancellation(message: &Message<'_>, params: &Params<'_>, id: WireId) -> String {
    let mut splice = Splice::of(message.raw());
    exchange(&mut splice, params.request_id_text, &id);
    splice.finish()
}

/// An answer as the client gets it: with the `id` of its request. On one line.
#[must_use]
pub fn answer(message: &Message<'_>, id: &Id) -> String {
    let mut splice = Splice::of(message.raw());
    exchange(&mut splice, message.id_text(), id.as_raw());
    splice.finish()
}

/// Progress as the client gets it: under its own `token`. On one line.
#[must_use]
pub fn progress(message: &Message<'_>, params: &Params<'_>, token: &Id) -> String {
    let mut splice = Splice::of(message.raw());
    exchange(&mut splice, params.progress_token_text, token.as_raw());
    splice.finish()
}

fn exchange(splice: &mut Splice<'_>, part: Option<&str>, with: &(impl ToString + ?Sized)) {
    if let Some(part) = part {
        splice.replace(part, with.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, then: impl FnOnce(&Message<'_>, &Params<'_>) -> T) -> T {
        let message = Message::parse(text.as_bytes()).unwrap();
        then(&message, &Params::of(&message).unwrap())
    }

    const REQUEST: &str = r#" {"x":1.0e+400, "params":{"_meta":{"progressToken":"pé\n","id":7},"id":7,"progressToken":8},
"id" : "a\u0000","method":"m" ,"jsonrpc":"2.0"}"#;

    #[test]
    fn i14_a_request_changes_in_its_id_and_token_only() {
        let sent = with(REQUEST, |message, params| request(message, params, WireId::new(41)));
        assert_eq!(
            sent,
            r#"{"x":1.0e+400, "params":{"_meta":{"progressToken":41,"id":7},"id":7,"progressToken":8}, "id" : 41,"method":"m" ,"jsonrpc":"2.0"}"#
        );
    }

    #[test]
    fn i14_answers_progress_and_cancellations_are_about_the_original() {
        let id = Id::parse(r#""a\u0000""#).unwrap();
        let text = r#"{"id":41,"result":{"id":41,"n":123456789012345678901234567890},"jsonrpc":"2.0"}"#;
        let got = with(text, |message, _| answer(message, &id));
        assert_eq!(got, text.replacen("41", r#""a\u0000""#, 1));
        let text = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":41,"progressToken":41}}"#;
        let got = with(text, |message, params| progress(message, params, &id));
        assert_eq!(got, text.replace(r#"Token":41"#, r#"Token":"a\u0000""#));
        let text =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x","reason":"x"}}"#;
        let got = with(text, |message, params| cancellation(message, params, WireId::new(9)));
        assert_eq!(got, text.replacen("\"x\"", "9", 1));
    }

    #[test]
    fn only_what_the_bridge_itself_has_written_is_a_wire_id() {
        let wire = |raw: &str| WireId::of(&Id::parse(raw).unwrap());
        assert_eq!(wire("7"), Some(WireId::new(7)));
        for other in ["-1", "\"7\"", "18446744073709551616"] {
            assert_eq!(wire(other), None, "{other}");
        }
    }
}
