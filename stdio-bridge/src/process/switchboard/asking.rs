//! A modern child in a legacy session: it asks in its answers, and the client hears requests.

use mcp_protocol::error::INTERNAL_ERROR;
use mcp_protocol::jsonrpc::{Kind, Message};
use mcp_protocol::modernize::InputRequired;
use mcp_protocol::relay::WireId;
use tokio::time::Instant;

use super::requests::{Due, Open};
use super::rounds::{Heard, again};
use super::{Others, Switchboard};
use crate::process::Line;
use crate::process::stream::Outlet;

impl Switchboard {
    /// A client has answered what it was asked. Gives what the child is to be told: the answer itself, where the child has
    /// asked; else, when nothing is missing any more, the request again, as `next`.
    pub(in crate::process) fn respond(&mut self, line: Line, next: WireId, now: Instant) -> Option<Line> {
        self.touch(now);
        let Others::Session(streams) = &mut self.others else { return Some(line) };
        let Some(rounds) = streams.rounds() else { return Some(line) };
        let message = Message::parse(line.bytes()).ok()?;
        let Kind::Response { id: Some(id), .. } = message.kind() else { return None };
        match rounds.hear(id, &message)? {
            Heard::More => None,
            Heard::Again { request, responses, state } => {
                let mut open = self.requests.remove(request)?;
                let sent = again(open.sent.as_ref()?, next, &responses, state.as_deref())?;
                open.sent_again(sent.clone(), Due::new(now, &self.limits));
                streams.opened(&open.caller.id, next);
                self.requests.insert(next, open);
                Some(sent)
            }
            Heard::Refused { request, error } => {
                let open = self.requests.remove(request)?;
                let id = open.caller.id.as_raw();
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
                self.finish((request, open), Ok((Line::trusted(text), Some(i64::from(INTERNAL_ERROR)))));
                None
            }
        }
    }

    /// The request `id` was answered. When the answer asks for something, the request is open again, and its client is asked;
    /// else it is given back.
    pub(super) fn ask_first(
        &mut self,
        id: WireId,
        open: Open,
        answer: &Message<'_>,
        now: Instant,
    ) -> Option<Open> {
        let Others::Session(streams) = &mut self.others else { return Some(open) };
        let Some((rounds, required)) = streams.rounds().zip(InputRequired::read(answer)) else {
            return Some(open);
        };
        let questions = rounds.begin(id, &required);
        self.requests.insert(id, open);
        for question in questions {
            let full = self.question(id, &question);
            self.congest(full, now);
        }
        None
    }

    /// Asks the client for what its request needs: on the stream of that, or on any that it has.
    fn question(&mut self, id: WireId, line: &Line) -> Option<Outlet> {
        let Others::Session(streams) = &mut self.others else { return None };
        match self.requests.get_mut(id).filter(|open| open.caller.accepts_stream) {
            Some(open) => streams.progress(open, line),
            None => streams.route(&mut self.requests, line.clone()),
        }
    }
}
