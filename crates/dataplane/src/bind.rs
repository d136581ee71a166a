//! Listening sockets: one per worker on the same address (`SO_REUSEPORT`), so that the kernel spreads the connections
//! and no lock is shared.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Connections that the kernel may hold for us; it lowers the number to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bind `count` sockets to one address. With port 0 the first takes a free port and the others join it.
///
/// `[::]` is every address of the machine, of IPv4 too; on a machine without IPv6 it is every IPv4 address.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    or_ipv4(address, |address| bind_one(address, count))
}

/// Where `[::]` cannot be, because the kernel knows no IPv6 or was told to do without, `0.0.0.0` is meant.
fn or_ipv4<T>(address: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let every = address.is_ipv6() && address.ip().is_unspecified();
    match bind(address) {
        Err(error) if every && matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
        }
        bound => bound,
    }
}

fn bind_one(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
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
    if address.is_ipv6() {
        // The default is the machine's (net.ipv6.bindv6only); a configuration should mean the same everywhere.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
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
    use super::{bind, bind_one, or_ipv4};
    use std::io::{Error, ErrorKind};
    use std::net::{SocketAddr, TcpStream};

    #[test]
    fn port_zero_is_one_port_for_all() {
        let (bound, sockets) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(bound.port(), 0);
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == bound));
    }

    #[test]
    fn every_address_is_both_families() {
        let (bound, sockets) = bind("[::]:0".parse().unwrap(), 1).unwrap();
        let v4 = TcpStream::connect(("127.0.0.1", bound.port())).unwrap();
        sockets[0].set_nonblocking(false).unwrap();
        let (_, peer) = sockets[0].accept().unwrap();
        assert_eq!(peer.ip().to_canonical(), v4.local_addr().unwrap().ip());
        if bound.is_ipv6() {
            TcpStream::connect(("::1", bound.port())).unwrap();
        }
        let v4: SocketAddr = ([127, 0, 0, 1], bound.port()).into();
        assert_eq!(bind(v4, 1).unwrap_err().kind(), ErrorKind::AddrInUse, "nobody else takes a part of it");
    }

    #[test]
    fn without_ipv6_it_is_every_ipv4_address() {
        let without = |address: SocketAddr| match address {
            SocketAddr::V4(_) => bind_one(address, 1),
            SocketAddr::V6(_) => Err(Error::from_raw_os_error(libc::EAFNOSUPPORT)),
        };
        let (bound, _sockets) = or_ipv4("[::]:0".parse().unwrap(), without).unwrap();
        assert_eq!(bound.ip().to_string(), "0.0.0.0");
        assert!(or_ipv4("[::1]:0".parse().unwrap(), without).is_err(), "an address that was named is not replaced");
    }

    #[test]
    fn an_address_in_use_is_refused() {
        let (bound, _sockets) = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        assert_eq!(bind(bound, 1).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
