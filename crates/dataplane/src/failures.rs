//! Which servers failed since Python last asked: passive health's ears.
//!
//! The numbers are those of [`crate::counters`]; here is only what was taken of them before, a list of the servers that
//! have news, so that taking costs what changed and not what exists, and an eventfd that wakes Python within a moment of
//! a connect failure, a reset or a timeout. It is written at most once between two takes, whatever the storm.

use crate::counters::{FailureKind, ServerCounters};
use rustix::event::{EventfdFlags, eventfd};
use serde::Serialize;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What happened to one server since the last take. A server without failures and 5xx is not mentioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub pool: String,
    pub server: String,
    /// Requests sent since the last take. A denominator: those sent while the take runs may be missed.
    pub requests: u64,
    pub connect: u64,
    pub reset: u64,
    pub timeout: u64,
    pub protocol: u64,
    pub status_5xx: u64,
}

#[derive(Debug)]
pub struct Failures {
    /// Rises with every take; tells the threads where a new count of requests begins.
    epoch: AtomicU64,
    /// Servers with news, each at most once.
    dirty: Mutex<Vec<Arc<ServerCounters>>>,
    signalled: AtomicBool,
    eventfd: OwnedFd,
}

/// What was taken of one server before, and whether it is on the list.
#[derive(Debug, Default)]
pub(crate) struct ServerFailures {
    dirty: AtomicBool,
    taken: Mutex<Totals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    failed: [u64; 4],
    responses_5xx: u64,
}

impl Failures {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoch: AtomicU64::new(1),
            dirty: Mutex::default(),
            signalled: AtomicBool::new(false),
            eventfd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Readable when [`Failures::take`] has news that should not wait. Reading it is the caller's task.
    pub fn fd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The server's numbers have changed. Called after they did: whoever finds the flag set knows that a take is to
    /// come which will see them.
    pub(crate) fn seen(&self, server: &Arc<ServerCounters>, urgent: bool) {
        if !server.recent.dirty.swap(true, Ordering::AcqRel) {
            self.dirty.lock().expect("no code panics while it holds this lock").push(Arc::clone(server));
        }
        if urgent && !self.signalled.swap(true, Ordering::AcqRel) {
            // It cannot overflow with one write between two takes, and there is nobody to tell that it failed.
            let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
        }
    }

    /// Everything since the last call, in no order.
    pub fn take(&self) -> Vec<Failure> {
        // Swapped, not stored, here and below: what preceded a flag that was found set must be visible behind it.
        self.signalled.swap(false, Ordering::AcqRel);
        let dirty = std::mem::take(&mut *self.dirty.lock().expect("no code panics while it holds this lock"));
        let epoch = self.epoch();
        let failures = dirty.iter().filter_map(|server| take_one(server, epoch)).collect();
        self.epoch.store(epoch + 1, Ordering::Relaxed);
        failures
    }
}

fn take_one(server: &ServerCounters, epoch: u64) -> Option<Failure> {
    // Cleared before the numbers are read: a failure counted after this puts the server on the list again.
    server.recent.dirty.swap(false, Ordering::AcqRel);
    let (mut now, mut requests) = (Totals::default(), 0);
    for block in server.written() {
        for kind in [FailureKind::Connect, FailureKind::Reset, FailureKind::Timeout, FailureKind::Protocol] {
            now.failed[kind as usize] += block.failed(kind);
        }
        now.responses_5xx += block.responses_5xx();
        requests += block.requests_in(epoch);
    }
    let before = std::mem::replace(&mut *server.recent.taken.lock().expect("held by takes only"), now);
    let since = |kind: FailureKind| now.failed[kind as usize] - before.failed[kind as usize];
    let failure = Failure {
        pool: server.pool.to_string(),
        server: server.id.to_string(),
        requests,
        connect: since(FailureKind::Connect),
        reset: since(FailureKind::Reset),
        timeout: since(FailureKind::Timeout),
        protocol: since(FailureKind::Protocol),
        status_5xx: now.responses_5xx - before.responses_5xx,
    };
    let news = now.failed != before.failed || now.responses_5xx != before.responses_5xx;
    news.then_some(failure)
}

#[cfg(test)]
mod tests;
