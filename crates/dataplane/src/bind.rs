//! Listening sockets: one per worker on the same address (`SO_REUSEPORT`), so that the kernel spreads the connections
//! and no lock is shared.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that the kernel may hold for us; it lowers the number to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bind `count` sockets to one address. With port 0 the first takes a free port and the others join it.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if address.port() != 0 {
        // SO_REUSEPORT would let a second process of the same user share the port without a word; an exclusive bind
        // tells.
        drop(socket(address, false)?);
    }
    let first = socket(address, true)?;
    let bound = first.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(socket(bound, true)?);
    }
    for socket in &sockets {
        socket.listen(BACKLOG)?;
    }
    Ok((bound, sockets.into_iter().map(TcpListener::from).collect()))
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Accepted sockets inherit both options, which saves two system calls a connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::bind;
    use std::io::ErrorKind;

    #[test]
    fn port_zero_is_one_port_for_all() {
        let (bound, sockets) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(bound.port(), 0);
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == bound));
    }

    #[test]
    fn an_address_in_use_is_refused() {
        let (bound, _sockets) = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        assert_eq!(bind(bound, 1).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
