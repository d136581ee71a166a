//! One byte stream to a client or a server. TLS will be one more variant; nothing above knows which one it has.
//!
//! Reads and writes go through [`Socket`], which learns from a short one that the socket is empty or full: no call is
//! made only to be told to wait.

use crate::address::Address;
use crate::buffer::Buffer;
use crate::socket::Socket;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixStream};

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What the kernel knows of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Here,
    /// It sends nothing more; whether it still reads is not known.
    HalfClosed,
    /// The connection is broken.
    Gone,
}

impl Stream {
    pub async fn connect(address: &Address) -> io::Result<Stream> {
        match address {
            Address::Ip(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        }
    }

    /// Read into the buffer's space, which must not be empty. 0: the peer has ended its side.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer, most: usize) -> Poll<io::Result<usize>> {
        let count = ready!(self.socket().poll_read(cx, buffer.space(most)))?;
        buffer.filled(count);
        Poll::Ready(Ok(count))
    }

    /// The same, for a socket that was just said to be readable: nobody is woken when it is not.
    pub fn try_read(&mut self, buffer: &mut Buffer, most: usize) -> io::Result<usize> {
        let count = self.socket().try_read(buffer.space(most))?;
        buffer.filled(count);
        Ok(count)
    }

    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_write(cx, bytes)
    }

    pub fn poll_write_both(&mut self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_write_both(cx, first, second)
    }

    /// Ready when a read would not wait. No system call.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            Stream::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Whether a connection that should be silent was ended or has said something, as far as the runtime knows. The
    /// kernel is asked only when the runtime says so: the last read or splice may just have left the readiness set.
    pub fn is_disturbed(&self) -> bool {
        let peeked = self.socket().try_io(Interest::READABLE, |_| self.peek());
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same, asked of the kernel: for requests that cannot be repeated.
    pub fn is_disturbed_now(&self) -> bool {
        !matches!(self.peek(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Where the other side is, also behind what it sent and nobody has read yet.
    pub fn presence(&self) -> Presence {
        let mut fds = [PollFd::from_borrowed_fd(self.socket().fd(), PollFlags::RDHUP)];
        // A failed call knows nothing, and reads and writes will tell.
        let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let events = fds[0].revents();
        if events.intersects(PollFlags::HUP | PollFlags::ERR) {
            Presence::Gone
        } else if events.contains(PollFlags::RDHUP) {
            Presence::HalfClosed
        } else {
            Presence::Here
        }
    }

    fn peek(&self) -> io::Result<usize> {
        let mut byte = [MaybeUninit::uninit()];
        match self {
            Stream::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            Stream::Unix(stream) => SockRef::from(stream).peek(&mut byte),
        }
    }

    pub async fn read(&mut self, buffer: &mut Buffer, most: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer, most)).await
    }

    /// End our side; the peer still reads what is on its way.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    pub async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shutdown(cx)).await
    }

    /// Closing will send a reset instead of a clean end, so that the peer knows that something is missing.
    pub fn reset_on_close(&self) {
        if let Stream::Tcp(stream) = self {
            // If it fails the connection is gone already.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Our own end's address.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// For moving pages without a copy.
    pub fn socket(&self) -> Socket<'_> {
        match self {
            Stream::Tcp(stream) => Socket::Tcp(stream),
            Stream::Unix(stream) => Socket::Unix(stream),
        }
    }
}
