//! Signature algorithms (RFC 7518 §3, RFC 8037 §3.1).

use super::JwtError;

/// The signature algorithms of the gateway. There is no `none` and no `HS*`: a symmetric key could only be one that the
/// edge shares with whoever issues tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default of our auth service, because Envoy's own `BoringSSL` can check it for
    /// the filter.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// All of them, in the order in which they are listed for people.
    pub const ALL: [Self; 7] =
        [Self::Es256, Self::Es384, Self::EdDsa, Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256];

    /// The name in `alg`; compared exactly, case included.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
        }
    }
}

impl std::str::FromStr for Algorithm {
    type Err = JwtError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(JwtError::Algorithm)
    }
}
