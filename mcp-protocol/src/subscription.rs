//! `subscriptions/listen`: the notifications that a modern client wants to hear (2026-07-28, "Subscriptions").

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::jsonrpc::{Id, Message, Rigour, read_object};
use crate::params::Params;
use crate::splice::Splice;
use crate::translate::Introduction;

/// Which notifications are wanted (`SubscriptionFilter`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `toolsListChanged`
    pub tools: bool,
    /// `promptsListChanged`
    pub prompts: bool,
    /// `resourcesListChanged`
    pub resources: bool,
    /// `resourceSubscriptions`: the URIs of resources.
    pub uris: BTreeSet<String>,
}

/// `params.notifications` is not a filter: -32602.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "params.notifications must be an object with toolsListChanged, promptsListChanged, resourcesListChanged (booleans) and resourceSubscriptions (at most {MOST_URIS} URIs)"
)]
pub struct FilterError;

/// Most resources of one subscription.
pub const MOST_URIS: usize = 256;

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

impl Filter {
    /// Reads `params.notifications`.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn read(message: &Message<'_>) -> Result<Self, FilterError> {
        let params = message.params().ok_or(FilterError)?;
        let keys = ["notifications"];
        let [filter] = read_object(params.get(), keys, Rigour::Sought).map_err(|_| FilterError)?;
        let keys =
            ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];
        let [tools, prompts, resources, uris] =
            read_object(filter.ok_or(FilterError)?.get(), keys, Rigour::Sought).map_err(|_| FilterError)?;
        let uris: BTreeSet<String> = match uris {
            Some(uris) => serde_json::from_str(uris.get()).map_err(|_| FilterError)?,
            None => BTreeSet::new(),
        };
        if uris.len() > MOST_URIS {
            return Err(FilterError);
        }
        Ok(Self { tools: flag(tools)?, prompts: flag(prompts)?, resources: flag(resources)?, uris })
    }

    /// What of it a server can deliver that introduced itself like this.
    #[must_use]
    pub fn honoured_by(self, introduction: &Introduction) -> Self {
        let offers = |group, detail| introduction.declares_detail(group, detail);
        Self {
            tools: self.tools && offers("tools", "listChanged"),
            prompts: self.prompts && offers("prompts", "listChanged"),
            resources: self.resources && offers("resources", "listChanged"),
            uris: if offers("resources", "subscribe") { self.uris } else { BTreeSet::new() },
        }
    }

    /// Whether the notification is wanted.
    #[must_use]
    pub fn wants(&self, method: &str, params: &Params<'_>) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            "notifications/resources/updated" => {
                params.uri.as_deref().is_some_and(|uri| self.uris.contains(uri))
            }
            _ => false,
        }
    }

    /// The first message on the stream of the request `id`.
    #[must_use]
    pub fn acknowledgement(&self, id: &Id) -> String {
        let mut filter = serde_json::Map::new();
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        filter.extend(
            flags.into_iter().filter(|(_, set)| *set).map(|(key, _)| (key.to_owned(), Value::Bool(true))),
        );
        if !self.uris.is_empty() {
            filter.insert("resourceSubscriptions".to_owned(), json!(self.uris));
        }
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{},"notifications":{}}}}}"#,
            meta(id),
            Value::from(filter)
        )
    }
}

fn flag(value: Option<&RawValue>) -> Result<bool, FilterError> {
    value.map_or(Ok(false), |value| serde_json::from_str(value.get()).map_err(|_| FilterError))
}

