//! Ports are checked before anything is started, so that the operator hears one sentence and nothing is left running.

use std::net::{SocketAddr, TcpListener};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Another program listens there.
    #[error("{address} is in use by another program; stop it, or set {setting} to another address")]
    InUse {
        /// The setting that moves it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The operating system says no for another reason.
    #[error("cannot listen on {address} ({cause}); set {setting} to another address")]
    Refused {
        /// The setting that moves it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        cause: std::io::Error,
    },
}

/// Makes sure that `address` can be listened on now.
///
/// # Errors
/// [`PortError`], which names the setting.
pub fn check(setting: &'static str, address: SocketAddr) -> Result<(), PortError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => {
            Err(PortError::InUse { setting, address })
        }
        Err(cause) => Err(PortError::Refused { setting, address, cause }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_told_with_the_setting_that_moves_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = check("BRIDGE_BIND", address).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{address} is in use by another program; stop it, or set BRIDGE_BIND to another address")
        );
        drop(taken);
        check("BRIDGE_BIND", address).unwrap();
    }
}
