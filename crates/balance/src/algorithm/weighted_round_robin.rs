//! In turn, in proportion to the weights, and smoothly: 5, 1, 1 gives a a b a c a a and not a a a a a b c, so that a heavy
//! server gets no burst. The order of one whole cycle is made when the pool is built ([`super::cycle`]); choosing reads
//! the next place of it.
//!
//! Good for unequal servers and requests of equal cost; like `round-robin` it does not see that a server is behind.

use super::{Field, Needs, cycle};
use crate::{choice::Choice, server::ServerIndex};

pub(super) const NEEDS: Needs = Needs { weight: true, ..Needs::NOTHING };

#[derive(Debug)]
pub(crate) struct WeightedRoundRobin {
    /// Places in `Field::eligible`.
    cycle: Box<[u16]>,
}

impl WeightedRoundRobin {
    pub(super) fn build(field: &Field) -> Self {
        let weights: Vec<u32> = field.eligible_servers().map(|server| server.weight()).collect();
        Self { cycle: cycle::build(&weights) }
    }

    pub(super) fn pick(&self, field: &Field, choice: &Choice, peek: bool) -> Option<ServerIndex> {
        let place = |turn: u64| self.cycle[(turn % self.cycle.len() as u64) as usize];
        let candidates = field.live.turns(peek).map(|turn| field.eligible[place(turn) as usize]);
        field.first_usable(choice, candidates)
    }
}