fn meta(id: &Id) -> String {
    format!(r#"{{"{SUBSCRIPTION_ID}":{}}}"#, id.as_raw())
}

/// A notification as it goes to the subscription `id`. On one line.
#[must_use]
pub fn tagged(message: &Message<'_>, params: &Params<'_>, id: &Id) -> String {
    let mut splice = Splice::of(message.raw());
    match (message.params().map(RawValue::get), params.meta.text) {
        (Some(_), Some(old)) => match subscription_of(params) {
            Some(part) => splice.replace(part, id.as_raw().to_owned()),
            None => splice.insert(old, &format!(r#""{SUBSCRIPTION_ID}":{}"#, id.as_raw())),
        },
        (Some(params), None) if params.starts_with('{') => {
            splice.insert(params, &format!(r#""_meta":{}"#, meta(id)));
        }
        // Without parameters the message itself is the only object.
        _ => splice.insert(message.raw(), &format!(r#""params":{{"_meta":{}}}"#, meta(id))),
    }
    splice.finish()
}

/// Which subscription a modern server's notification is for: its id for the request, as JSON.
#[must_use]
pub fn subscription_of<'a>(params: &Params<'a>) -> Option<&'a str> {
    let [id] = read_object(params.meta.text?, [SUBSCRIPTION_ID], Rigour::Sought).ok()?;
    id.map(RawValue::get)
}

/// The answer that ends the subscription `id` in an orderly way.
#[must_use]
pub fn end(id: &Id) -> String {
    let (meta, id) = (meta(id), id.as_raw());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{meta}}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, then: impl FnOnce(&Message<'_>, &Params<'_>) -> T) -> T {
        let message = Message::parse(text.as_bytes()).unwrap();
        then(&message, &Params::of(&message).unwrap())
    }

    fn filter(text: &str) -> Result<Filter, FilterError> {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{text}}}}}"#
        );
        with(&text, |message, _| Filter::read(message))
    }

    #[test]
    fn only_what_was_asked_for_is_wanted() {
        let filter = filter(r#"{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}"#).unwrap();
        for (method, uri, wanted) in [
            ("tools/list_changed", "", true),
            ("prompts/list_changed", "", false),
            ("resources/updated", "a:b", true),
            ("resources/updated", "a:c", false),
            ("message", "", false),
        ] {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"uri":"{uri}"}}}}"#
            );
            let is_wanted = with(&text, |message, params| filter.wants(message.method().unwrap(), params));
            assert_eq!(is_wanted, wanted, "{text}");
        }
        assert_eq!(
            filter.acknowledgement(&Id::parse("1").unwrap()),
            r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"notifications":{"resourceSubscriptions":["a:b"],"toolsListChanged":true}}}"#
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["1", "[]", r#"{"toolsListChanged":1}"#, r#"{"resourceSubscriptions":"a"}"#] {
            assert_eq!(filter(text), Err(FilterError), "{text}");
        }
        assert_eq!(filter("{}"), Ok(Filter::default()));
    }

    #[test]
    fn notifications_say_which_subscription_they_are_for() {
        let id = Id::parse("\"s\"").unwrap();
        let tag = r#""io.modelcontextprotocol/subscriptionId":"s""#;
        for (rest, expected) in [
            (r#""params":{"uri":"a"}"#, format!(r#""params":{{"_meta":{{{tag}}},"uri":"a"}}"#)),
            (r#""params":{"_meta":{"x":1}}"#, format!(r#""params":{{"_meta":{{{tag},"x":1}}}}"#)),
            (
                r#""params":{"_meta":{"io.modelcontextprotocol/subscriptionId":77}}"#,
                format!(r#""params":{{"_meta":{{{tag}}}}}"#),
            ),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","method":"n",{rest}}}"#);
            let tagged = with(&text, |message, params| tagged(message, params, &id));
            assert_eq!(tagged, format!(r#"{{"jsonrpc":"2.0","method":"n",{expected}}}"#));
        }
        let text = r#"{"jsonrpc":"2.0","method":"n"}"#;
        let tagged = with(text, |message, params| tagged(message, params, &id));
        assert_eq!(tagged, format!(r#"{{"params":{{"_meta":{{{tag}}}}},"jsonrpc":"2.0","method":"n"}}"#));
    }
}
