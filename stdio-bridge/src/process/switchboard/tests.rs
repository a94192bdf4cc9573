//! Where each message goes.

use std::time::Duration;

use super::*;

struct Board {
    board: Switchboard,
    now: Instant,
}

impl Board {
    fn new() -> Self {
        let now = Instant::now();
        let limits = Limits {
            idle: Duration::from_secs(100),
            idle_with_stream: Duration::from_secs(1000),
            request_timeout: Duration::from_secs(10),
            reader_patience: Duration::from_secs(5),
            ..Limits::default()
        };
        Self { board: Switchboard::new(ServerName::parse("s").unwrap(), limits, now), now }
    }

    fn open(&mut self, id: &str, token: Option<&str>, accepts_stream: bool) -> Deliveries {
        let id = Id::parse(id).unwrap();
        self.board.admits(&id).unwrap();
        let progress_token = token.map(|token| Id::parse(token).unwrap());
        self.board.open(Ticket { id, progress_token, accepts_stream }, self.now)
    }

    fn receive(&mut self, text: &'static str) {
        self.board.receive(&Bytes::from_static(text.as_bytes()), self.now);
    }

    fn later(&mut self, seconds: u64) {
        self.now = after(self.now, Duration::from_secs(seconds));
    }
}

/// What has arrived, as text; an ended stream is marked.
fn arrived(deliveries: &mut Deliveries) -> Vec<String> {
    let text = |line: &Line| String::from_utf8(line.bytes().to_vec()).unwrap();
    let mut all = Vec::new();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        let next = std::pin::pin!(deliveries.next());
        match next.poll(&mut context) {
            std::task::Poll::Ready(Some(Delivery::Message(line) | Delivery::Answer(line))) => {
                all.push(text(&line));
            }
            std::task::Poll::Ready(Some(Delivery::Failure(failure))) => all.push(failure.reason().to_owned()),
            std::task::Poll::Ready(None) => return [all, vec!["end".to_owned()]].concat(),
            std::task::Poll::Pending => return all,
        }
    }
}

const LOG: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
const ROOTS: &str = r#"{"jsonrpc":"2.0","id":0,"method":"roots/list"}"#;

