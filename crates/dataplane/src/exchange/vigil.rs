//! A wait for the queue, a connection or a response, with an eye on the client: nobody should work for one who has left.
//!
//! A short wait costs nothing: the client's socket is looked at only once a wait has lasted for a tick of the timers, and
//! after that when the runtime says that something has happened there. What has happened the kernel tells without a byte
//! being read, so that a pipelined request stays where it is.
//!
//! A reset is a client that has left. An end of its side alone may be either: closed, or half-closed by a client that
//! still reads. HTTP/1.1 can ask: a client must understand an interim response that it did not expect (RFC 9110
//! §15.2), and a socket that nobody holds any more answers one with a reset. HTTP/1.0 knows none, and mode `tcp` does
//! not speak: there, who has ended its side is waited with to the end (docs/decisions/0150-a-client-that-leaves.md).

use crate::connection::Connection;
use crate::snapshot::Mode;
use crate::timers::TICK_MS;
use crate::transport::Presence;
use std::task::{Context, Poll};
use steelyard_http::Version;

/// When to look again where the runtime cannot tell of further events: something unread or an end hides them.
const LOOK_AGAIN_MS: u64 = 500;
/// An interim response without a meaning of its own; other numbers are unknown to many clients.
const QUESTION: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Late,
    ClientGone,
}

#[derive(Default)]
pub struct Vigil {
    due_ms: u64,
    looks: bool,
    asked: bool,
}

impl Vigil {
    /// Wait at most `limit_ms` (0: as long as it takes) and watch the client.
    pub fn begin(connection: &Connection, limit_ms: u64) -> Self {
        let mut vigil = Vigil::default();
        vigil.set(connection, limit_ms);
        vigil
    }

    /// Begin again, with another limit.
    pub fn set(&mut self, connection: &Connection, limit_ms: u64) {
        let now_ms = connection.worker.clock.now_ms();
        self.due_ms = if limit_ms == 0 { u64::MAX } else { now_ms + limit_ms };
        self.looks = false;
        connection.timer.set(now_ms, TICK_MS.min(self.due_ms - now_ms));
    }

    /// Ready when the wait has become pointless; otherwise whoever can say so will wake the task.
    pub fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection, version: Version) -> Poll<Over> {
        connection.timer.register(cx.waker());
        if connection.timer.fired() {
            let now_ms = connection.worker.clock.now_ms();
            if now_ms >= self.due_ms {
                return Poll::Ready(Over::Late);
            }
            self.looks = true;
            self.rearm(connection, u64::MAX);
        }
        if self.looks { self.look(cx, connection, version) } else { Poll::Pending }
    }

    #[cold]
    fn look(&mut self, cx: &mut Context<'_>, connection: &Connection, version: Version) -> Poll<Over> {
        if connection.stream.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        match connection.stream.presence() {
            Presence::Gone => return Poll::Ready(Over::ClientGone),
            Presence::Here => {}
            Presence::HalfClosed if self.asked => {}
            Presence::HalfClosed if connection.service.spec.mode == Mode::Tcp || version == Version::Http10 => {
                self.looks = false;
                return Poll::Pending;
            }
            Presence::HalfClosed => {
                self.asked = true;
                match connection.stream.socket().try_write(QUESTION) {
                    Ok(count) if count == QUESTION.len() => {}
                    // It has ended its side and does not read either.
                    _ => return Poll::Ready(Over::ClientGone),
                }
            }
        }
        self.rearm(connection, LOOK_AGAIN_MS);
        Poll::Pending
    }

    fn rearm(&self, connection: &Connection, look_ms: u64) {
        let now_ms = connection.worker.clock.now_ms();
        let left_ms = self.due_ms.saturating_sub(now_ms).max(1);
        connection.timer.set(now_ms, left_ms.min(look_ms));
    }
}
