//! Signatures that were made to be got wrong (Wycheproof), and the examples of RFCs: with keys that come as a key set.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a helper of tests may stop them; the counts are for the reader of `--nocapture`"
)]

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gateway_core::jwks::KeySet;
use gateway_core::jwt::Algorithm;
use gateway_core::signature::{PureRust, SignatureCheck as _};
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// One signature and what is to be thought of it.
struct Vector {
    id: usize,
    message: Vec<u8>,
    signature: Vec<u8>,
    expected: TestResult,
}

/// What became of a set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// Of the refused ones, those whose key was refused already.
    without_key: usize,
}

fn check(algorithm: Algorithm, jwk: &Value, vectors: Vec<Vector>, count: &mut Count) {
    let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).ok();
    let key = set.as_ref().and_then(|set| set.find(jwk["kid"].as_str()));
    for Vector { id, message, signature, expected } in vectors {
        let is_good = key.is_some_and(|key| {
            key.allows(algorithm) && PureRust.is_valid(algorithm, key, &message, &signature)
        });
        // "Acceptable" are signatures that another hash identifier than DER's only one would make right: refused.
        assert_eq!(is_good, expected == TestResult::Valid, "{} test {id}", algorithm.name());
        count.accepted += usize::from(is_good);
        count.refused += usize::from(!is_good);
        count.without_key += usize::from(key.is_none());
    }
}

fn text(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Vectors of any set: the field names are the same in all of them.
macro_rules! vectors {
    ($group:expr) => {
        $group
            .tests
            .iter()
            .map(|test| Vector {
                id: test.tc_id,
                message: test.msg.to_vec(),
                signature: test.sig.to_vec(),
                expected: test.result,
            })
            .collect()
    };
}

fn jwk_of_rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Value {
    // Wycheproof's integers may begin with a zero byte, JWK's may not (RFC 7518 §2).
    let bare = |bytes: &[u8]| text(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
    json!({ "kty": "RSA", "kid": "k", "alg": algorithm.name(), "n": bare(modulus), "e": bare(exponent) })
}

fn tell(name: &str, count: &Count) {
    println!(
        "VECTORS {name}: {} accepted, {} refused ({} by their key)",
        count.accepted, count.refused, count.without_key
    );
}

fn of_counts(accepted: usize, refused: usize) -> Count {
    Count { accepted, refused, without_key: 0 }
}

fn ecdsa_set(algorithm: Algorithm, curve: &str, name: ecdsa::TestName) -> Count {
    let mut count = Count::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
        let jwk = json!({ "kty": "EC", "crv": curve, "kid": "k", "alg": algorithm.name(), "x": text(x), "y": text(y) });
        check(algorithm, &jwk, vectors!(group), &mut count);
    }
    tell(&format!("{name:?}"), &count);
    count
}

#[test]
fn f_16_every_eddsa_vector_of_wycheproof_is_judged_as_it_should_be() {
    let mut count = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": "EdDSA", "x": text(&group.key.pk) });
        check(Algorithm::EdDsa, &jwk, vectors!(group), &mut count);
    }
    tell("Ed25519", &count);
    assert_eq!(count, of_counts(88, 63));
}

#[test]
fn f_16_every_es256_vector_of_wycheproof_is_judged_as_it_should_be() {
    let count = ecdsa_set(Algorithm::Es256, "P-256", ecdsa::TestName::EcdsaSecp256r1Sha256P1363);
    assert_eq!(count, of_counts(173, 89));
}

#[test]
fn f_16_every_es384_vector_of_wycheproof_is_judged_as_it_should_be() {
    let count = ecdsa_set(Algorithm::Es384, "P-384", ecdsa::TestName::EcdsaSecp384r1Sha384P1363);
    assert_eq!(count, of_counts(193, 87));
}

