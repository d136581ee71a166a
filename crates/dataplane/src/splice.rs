//! Large bodies without a copy: `splice(2)` moves pages from one socket into a pipe and from the pipe into another.
//!
//! The pipe is only a hand: it is taken from the thread's pool when there are bytes to carry and given back when it is
//! empty, so that an idle connection holds none. It is refilled only when it is empty. That keeps EAGAIN unambiguous (a
//! full pipe and an empty socket answer alike, and taking one for the other would lose a wake-up of the edge-triggered
//! readiness), bounds what a client that does not read can hold to [`CHUNK`], and costs no throughput: meanwhile the
//! kernel fills the socket's own buffer.
//!
//! Not here: deadlines, which are the caller's (each step returns as soon as something moved), and what to do when a
//! side fails.

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use steelyard_reactor::{Interest, Socket};

/// The size of a pipe, and the most that is moved at once. Measured with bodies of 1 MiB: 1 MiB costs half as much CPU
/// again, because the pages have left the cache before they are sent.
pub const CHUNK: usize = 256 << 10;
/// Pipes kept per thread; past it an empty one is closed.
const POOL_MAX: usize = 64;
/// After this much a step returns even if it could go on, so that one fast transfer does not starve the rest.
const STEP_MAX: u64 = 4 * CHUNK as u64;

thread_local! {
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// Which end a failure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    From,
    To,
}

/// A transfer cannot go on. When nothing was moved and the error is [`is_unsupported`](Failed::is_unsupported), the
/// bytes are still where they were and can be copied instead.
#[derive(Debug)]
pub struct Failed {
    pub side: Side,
    pub error: io::Error,
}

/// One direction of one connection. Idle, it is as small as this struct.
#[derive(Debug, Default)]
pub struct Splice {
    /// Present while it holds bytes that were taken from one side and not yet given to the other.
    pipe: Option<Pipe>,
    held: usize,
    ended: bool,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Splice {
    /// Move what can be moved now. `left` is how many bytes `to` shall still get in all (`u64::MAX`: up to the end).
    ///
    /// Ready with the number of bytes that `to` got; 0 means that `left` is 0 or that `from` has ended. Pending: the
    /// task is woken when the side that it waits for is ready.
    pub fn poll(&mut self, cx: &mut Context<'_>, from: &Socket, to: &Socket, left: u64) -> Poll<Result<u64, Failed>> {
        let mut moved = 0;
        loop {
            let side = if self.held > 0 { Side::To } else { Side::From };
            let step = match side {
                Side::To => self.give(to),
                Side::From if moved == left || moved >= STEP_MAX || self.ended => return Poll::Ready(Ok(moved)),
                Side::From => self.take(from, left - moved),
            };
            match step {
                Ok(given) => moved += given,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if moved > 0 {
                        return Poll::Ready(Ok(moved));
                    }
                    ready!(if side == Side::To { to.poll_writable(cx) } else { from.poll_readable(cx) });
                }
                // What did arrive is reported first; the failure shows itself again at the next step.
                Err(_) if moved > 0 => return Poll::Ready(Ok(moved)),
                Err(error) => return Poll::Ready(Err(Failed { side, error })),
            }
        }
    }

    /// Bytes on their way: taken from one side, not yet given to the other.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Fill the empty pipe.
    fn take(&mut self, from: &Socket, most: u64) -> io::Result<u64> {
        let pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => Pipe::take()?,
        };
        let most = usize::try_from(most).unwrap_or(CHUNK).min(CHUNK);
        match from.try_io(Interest::Readable, |fd| transfer(fd, pipe.write.as_fd(), most)) {
            Ok(taken) => {
                self.held = taken;
                self.ended = taken == 0;
                self.put(pipe);
                Ok(0)
            }
            Err(error) => {
                pipe.give_back();
                Err(error)
            }
        }
    }

    /// Empty the pipe as far as the socket takes it.
    fn give(&mut self, to: &Socket) -> io::Result<u64> {
        let Some(pipe) = self.pipe.take() else { return Ok(0) };
        let given = to.try_io(Interest::Writable, |fd| transfer(pipe.read.as_fd(), fd, self.held));
        self.held -= given.as_ref().copied().unwrap_or(0);
        self.put(pipe);
        given.map(|given| given as u64)
    }

    /// Keep the pipe while it holds something. One that is dropped with bytes in it is closed: nobody else may get them.
    fn put(&mut self, pipe: Pipe) {
        if self.held > 0 {
            self.pipe = Some(pipe);
        } else {
            pipe.give_back();
        }
    }
}

impl Pipe {
    fn take() -> io::Result<Pipe> {
        if let Some(pipe) = POOL.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Enlarged only: a pipe has a slot a page, and each piece of a packet takes one. With pages of 64 KiB (arm64) a
        // new pipe has 16 slots, and one of 256 KiB would have four.
        if fcntl_getpipe_size(&write).is_ok_and(|size| size < CHUNK) {
            // A user who has many pipes may not enlarge more of them (pipe(7)); a small one works as well, only slower.
            let _ = fcntl_setpipe_size(&write, CHUNK);
        }
        Ok(Pipe { read, write })
    }

    fn give_back(self) {
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOL_MAX {
                pool.push(self);
            }
        });
    }
}

impl Failed {
    /// The kernel cannot splice between these (EINVAL), or no descriptor is left for a pipe: copy instead.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.error.raw_os_error(), Some(libc::EINVAL | libc::EMFILE | libc::ENFILE))
    }
}

fn transfer(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
    // A socket's own O_NONBLOCK does not reach the pipe's side of the call, so it is said here for both.
    Ok(splice(from, None, to, None, most, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?)
}

#[cfg(test)]
mod tests;
