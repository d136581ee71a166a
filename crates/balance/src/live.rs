//! The live state of a server: what it does now, as opposed to what was published of it. It belongs to the identity
//! (pool, id), is shared by all snapshots, and no changed weight and no rebuilt pool resets it.
//!
//! All atomics on which an order is decided are sequentially consistent: the proof of `algorithm::tournament` needs one
//! order of all changes, and on x86-64 it costs nothing over acquire and release.

use crate::{
    algorithm::{Rooms, Tournament},
    latency::Latency,
};
use arc_swap::ArcSwapOption;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
    },
};

/// The virtual time of a server that never had a turn.
const NO_TURN: u64 = u64::MAX;

/// The live state of one server, on cache lines of its own: threads that use different servers do not disturb each other.
#[repr(align(64))]
pub struct Live {
    active: AtomicU32,
    /// The server's number among those that are alive in its pool: small, and the same in every snapshot.
    slot: u32,
    /// Different for every identity that the pool ever had.
    serial: u64,
    /// The virtual time of the server's next turn among equally loaded ones (`algorithm::least`).
    pass: AtomicU64,
    pub(crate) latency: Latency,
    /// Somebody saw it full and will not look again before it is told (`algorithm::rooms`).
    is_marked: AtomicBool,
    pool: Arc<PoolLive>,
}

/// Without the pool, which by its order leads back to here.
impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { active, slot, serial, pass, latency, is_marked: _, pool: _ } = self;
        let mut shown = f.debug_struct("Live");
        shown.field("active", active).field("slot", slot).field("serial", serial).field("pass", pass);
        shown.field("latency", latency).finish_non_exhaustive()
    }
}

impl Live {
    /// Requests (mode `tcp`: connections) that the server has now.
    pub fn active(&self) -> u32 {
        self.active.load(SeqCst)
    }

