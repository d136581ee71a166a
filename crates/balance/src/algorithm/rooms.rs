//! Which servers of a large pool have room, so far as anybody knows: one bit a server. When all are full, a choice learns it
//! from one number instead of looking at each; a server that is free among many full ones is found 64 at a time.
//!
//! The bits are hints that err on one side. Taking a server's last place touches nothing. A choice that meets a full
//! server marks it; whoever gives a place of a marked server back unmarks it. So a saturated pool pays two bits for each
//! request, and any other pool nothing.
//!
//! That nobody has room must be true when it is said, for the request that hears it waits until it is called, and it is
//! called when a server is given back. Two races could hide room. One that gives back has not unmarked yet: it will, and
//! calls after that. One that marks saw the server full, and the place was given back before its mark: so it looks again
//! after it, and takes the mark back; marks that are under way are counted at both ends, and while one is, nobody
//! believes the bits.
//!
//! The bits belong to one snapshot, as `max_connections` does. Only those of the published pool are kept, and believed.

use super::Field;
use crate::{choice::Choice, server::ServerIndex};
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
};

/// Up to here looking at every server costs next to nothing.
const SERVERS_FEW: usize = 16;
const NOBODY: ServerIndex = ServerIndex::MAX;

#[derive(Debug)]
pub(crate) struct Rooms {
    /// By server index; set where there may be room. Never for a server that is not eligible.
    open: Box<[AtomicU64]>,
    /// How many are set.
    count: AtomicUsize,
    marks_begun: AtomicU64,
    marks_ended: AtomicU64,
    by_slot: Box<[ServerIndex]>,
}

/// What a search found.
pub(super) enum Found {
    Server(ServerIndex),
    Nobody,
    /// The bits changed under it.
    Unknown,
}

impl Rooms {
    /// None for a pool that needs none: it is small, or its servers are never full.
    pub(crate) fn build(field: &Field) -> Option<Arc<Self>> {
        let is_limited = field.eligible_servers().any(|server| server.spec().max_connections > 0);
        if field.eligible.len() <= SERVERS_FEW || !is_limited {
            return None;
        }
        let slots = field.eligible_servers().map(|server| server.live().slot() as usize + 1).max().unwrap_or(0);
        let mut by_slot = vec![NOBODY; slots];
        let mut open = vec![0; field.servers.len().div_ceil(64)];
        for &index in &field.eligible {
            by_slot[field.server(index).live().slot() as usize] = index;
            open[index as usize / 64] |= 1 << (index % 64);
        }
        Some(Arc::new(Self {
            open: open.into_iter().map(AtomicU64::new).collect(),
            count: AtomicUsize::new(field.eligible.len()),
            marks_begun: AtomicU64::new(0),
            marks_ended: AtomicU64::new(0),
            by_slot: by_slot.into(),
        }))
    }

    /// A place of the marked server in this slot was given back.
    pub(crate) fn reopen(&self, slot: u32) {
        if let Some(&index) = self.by_slot.get(slot as usize).filter(|&&index| index != NOBODY) {
            self.set(index);
        }
    }

    fn set(&self, index: ServerIndex) {
        let bit = 1 << (index % 64);
        if self.open[index as usize / 64].fetch_or(bit, SeqCst) & bit == 0 {
            self.count.fetch_add(1, SeqCst);
        }
    }

    /// The server was seen full.
    pub(super) fn mark(&self, field: &Field, index: ServerIndex) {
        self.marks_begun.fetch_add(1, SeqCst);
        let bit = 1 << (index % 64);
        if self.open[index as usize / 64].fetch_and(!bit, SeqCst) & bit != 0 {
            self.count.fetch_sub(1, SeqCst);
        }
        field.server(index).live().mark_full();
        if !field.server(index).is_full() {
            self.set(index);
        }
        self.marks_ended.fetch_add(1, SeqCst);
    }

    /// Whether it is certain that nobody has room.
    pub(super) fn are_none(&self) -> bool {
        let ended = self.marks_ended.load(SeqCst);
        self.count.load(SeqCst) == 0 && self.marks_begun.load(SeqCst) == ended
    }

    /// The first usable server of those that may have room and come after `last`, in the order of the configuration and
    /// around; those that turn out to be full are marked.
    pub(super) fn search(&self, field: &Field, choice: &Choice, last: ServerIndex) -> Found {
        let mut marks = 0;
        let ended = self.marks_ended.load(SeqCst);
        let found = self.after(last).find(|&index| {
            let is_full = field.server(index).is_full();
            if is_full {
                self.mark(field, index);
                marks += 1;
            }
            !is_full && !choice.tried.contains(&index)
        });
        match found {
            Some(index) => Found::Server(index),
            None if self.marks_begun.load(SeqCst) == ended + marks => Found::Nobody,
            None => Found::Unknown,
        }
    }

    /// Those that may have room, beginning behind `last`.
    pub(super) fn after(&self, last: ServerIndex) -> impl Iterator<Item = ServerIndex> {
        let (words, start) = (self.open.len(), last as usize / 64);
        let behind = u64::MAX.checked_shl(last % 64 + 1).unwrap_or(0);
        (0..=words).flat_map(move |step| {
            let word = (start + step) % words;
            let mask = match step {
                0 => behind,
                _ if step == words => !behind,
                _ => u64::MAX,
            };
            Bits(self.open[word].load(SeqCst) & mask).map(move |bit| word as ServerIndex * 64 + bit)
        })
    }
}

/// The numbers of the bits that are set.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}
