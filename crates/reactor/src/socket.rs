//! A connected socket, TCP or unix. Calls work on a shared reference, so both directions may go on at once.
//!
//! Reads and writes learn from a short one that the socket is empty or full: no call is made only to be told to wait.

use crate::sources::{Interest, Source};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::{Domain, SockAddr, SockRef, Type};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

#[derive(Debug)]
pub struct Socket {
    // Before the descriptor: fields are dropped in this order.
    source: Source,
    fd: OwnedFd,
    is_tcp: bool,
}

impl Socket {
    /// Of a connected socket that does not block.
    pub(crate) fn of_tcp(fd: OwnedFd) -> io::Result<Socket> {
        Ok(Socket { source: Source::new(fd.as_fd())?, fd, is_tcp: true })
    }

    /// Connect by TCP, without delay for small writes.
    pub async fn connect(address: SocketAddr) -> io::Result<Socket> {
        let socket = connecting(Domain::for_address(address), &address.into()).await?;
        socket.reference().set_tcp_nodelay(true)?;
        Ok(socket)
    }

    /// Connect to a unix socket.
    pub async fn connect_unix(path: &Path) -> io::Result<Socket> {
        connecting(Domain::UNIX, &SockAddr::unix(path)?).await
    }

    /// Ready when a read would not wait, as far as is known. No system call.
    #[inline]
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.source.poll_ready(cx, Interest::Readable)
    }

    /// Ready when a write would not wait, as far as is known. No system call.
    #[inline]
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.source.poll_ready(cx, Interest::Writable)
    }

    /// Do it if the socket is ready. `WouldBlock` from `operation` takes the readiness back, so that the next poll waits
    /// for the next event.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.try_io(interest, || operation(self.fd.as_fd()))
    }

    /// Ready with the number of bytes read; 0: the other side has ended.
    #[inline]
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(cx));
            match self.try_read(buffer) {
                Err(error) if is_passing(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Read what is here now. An error that [`is_passing`]: nothing is.
    #[inline]
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.try_io(Interest::Readable, |fd| Ok(recv(fd, &mut *buffer, RecvFlags::empty())?.1))?;
        // A short read has emptied the socket: its readiness goes now, not by one more call that would only say so.
        // (The end of the stream keeps its own mark of readiness.)
        if 0 < read && read < buffer.len() {
            self.source.exhausted(Interest::Readable);
        }
        Ok(read)
    }

    #[inline]
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_sending(cx, bytes.len(), |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?))
    }

    /// Both parts in one call, as far as the socket takes them.
    pub fn poll_write_both(&self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let mut none = SendAncillaryBuffer::default();
        self.poll_sending(cx, first.len() + second.len(), |fd| Ok(sendmsg(fd, &parts, &mut none, SendFlags::NOSIGNAL)?))
    }

    #[inline]
    fn poll_sending(
        &self,
        cx: &mut Context<'_>,
        length: usize,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            // A socket is writable nearly always, so it is tried first; reading keeps the task's share of time.
            match self.try_io(Interest::Writable, &mut operation) {
                Ok(sent) => {
                    // A short write has filled the socket: as above.
                    if sent < length {
                        self.source.exhausted(Interest::Writable);
                    }
                    return Poll::Ready(Ok(sent));
                }
                Err(error) if is_passing(&error) => ready!(self.poll_writable(cx)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Write what the socket takes at once, which may be nothing.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.try_io(Interest::Writable, |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?)) {
            Err(error) if is_passing(&error) => Ok(0),
            done => done,
        }
    }

    /// Look at what is here without taking it: 0 is the end of the stream, `WouldBlock` is nothing. Always asks the
    /// kernel.
    pub fn peek(&self) -> io::Result<usize> {
        let mut byte = [0];
        Ok(recv(&self.fd, &mut byte, RecvFlags::PEEK)?.1)
    }

    /// End our side. It fails when the other side has gone altogether, and then there is nothing
    /// to end.
    pub fn shutdown(&self) -> io::Result<()> {
        self.reference().shutdown(Shutdown::Write)
    }

    /// Closing will send a reset instead of an end in order, so that the peer knows that something is missing.
    pub fn reset_on_close(&self) {
        if self.is_tcp {
            // If it fails the connection is gone already.
            let _ = self.reference().set_linger(Some(Duration::ZERO));
        }
    }

    /// Our own end's address; none of a unix socket.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.reference().local_addr().ok()?.as_socket()
    }

    fn reference(&self) -> SockRef<'_> {
        SockRef::from(&self.fd)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

async fn connecting(domain: Domain, address: &SockAddr) -> io::Result<Socket> {
    let socket = socket2::Socket::new(domain, Type::STREAM.nonblocking().cloexec(), None)?;
    let begun = match socket.connect(address) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => false,
        done => done.map(|()| true)?,
    };
    let fd = OwnedFd::from(socket);
    let socket = Socket { source: Source::new(fd.as_fd())?, fd, is_tcp: domain != Domain::UNIX };
    if !begun {
        poll_fn(|cx| socket.poll_writable(cx)).await;
        if let Some(error) = socket.reference().take_error()? {
            return Err(error);
        }
    }
    Ok(socket)
}

/// Takes a blocking socket over.
impl TryFrom<TcpStream> for Socket {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        Socket::of_tcp(stream.into())
    }
}

/// Takes a blocking socket over.
impl TryFrom<UnixStream> for Socket {
    type Error = io::Error;

    fn try_from(stream: UnixStream) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        let fd = OwnedFd::from(stream);
        Ok(Socket { source: Source::new(fd.as_fd())?, fd, is_tcp: false })
    }
}

/// Nothing is wrong; it is to be tried again, once ready.
pub fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
