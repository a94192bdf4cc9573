//! How a flow can fail.

use service_kit::random::NoEntropy;

use crate::domain::error::{ErrorCode, Refusal};
use crate::identity::IdentityError;
use crate::keys::PrivateKeyError;
use crate::limits::TooMany;
use crate::store::StoreError;

/// Why a flow did not end in what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// What was asked for is refused; the client may know why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was asked for too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// We could not decide. Nobody is told more than that; the cause is for the log.
    #[error(transparent)]
    Internal(#[from] Cause),
}

/// What kept us from deciding.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity provider.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The operating system's randomness.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The signing key.
    #[error(transparent)]
    Signing(#[from] PrivateKeyError),
}

impl FlowError {
    /// A refusal with its reason.
    #[must_use]
    pub const fn refused(code: ErrorCode, description: &'static str) -> Self {
        Self::Refused(Refusal::new(code, description))
    }
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<IdentityError> for FlowError {
    fn from(error: IdentityError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<NoEntropy> for FlowError {
    fn from(error: NoEntropy) -> Self {
        Self::Internal(error.into())
    }
}

impl From<PrivateKeyError> for FlowError {
    fn from(error: PrivateKeyError) -> Self {
        Self::Internal(error.into())
    }
}
