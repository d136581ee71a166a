//! The least loaded of many servers, kept up to date by all threads without a lock: a tournament tree as Jayanti's
//! f-array (P. Jayanti: "f-arrays: implementation and applications", PODC 2002).
//!
//! The leaves are the servers; what they are compared by is read from their live state. An inner node holds the better of
//! its children's winners, with a version. Who has changed a server's load replays the games on the way from its leaf to
//! the root: read the node, then the children, then write the winner if the node is still what was read. If that fails
//! twice, another thread has replayed this game entirely after our change, and what it wrote knows of it. So when
//! nobody is changing anything, every node is right, and a change costs O(log n).
//!
//! The way up ends early at a node that was won by another server both before and after: the games above do not know
//! the loser. The version is written even so, for a slower thread that read our old load must not win its write.
//!
//! A leaf is a slot, not an index: a server has the same slot in all snapshots, so that a request that began under an
//! older one can refresh the tree of the present one.

use super::{Field, least::Order};
use crate::{
    choice::Choice,
    server::{Server, ServerIndex},
};
use std::{
    cmp::Ordering::Greater,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

const NOBODY: ServerIndex = ServerIndex::MAX;
const VERSION: u64 = 1 << 32;

#[derive(Debug)]
pub(crate) struct Tournament {
    servers: Arc<[Server]>,
    order: &'static Order,
    /// By slot; a power of two. Only eligible servers play.
    leaves: Box<[ServerIndex]>,
    /// Version in the upper, winner in the lower half. Node 1 is the root, 2i and 2i + 1 are the children of i, and what
    /// would be node `leaves.len() + slot` is the leaf of that slot.
    nodes: Box<[AtomicU64]>,
}

impl Tournament {
    pub(super) fn build(field: &Field, order: &'static Order) -> Self {
        let slot = |index: ServerIndex| field.server(index).live().slot() as usize;
        let slots = field.eligible.iter().map(|&index| slot(index) + 1).max().unwrap_or(0);
        let size = slots.next_power_of_two().max(2);
        let mut leaves = vec![NOBODY; size];
        field.eligible.iter().for_each(|&index| leaves[slot(index)] = index);
        let nodes = (0..size).map(|_| AtomicU64::new(NOBODY.into())).collect();
        let tree = Self { servers: Arc::clone(&field.servers), order, leaves: leaves.into(), nodes };
        tree.refresh_all();
        tree
    }

    /// The first in order that was not tried; `None` also when the winner turns out to be full.
    pub(super) fn first_usable(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let winner = self.best_untried(1, choice.tried);
        (winner != NOBODY && field.is_usable(winner, choice)).then_some(winner)
    }

    /// The load of the server in this slot has changed.
    pub(crate) fn refresh(&self, slot: u32) {
        let slot = slot as usize;
        let Some(&server) = self.leaves.get(slot).filter(|&&server| server != NOBODY) else { return };
        let mut node = (self.leaves.len() + slot) / 2;
        while node >= 1 {
            let replayed = self.replay(node).or_else(|| self.replay(node));
            if replayed.is_some_and(|(before, now)| before == now && now != server) {
                break;
            }
            node /= 2;
        }
    }

    pub(super) fn refresh_all(&self) {
        for node in (1..self.leaves.len()).rev() {
            let _ = self.replay(node).or_else(|| self.replay(node));
        }
    }

    /// One game: the winner before and now, or `None` when another thread wrote the node meanwhile.
    fn replay(&self, node: usize) -> Option<(ServerIndex, ServerIndex)> {
        let before = self.nodes[node].load(SeqCst);
        let winner = self.better(self.winner(2 * node), self.winner(2 * node + 1));
        let now = (before & !(VERSION - 1)).wrapping_add(VERSION) | u64::from(winner);
        let written = self.nodes[node].compare_exchange(before, now, SeqCst, SeqCst).is_ok();
        written.then_some((before as ServerIndex, winner))
    }

    fn winner(&self, node: usize) -> ServerIndex {
        match node.checked_sub(self.leaves.len()) {
            Some(slot) => self.leaves[slot],
            None => self.nodes[node].load(SeqCst) as ServerIndex,
        }
    }

    fn better(&self, a: ServerIndex, b: ServerIndex) -> ServerIndex {
        if b == NOBODY || (a != NOBODY && self.order.compare(&self.servers, a, b) != Greater) { a } else { b }
    }

    /// Games that a tried server has won are decided anew without it: O(log n) for each server tried.
    fn best_untried(&self, node: usize, tried: &[ServerIndex]) -> ServerIndex {
        let winner = self.winner(node);
        if winner == NOBODY || !tried.contains(&winner) {
            return winner;
        }
        if node >= self.leaves.len() {
            return NOBODY;
        }
        self.better(self.best_untried(2 * node, tried), self.best_untried(2 * node + 1, tried))
    }

    /// Whether every game has the right winner; true whenever no thread is changing a load.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        (1..self.leaves.len())
            .all(|node| self.winner(node) == self.better(self.winner(2 * node), self.winner(2 * node + 1)))
    }
}
