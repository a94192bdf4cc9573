use super::*;

use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;
const HEADERS: [(&str, &[u8]); 5] = [
    ("x-user-id", b"local:ada"),
    ("x-user-name", b"Ada"),
    ("x-client-id", b"c1"),
    ("x-token-id", b"t1"),
    ("x-scopes", b"mcp:time mcp:fetch"),
];

fn key(digit: char) -> EdgeKey {
    EdgeKey::parse(&digit.to_string().repeat(64)).unwrap()
}

fn about<'a>(
    method: &'a str,
    host: &'a str,
    path: &'a str,
    headers: &[(&'a str, &'a [u8])],
) -> Assertion<'a> {
    Assertion::new(method.as_bytes(), host.as_bytes(), path.as_bytes(), headers.iter().copied()).unwrap()
}

fn usual() -> Assertion<'static> {
    about("POST", "localhost:8080", "/time/mcp", &HEADERS)
}

fn verify(value: &str, assertion: &Assertion<'_>, now: u64) -> Result<(), AssertionError> {
    assertion.verify([value.as_bytes()], &[key('a'), key('b')], now)
}

/// An assertion around any payload, with a signature that is right.
fn signed(payload: &str) -> String {
    let key = key('a');
    let mut value = format!("v1.{}.", key.id());
    encode(payload.as_bytes(), &mut value);
    let signature = key.mac(&value).finalize().into_bytes();
    value.push('.');
    encode(&signature, &mut value);
    value
}

#[test]
fn what_the_edge_signs_is_good_for_its_lifetime_with_either_key() {
    for digit in ['a', 'b'] {
        let value = usual().sign(&key(digit), NOW);
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        for now in [NOW - CLOCK_SKEW, NOW, NOW + LIFETIME] {
            assert_eq!(verify(&value, &usual(), now), Ok(()));
        }
    }
}

#[test]
fn the_format_is_the_one_in_the_documentation() {
    let value = usual().sign(&key('a'), NOW);
    let parts: Vec<&str> = value.split('.').collect();
    assert_eq!((parts.len(), parts[0], parts[1]), (4, "v1", key('a').id()));
    let payload = "1800000000\nPOST\nlocalhost:8080\n/time/mcp\nlocal:ada\nc1\nt1\nmcp:time mcp:fetch";
    assert_eq!(Base64UrlUnpadded::decode_vec(parts[2]).unwrap(), payload.as_bytes());
    assert_eq!(parts[3].len(), 43);
    assert_eq!(value, signed(payload));
}

#[test]
fn every_difference_has_its_own_error() {
    let value = usual().sign(&key('a'), NOW);
    for (method, host, path, expected) in [
        ("GET", "localhost:8080", "/time/mcp", AssertionError::Method),
        ("post", "localhost:8080", "/time/mcp", AssertionError::Method),
        ("POST", "localhost", "/time/mcp", AssertionError::Host),
        ("POST", "LOCALHOST:8080", "/time/mcp", AssertionError::Host),
        ("POST", "localhost:8080", "/fetch/mcp", AssertionError::Path),
        ("POST", "localhost:8080", "/time/mcp/", AssertionError::Path),
        ("POST", "localhost:8080", "", AssertionError::Path),
    ] {
        let other = about(method, host, path, &HEADERS);
        assert_eq!(verify(&value, &other, NOW), Err(expected), "{method} {host} {path}");
    }
    for (name, error) in IDENTITY.into_iter().zip(DIFFERENCES.into_iter().skip(3)) {
        let without: Vec<_> = HEADERS.into_iter().filter(|(other, _)| *other != name).collect();
        for value_there in [&b"local:eve"[..], b""] {
            let changed = [without.clone(), vec![(name, value_there)]].concat();
            let other = about("POST", "localhost:8080", "/time/mcp", &changed);
            assert_eq!(verify(&value, &other, NOW), Err(error), "{name}");
        }
        let other = about("POST", "localhost:8080", "/time/mcp", &without);
        assert_eq!(verify(&value, &other, NOW), Err(error), "{name} is absent");
        let there = other.sign(&key('a'), NOW);
        assert_eq!(verify(&there, &usual(), NOW), Err(error), "{name} was added");
    }
}

#[test]
fn an_assertion_is_refused_outside_its_time() {
    let value = usual().sign(&key('a'), NOW);
    for (now, expected) in [
        (NOW + LIFETIME + 1, AssertionError::Expired),
        (u64::MAX, AssertionError::Expired),
        (NOW - CLOCK_SKEW - 1, AssertionError::Future),
        (0, AssertionError::Future),
    ] {
        assert_eq!(verify(&value, &usual(), now), Err(expected), "{now}");
    }
}

#[test]
fn there_must_be_exactly_one_assertion() {
    let value = usual().sign(&key('a'), NOW);
    let verify = |values: &[&str]| {
        usual().verify(values.iter().map(|value| value.as_bytes()), &[key('a')], NOW).unwrap_err()
    };
    let repeated = AssertionError::Repeated(HEADER);
    assert_eq!(verify(&[]), AssertionError::Missing);
    assert_eq!(verify(&[&value, &value]), repeated);
    assert_eq!(verify(&[&value, ""]), repeated);
    assert_eq!(verify(&[&format!("{value}, {value}")]), repeated);
}

