use serde_json::{Value, json};

use super::*;
use crate::jwt::Algorithm;
use crate::jwt::sign::SigningKey;
use crate::signature::{PureRust, SignatureCheck as _};

fn jwk(algorithm: Algorithm, seed: u8) -> Value {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap().public_jwk()
}

fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk.as_object_mut().unwrap().insert(member.to_owned(), value);
    jwk
}

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn keys_of_both_algorithms_are_found_by_their_id() {
    let (es256, eddsa) = (jwk(Algorithm::Es256, 1), jwk(Algorithm::EdDsa, 2));
    let set = parse(&[es256.clone(), eddsa]).unwrap();
    let found = set.find(es256["kid"].as_str()).unwrap();
    assert!(found.allows(Algorithm::Es256) && !found.allows(Algorithm::EdDsa));
    assert!(set.find(Some("../../etc/passwd")).is_none());
}

#[test]
fn f_04_a_token_without_kid_means_the_only_key_or_none() {
    assert!(parse(&[jwk(Algorithm::Es256, 1)]).unwrap().find(None).is_some());
    assert!(parse(&[jwk(Algorithm::Es256, 1), jwk(Algorithm::Es256, 2)]).unwrap().find(None).is_none());
}

#[test]
fn e_12_a_key_that_cannot_be_used_is_skipped_and_counted() {
    let good = jwk(Algorithm::Es256, 1);
    let private: Value =
        serde_json::from_str(&SigningKey::from_seed(Algorithm::EdDsa, &[9; 32]).unwrap().to_private_jwk())
            .unwrap();
    let small_order = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": Base64UrlUnpadded::encode_string(&[0; 32]) });
    let unusable = [
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!("not a key"),
        private,
        small_order,
        with(jwk(Algorithm::Es256, 3), "use", json!("enc")),
        with(jwk(Algorithm::Es256, 3), "alg", json!("EdDSA")),
        with(jwk(Algorithm::Es256, 3), "key_ops", json!(["sign"])),
        with(jwk(Algorithm::Es256, 3), "kid", json!("")),
    ];
    for bad in unusable {
        let set = parse(&[bad.clone(), good.clone()]).unwrap();
        assert_eq!(set.skipped(), 1, "{bad}");
        assert!(set.find(good["kid"].as_str()).is_some());
        assert_eq!(parse(&[bad]).err(), Some(KeySetError::NoUsableKey));
    }
}

#[test]
fn e_12_a_bad_set_is_refused_whole() {
    let twin = with(jwk(Algorithm::EdDsa, 2), "kid", jwk(Algorithm::Es256, 1)["kid"].clone());
    assert_eq!(parse(&[jwk(Algorithm::Es256, 1), twin]).err(), Some(KeySetError::DuplicateKid));
    assert_eq!(parse(&vec![jwk(Algorithm::Es256, 1); 65]).err(), Some(KeySetError::TooMany));
    assert_eq!(parse(&[]).err(), Some(KeySetError::NoUsableKey));
    for document in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>", r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(KeySet::parse(document.as_bytes()).err(), Some(KeySetError::Malformed), "{document}");
    }
    assert_eq!(KeySet::parse(&vec![b' '; KeySet::MAX_BYTES + 1]).err(), Some(KeySetError::TooLarge));
}

#[test]
fn a_thumbprint_is_the_one_of_rfc_8037() {
    let jwk: JsonWebKey<'_> = serde_json::from_str(
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    )
    .unwrap();
    assert_eq!(thumbprint(&jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// Checks a compact JWS of an RFC with the key of the same RFC; then with one bit of its signature flipped.
fn rfc_vector(algorithm: Algorithm, jwk: &str, jws: &str) {
    let set = KeySet::parse(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).unwrap();
    let (signing_input, signature) = jws.rsplit_once('.').unwrap();
    let mut signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let key = set.find(None).unwrap();
    let is_valid = |signature: &[u8]| PureRust.is_valid(algorithm, key, signing_input.as_bytes(), signature);
    assert!(is_valid(&signature));
    for index in 0..signature.len() {
        signature[index] ^= 1;
        assert!(!is_valid(&signature), "byte {index}");
        signature[index] ^= 1;
    }
    for odd in [&signature[..63], &[signature.as_slice(), b"0"].concat(), &[], &[0; 64]] {
        assert!(!is_valid(odd));
    }
}

#[test]
fn f_16_the_es256_example_of_rfc_7515_a_3_is_good_and_no_neighbour_of_it() {
    rfc_vector(
        Algorithm::Es256,
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}

#[test]
fn f_16_the_eddsa_example_of_rfc_8037_a_4_is_good_and_no_neighbour_of_it() {
    rfc_vector(
        Algorithm::EdDsa,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
}
