//! Two sockets joined: bytes go both ways until both sides have ended, one has failed or nothing moves any more. Mode
//! `tcp` ends here, and so does an upgraded connection.
//!
//! Each direction ends by itself (a half-closed connection still answers, RFC 9293 §3.6). Bytes are copied through one
//! buffer of the thread while they come in small pieces, and spliced once they fill it: a pipe is not worth it for less.

use crate::clock::Clock;
use crate::snapshot::Timeouts;
use crate::splice::{Failed, Side, Splice};
use crate::timers::Timer;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use steelyard_reactor::Socket;

/// What fits into one read; a read that fills it says that more is to come.
const PIECE: usize = 16 << 10;
/// A splice that moved less than this was not worth its two system calls more.
const WORTH_SPLICING: u64 = 8 << 10;
/// Pieces that one direction may move before others get their turn.
const STEPS_MAX: usize = 8;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE].into_boxed_slice());
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// Both sides have ended in order.
    Ok,
    /// Nothing moved in either direction for `tunnel`.
    Idle,
    /// This side did not read for `stall`.
    Stalled(Way),
    /// The client's connection failed.
    Client,
    /// The server's connection failed.
    Server,
    /// The server is down or away, and its pool lets nothing outlive that.
    Cut,
}

/// Milliseconds; 0 means never.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub tunnel: u64,
    pub stall: u64,
}

impl End {
    /// Its word in logs.
    pub fn word(&self) -> &'static str {
        match self {
            End::Ok => "ok",
            End::Idle => "tunnel-timeout",
            End::Stalled(Way::ToClient) => "client-stalled",
            End::Stalled(Way::ToServer) => "server-stalled",
            End::Client => "client-gone",
            End::Server => "server-reset",
            End::Cut => "server-down",
        }
    }
}

impl Patience {
    pub fn of(timeouts: &Timeouts) -> Self {
        Patience { tunnel: timeouts.tunnel, stall: timeouts.stall }
    }
}

/// The two sides and who waits for them how long.
pub struct Relay<'a> {
    pub clock: &'a Clock,
    pub timer: &'a Timer,
    pub client: &'a Socket,
    pub server: &'a Socket,
    pub patience: Patience,
    /// Whether it is to end now; asked with every wake-up.
    pub is_cut: &'a dyn Fn() -> bool,
}

impl Relay<'_> {
    /// Relay until the end. `first` is what one side had sent before the two were joined; `moved` is told of all bytes
    /// that arrived.
    pub async fn run(&self, first: First, mut moved: impl FnMut(Way, u64)) -> End {
        let now = self.clock.now_ms();
        let mut to_server = Direction::new(first.to_server, now);
        let mut to_client = Direction::new(first.to_client, now);
        let end = poll_fn(|cx| {
            self.timer.register(cx.waker());
            let now = self.clock.now_ms();
            let failed = to_server.run(cx, self.client, self.server, now, |count| moved(Way::ToServer, count));
            if failed.is_err() {
                return Poll::Ready(End::Client);
            }
            let failed = to_client.run(cx, self.server, self.client, now, |count| moved(Way::ToClient, count));
            if failed.is_err() {
                return Poll::Ready(End::Server);
            }
            if to_server.done && to_client.done {
                return Poll::Ready(match (to_server.refused, to_client.refused) {
                    (_, true) => End::Client,
                    (true, false) => End::Server,
                    (false, false) => End::Ok,
                });
            }
            if (self.is_cut)() {
                return Poll::Ready(End::Cut);
            }
            self.judge(&to_server, &to_client)
        })
        .await;
        self.timer.clear();
        self.part(&end);
        end
    }

    /// Set the timer to the next thing that may not take longer; ready when one already has.
    fn judge(&self, to_server: &Direction, to_client: &Direction) -> Poll<End> {
        let (now, mut next) = (self.clock.now_ms(), u64::MAX);
        let idle_since = to_server.moved_ms.max(to_client.moved_ms);
        let limits = [
            (to_server.stuck_ms, self.patience.stall, End::Stalled(Way::ToServer)),
            (to_client.stuck_ms, self.patience.stall, End::Stalled(Way::ToClient)),
            (Some(idle_since), self.patience.tunnel, End::Idle),
        ];
        for (since, patience, end) in limits {
            let Some(since) = since.filter(|_| patience > 0) else { continue };
            if now >= since + patience {
                return Poll::Ready(end);
            }
            next = next.min(since + patience - now);
        }
        self.timer.set(now, if next == u64::MAX { 0 } else { next });
        Poll::Pending
    }

    /// What we cut ourselves must not look like an end in order. Where a server broke off, the client still gets what
    /// had come from it: a reset would throw away what is on its way.
    fn part(&self, end: &End) {
        if matches!(end, End::Idle | End::Stalled(_) | End::Client | End::Cut) {
            self.client.reset_on_close();
            self.server.reset_on_close();
        }
    }
}

