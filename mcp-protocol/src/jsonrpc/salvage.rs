//! Whose answer was that? For messages that are too long to keep, or too broken to read.

use super::Id;

/// Longest id that is salvaged; longer ones are unknown.
const LONGEST_ID: usize = 1024;

/// Looks for the id of a JSON-RPC message that streams by, in a few bytes of memory.
///
/// It follows strings and nesting only, so it also works on text that is not quite JSON; what it finds is good enough
/// to fail the request in question, and must not be used for anything else.
#[derive(Debug, Default)]
pub struct Salvage {
    depth: u32,
    string: Option<Escape>,
    /// Bytes of the current string, or bare token, directly inside the outer object; cut at [`LONGEST_ID`].
    token: Vec<u8>,
    key: Option<Key>,
    id: Option<Vec<u8>>,
    answers: bool,
    asks: bool,
}

/// What was found of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Salvaged {
    /// It was the answer to this request.
    AnswerTo(Id),
    /// It was, or may have been, an answer; whose is not known.
    AnswerToUnknown,
    /// It was a request or a notification.
    NoAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Other,
}

impl Salvage {
    /// Looks at the next bytes of the message.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.step(*byte);
        }
    }

    /// The verdict, as soon as later bytes cannot change it for a well-formed message.
    #[must_use]
    pub fn early(&self) -> Option<Salvaged> {
        if self.asks {
            return Some(Salvaged::NoAnswer);
        }
        let id = self.id.as_deref().filter(|_| self.answers)?;
        read_id(id).map(Salvaged::AnswerTo)
    }

    /// The verdict at the end of the message.
    #[must_use]
    pub fn finish(&self) -> Salvaged {
        let id = self.id.as_deref().and_then(read_id);
        match (self.asks, id) {
            (true, _) => Salvaged::NoAnswer,
            (false, Some(id)) => Salvaged::AnswerTo(id),
            (false, None) => Salvaged::AnswerToUnknown,
        }
    }

    fn step(&mut self, byte: u8) {
        match (self.string, byte) {
            (Some(Escape::Next), _) => {
                self.string = Some(Escape::No);
                self.keep(byte);
            }
            (Some(Escape::No), b'\\') => {
                self.string = Some(Escape::Next);
                self.keep(byte);
            }
            (Some(Escape::No), b'"') => {
                self.string = None;
                self.keep(byte);
            }
            (Some(Escape::No), _) => self.keep(byte),
            (None, _) => self.structure(byte),
        }
    }

    fn structure(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.string = Some(Escape::No);
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.token.clear();
            }
            b'}' | b']' => {
                self.end_of_member();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.end_of_member(),
            b':' if self.depth == 1 => self.end_of_key(),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < LONGEST_ID {
            self.token.push(byte);
        }
    }

    fn end_of_key(&mut self) {
        self.key = Some(match self.token.as_slice() {
            br#""id""# => Key::Id,
            br#""method""# => {
                self.asks = true;
                Key::Other
            }
            br#""result""# | br#""error""# => {
                self.answers = true;
                Key::Other
            }
            _ => Key::Other,
        });
        self.token.clear();
    }

    fn end_of_member(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.key.take() == Some(Key::Id) {
            self.id = Some(std::mem::take(&mut self.token));
        }
        self.token.clear();
    }
}

fn read_id(bytes: &[u8]) -> Option<Id> {
    Id::parse(std::str::from_utf8(bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salvage(text: &str) -> Salvaged {
        let mut salvage = Salvage::default();
        for byte in text.as_bytes() {
            salvage.feed(&[*byte]);
        }
        salvage.finish()
    }

    #[test]
    fn the_id_is_found_wherever_it_stands() {
        let found = |raw: &str| Salvaged::AnswerTo(Id::parse(raw).unwrap());
        assert_eq!(salvage(r#"{"jsonrpc":"2.0","id":7,"result":{"id":9,"a":[{"id":8}]}}"#), found("7"));
        assert_eq!(
            salvage(r#"{"result":{"text":"\"id\":3 }{ \\"},"jsonrpc":"2.0","id":"a\"b"}"#),
            found(r#""a\"b""#)
        );
        assert_eq!(salvage(r#"{ "id" : 5 , "error" : {"code":1}, "result": {} }"#), found("5"));
        assert_eq!(salvage(r#"{"id":5,"result":"cut in the mid"#), found("5"));
    }

    #[test]
    fn a_request_of_the_server_is_no_answer() {
        assert_eq!(
            salvage(r#"{"jsonrpc":"2.0","id":0,"method":"roots/list","params":{"x":"#),
            Salvaged::NoAnswer
        );
        assert_eq!(salvage(r#"{"method":"notifications/message"}"#), Salvaged::NoAnswer);
    }

    #[test]
    fn without_a_readable_id_the_answer_is_to_somebody_unknown() {
        for text in ["", "{", "xxxx", r#"{"result":{"id":1}}"#, r#"{"id":null,"error":{}}"#] {
            assert_eq!(salvage(text), Salvaged::AnswerToUnknown, "{text}");
        }
    }

    #[test]
    fn an_answer_is_known_before_its_end() {
        let mut salvage = Salvage::default();
        salvage.feed(br#"{"jsonrpc":"2.0","id":7,"#);
        assert_eq!(salvage.early(), None);
        salvage.feed(br#""result":{"content":["#);
        assert_eq!(salvage.early(), Some(Salvaged::AnswerTo(Id::parse("7").unwrap())));
    }
}
