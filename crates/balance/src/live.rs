//! The live state of a server: what it does now, as opposed to what was published of it. It belongs to the identity
//! (pool, id), is shared by all snapshots, and no changed weight and no rebuilt pool resets it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
};

/// The live state of one server.
#[derive(Debug, Default)]
pub struct Live {
    active: AtomicU32,
}

impl Live {
    /// Requests (mode `tcp`: connections) that the server has now.
    pub fn active(&self) -> u32 {
        self.active.load(SeqCst)
    }

    /// Counts one more, unless that would exceed `max` (0: no limit).
    pub(crate) fn acquire(&self, max: u32) -> bool {
        if max == 0 {
            self.active.fetch_add(1, SeqCst);
            return true;
        }
        self.active
            .fetch_update(SeqCst, SeqCst, |active| {
                (active < max).then_some(active + 1)
            })
            .is_ok()
    }

    pub(crate) fn release(&self) {
        let before = self.active.fetch_sub(1, SeqCst);
        debug_assert!(before > 0, "given back twice");
    }

    pub(crate) fn observe(&self, _now_ms: u64, _latency_us: u64) {}
}

/// The live state of one pool.
#[derive(Debug, Default)]
pub struct PoolLive {
    /// How many turns the algorithms that go in turn have given.
    pub(crate) turns: AtomicU64,
    /// Every server that anyone still holds. A server that was removed and comes back while old requests still run on it
    /// is the same one, so that its count stays true.
    known: Mutex<BTreeMap<String, Weak<Live>>>,
}

impl PoolLive {
    /// The live states of these servers, found or new.
    pub(crate) fn enlist<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<Arc<Live>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, live| live.strong_count() > 0);
        ids.map(|id| {
            if let Some(live) = known.get(id).and_then(Weak::upgrade) {
                return live;
            }
            let live = Arc::new(Live::default());
            known.insert(id.to_owned(), Arc::downgrade(&live));
            live
        })
        .collect()
    }
}