    /// The decayed mean of `peak-ewma` in microseconds; 0 before the first answer.
    pub fn ewma_us(&self, now_ms: u64) -> f64 {
        self.latency.mean_us(now_ms)
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Counts one more, unless that would exceed `max` (0: no limit).
    pub(crate) fn acquire(&self, max: u32) -> bool {
        if max == 0 {
            self.active.fetch_add(1, SeqCst);
            return true;
        }
        self.active.fetch_update(SeqCst, SeqCst, |active| (active < max).then_some(active + 1)).is_ok()
    }

    pub(crate) fn release(&self) {
        let before = self.active.fetch_sub(1, SeqCst);
        debug_assert!(before > 0, "given back twice");
        if self.is_marked.load(SeqCst) {
            self.is_marked.store(false, SeqCst);
            self.pool.reopen(self.slot);
        }
        self.pool.changed(self.slot, None);
    }

    /// Whoever gives a place back shall say so.
    pub(crate) fn mark_full(&self) {
        self.is_marked.store(true, SeqCst);
    }

    pub(crate) fn observe(&self, now_ms: u64, latency_us: u64) {
        if self.pool.wants_latency.load(Relaxed) {
            self.latency.observe(now_ms, latency_us);
        }
    }

    /// The server had its turn. Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996): the turn began at the later
    /// of the server's own time and the pool's, so that a server that was busy or away has saved nothing up.
    pub(crate) fn advance(&self, stride: u64) {
        let floor = self.pool.virtual_time.0.load(SeqCst);
        let mut began = floor;
        let pass = |pass| {
            began = if is_before(pass, floor) { floor } else { pass };
            Some(began.wrapping_add(stride))
        };
        let _ = self.pass.fetch_update(SeqCst, SeqCst, pass);
        if is_before(floor, began) {
            let later = |time| is_before(time, began).then_some(began);
            let _ = self.pool.virtual_time.0.fetch_update(SeqCst, SeqCst, later);
        }
    }

    /// Whether the server's next turn comes before the other's.
    pub(crate) fn cmp_turn(&self, other: &Self) -> Ordering {
        (self.pass.load(SeqCst).wrapping_sub(other.pass.load(SeqCst)) as i64).cmp(&0)
    }

    /// A server without a turn yet has its first half a stride from now: servers that come together are not served in a
    /// burst, and the heavy ones begin.
    pub(crate) fn introduce(&self, stride: u64) {
        let first = self.pool.virtual_time.0.load(SeqCst).wrapping_add(stride / 2);
        let _ = self.pass.compare_exchange(NO_TURN, first, SeqCst, SeqCst);
    }

    /// Strides have changed: what the server was ahead in old, longer strides is at most one new one. And what it was
    /// behind is forgotten, as its next turn would do.
    pub(crate) fn restride(&self, stride: u64) {
        let now = self.pool.virtual_time.0.load(SeqCst);
        let most = now.wrapping_add(stride);
        let clamped = |pass| match (is_before(pass, now), is_before(most, pass)) {
            (true, _) => Some(now),
            (_, true) => Some(most),
            _ => None,
        };
        let _ = self.pass.fetch_update(SeqCst, SeqCst, clamped);
    }
}

/// Virtual time goes round; of two times less than half a round apart it is known which comes first.
fn is_before(a: u64, b: u64) -> bool {
    (a.wrapping_sub(b) as i64) < 0
}

/// The live state of one pool, shared by its snapshots.
#[derive(Debug, Default)]
pub(crate) struct PoolLive {
    /// How many turns were given by the algorithms that go in turn.
    turns: Apart<AtomicU64>,
    virtual_time: Apart<AtomicU64>,
    /// The order of the published pool, when its algorithm keeps one: whoever changes a server's load refreshes it, also
    /// a request that began under an older snapshot.
    order: ArcSwapOption<Tournament>,
    /// The address of `order`, 0 without one: most choices need to know only that it is theirs, or that there is none.
    order_address: AtomicUsize,
    /// What is known of who has room, in the published pool; and its address, as above.
    rooms: ArcSwapOption<Rooms>,
    rooms_address: AtomicUsize,
    /// Whether the published pool's algorithm reads latencies.
    wants_latency: AtomicBool,
    known: Mutex<Known>,
}

/// What all threads write, apart from what they only read.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Debug, Default)]
struct Known {
    /// Every server that anyone still holds. A server that was removed and comes back while old requests still run on it
    /// is the same one, so that its count stays true.
    servers: BTreeMap<String, Weak<Live>>,
    serials: u64,
}

impl PoolLive {
    /// The live states of these servers, found or new.
    pub(crate) fn enlist<'a>(self: &Arc<Self>, ids: impl Iterator<Item = &'a str>) -> Vec<Arc<Live>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.servers.retain(|_, live| live.strong_count() > 0);
        let alive: Vec<_> = known.servers.values().filter_map(Weak::upgrade).collect();
        let taken: BTreeSet<u32> = alive.iter().map(|live| live.slot).collect();
        let mut free = (0..).filter(|slot| !taken.contains(slot));
        ids.map(|id| {
            if let Some(live) = known.servers.get(id).and_then(Weak::upgrade) {
                return live;
            }
            known.serials += 1;
            let live = Arc::new(Live {
                active: AtomicU32::new(0),
                // Endless as far as memory reaches.
                slot: free.next().unwrap_or(u32::MAX),
                serial: known.serials,
                pass: AtomicU64::new(NO_TURN),
                latency: Latency::default(),
                is_marked: AtomicBool::new(false),
                pool: Arc::clone(self),
            });
            known.servers.insert(id.to_owned(), Arc::downgrade(&live));
            live
        })
        .collect()
    }

    /// The numbers of the turns that this choice may use up; a peek uses none.
    pub(crate) fn turns(&self, peek: bool) -> impl Iterator<Item = u64> {
        let next = if peek { self.turns.0.load(Relaxed) } else { 0 };
        (next..).map(move |turn| if peek { turn } else { self.turns.0.fetch_add(1, Relaxed) })
    }

    /// The load of the server in this slot has changed, and `fresh` knows it already.
    ///
    /// The address is sequentially consistent with the counts: a thread that reads an older one here changed its server's
    /// count before the order that is being published is refreshed as a whole.
    pub(crate) fn changed(&self, slot: u32, fresh: Option<&Arc<Tournament>>) {
        let address = self.order_address.load(SeqCst);
        if address != fresh.map_or(0, address_of) && address != 0 {
            self.refresh_order(slot);
        }
    }

    fn refresh_order(&self, slot: u32) {
        if let Some(order) = &*self.order.load() {
            order.refresh(slot);
        }
    }

    #[cfg(test)]
    pub(crate) fn virtual_time(&self) -> u64 {
        self.virtual_time.0.load(SeqCst)
    }

    #[cfg(test)]
    pub(crate) fn set_virtual_time(&self, time: u64) {
        self.virtual_time.0.store(time, SeqCst);
    }

    pub(crate) fn keep_order(&self, order: Option<&Arc<Tournament>>, wants_latency: bool) {
        self.order.store(order.cloned());
        self.order_address.store(order.map_or(0, address_of), SeqCst);
        self.wants_latency.store(wants_latency, Relaxed);
    }

    /// A place of the marked server in this slot was given back.
    #[cold]
    fn reopen(&self, slot: u32) {
        if let Some(rooms) = &*self.rooms.load() {
            rooms.reopen(slot);
        }
    }

    pub(crate) fn keep_rooms(&self, rooms: Option<&Arc<Rooms>>) {
        self.rooms_address.store(0, SeqCst);
        self.rooms.store(rooms.cloned());
        self.rooms_address.store(rooms.map_or(0, address_of), SeqCst);
    }

    /// Whether these are the ones that are kept.
    pub(crate) fn keeps_rooms(&self, rooms: &Rooms) -> bool {
        self.rooms_address.load(SeqCst) == std::ptr::from_ref(rooms).addr()
    }

    /// Stops keeping this order, unless another one has taken its place.
    pub(crate) fn drop_order(&self, order: &Arc<Tournament>) {
        let _ = self.order_address.compare_exchange(address_of(order), 0, SeqCst, SeqCst);
        self.order.compare_and_swap(order, None);
    }
}

fn address_of<T>(kept: &Arc<T>) -> usize {
    Arc::as_ptr(kept).addr()
}