#[test]
fn i14_answers_find_their_request_by_type_and_value() {
    let mut b = Board::new();
    let mut number = b.open("1", None, true);
    let mut text = b.open("\"1\"", None, true);
    assert_eq!(b.board.admits(&Id::parse("1").unwrap()), Err(SendError::DuplicateId), "I-14, H-49");
    b.receive(r#"{"jsonrpc":"2.0","id":"1","result":"t"}"#);
    b.receive(r#"{"jsonrpc":"2.0","id":1,"result":"n"}"#);
    assert_eq!(arrived(&mut text), [r#"{"jsonrpc":"2.0","id":"1","result":"t"}"#, "end"]);
    assert_eq!(arrived(&mut number), [r#"{"jsonrpc":"2.0","id":1,"result":"n"}"#, "end"]);
    assert_eq!(b.board.admits(&Id::parse("1").unwrap()), Ok(()), "an answered id may be used again");
    b.receive(r#"{"jsonrpc":"2.0","id":1,"result":"twice"}"#);
}

#[test]
fn progress_goes_to_the_request_that_asked_for_it() {
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#;
    let mut b = Board::new();
    let mut asked = b.open("1", Some("\"p\""), true);
    let mut newest = b.open("2", None, true);
    let mut stream = b.board.listen(b.now);
    b.receive(progress);
    assert_eq!(arrived(&mut asked), [progress]);
    assert!(arrived(&mut newest).is_empty() && arrived(&mut stream).is_empty());
}

#[test]
fn other_messages_go_to_one_stream_only() {
    let mut b = Board::new();
    b.receive(ROOTS);
    let mut older = b.open("1", None, true);
    let mut newer = b.open("2", None, true);
    let mut json_only = b.open("3", None, false);
    b.receive(LOG);
    assert_eq!(arrived(&mut newer), [LOG]);
    let mut stream = b.board.listen(b.now);
    b.receive(LOG);
    assert_eq!(arrived(&mut stream), [ROOTS, LOG], "what waited comes first");
    assert!(
        arrived(&mut older).is_empty()
            && arrived(&mut newer).is_empty()
            && arrived(&mut json_only).is_empty()
    );
}

#[test]
fn a_newer_stream_takes_over() {
    let mut b = Board::new();
    let mut first = b.board.listen(b.now);
    let mut second = b.board.listen(b.now);
    b.receive(LOG);
    assert_eq!(arrived(&mut first), ["end"]);
    assert_eq!(arrived(&mut second), [LOG]);
}

#[test]
fn messages_pass_by_clients_that_have_gone() {
    let mut b = Board::new();
    let mut waiting = b.open("1", None, true);
    drop(b.open("2", None, true));
    drop(b.board.listen(b.now));
    b.receive(LOG);
    assert_eq!(arrived(&mut waiting), [LOG]);
    assert_eq!(
        b.board.admits(&Id::parse("2").unwrap()),
        Err(SendError::DuplicateId),
        "a lost client cancels nothing"
    );
}

#[test]
fn i13_a_reader_that_stands_still_is_cut_after_its_patience() {
    let big = |kind| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"{kind}","params":{{"progressToken":1,"p":"{}"}}}}"#,
            "x".repeat(1_100_000)
        );
        &*Box::leak(text.into_boxed_str())
    };
    let mut b = Board::new();
    let mut request = b.open("1", Some("1"), true);
    let mut stream = b.board.listen(b.now);
    b.receive(big("x"));
    assert!(b.board.is_congested());
    b.later(5);
    assert_eq!(b.board.next_due(), b.now);
    b.board.cut_stalled(b.now);
    assert!(!b.board.is_congested());
    assert_eq!(arrived(&mut stream).len(), 2, "the message, then the end");
    b.receive(big("notifications/progress"));
    b.later(4);
    b.board.cut_stalled(b.now);
    assert!(b.board.is_congested(), "not yet");
    b.later(1);
    b.board.cut_stalled(b.now);
    assert_eq!(arrived(&mut request)[1..], ["stream_cut", "end"]);
    assert_eq!(
        b.board.admits(&Id::parse("1").unwrap()),
        Err(SendError::DuplicateId),
        "until the child answers"
    );
    b.receive(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(b.board.admits(&Id::parse("1").unwrap()), Ok(()));
}

#[test]
fn i09_a_request_fails_when_its_time_is_up() {
    let mut b = Board::new();
    let mut first = b.open("1", None, true);
    b.later(5);
    let mut second = b.open("2", None, true);
    b.later(5);
    assert_eq!(b.board.next_due(), b.now);
    assert_eq!(b.board.expire(b.now), [Id::parse("1").unwrap()]);
    assert_eq!(arrived(&mut first), ["timeout", "end"]);
    assert!(arrived(&mut second).is_empty());
}

#[test]
fn i06_an_open_stream_keeps_a_session_for_a_limited_time_only() {
    let mut b = Board::new();
    assert!(!b.board.is_idle(b.now));
    b.later(100);
    assert!(b.board.is_idle(b.now));
    let _stream = b.board.listen(b.now);
    b.later(999);
    assert!(!b.board.is_idle(b.now));
    b.later(1);
    assert!(b.board.is_idle(b.now));
    let _open = b.open("1", None, true);
    b.later(5000);
    assert!(!b.board.is_idle(b.now), "an open request is a use");
}

#[test]
fn i10_garbage_is_dropped_and_a_broken_answer_fails_its_request() {
    let mut b = Board::new();
    let mut broken = b.open("1", None, true);
    let mut whole = b.open("2", None, true);
    for line in [
        "Server listening…",
        "[1,2]",
        "{",
        "\u{1b}[31mred",
        r#"{"jsonrpc":"2.0","id":99,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":"ok"}"#,
    ] {
        b.receive(line);
    }
    assert_eq!(arrived(&mut broken), ["answer_invalid", "end"]);
    assert_eq!(arrived(&mut whole), [r#"{"jsonrpc":"2.0","id":2,"result":"ok"}"#, "end"]);
}

#[test]
fn i10_an_oversize_answer_fails_its_request_or_all_when_nobody_knows_whose_it_was() {
    let mut b = Board::new();
    let mut one = b.open("1", None, true);
    let mut two = b.open("2", None, true);
    b.board.receive_too_long(Salvaged::NoAnswer, b.now);
    b.board.receive_too_long(Salvaged::AnswerTo(Id::parse("1").unwrap()), b.now);
    assert_eq!(arrived(&mut one), ["answer_too_large", "end"]);
    assert!(arrived(&mut two).is_empty());
    b.board.receive_too_long(Salvaged::AnswerToUnknown, b.now);
    assert_eq!(arrived(&mut two), ["answer_too_large", "end"]);
}
