//! One server of one snapshot: what was published of it, and its live state, which outlives the snapshot.

use crate::{live::Live, spec::ServerSpec};
use std::sync::Arc;

/// The place of a server in its pool's `servers`; means something only together with that one [`crate::Pool`].
pub type ServerIndex = u32;

/// What every choice reads stands together; the rest is behind one more step.
#[derive(Debug)]
pub struct Server {
    live: Arc<Live>,
    weight: u32,
    max_connections: u32,
    spec: Box<ServerSpec>,
}

impl Server {
    pub(crate) fn new(spec: ServerSpec, live: Arc<Live>) -> Self {
        Self { live, weight: spec.weight, max_connections: spec.max_connections, spec: Box::new(spec) }
    }

    pub fn id(&self) -> &str {
        &self.spec.id
    }

    pub fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// A client that is bound to it may stay.
    pub(crate) fn keeps(&self) -> bool {
        self.spec.keeps || self.spec.eligible
    }

    /// At its `max_connections` just now.
    pub fn is_full(&self) -> bool {
        self.max_connections != 0 && self.live.active() >= self.max_connections
    }

    /// Counts one more active request, unless that would exceed `max_connections`.
    pub(crate) fn acquire(&self) -> bool {
        self.live.acquire(self.max_connections)
    }
}
