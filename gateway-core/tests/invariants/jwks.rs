//! What holds for every key set that is accepted. Also used by the fuzz target.

use std::collections::BTreeSet;

use gateway_core::jwks::KeySet;
use gateway_core::jwks::key::PublicKey;
use gateway_core::jwt::Algorithm;
use serde_json::Value;

/// The algorithms that one kind of key can have.
const FAMILIES: [&[Algorithm]; 4] = [
    &[Algorithm::Es256],
    &[Algorithm::Es384],
    &[Algorithm::EdDsa],
    &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256],
];

/// Checks `KeySet::parse` on any bytes; answers whether they were accepted.
pub(crate) fn check(document: &[u8]) -> bool {
    let Ok(set) = KeySet::parse(document) else { return false };
    assert!(document.len() <= KeySet::MAX_BYTES);
    let spaced = [b" ", document, b"\n"].concat();
    assert!(spaced.len() > KeySet::MAX_BYTES || KeySet::parse(&spaced) == Ok(set.clone()));
    // Another reader may refuse what is inside of members that nobody looks at.
    let Ok(value) = serde_json::from_slice::<Value>(document) else { return true };
    let keys = value.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    assert!((1..=KeySet::MAX_KEYS).contains(&keys.len()));
    let usable = keys.len().checked_sub(set.skipped());
    assert!(usable.is_some_and(|usable| usable > 0));
    assert_eq!(set.find(None).is_some(), usable == Some(1));
    let kids: BTreeSet<&str> = keys.iter().filter_map(|key| key.get("kid")?.as_str()).collect();
    let found: Vec<(&str, &PublicKey)> =
        kids.into_iter().filter_map(|kid| Some((kid, set.find(Some(kid))?))).collect();
    assert!(Some(found.len()) <= usable);
    for (kid, key) in found {
        check_key(key);
        // Only a document's own text makes a key: one of those with this id could be it.
        let may_be = |jwk: &&Value| jwk.get("kid").and_then(Value::as_str) == Some(kid) && is_public(jwk);
        assert!(keys.iter().any(|jwk| may_be(&jwk)), "{kid}");
    }
    set.find(None).into_iter().for_each(check_key);
    true
}

/// Algorithms of one family only, and a form for hosts wherever a host could check it.
fn check_key(key: &PublicKey) {
    let allowed: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|algorithm| key.allows(*algorithm)).collect();
    assert!(!allowed.is_empty());
    let family = FAMILIES.iter().find(|family| allowed.iter().all(|algorithm| family.contains(algorithm)));
    assert!(family.is_some_and(|family| allowed.len() == 1 || allowed.len() == family.len()), "{allowed:?}");
    assert_eq!(key.spki().is_empty(), allowed == [Algorithm::EdDsa]);
}

/// Without private parts, for signatures.
fn is_public(jwk: &Value) -> bool {
    jwk.get("d").is_none() && jwk.get("use").and_then(Value::as_str).is_none_or(|usage| usage == "sig")
}
