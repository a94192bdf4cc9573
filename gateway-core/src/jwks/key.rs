//! One public key.

use jwt_compact::jwk::JsonWebKey;
use p256::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use serde::Deserialize;

use crate::json;
use crate::jwt::Algorithm;

/// One public key, and what it may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) kid: Option<String>,
    pub(crate) material: Material,
    /// The one algorithm that the issuer names for it.
    only: Option<Algorithm>,
    spki: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Rsa(Box<rsa::RsaPublicKey>),
}

/// What jwt-compact's key type does not look at.
#[derive(Deserialize)]
struct KeyUse {
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "json::is_present")]
    d: bool,
}

impl PublicKey {
    /// Shortest accepted RSA modulus, in bits (RFC 7518 §3.3).
    pub const MIN_RSA_BITS: usize = 2048;
    /// Longest accepted RSA modulus, in bits: the time of a check grows with its square.
    pub const MAX_RSA_BITS: usize = 4096;

    /// Reads a JWK; `None` when it is of no use for checking signatures.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        let KeyUse { kid, usage, alg, key_ops, d } = json::object(raw.as_bytes()).ok()?;
        let jwk: JsonWebKey<'_> = json::object(raw.as_bytes()).ok()?;
        let for_signatures = usage.is_none_or(|usage| usage == "sig");
        let may_verify = key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let kid_is_sane = kid.as_ref().is_none_or(|kid| !kid.is_empty());
        if d || jwk.is_signing_key() || !for_signatures || !may_verify || !kid_is_sane {
            return None;
        }
        let only = alg.map(|alg| alg.parse::<Algorithm>()).transpose().ok()?;
        let material = Material::parse(&jwk)?;
        let spki = material.spki()?;
        let key = Self { kid, material, only, spki };
        only.is_none_or(|alg| key.material.fits(alg)).then_some(key)
    }

    /// Whether the key may check signatures of `algorithm` (RFC 8725 §3.1): its type fits, and its issuer says nothing
    /// else.
    #[must_use]
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    /// The key as DER `SubjectPublicKeyInfo` (RFC 5280 §4.1), the form in which hosts take it.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

impl Material {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum may grow; what is not listed is of no use here"
    )]
    fn parse(jwk: &JsonWebKey<'_>) -> Option<Self> {
        match jwk {
            JsonWebKey::EllipticCurve { curve, .. } if curve == "P-256" => {
                p256::ecdsa::VerifyingKey::try_from(jwk).ok().map(|key| Self::P256(Box::new(key)))
            }
            JsonWebKey::EllipticCurve { curve, x, y, .. } if curve == "P-384" => {
                let point = [&[4], x.as_ref(), y.as_ref()].concat();
                let is_whole = x.len() == 48 && y.len() == 48;
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().filter(|_| is_whole);
                key.map(|key| Self::P384(Box::new(key)))
            }
            JsonWebKey::KeyPair { .. } => {
                let key = ed25519_dalek::VerifyingKey::try_from(jwk).ok()?;
                // With a key of small order, one signature fits many messages (F-16).
                (!key.is_weak()).then(|| Self::Ed25519(Box::new(key)))
            }
            JsonWebKey::Rsa { .. } => {
                let key = rsa::RsaPublicKey::try_from(jwk).ok()?;
                let bits = PublicKey::MIN_RSA_BITS..=PublicKey::MAX_RSA_BITS;
                bits.contains(&key.n().bits()).then(|| Self::Rsa(Box::new(key)))
            }
            _ => None,
        }
    }

    const fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::P256(_) => matches!(algorithm, Algorithm::Es256),
            Self::P384(_) => matches!(algorithm, Algorithm::Es384),
            Self::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa),
            Self::Rsa(_) => {
                matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256)
            }
        }
    }

    fn spki(&self) -> Option<Vec<u8>> {
        let document = match self {
            Self::P256(key) => p256::PublicKey::from(key.as_ref()).to_public_key_der(),
            Self::P384(key) => p384::PublicKey::from(key.as_ref()).to_public_key_der(),
            Self::Rsa(key) => key.to_public_key_der(),
            // No host checks EdDSA for us.
            Self::Ed25519(_) => return Some(Vec::new()),
        };
        document.ok().map(|document| document.as_bytes().to_vec())
    }
}
