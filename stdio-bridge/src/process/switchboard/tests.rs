//! Where each message goes.

use std::time::Duration;

use super::*;
use crate::process::Delivery;
use mcp_protocol::era::Era;

struct Board {
    it: Switchboard,
    notes: mpsc::UnboundedReceiver<Note>,
    next: u64,
    now: Instant,
}

impl Board {
    fn new() -> Self {
        Self::of(Audience::Session(Era::Legacy))
    }

    fn of(audience: Audience) -> Self {
        let now = Instant::now();
        let limits = Limits {
            idle: Duration::from_secs(100),
            idle_with_stream: Duration::from_secs(1000),
            request_timeout: Duration::from_secs(10),
            request_life: Duration::from_secs(25),
            reader_patience: Duration::from_secs(5),
            ..Limits::default()
        };
        let (to, notes) = mpsc::unbounded_channel();
        let server = ServerName::parse("s").unwrap();
        Self { it: Switchboard::new((server, audience), limits, to, now), notes, next: 10, now }
    }

    fn caller(id: &str, token: Option<&str>, accepts_stream: bool) -> Caller {
        let progress_token = token.map(|token| Id::parse(token).unwrap());
        Caller { progress_token, accepts_stream, ..Caller::of(Id::parse(id).unwrap()) }
    }

    /// Opens a request; the child sees 10, 11, … as its id.
    fn open(&mut self, id: &str, token: Option<&str>, accepts_stream: bool) -> Deliveries {
        self.open_for(Self::caller(id, token, accepts_stream))
    }

    fn open_for(&mut self, caller: Caller) -> Deliveries {
        self.it.admits(&caller).unwrap();
        let id = self.id();
        let line = Line::own(r#"{"jsonrpc":"2.0","id":0,"method":"m","params":{}}"#.to_owned()).unwrap();
        self.it.open((id, line), caller, self.now)
    }

    fn listen(&mut self) -> Deliveries {
        let id = self.id();
        self.it.listen(id, self.now).unwrap()
    }

    fn resume(&mut self, text: &str) -> Result<Deliveries, SendError> {
        self.it.resume(EventId::parse(text.as_bytes()).unwrap(), self.now)
    }

    fn id(&mut self) -> WireId {
        let id = self.next;
        self.next = id.saturating_add(1);
        WireId::new(id)
    }

    fn admits(&self, id: &str) -> Result<(), SendError> {
        self.it.admits(&Self::caller(id, None, true))
    }

    /// What the child is told at once.
    fn receive(&mut self, text: &'static str) -> Option<String> {
        let reply = self.it.receive(&Bytes::from_static(text.as_bytes()), self.now);
        reply.map(|line| String::from_utf8(line.bytes().to_vec()).unwrap())
    }

    /// The requests that were cancelled because their readers have gone.
    fn gone(&mut self) -> Vec<WireId> {
        let mut cancelled = Vec::new();
        while let Ok(note) = self.notes.try_recv() {
            if let Note::Gone(stream) = note {
                cancelled.extend(self.it.reader_gone(stream, self.now));
            }
        }
        cancelled
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
            std::task::Poll::Ready(Some(Delivery::Message(event))) => all.push(text(&event.line)),
            std::task::Poll::Ready(Some(Delivery::Answer(answer))) => all.push(text(&answer.line)),
            std::task::Poll::Ready(Some(Delivery::Ask(ask))) => all.push(format!("ask {}", ask.id.as_raw())),
            std::task::Poll::Ready(Some(Delivery::Failure(failure))) => all.push(failure.reason().to_owned()),
            std::task::Poll::Ready(None) => return [all, vec!["end".to_owned()]].concat(),
            std::task::Poll::Pending => return all,
        }
    }
}

const LOG: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
const ROOTS: &str = r#"{"jsonrpc":"2.0","id":0,"method":"roots/list"}"#;

