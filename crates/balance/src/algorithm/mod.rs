//! The algorithms, one file each. Each names one eligible server that is neither full nor tried, and says what it needs.
//!
//! Three kinds: those that go in turn read a cycle; those that draw or hash read a table; those that look for the least
//! loaded server share [`least`]. Tables and cycles are built once per snapshot and only read.

mod cycle;
mod least;
mod least_connections;
mod maglev;
mod needs;
mod peak_ewma;
mod power_of_two;
mod random;
mod rooms;
mod round_robin;
mod source_hash;
mod tournament;
mod weighted_least_connections;
mod weighted_random;
mod weighted_round_robin;

pub use needs::Needs;
pub(crate) use rooms::Rooms;
pub(crate) use tournament::Tournament;

use rooms::Found;

use crate::{
    choice::Choice,
    live::PoolLive,
    server::{Server, ServerIndex},
    spec::AlgorithmName,
};
use std::sync::Arc;

/// All that an algorithm sees: the servers of its snapshot and those of them that new clients may get.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) servers: Arc<[Server]>,
    /// Ascending, so in configuration order.
    pub(crate) eligible: Box<[ServerIndex]>,
    pub(crate) live: Arc<PoolLive>,
    /// None where looking at all servers costs little.
    pub(crate) rooms: Option<Arc<Rooms>>,
}

impl Field {
    pub(crate) fn server(&self, index: ServerIndex) -> &Server {
        &self.servers[index as usize]
    }

    pub(crate) fn eligible_servers(&self) -> impl ExactSizeIterator<Item = &Server> + Clone {
        self.eligible.iter().map(|&index| self.server(index))
    }

    /// May this choice get this eligible server: neither full nor tried.
    pub(crate) fn is_usable(&self, index: ServerIndex, choice: &Choice) -> bool {
        !self.server(index).is_full() && !choice.tried.contains(&index)
    }

    /// What is known of who has room; none while another snapshot's is the one that is kept.
    fn rooms(&self) -> Option<&Rooms> {
        self.rooms.as_deref().filter(|rooms| self.live.keeps_rooms(rooms))
    }

    /// The first usable one of these candidates; when none of the first few is, the next usable one of all eligible
    /// servers after the last candidate. So the common case looks at one server, a server that is free is found however
    /// many are full, and that all are full is found out at once.
    pub(crate) fn first_usable(
        &self,
        choice: &Choice,
        candidates: impl Iterator<Item = ServerIndex>,
    ) -> Option<ServerIndex> {
        const CANDIDATES_MAX: usize = 32;
        let mut last = 0;
        for index in candidates.take(CANDIDATES_MAX) {
            if self.is_usable(index, choice) {
                return Some(index);
            }
            last = index;
            if self.rooms().is_some_and(Rooms::are_none) {
                return None;
            }
        }
        self.next_usable(choice, last)
    }

    fn next_usable(&self, choice: &Choice, last: ServerIndex) -> Option<ServerIndex> {
        match self.rooms().map(|rooms| rooms.search(self, choice, last)) {
            Some(Found::Server(index)) => return Some(index),
            Some(Found::Nobody) => return None,
            Some(Found::Unknown) | None => {}
        }
        let after = self.eligible.partition_point(|&index| index <= last);
        let (before, after) = self.eligible.split_at(after);
        after.iter().chain(before).copied().find(|&index| self.is_usable(index, choice))
    }
}

#[derive(Debug)]
pub(crate) enum Algorithm {
    RoundRobin,
    WeightedRoundRobin(weighted_round_robin::WeightedRoundRobin),
    Least(least::Least),
    Random,
    WeightedRandom(weighted_random::WeightedRandom),
    SourceHash(source_hash::SourceHash),
    Maglev(maglev::Maglev),
    PowerOfTwo,
}

impl Algorithm {
    pub(crate) fn build(name: AlgorithmName, field: &Field, mask: crate::flow::Mask) -> Self {
        match name {
            AlgorithmName::RoundRobin => Self::RoundRobin,
            AlgorithmName::WeightedRoundRobin => {
                Self::WeightedRoundRobin(weighted_round_robin::WeightedRoundRobin::build(field))
            }
            AlgorithmName::LeastConnections => Self::Least(least::Least::build(field, &least_connections::ORDER)),
            AlgorithmName::WeightedLeastConnections => {
                Self::Least(least::Least::build(field, &weighted_least_connections::ORDER))
            }
            AlgorithmName::PeakEwma => {
                peak_ewma::introduce_new_servers(field);
                Self::Least(least::Least::build(field, &peak_ewma::ORDER))
            }
            AlgorithmName::Random => Self::Random,
            AlgorithmName::WeightedRandom => Self::WeightedRandom(weighted_random::WeightedRandom::build(field)),
            AlgorithmName::SourceHash => Self::SourceHash(source_hash::SourceHash::new(mask)),
            AlgorithmName::Maglev => Self::Maglev(maglev::Maglev::build(field, mask)),
            AlgorithmName::PowerOfTwo => Self::PowerOfTwo,
        }
    }

    /// A usable server. The field has at least one eligible one. With `peek` nothing changes, no turn is used up.
    pub(crate) fn pick(&self, field: &Field, choice: &Choice, peek: bool) -> Option<ServerIndex> {
        match self {
            Self::RoundRobin => round_robin::pick(field, choice, peek),
            Self::WeightedRoundRobin(algorithm) => algorithm.pick(field, choice, peek),
            Self::Least(algorithm) => algorithm.pick(field, choice),
            Self::Random => random::pick(field, choice),
            Self::WeightedRandom(algorithm) => algorithm.pick(field, choice),
            Self::SourceHash(algorithm) => algorithm.pick(field, choice),
            Self::Maglev(algorithm) => algorithm.pick(field, choice),
            Self::PowerOfTwo => power_of_two::pick(field, choice),
        }
    }

    /// The server has one active request more, because of this pool: by a choice, or kept by affinity.
    pub(crate) fn acquired(&self, field: &Field, index: ServerIndex) {
        match self {
            Self::Least(algorithm) => algorithm.acquired(field, index),
            _ => field.live.changed(field.server(index).live().slot(), None),
        }
    }

    /// From now on this pool's order is the one that is kept up to date.
    pub(crate) fn publish(&self, field: &Field) {
        match self {
            Self::Least(algorithm) => algorithm.publish(field),
            _ => field.live.keep_order(None, false),
        }
    }

    /// The pool is gone: nobody will ask for its order again.
    pub(crate) fn retire(&self, field: &Field) {
        if let Self::Least(algorithm) = self {
            algorithm.retire(field);
        }
    }
}
