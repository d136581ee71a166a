//! hash(client network) mod number of eligible servers, as the textbook says: a client stays on its server without any
//! table, as long as the set of servers stays. When one of n servers leaves, (n-1)/n of all clients move: use `maglev` where
//! that matters. A few networks with many users behind one address load their servers unevenly.
//!
//! A client whose server is full or tried is hashed on: its further servers are its own too, and those of different
//! clients differ.

use super::{Field, Needs};
use crate::{chance::draws, choice::Choice, flow::Mask, server::ServerIndex};

pub(super) const NEEDS: Needs = Needs { address: true, ..Needs::NOTHING };

#[derive(Debug)]
pub(crate) struct SourceHash {
    mask: Mask,
}

impl SourceHash {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask }
    }

    pub(super) fn pick(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let hash = choice.client.map_or(choice.random, |client| self.mask.hash(client));
        let eligible = &field.eligible;
        let candidates = draws(hash).map(|hash| eligible[(hash % eligible.len() as u64) as usize]);
        field.first_usable(choice, candidates)
    }
}