#[test]
fn f_16_every_rs_vector_of_wycheproof_is_judged_as_it_should_be() {
    use rsa_pkcs1_verify::TestName as Name;
    let sets = [
        (Name::Rsa2048Sha256, Algorithm::Rs256, (9, 250)),
        (Name::Rsa2048Sha384, Algorithm::Rs384, (7, 251)),
        (Name::Rsa2048Sha512, Algorithm::Rs512, (8, 251)),
        (Name::Rsa3072Sha256, Algorithm::Rs256, (8, 251)),
        (Name::Rsa3072Sha384, Algorithm::Rs384, (7, 252)),
        (Name::Rsa3072Sha512, Algorithm::Rs512, (8, 252)),
        (Name::Rsa4096Sha256, Algorithm::Rs256, (7, 251)),
        (Name::Rsa4096Sha384, Algorithm::Rs384, (7, 252)),
        (Name::Rsa4096Sha512, Algorithm::Rs512, (7, 252)),
    ];
    for (name, algorithm, (accepted, refused)) in sets {
        let mut count = Count::default();
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = jwk_of_rsa(algorithm, &group.key.n, &group.key.e);
            check(algorithm, &jwk, vectors!(group), &mut count);
        }
        tell(&format!("{name:?}"), &count);
        assert_eq!(count, of_counts(accepted, refused), "{name:?}");
    }
}

#[test]
fn f_16_every_ps256_vector_of_wycheproof_is_judged_as_it_should_be() {
    use rsa_pss_verify::TestName as Name;
    let sets = [
        Name::RsaPss2048Sha256Mgf1SaltLen32,
        Name::RsaPss3072Sha256Mgf1SaltLen32,
        Name::RsaPss4096Sha256Mgf1SaltLen32,
    ];
    for name in sets {
        let mut count = Count::default();
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = jwk_of_rsa(Algorithm::Ps256, &group.key.n, &group.key.e);
            check(Algorithm::Ps256, &jwk, vectors!(group), &mut count);
        }
        tell(&format!("{name:?}"), &count);
        assert_eq!(count, of_counts(63, 45), "{name:?}");
    }
}

#[test]
fn f_16_a_key_that_is_too_long_to_check_quickly_is_not_loaded_so_that_none_of_its_signatures_counts() {
    for group in
        rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa8192Sha256).unwrap().test_groups
    {
        let jwk = jwk_of_rsa(Algorithm::Rs256, &group.key.n, &group.key.e);
        assert!(KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).is_err());
    }
}

#[test]
fn f_16_a_ps256_salt_of_another_length_than_the_hash_is_refused() {
    let mut count = 0;
    let name = rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0;
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        let jwk = jwk_of_rsa(Algorithm::Ps256, &group.key.n, &group.key.e);
        let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let key = set.find(Some("k")).unwrap();
        for test in group.tests {
            // RFC 7518 §3.5: the salt is as long as the hash. One of these signatures has such a salt.
            let is_valid = PureRust.is_valid(Algorithm::Ps256, key, &test.msg, &test.sig);
            assert_eq!(is_valid, test.comment == "s_len changed to 32", "test {}", test.tc_id);
            count += 1;
        }
    }
    assert_eq!(count, 103);
}

#[test]
fn f_16_the_rs256_example_of_rfc_7515_a_2_is_good_and_good_for_no_other_algorithm() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let signed = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = Base64UrlUnpadded::decode_vec("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw").unwrap();
    let set = KeySet::parse(
        json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": n, "e": "AQAB" }] }).to_string().as_bytes(),
    )
    .unwrap();
    let key = set.find(Some("k")).unwrap();
    for algorithm in Algorithm::ALL {
        let is_valid = PureRust.is_valid(algorithm, key, signed.as_bytes(), &signature);
        assert_eq!(is_valid, algorithm == Algorithm::Rs256, "{}", algorithm.name());
    }
    for index in 0..signature.len() {
        let mut changed = signature.clone();
        changed[index] ^= 1;
        assert!(!PureRust.is_valid(Algorithm::Rs256, key, signed.as_bytes(), &changed), "byte {index}");
    }
}
