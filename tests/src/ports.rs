//! Ports from the operating system that stay ours.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A loopback port that no other program can get: the socket is bound and never listens, so that the program under
/// test can listen there (both sides set `SO_REUSEADDR`, Envoy also `SO_REUSEPORT`), and nobody else is given it.
#[derive(Debug)]
pub struct Reserved {
    socket: Socket,
}

impl Reserved {
    /// Reserves a free port.
    #[must_use]
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
        socket.set_reuse_port(true).expect("SO_REUSEPORT");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        Self { socket }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = self.socket.local_addr().expect("a bound socket has an address");
        address.as_socket().expect("an internet address")
    }
}

impl Default for Reserved {
    fn default() -> Self {
        Self::new()
    }
}