#[test]
fn i14_answers_find_their_request_and_have_its_id() {
    let mut b = Board::new();
    let mut number = b.open("1", None, true);
    let mut text = b.open("\"1\"", None, true);
    assert_eq!(b.admits("1"), Err(SendError::DuplicateId), "I-14, H-49");
    assert_eq!(b.it.named(&Id::parse("\"1\"").unwrap()), Some(WireId::new(11)));
    b.receive(r#"{"jsonrpc":"2.0","id":11,"result":"t"}"#);
    b.receive(r#"{"jsonrpc":"2.0","id":10,"error":{"code":-5}}"#);
    b.receive(r#"{"jsonrpc":"2.0","id":"10","result":"not what was sent"}"#);
    assert_eq!(arrived(&mut text), [r#"{"jsonrpc":"2.0","id":"1","result":"t"}"#, "end"]);
    assert_eq!(arrived(&mut number), [r#"{"jsonrpc":"2.0","id":1,"error":{"code":-5}}"#, "end"]);
    assert_eq!(b.admits("1"), Ok(()), "an answered id may be used again");
    assert_eq!(b.it.named(&Id::parse("1").unwrap()), None);
    b.receive(r#"{"jsonrpc":"2.0","id":10,"result":"twice"}"#);
}

#[test]
fn i14_progress_goes_to_the_request_that_asked_for_it_under_its_own_token() {
    let mut b = Board::new();
    let mut asked = b.open("1", Some("\"p\""), true);
    let mut newest = b.open("2", Some("10"), true);
    let mut stream = b.listen();
    b.receive(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":10,"progress":1}}"#,
    );
    b.receive(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#,
    );
    assert_eq!(
        arrived(&mut asked),
        [
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#
        ]
    );
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
    let mut stream = b.listen();
    b.receive(LOG);
    assert_eq!(arrived(&mut stream), [ROOTS, LOG], "what waited comes first");
    assert!(
        arrived(&mut older).is_empty()
            && arrived(&mut newer).is_empty()
            && arrived(&mut json_only).is_empty()
    );
}

#[test]
fn of_several_streams_the_newest_whose_client_is_there_gets_a_message() {
    let mut b = Board::new();
    let mut first = b.listen();
    let mut second = b.listen();
    b.receive(LOG);
    assert_eq!((arrived(&mut first).len(), arrived(&mut second)), (0, vec![LOG.to_owned()]));
    drop(second);
    assert!(b.gone().is_empty());
    b.receive(LOG);
    assert_eq!(arrived(&mut first), [LOG]);
    let _more: Vec<Deliveries> = (0..8).map(|_| b.listen()).collect();
    assert_eq!(arrived(&mut first), ["end"], "there is a bound");
}

#[test]
fn i17_a_broken_stream_goes_on_with_what_its_client_has_missed() {
    let mut b = Board::new();
    let stream = b.listen();
    let other = b.listen();
    b.receive(LOG);
    b.receive(ROOTS);
    drop((stream, other));
    b.gone();
    b.receive(LOG);
    assert_eq!(arrived(&mut b.resume("l11.1").unwrap()), [ROOTS, LOG], "what waited comes too");
    assert!(arrived(&mut b.resume("l10.0").unwrap()).is_empty(), "nothing of another stream");
}

#[test]
fn i17_a_request_whose_client_was_cut_off_still_gets_its_answer() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":10}}"#;
    let answer = r#"{"jsonrpc":"2.0","id":10,"result":{}}"#;
    let mut b = Board::new();
    let lost = b.open("10", Some("10"), true);
    lost.is_streamed();
    drop(lost);
    assert!(b.gone().is_empty(), "that is no cancellation");
    b.receive(progress);
    let mut again = b.resume("r10.0").unwrap();
    assert_eq!(arrived(&mut again), [progress]);
    again.is_streamed();
    drop(again);
    b.receive(answer);
    assert_eq!(arrived(&mut b.resume("r10.1").unwrap()), [answer, "end"]);
    assert_eq!(arrived(&mut b.resume("r10.2").unwrap()), ["end"]);
    assert_eq!(b.resume("r77.0").unwrap_err(), SendError::Forgotten);
    assert_eq!(b.admits("10"), Ok(()));
}

#[test]
fn messages_pass_by_clients_that_have_gone() {
    let mut b = Board::new();
    let mut waiting = b.open("1", None, true);
    drop(b.open("2", None, true));
    drop(b.listen());
    b.receive(LOG);
    assert_eq!(arrived(&mut waiting), [LOG]);
    assert_eq!(b.admits("2"), Err(SendError::DuplicateId), "a lost client cancels nothing");
}

#[test]
fn i13_a_reader_that_stands_still_is_cut_after_its_patience() {
    let big = |kind| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"{kind}","params":{{"progressToken":10,"p":"{}"}}}}"#,
            "x".repeat(1_100_000)
        );
        &*Box::leak(text.into_boxed_str())
    };
    let mut b = Board::new();
    let mut request = b.open("1", Some("1"), true);
    let mut stream = b.listen();
    b.receive(big("x"));
    assert!(b.it.is_congested());
    b.later(5);
    assert_eq!(b.it.next_due(), b.now);
    b.it.cut_stalled(b.now);
    assert!(!b.it.is_congested());
    assert_eq!(arrived(&mut stream)[1..], ["stream_cut", "end"]);
    b.receive(big("notifications/progress"));
    b.later(4);
    b.it.cut_stalled(b.now);
    assert!(b.it.is_congested(), "not yet");
    b.later(1);
    b.it.cut_stalled(b.now);
    assert_eq!(arrived(&mut request)[1..], ["stream_cut"]);
    assert_eq!(b.admits("1"), Err(SendError::DuplicateId), "until the child answers");
    b.receive(r#"{"jsonrpc":"2.0","id":10,"result":{}}"#);
    assert_eq!(b.admits("1"), Ok(()));
}

#[test]
fn i09_a_request_fails_when_its_time_is_up() {
    let mut b = Board::new();
    let mut first = b.open("1", None, true);
    b.later(5);
    let mut second = b.open("2", None, true);
    b.later(5);
    assert_eq!(b.it.next_due(), b.now);
    assert_eq!(b.it.expire(b.now), [WireId::new(10)]);
    assert_eq!(arrived(&mut first), ["timeout", "end"]);
    assert!(arrived(&mut second).is_empty());
}

#[test]
fn i06_an_open_stream_keeps_a_session_for_a_limited_time_only() {
    let mut b = Board::new();
    assert!(!b.it.is_idle(b.now));
    b.later(100);
    assert!(b.it.is_idle(b.now));
    let _stream = b.listen();
    b.later(999);
    assert!(!b.it.is_idle(b.now));
    b.later(1);
    assert!(b.it.is_idle(b.now));
    let _open = b.open("1", None, true);
    b.later(5000);
    assert!(!b.it.is_idle(b.now), "an open request is a use");
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
        r#"{"jsonrpc":"2.0","id":10,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":11,"result":"ok"}"#,
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
    b.it.receive_too_long(Salvaged::NoAnswer, b.now);
    b.it.receive_too_long(Salvaged::AnswerTo(Id::number(10)), b.now);
    assert_eq!(arrived(&mut one), ["answer_too_large", "end"]);
    assert!(arrived(&mut two).is_empty());
    b.it.receive_too_long(Salvaged::AnswerToUnknown, b.now);
    assert_eq!(arrived(&mut two), ["answer_too_large", "end"]);
}

mod modern;

#[test]
fn i09_h43_progress_puts_the_end_of_a_request_off_and_not_for_ever() {
    let mut b = Board::new();
    let mut slow = b.open("1", Some("\"p\""), true);
    let mut silent = b.open("2", None, true);
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":10,"progress":1}}"#;
    for _ in 0..2 {
        b.later(9);
        b.receive(progress);
        b.it.expire(b.now);
    }
    assert_eq!(arrived(&mut silent), ["timeout", "end"]);
    assert!(!arrived(&mut slow).contains(&"end".to_owned()), "18 s, and it goes on");
    b.later(8);
    b.it.expire(b.now);
    assert_eq!(arrived(&mut slow), ["timeout", "end"], "26 s are too long");
}
