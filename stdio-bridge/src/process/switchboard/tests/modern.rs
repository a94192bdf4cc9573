//! Where each message of a child goes that serves modern callers.

use super::*;

const ASK: &str = r#"{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{}}"#;

fn modern() -> Board {
    Board::of(Audience::Callers(Era::Legacy))
}

#[test]
fn h09_modern_callers_may_use_equal_ids() {
    let mut b = modern();
    let mut one = b.open("1", None, false);
    let mut two = b.open("1", None, false);
    b.receive(r#"{"jsonrpc":"2.0","id":11,"result":"two"}"#);
    b.receive(r#"{"jsonrpc":"2.0","id":10,"result":"one"}"#);
    assert_eq!(arrived(&mut one), [r#"{"jsonrpc":"2.0","id":1,"result":"one"}"#, "end"]);
    assert_eq!(arrived(&mut two), [r#"{"jsonrpc":"2.0","id":1,"result":"two"}"#, "end"]);
}

#[test]
fn a_modern_caller_who_goes_away_cancels_its_request() {
    let mut b = modern();
    let gone = b.open("1", None, true);
    let mut other = b.open("1", None, true);
    drop(gone);
    assert_eq!(b.gone(), [WireId::new(10)]);
    b.receive(r#"{"jsonrpc":"2.0","id":10,"result":"late"}"#);
    b.receive(r#"{"jsonrpc":"2.0","id":11,"result":{}}"#);
    assert_eq!(arrived(&mut other).len(), 2);
    drop(other);
    assert!(b.gone().is_empty(), "what is answered cannot be cancelled");
}

#[test]
fn i16_what_a_legacy_child_asks_goes_to_a_caller_who_may_be_asked_or_is_refused() {
    let mut b = modern();
    let mut list = b.open("1", None, true);
    assert!(b.receive(ASK).unwrap().contains("-32601"), "nobody may be asked");
    let mut call = b.open_for(Caller { may_be_asked: true, ..Board::caller("2", None, false) });
    drop(b.open_for(Caller { may_be_asked: true, ..Board::caller("3", None, false) }));
    assert_eq!(b.receive(ASK), None);
    assert_eq!((arrived(&mut call), arrived(&mut list).len()), (vec!["ask 0".to_owned()], 0));
    assert!(b.receive(r#"{"jsonrpc":"2.0","id":1,"method":"tasks/result"}"#).unwrap().contains("-32601"));
    let pong = b.receive(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#);
    assert_eq!(pong.as_deref(), Some(r#"{"jsonrpc":"2.0","id":"p","result":{}}"#));
    let mut b = Board::of(Audience::Callers(Era::Modern));
    let _call = b.open_for(Caller { may_be_asked: true, ..Board::caller("2", None, false) });
    assert!(b.receive(ASK).unwrap().contains("-32601"), "modern children ask in their answers");
}

#[test]
fn log_messages_go_to_those_only_who_asked_for_them() {
    let warning = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning"}}"#;
    let info = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}"#;
    let mut b = modern();
    let level = Some(mcp_protocol::capabilities::LogLevel::Notice);
    let mut asked = b.open_for(Caller { log_level: level, ..Board::caller("1", None, true) });
    let mut silent = b.open("2", None, true);
    for line in [warning, info] {
        b.receive(line);
    }
    assert_eq!(arrived(&mut asked), [warning]);
    assert!(arrived(&mut silent).is_empty());
}

#[test]
fn i15_a_subscription_hears_what_it_asked_for_under_its_own_id() {
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let mut b = modern();
    let subscribe = |b: &mut Board, id: &str, tools| {
        let (stream, filter) = (b.id(), Filter { tools, prompts: !tools, ..Filter::default() });
        b.it.subscribe((stream, Id::parse(id).unwrap()), filter, b.now).unwrap()
    };
    let mut tools = subscribe(&mut b, "\"t\"", true);
    let mut prompts = subscribe(&mut b, "7", false);
    b.receive(changed);
    let heard = arrived(&mut tools);
    assert_eq!(heard.len(), 2);
    assert!(heard[0].contains("acknowledged") && heard[1].contains("tools/list_changed"));
    assert!(heard.iter().all(|line| line.contains(r#"subscriptionId":"t""#)));
    assert_eq!(arrived(&mut prompts).len(), 1, "the acknowledgement");
    let mut more: Vec<Deliveries> = (2..64).map(|_| subscribe(&mut b, "1", true)).collect();
    let (stream, id) = (b.id(), Id::number(1));
    let refused = b.it.subscribe((stream, id), Filter::default(), b.now).err();
    assert_eq!(refused, Some(SendError::Busy), "H-08: there is a bound");
    more.clear();
    b.gone();
    drop(subscribe(&mut b, "1", true));
    let mut b = Board::of(Audience::Callers(Era::Modern));
    let mut own = b.open_for(Caller { lasts: true, ..Board::caller("\"t\"", None, true) });
    b.later(100_000);
    assert!(b.it.expire(b.now).is_empty(), "it lasts");
    b.receive(
        r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":10}}}"#,
    );
    assert_eq!(arrived(&mut own).len(), 1);
}

#[test]
fn i06_a_subscription_that_lasts_keeps_a_child_as_long_as_a_stream_does_and_no_longer() {
    for (audience, kept) in [(Audience::Callers(Era::Modern), 1000), (Audience::Session(Era::Modern), 100)] {
        let mut b = Board::of(audience);
        let _open = b.open_for(Caller { lasts: true, ..Board::caller("\"t\"", None, true) });
        b.later(kept - 1);
        assert!(!b.it.is_idle(b.now), "{audience:?}");
        assert!(b.it.next_due() > b.now, "nobody is woken for nothing");
        b.later(1);
        assert!(b.it.is_idle(b.now), "{audience:?}");
    }
}
