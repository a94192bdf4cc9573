//! TLS to the outside: whom we believe.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// The certification authorities that are trusted: those of the public web, from the program itself so that it does not
/// matter which machine or image it runs in, and those of the operator.
#[derive(Debug, Clone)]
pub struct Roots(RootCertStore);

/// Why certificates cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TlsError {
    /// Not PEM.
    #[error("expected one or more certificates in PEM")]
    NotPem,
    /// A certificate that cannot sign others, or none at all.
    #[error("not a certificate: {0}")]
    NotACertificate(rustls::Error),
    /// The library refuses its own defaults.
    #[error("no TLS: {0}")]
    Unavailable(rustls::Error),
}

impl Default for Roots {
    fn default() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
}

impl Roots {
    /// Trusts the certificates in `pem` as well.
    ///
    /// # Errors
    /// [`TlsError`]; also when there is none in it.
    pub fn and(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.ok().filter(|all| !all.is_empty()).ok_or(TlsError::NotPem)?;
        for certificate in certificates {
            self.0.add(certificate).map_err(TlsError::NotACertificate)?;
        }
        Ok(self)
    }

    pub(super) fn connector(self) -> Result<TlsConnector, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.map_err(TlsError::Unavailable)?;
        let mut config = builder.with_root_certificates(self.0).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Roots::default().and(b"").unwrap_err(), TlsError::NotPem);
        assert_eq!(Roots::default().and(b"hello").unwrap_err(), TlsError::NotPem);
        assert!(matches!(Roots::default().and(damaged), Err(TlsError::NotACertificate(_))));
        assert!(Roots::default().connector().is_ok());
    }
}
