//! The right to use one server for one request. It counts as one active request from the choice until it ends, whichever
//! way that happens, and is given back exactly once. It does not borrow the pool: a request may outlive its snapshot.

use crate::{live::Live, server::ServerIndex};
use std::sync::Arc;

#[must_use = "a lease dropped at once gives the server back at once"]
#[derive(Debug)]
pub struct Lease {
    live: Arc<Live>,
    server: ServerIndex,
    newly_bound: bool,
}

impl Lease {
    /// The caller has already counted the request (`Server::acquire`).
    pub(crate) fn new(live: &Arc<Live>, server: ServerIndex, newly_bound: bool) -> Self {
        Self { live: Arc::clone(live), server, newly_bound }
    }

    /// Index in the pool that gave this lease, not in any later one.
    pub fn server(&self) -> ServerIndex {
        self.server
    }

    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The pool has an affinity and the client was not bound to this server before: cookie affinity sets its mark now.
    pub fn newly_bound(&self) -> bool {
        self.newly_bound
    }

    /// The server has answered, `latency_us` after it was asked; or it was given up after that time, for a server that lets
    /// requests time out is a slow one. Where a failure says nothing of its speed, drop the lease instead.
    pub fn finish(self, now_ms: u64, latency_us: u64) {
        self.observe(now_ms, latency_us);
    }

    /// A latency is known before the end: mode `tcp` knows how long connecting took, and the connection may last for days.
    pub fn observe(&self, now_ms: u64, latency_us: u64) {
        self.live.observe(now_ms, latency_us);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.live.release();
    }
}
