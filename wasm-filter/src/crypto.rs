//! Signatures checked by the host, which does it natively, where it can.

use gateway_core::jwks::key::PublicKey;
use gateway_core::jwt::Algorithm;
use gateway_core::signature::{
    PureRust, SignatureCheck, can_check_es256, for_host, host_arguments, host_says_yes,
};

use crate::host;

/// Asks the host's `verify_signature` for RS* and ES*, and does the rest in pure Rust.
#[derive(Debug)]
struct Host;

impl SignatureCheck for Host {
    fn is_valid(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let Some((hash, signature_for_host)) = for_host(algorithm, signature) else {
            return PureRust.is_valid(algorithm, key, message, signature);
        };
        let arguments = host_arguments(hash, key.spki(), &signature_for_host, message);
        host::call_foreign("verify_signature", &arguments).is_ok_and(|answer| host_says_yes(&answer))
    }
}

/// The way in which this host's VMs check signatures: chosen once, by a known example, and logged.
pub(crate) fn choose() -> Box<dyn SignatureCheck> {
    if can_check_es256(&Host) {
        log::info!("signatures (RS*, ES*) are checked by the host");
        Box::new(Host)
    } else {
        log::info!("signatures are checked in pure Rust: this host has no verify_signature");
        Box::new(PureRust)
    }
}