#[test]
fn an_identity_header_may_be_there_once() {
    for name in IDENTITY {
        for values in [["a", "a"], ["", "a"], ["a", ""]] {
            let headers = values.map(|value| (name, value.as_bytes()));
            let repeated = Assertion::new(b"POST", b"h", b"/", headers);
            assert_eq!(repeated, Err(AssertionError::Repeated(name)));
        }
    }
}

#[test]
fn what_is_no_assertion_is_refused() {
    let value = usual().sign(&key('a'), NOW);
    let [version, id, payload, signature] = value.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let stranger = usual().sign(&key('c'), NOW);
    let not_ours = stranger.rsplit('.').next().unwrap();
    for (value, expected) in [
        (String::new(), AssertionError::Malformed),
        ("v1".to_owned(), AssertionError::Malformed),
        (format!("v1.{id}"), AssertionError::Malformed),
        (format!("v1.{id}.{payload}"), AssertionError::Malformed),
        (format!("v1.{id}.{payload}.{signature}."), AssertionError::Malformed),
        (format!("v1.{id}.{payload}.{signature}="), AssertionError::Malformed),
        (format!("v1.{id}.{payload}.{signature}{signature}"), AssertionError::Malformed),
        (format!("v1.{id}.{payload}."), AssertionError::Signature),
        (format!("v1.{id}.{payload}.AAAA"), AssertionError::Signature),
        (format!("v1.{id}.{payload}.{not_ours}"), AssertionError::Signature),
        (format!("v1.{id}..{signature}"), AssertionError::Signature),
        (format!("v2.{id}.{payload}.{signature}"), AssertionError::Version),
        (format!(" {version}.{id}.{payload}.{signature}"), AssertionError::Version),
        (stranger, AssertionError::UnknownKey),
        (format!("v1..{payload}.{signature}"), AssertionError::UnknownKey),
        (format!("v1.{}.{payload}.{signature}", key('b').id()), AssertionError::Signature),
    ] {
        assert_eq!(verify(&value, &usual(), NOW), Err(expected), "{value}");
    }
    assert_eq!(usual().verify([&b"v1.\xff"[..]], &[key('a')], NOW), Err(AssertionError::Malformed));
    assert_eq!(usual().verify([value.as_bytes()], &[], NOW), Err(AssertionError::UnknownKey));
}

#[test]
fn a_payload_must_have_its_fields_even_when_its_signature_is_right() {
    for payload in [
        "",
        "1800000000",
        "x\nPOST\nlocalhost:8080\n/time/mcp\nlocal:ada\nc1\nt1\nmcp:time mcp:fetch",
        "-1\nPOST\nlocalhost:8080\n/time/mcp\nlocal:ada\nc1\nt1\nmcp:time mcp:fetch",
        "1800000000\nPOST\nlocalhost:8080\n/time/mcp\nlocal:ada\nc1\nt1",
        "1800000000\nPOST\nlocalhost:8080\n/time/mcp\nlocal:ada\nc1\nt1\nmcp:time mcp:fetch\n",
    ] {
        assert_eq!(verify(&signed(payload), &usual(), NOW), Err(AssertionError::Malformed), "{payload}");
    }
}

#[test]
fn a_line_feed_cannot_move_one_field_into_another() {
    let smuggled = about("POST", "h\n/time/mcp", "x", &HEADERS);
    let value = smuggled.sign(&key('a'), NOW);
    for other in [smuggled, about("POST", "h", "/time/mcp", &HEADERS)] {
        assert_eq!(verify(&value, &other, NOW), Err(AssertionError::Malformed));
    }
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>().prop_filter("no line feed", |byte| *byte != b'\n'), 0..200)
}

proptest! {
    #[test]
    fn what_is_signed_verifies_whatever_its_bytes(fields in prop::array::uniform7(field()), now in 0..u64::MAX) {
        let headers = IDENTITY.into_iter().zip(fields[3..].iter().map(Vec::as_slice));
        let assertion = Assertion::new(&fields[0], &fields[1], &fields[2], headers).unwrap();
        prop_assert_eq!(verify(&assertion.sign(&key('b'), now), &assertion, now), Ok(()));
    }

    #[test]
    fn any_changed_byte_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut value = usual().sign(&key('a'), NOW).into_bytes();
        let byte = at.get_mut(&mut value);
        prop_assume!(*byte != to);
        *byte = to;
        prop_assert!(usual().verify([value.as_slice()], &[key('a'), key('b')], NOW).is_err());
    }

    #[test]
    fn any_missing_or_added_byte_is_refused(at in any::<prop::sample::Index>(), added: Option<u8>) {
        let mut value = usual().sign(&key('a'), NOW).into_bytes();
        let at = at.index(value.len());
        match added {
            Some(byte) => value.insert(at, byte),
            None => drop(value.remove(at)),
        }
        prop_assert!(usual().verify([value.as_slice()], &[key('a')], NOW).is_err());
    }

    #[test]
    fn nothing_panics_and_nothing_passes(value in prop::collection::vec(any::<u8>(), 0..400), now: u64) {
        prop_assert!(usual().verify([value.as_slice()], &[key('a')], now).is_err());
    }
}

#[test]
fn every_single_bit_counts() {
    let good = usual().sign(&key('a'), NOW).into_bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut value = good.clone();
            value[at] ^= 1 << bit;
            assert!(usual().verify([value.as_slice()], &[key('a')], NOW).is_err(), "byte {at}, bit {bit}");
        }
    }
}