/// Bytes that were read before the relay began.
#[derive(Debug, Default)]
pub struct First {
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
}

/// One way of the two.
struct Direction {
    /// Copied from one side and not yet given to the other; empty nearly always.
    kept: Vec<u8>,
    given: usize,
    splice: Splice,
    /// Pieces come full, so that splicing is worth it.
    is_fast: bool,
    /// Splicing does not work between these two.
    copy_only: bool,
    ended: bool,
    /// Ended, everything given, and the other side told.
    done: bool,
    moved_ms: u64,
    stuck_ms: Option<u64>,
    /// `to` takes nothing more.
    refused: bool,
}

impl Direction {
    fn new(kept: Vec<u8>, now_ms: u64) -> Self {
        Direction {
            kept,
            given: 0,
            splice: Splice::default(),
            is_fast: false,
            copy_only: false,
            ended: false,
            done: false,
            moved_ms: now_ms,
            stuck_ms: None,
            refused: false,
        }
    }

    /// Move until it would have to wait, or until it has had its share of the thread. Fails when `from` does; when `to`
    /// takes nothing more this direction is done, and the other one is left to read what `to` has still said.
    fn run(
        &mut self,
        cx: &mut Context<'_>,
        from: &Socket,
        to: &Socket,
        now_ms: u64,
        mut moved: impl FnMut(u64),
    ) -> io::Result<()> {
        for _ in 0..STEPS_MAX {
            if self.done {
                return Ok(());
            }
            match self.step(cx, from, to) {
                Poll::Ready(Ok(count)) => {
                    moved(count);
                    self.moved_ms = now_ms;
                    self.stuck_ms = None;
                }
                Poll::Ready(Err(Failed { side: Side::From, error })) => return Err(error),
                Poll::Ready(Err(Failed { side: Side::To, .. })) => {
                    self.refused = true;
                    self.done = true;
                }
                Poll::Pending => {
                    let is_stuck = self.splice.held() > 0 || !self.kept.is_empty();
                    self.stuck_ms = is_stuck.then(|| self.stuck_ms.unwrap_or(now_ms));
                    return Ok(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn step(&mut self, cx: &mut Context<'_>, from: &Socket, to: &Socket) -> Poll<Result<u64, Failed>> {
        if !self.kept.is_empty() {
            return self.flush(cx, to);
        }
        if self.ended && self.splice.held() == 0 {
            self.done = true;
            // It fails when the other side has gone altogether, which the other direction finds out.
            let _ = to.shutdown();
            return Poll::Ready(Ok(0));
        }
        if self.splice.held() > 0 || (self.is_fast && !self.copy_only) {
            return self.splice(cx, from, to);
        }
        self.copy(cx, from, to)
    }

    fn splice(&mut self, cx: &mut Context<'_>, from: &Socket, to: &Socket) -> Poll<Result<u64, Failed>> {
        match ready!(self.splice.poll(cx, from, to, u64::MAX)) {
            Ok(count) => {
                self.ended = count == 0;
                self.is_fast = count >= WORTH_SPLICING;
                Poll::Ready(Ok(count))
            }
            Err(failed) if failed.is_unsupported() && self.splice.held() == 0 => {
                self.copy_only = true;
                Poll::Ready(Ok(0))
            }
            Err(failed) => Poll::Ready(Err(failed)),
        }
    }

    fn copy(&mut self, cx: &mut Context<'_>, from: &Socket, to: &Socket) -> Poll<Result<u64, Failed>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let count = ready!(from.poll_read(cx, scratch)).map_err(|error| Failed { side: Side::From, error })?;
            self.ended = count == 0;
            self.is_fast = count == scratch.len();
            match to.try_write(&scratch[..count]) {
                Ok(given) => {
                    self.kept.extend_from_slice(&scratch[given..count]);
                    Poll::Ready(Ok(given as u64))
                }
                Err(error) => Poll::Ready(Err(Failed { side: Side::To, error })),
            }
        })
    }

    fn flush(&mut self, cx: &mut Context<'_>, to: &Socket) -> Poll<Result<u64, Failed>> {
        let failed = |error| Failed { side: Side::To, error };
        let given = ready!(to.poll_write(cx, &self.kept[self.given..])).map_err(failed)?;
        self.given += given;
        if self.given == self.kept.len() {
            (self.kept, self.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(given as u64))
    }
}

#[cfg(test)]
mod tests;
