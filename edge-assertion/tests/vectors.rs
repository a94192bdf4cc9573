//! The vectors of `tests/samples/edge-assertion/`, which the checks in other languages are tested with too. They were
//! made by another implementation than this one.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it by panicking")]

use edge_assertion::{Assertion, AssertionError, EdgeKey, HEADER};
use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn headers(request: &Value) -> impl Iterator<Item = (&str, &[u8])> {
    request["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (text(&header[0]), text(&header[1]).as_bytes()))
}

fn about(request: &Value) -> Result<Assertion<'_>, AssertionError> {
    let [method, host, path] = ["method", "host", "path"].map(|name| text(&request[name]).as_bytes());
    Assertion::new(method, host, path, headers(request))
}

#[test]
fn every_vector_is_accepted_or_refused_for_its_reason() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/samples/edge-assertion/vectors.json")).unwrap();
    let keys: Vec<EdgeKey> =
        vectors["keys"].as_array().unwrap().iter().map(|key| EdgeKey::parse(text(key)).unwrap()).collect();
    for request in vectors["requests"].as_array().unwrap() {
        let values = || headers(request).filter(|(name, _)| *name == HEADER).map(|(_, value)| value);
        let outcome = about(request)
            .and_then(|assertion| assertion.verify(values(), &keys, request["now"].as_u64().unwrap()));
        let refused_for = outcome.err().map(|error| format!("{error:?}"));
        assert_eq!(refused_for.as_deref(), request["refused_for"].as_str(), "{}", request["name"]);
        if request["name"] == "valid" {
            let signed = about(request).unwrap().sign(&keys[0], request["now"].as_u64().unwrap());
            assert_eq!(signed.as_bytes(), values().next().unwrap());
        }
    }
}
