//! A connected socket of either kind, borrowed, with the few calls that relaying and splicing need. Unlike
//! `tokio::io::{AsyncRead, AsyncWrite}` they work on a shared reference, so both directions may go on at once.

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

#[derive(Clone, Copy, Debug)]
pub enum Socket<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
}

impl<'a> Socket<'a> {
    pub fn fd(self) -> BorrowedFd<'a> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }

    pub fn poll_readable(self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_read_ready(cx),
            Socket::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    pub fn poll_writable(self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_write_ready(cx),
            Socket::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Do it if the socket is ready. `WouldBlock` from `operation` clears the readiness, so that the next poll waits for
    /// the next event.
    pub fn try_io<R>(
        self,
        interest: Interest,
        operation: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Socket::Tcp(stream) => stream.try_io(interest, || operation(stream.as_fd())),
            Socket::Unix(stream) => stream.try_io(interest, || operation(stream.as_fd())),
        }
    }

    /// Ready with the number of bytes read; 0: the other side has ended.
    pub fn poll_read(self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(cx))?;
            match self.try_read(buffer) {
                Err(error) if is_passing(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Read what is here now. An error that [`is_passing`]: nothing is.
    pub fn try_read(self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = None;
        let read = self.try_io(Interest::READABLE, |fd| {
            let (_, read) = recv(fd, &mut *buffer, RecvFlags::empty())?;
            count = Some(read);
            // A short read has emptied the socket: its readiness is cleared here, not by one more call that would only
            // say so. (The end of the stream keeps its own mark of readiness.)
            if 0 < read && read < buffer.len() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        count.map_or_else(|| read.map(|()| 0), Ok)
    }

    pub fn poll_write(self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_sending(cx, bytes.len(), |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?))
    }

    /// Both parts in one call, as far as the socket takes them.
    pub fn poll_write_both(self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let mut none = SendAncillaryBuffer::default();
        self.poll_sending(cx, first.len() + second.len(), |fd| Ok(sendmsg(fd, &parts, &mut none, SendFlags::NOSIGNAL)?))
    }

    fn poll_sending(
        self,
        cx: &mut Context<'_>,
        length: usize,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut count = None;
            // A socket is writable nearly always, so it is tried first; reading keeps the task's share of time.
            let sent = self.try_io(Interest::WRITABLE, |fd| {
                let sent = operation(fd)?;
                count = Some(sent);
                // A short write has filled the socket: as above.
                if sent < length { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (count, sent) {
                (Some(count), _) => return Poll::Ready(Ok(count)),
                (None, Err(error)) if !is_passing(&error) => return Poll::Ready(Err(error)),
                (None, _) => ready!(self.poll_writable(cx))?,
            }
        }
    }

    /// Write what the socket takes at once, which may be nothing.
    pub fn try_write(self, bytes: &[u8]) -> io::Result<usize> {
        match self.try_io(Interest::WRITABLE, |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?)) {
            Err(error) if is_passing(&error) => Ok(0),
            done => done,
        }
    }

    /// End our side. It fails when the other side has gone altogether, and then there is nothing to end.
    pub fn shutdown(self) {
        let _ = self.reference().shutdown(Shutdown::Write);
    }

    /// Closing will send a reset instead of an end in order, so that the peer knows that something is missing.
    pub fn reset_on_close(self) {
        if let Socket::Tcp(_) = self {
            let _ = self.reference().set_linger(Some(Duration::ZERO));
        }
    }

    fn reference(&self) -> SockRef<'_> {
        match self {
            Socket::Tcp(stream) => SockRef::from(*stream),
            Socket::Unix(stream) => SockRef::from(*stream),
        }
    }
}

impl<'a> From<&'a TcpStream> for Socket<'a> {
    fn from(stream: &'a TcpStream) -> Self {
        Socket::Tcp(stream)
    }
}

impl<'a> From<&'a UnixStream> for Socket<'a> {
    fn from(stream: &'a UnixStream) -> Self {
        Socket::Unix(stream)
    }
}

/// Nothing is wrong; it is to be tried again, once ready.
pub fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
