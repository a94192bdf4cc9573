//! Checking signatures: in pure Rust, or by a host that is faster at it.

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
