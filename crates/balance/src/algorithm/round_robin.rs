//! In turn, weights ignored. One counter for all threads, so that the turns are those of the pool and not of a thread.
//!
//! Good for equal servers and requests of equal cost. Fails where requests differ much: it does not see that a server is
//! behind. Any n choices in a row, n the number of eligible servers, take each server once.
//!
//! A server that is full or tried loses its turn and the turn after it is taken, so that the skipped server's share
//! spreads over all others and does not double that of its neighbour.

use super::{Field, Needs};
use crate::{choice::Choice, server::ServerIndex};

pub(super) const NEEDS: Needs = Needs::NOTHING;

pub(super) fn pick(field: &Field, choice: &Choice, peek: bool) -> Option<ServerIndex> {
    let eligible = &field.eligible;
    let candidates = field.live.turns(peek).map(|turn| eligible[(turn % eligible.len() as u64) as usize]);
    field.first_usable(choice, candidates)
}
