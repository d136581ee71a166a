//! Connections to servers: one worker's idle ones, by address. The last one used is taken first, so that a pool shrinks
//! to what the traffic needs.

use crate::address::Address;
use crate::addresses::Slot;
use crate::live::Live;
use crate::transport::Stream;

/// More idle connections to one address no worker keeps.
const IDLE_MAX: usize = 1024;

/// A connection to a server, idle or in use.
pub struct Upstream {
    pub stream: Stream,
    pub slot: Slot,
    /// It has served a request before.
    pub reused: bool,
    /// While it is idle: when it is closed.
    until_ms: u64,
}

#[derive(Default)]
pub struct Idle {
    #[expect(clippy::vec_box, reason = "a request takes it, carries it along and puts it back: a pointer each time")]
    by_slot: Vec<Vec<Box<Upstream>>>,
}

impl Idle {
    /// A connection that is still good as far as the runtime knows.
    pub fn take(&mut self, slot: Slot) -> Option<Box<Upstream>> {
        let waiting = self.by_slot.get_mut(slot as usize)?;
        while let Some(upstream) = waiting.pop() {
            if !upstream.stream.is_disturbed() {
                return Some(upstream);
            }
        }
        None
    }

    /// Keep a connection for the next request, `keep_ms` long (0: until the server closes it).
    pub fn put(&mut self, mut upstream: Box<Upstream>, now_ms: u64, keep_ms: u64) {
        let slot = upstream.slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, Vec::new);
        }
        if self.by_slot[slot].len() < IDLE_MAX {
            upstream.until_ms = if keep_ms == 0 { u64::MAX } else { now_ms + keep_ms };
            upstream.reused = true;
            self.by_slot[slot].push(upstream);
        }
    }

    /// Close what has waited too long or was ended by the server.
    pub fn sweep(&mut self, now_ms: u64) {
        for waiting in &mut self.by_slot {
            waiting.retain(|waiting| waiting.until_ms > now_ms && !waiting.stream.is_disturbed());
        }
    }

    /// Close what leads to addresses that nobody may use any more.
    pub fn prune(&mut self, live: &Live) {
        for (slot, waiting) in (0..).zip(&mut self.by_slot) {
            if !waiting.is_empty() && !live.addresses.is_used(slot) {
                waiting.clear();
            }
        }
    }

    /// Close everything: somebody needs the descriptors more.
    pub fn clear(&mut self) -> usize {
        let count = self.by_slot.iter().map(Vec::len).sum();
        self.by_slot.clear();
        count
    }
}

/// Why no connection could be made.
pub enum ConnectError {
    /// It is the server's fault.
    Server,
    /// This process has no descriptor or port left.
    Exhausted,
    TimedOut,
    /// Nobody waits for it any more.
    ClientGone,
}

/// Open a connection.
pub async fn connect(slot: Slot, address: &Address) -> Result<Box<Upstream>, ConnectError> {
    match Stream::connect(address).await {
        Ok(stream) => Ok(Box::new(Upstream { stream, slot, reused: false, until_ms: 0 })),
        Err(error) => Err(match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EADDRNOTAVAIL) => {
                ConnectError::Exhausted
            }
            _ => ConnectError::Server,
        }),
    }
}
