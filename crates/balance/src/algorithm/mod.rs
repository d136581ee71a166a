//! The algorithms, one file each. Given the eligible servers, each names one that is neither full nor tried.

mod round_robin;

use crate::{
    choice::Choice,
    live::PoolLive,
    pool::Pool,
    server::{Server, ServerIndex},
    spec::AlgorithmName,
};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) enum Algorithm {
    RoundRobin(round_robin::RoundRobin),
}

impl Algorithm {
    pub(crate) fn build(
        _name: AlgorithmName,
        _servers: &Arc<[Server]>,
        _eligible: &[ServerIndex],
        live: &Arc<PoolLive>,
    ) -> Self {
        Self::RoundRobin(round_robin::RoundRobin::new(Arc::clone(live)))
    }

    pub(crate) fn pick(&self, pool: &Pool, choice: &Choice) -> Option<ServerIndex> {
        match self {
            Self::RoundRobin(algorithm) => algorithm.pick(pool, choice),
        }
    }
}
