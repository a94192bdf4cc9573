//! Speaks for a legacy client to its modern child: the session that the child does not know lives here.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_protocol::capabilities::LogLevel;
use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::modernize::ClientIntroduction;
use mcp_protocol::params::Params;
use mcp_protocol::relay::WireId;
use mcp_protocol::translate::Introduction;

use crate::process::{Caller, Delivery, Line, Process, Request, SendError};

/// Speaks for a legacy client to its modern child.
#[derive(Debug)]
pub struct Translator {
    client: ClientIntroduction,
    server: Introduction,
    state: Mutex<State>,
}

/// What a modern client would say again and again.
#[derive(Debug, Default)]
struct State {
    /// `logging/setLevel`
    log_level: Option<LogLevel>,
    /// `resources/subscribe`
    uris: BTreeSet<String>,
    /// The subscription that is open for it.
    subscription: Option<WireId>,
}

impl Translator {
    /// Asks the child what it is; `None` when it gives no good answer.
    pub async fn introduce(process: &Process, client: ClientIntroduction) -> Option<Self> {
        let id = process.next_id();
        let line = Line::own(client.own_request(id, "server/discover", "")).ok()?;
        let caller = Caller::of(Id::number(id.number()));
        let mut deliveries = process.request(Request { line, id, caller }).await.ok()?;
        let Some(Delivery::Answer(answer)) = deliveries.next().await else { return None };
        let server = Introduction::discovered(&Message::parse(answer.line.bytes()).ok()?)?;
        Some(Self { client, server, state: Mutex::default() })
    }

    /// The answer to the `initialize` request `id`.
    #[must_use]
    pub fn initialize_answer(&self, id: &Id) -> String {
        self.server.initialize_answer(id, &self.client)
    }

    /// A request of the client, as the child gets it.
    #[must_use]
    pub fn request(&self, message: &Message<'_>, params: &Params<'_>, id: WireId) -> Line {
        Line::trusted(self.client.request(message, params, id, self.state().log_level))
    }

    /// Serves what modern servers do not know; `false` for any other method.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn serves(
        &self,
        process: &Process,
        message: &Message<'_>,
        params: &Params<'_>,
    ) -> Result<bool, SendError> {
        let uri = || params.uri.as_ref().map(|uri| uri.clone().into_owned());
        match message.method() {
            Some("ping") => Ok(true),
            Some("logging/setLevel") => {
                self.state().log_level = LogLevel::of(message);
                Ok(true)
            }
            Some("resources/subscribe") => {
                self.state().uris.extend(uri());
                self.listen(process).await.map(|()| true)
            }
            Some("resources/unsubscribe") => {
                if let Some(uri) = uri() {
                    self.state().uris.remove(&uri);
                }
                self.listen(process).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Subscribes to everything that a legacy client hears unasked, and to its resources; in the place of the subscription
    /// that was open before.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn listen(&self, process: &Process) -> Result<(), SendError> {
        let id = process.next_id();
        let (uris, before) = {
            let mut state = self.state();
            (state.uris.clone(), state.subscription.replace(id))
        };
        let offers = |group| self.server.declares_detail(group, "listChanged");
        let filter = serde_json::json!({
            "toolsListChanged": offers("tools"),
            "promptsListChanged": offers("prompts"),
            "resourcesListChanged": offers("resources"),
            "resourceSubscriptions": uris,
        });
        let text =
            self.client.own_request(id, "subscriptions/listen", &format!("\"notifications\":{filter}"));
        // In the table of open requests it stands beside the client's own.
        let own = Id::parse(&format!("\"bridge: subscription {id}\"")).map_err(|_| SendError::Gone)?;
        let caller = Caller { lasts: true, ..Caller::of(own) };
        let line = Line::trusted(text);
        let mut deliveries = process.request(Request { line, id, caller }).await?;
        tokio::spawn(async move { while deliveries.next().await.is_some() {} });
        if let Some(before) = before {
            let cancelled = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{before}}}}}"#
            );
            process.tell(Line::trusted(cancelled)).await?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
