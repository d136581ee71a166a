//! A listening socket.

use crate::socket::Socket;
use crate::sources::{Interest, Source};
use rustix::net::{SocketFlags, acceptfrom_with};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

#[derive(Debug)]
pub struct Listener {
    // Before the socket: fields are dropped in this order.
    source: Source,
    socket: TcpListener,
}

impl Listener {
    /// Of a socket that listens and does not block.
    pub fn new(socket: TcpListener) -> io::Result<Listener> {
        Ok(Listener { source: Source::new(socket.as_fd())?, socket })
    }

    /// The next connection and where it comes from. It does not block, and inherits the listening socket's options.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, SocketAddr)>> {
        loop {
            ready!(self.source.poll_ready(cx, Interest::Readable));
            match self.source.try_io(Interest::Readable, || self.accept()) {
                Err(error) if crate::is_passing(&error) => {}
                accepted => return Poll::Ready(accepted),
            }
        }
    }

    /// The same, of what the kernel has ready, known or not: `WouldBlock` when that is nothing.
    pub fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (stream, peer) = acceptfrom_with(&self.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((Socket::of_tcp(stream)?, peer))
    }
}
