//! In turn, weights ignored. One counter for all threads, so that the turns are those of the pool and not of a thread.

use crate::{choice::Choice, live::PoolLive, pool::Pool, server::ServerIndex};
use std::sync::{Arc, atomic::Ordering::Relaxed};

#[derive(Debug)]
pub(crate) struct RoundRobin {
    live: Arc<PoolLive>,
}

impl RoundRobin {
    pub(crate) fn new(live: Arc<PoolLive>) -> Self {
        Self { live }
    }

    pub(crate) fn pick(&self, pool: &Pool, choice: &Choice) -> Option<ServerIndex> {
        let eligible = pool.eligible();
        let n = eligible.len();
        let turn = self.live.turns.fetch_add(1, Relaxed);
        let start = turn.checked_rem(n as u64)? as usize;
        eligible[start..]
            .iter()
            .chain(&eligible[..start])
            .copied()
            .find(|&index| pool.is_usable(index, choice))
    }
}
