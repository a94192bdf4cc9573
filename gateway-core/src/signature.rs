//! Checking signatures: in pure Rust, or by a host that is faster at it.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jwt_compact::AlgorithmSignature;
use jwt_compact::alg::{Ed25519, Es256, Rsa};
use p384::ecdsa::signature::Verifier as _;

use crate::jwks::key::{Material, PublicKey};
use crate::jwt::Algorithm;

/// Whoever checks signatures. The key has been chosen and allows the algorithm.
pub trait SignatureCheck: std::fmt::Debug {
    /// Whether `signature` (in the form of RFC 7518 §3) over `message` is `key`'s.
    fn is_valid(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;
}

/// Checks here, without help.
#[derive(Debug, Clone, Copy, Default)]
pub struct PureRust;

impl SignatureCheck for PureRust {
    fn is_valid(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        match &key.material {
            Material::P256(key) => by(&Es256, key, message, signature),
            Material::Ed25519(key) => by(&Ed25519, key, message, signature),
            Material::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Material::Rsa(key) => rsa(algorithm).is_some_and(|rsa| by(&rsa, key, message, signature)),
        }
    }
}

fn by<A: jwt_compact::Algorithm>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    A::Signature::try_from_slice(signature)
        .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

fn rsa(algorithm: Algorithm) -> Option<Rsa> {
    match algorithm {
        Algorithm::Rs256 => Some(Rsa::rs256()),
        Algorithm::Rs384 => Some(Rsa::rs384()),
        Algorithm::Rs512 => Some(Rsa::rs512()),
        Algorithm::Ps256 => Some(Rsa::ps256()),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

/// What a host's own check takes: the hash function and the signature in the form of the world outside JOSE. `None` for
/// algorithms that no host knows.
#[must_use]
pub fn for_host(algorithm: Algorithm, signature: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    match algorithm {
        Algorithm::Es256 => {
            let der = p256::ecdsa::Signature::from_slice(signature).ok()?.to_der();
            Some(("sha256", der.as_bytes().to_vec()))
        }
        Algorithm::Es384 => {
            let der = p384::ecdsa::Signature::from_slice(signature).ok()?.to_der();
            Some(("sha384", der.as_bytes().to_vec()))
        }
        Algorithm::Rs256 => Some(("sha256", signature.to_vec())),
        Algorithm::Rs384 => Some(("sha384", signature.to_vec())),
        Algorithm::Rs512 => Some(("sha512", signature.to_vec())),
        Algorithm::EdDsa | Algorithm::Ps256 => None,
    }
}

/// The arguments of Envoy's foreign function `verify_signature`: a protobuf message with `hash_function` (1),
/// `public_key` (2, DER `SubjectPublicKeyInfo`), `signature` (3, ECDSA in DER) and `text` (4).
#[must_use]
pub fn host_arguments(hash: &str, spki: &[u8], signature: &[u8], message: &[u8]) -> Vec<u8> {
    let fields = [(1_u8, hash.as_bytes()), (2, spki), (3, signature), (4, message)];
    let size: usize = fields.iter().map(|(_, bytes)| bytes.len().saturating_add(4)).sum();
    let mut encoded = Vec::with_capacity(size);
    for (number, bytes) in fields {
        // Wire type 2: a length, then as many bytes.
        encoded.push(number << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            encoded.push(u8::try_from(length & 0x7F).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        encoded.push(u8::try_from(length).unwrap_or_default());
        encoded.extend_from_slice(bytes);
    }
    encoded
}

/// Whether the function's answer says yes: `result` (1) is true.
#[must_use]
pub fn host_says_yes(answer: &[u8]) -> bool {
    answer == [0x08, 0x01]
}

/// Whether `check` can be relied on: it accepts the example of RFC 7515 A.3, and no change of it.
#[must_use]
pub fn can_check_es256(check: &dyn SignatureCheck) -> bool {
    const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    const MESSAGE: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let (Some(key), Ok(signature)) = (PublicKey::parse(KEY), Base64UrlUnpadded::decode_vec(SIGNATURE)) else {
        return false;
    };
    let altered: Vec<u8> = MESSAGE.iter().rev().copied().collect();
    check.is_valid(Algorithm::Es256, &key, MESSAGE, &signature)
        && !check.is_valid(Algorithm::Es256, &key, &altered, &signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pure_implementation_passes_the_test_that_a_host_has_to_pass() {
        #[derive(Debug)]
        struct Always(bool);
        impl SignatureCheck for Always {
            fn is_valid(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
                self.0
            }
        }
        assert!(can_check_es256(&PureRust));
        assert!(!can_check_es256(&Always(true)) && !can_check_es256(&Always(false)));
    }

    #[test]
    fn arguments_are_length_delimited_fields_in_order() {
        let long = [7; 300];
        let encoded = host_arguments("sha256", b"k", b"", &long);
        let head = [b"\x0a\x06sha256\x12\x01k\x1a\x00\x22\xac\x02", &long[..]].concat();
        assert_eq!(encoded, head);
        assert!(host_says_yes(&[8, 1]) && !host_says_yes(&[8, 0]) && !host_says_yes(&[]));
    }
}
