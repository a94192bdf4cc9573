//! Requests of a legacy client whose modern server needs something from it before it can answer.

use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::modernize::{self, InputRequired, answered, ask};
use mcp_protocol::relay::WireId;

use crate::process::Line;

/// The open rounds of one session.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    open: Vec<Round>,
    /// How often the client was asked: makes ids.
    count: u64,
}

/// What one request waits for.
#[derive(Debug)]
struct Round {
    request: WireId,
    /// What the client is asked for: the id of the question, and the server's key for it.
    questions: Vec<(Id, String)>,
    /// Results by key, as JSON.
    responses: Vec<(String, String)>,
    /// `requestState`, as JSON.
    state: Option<String>,
}

/// What an answer of the client is good for.
#[derive(Debug)]
pub(super) enum Heard {
    /// More is needed before the request can be sent again.
    More,
    /// The request, by its old id, is to be sent again with this.
    Again { request: WireId, responses: Vec<(String, String)>, state: Option<String> },
    /// The client refuses; so does the bridge, with the client's error (JSON).
    Refused { request: WireId, error: String },
}

impl Rounds {
    /// Begins a round for `request`; gives what to ask the client.
    pub(super) fn begin(&mut self, request: WireId, required: &InputRequired<'_>) -> Vec<Line> {
        let mut questions = Vec::new();
        let mut lines = Vec::new();
        for (key, method, params) in &required.requests {
            self.count = self.count.saturating_add(1);
            // A string: a modern server sends no requests whose ids it could be taken for.
            let Ok(id) = Id::parse(&format!("\"ask-{}\"", self.count)) else { continue };
            lines.push(Line::trusted(ask(&id, *method, *params)));
            questions.push((id, key.clone().into_owned()));
        }
        let state = required.state.map(str::to_owned);
        self.open.push(Round { request, questions, responses: Vec::new(), state });
        lines
    }

    /// The client has answered; `None` when nobody has asked it that.
    pub(super) fn hear(&mut self, id: &Id, message: &Message<'_>) -> Option<Heard> {
        let is_asked = |round: &Round| round.questions.iter().any(|(question, _)| question == id);
        let round = self.open.iter_mut().find(|round| is_asked(round))?;
        let request = round.request;
        let at = round.questions.iter().position(|(question, _)| question == id)?;
        let (_, key) = round.questions.swap_remove(at);
        match answered(message) {
            Ok(result) => round.responses.push((key, result.replace(['\r', '\n'], " "))),
            Err(error) => {
                let error = error.replace(['\r', '\n'], " ");
                self.forget(request);
                return Some(Heard::Refused { request, error });
            }
        }
        if !round.questions.is_empty() {
            return Some(Heard::More);
        }
        let (responses, state) = (std::mem::take(&mut round.responses), round.state.take());
        self.forget(request);
        Some(Heard::Again { request, responses, state })
    }

    /// The request has ended in another way.
    pub(super) fn forget(&mut self, request: WireId) {
        self.open.retain(|round| round.request != request);
    }
}

/// The request that was sent as `sent`, again.
pub(super) fn again(
    sent: &Line,
    id: WireId,
    responses: &[(String, String)],
    state: Option<&str>,
) -> Option<Line> {
    let sent = std::str::from_utf8(sent.bytes()).ok()?;
    modernize::retry(sent, id, responses, state).map(Line::trusted)
}
