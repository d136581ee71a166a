//! One byte stream to a client or a server. TLS will be one more variant; nothing above knows which one it has.

use crate::address::Address;
use crate::buffer::Buffer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use steelyard_reactor::{Interest, Socket};

pub enum Stream {
    Plain(Socket),
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
        Ok(Stream::Plain(match address {
            Address::Ip(address) => Socket::connect(*address).await?,
            Address::Unix(path) => Socket::connect_unix(path).await?,
        }))
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
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket().poll_readable(cx)
    }

    /// Whether a connection that should be silent was ended or has said something, as far as the runtime knows. The
    /// kernel is asked only when the runtime says so: the last read or splice may just have left the readiness set.
    pub fn is_disturbed(&self) -> bool {
        let peeked = self.socket().try_io(Interest::Readable, |_| self.socket().peek());
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same, asked of the kernel: for requests that cannot be repeated.
    pub fn is_disturbed_now(&self) -> bool {
        !matches!(self.socket().peek(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Where the other side is, also behind what it sent and nobody has read yet.
    pub fn presence(&self) -> Presence {
        let mut fds = [PollFd::new(self.socket(), PollFlags::RDHUP)];
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

    pub async fn read(&mut self, buffer: &mut Buffer, most: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer, most)).await
    }

    /// End our side; the peer still reads what is on its way.
    pub fn shutdown(&self) -> io::Result<()> {
        self.socket().shutdown()
    }

    /// Closing will send a reset instead of a clean end, so that the peer knows that something is missing.
    pub fn reset_on_close(&self) {
        self.socket().reset_on_close();
    }

    /// Our own end's address.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket().local_address()
    }

    /// What is below, for moving pages without a copy.
    pub fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
        }
    }
}
