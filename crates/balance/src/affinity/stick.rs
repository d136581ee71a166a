//! Source affinity: the table of which client network is on which server, with a time to live and a capacity, of which the
//! longest idle is forgotten first. It outlives snapshots: an entry names a server's serial, not its index.
//!
//! 64 shards, each under its own short lock, so that threads meet in one of 64 choices. Within a shard a search tree and
//! a list from newest to oldest; a tree and not a hash map, because clients choose their addresses and a tree has no
//! worst case to be found. The capacity is split evenly and rounded up, so a table holds at least 64.

use crate::hash::hash;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const SHARDS: usize = 64;
/// Another one than clients are hashed to servers with, so that a server's clients do not share a shard.
const SEED_SHARD: u64 = 3;

#[derive(Debug)]
pub(crate) struct StickTable {
    ttl_ms: u64,
    capacity: u32,
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Debug, Default)]
struct Shard {
    places: BTreeMap<IpAddr, usize>,
    /// Place 0 is the head of the ring: its `older` is the newest entry, its `newer` the oldest.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    client: IpAddr,
    serial: u64,
    seen_ms: u64,
    newer: usize,
    older: usize,
}

const HEAD: usize = 0;

impl StickTable {
    pub(super) fn new(ttl_ms: u64, capacity: u32) -> Self {
        Self { ttl_ms, capacity, shards: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect() }
    }

    /// The same table, or one with other limits that begins with the bindings of this one.
    pub(super) fn continued(previous: &Arc<Self>, ttl_ms: u64, capacity: u32) -> Arc<Self> {
        if (previous.ttl_ms, previous.capacity) == (ttl_ms, capacity) {
            return Arc::clone(previous);
        }
        let table = Self::new(ttl_ms, capacity);
        let capacity = table.shard_capacity();
        for (from, to) in previous.shards.iter().zip(&table.shards) {
            let (from, mut to) = (lock(from), lock(to));
            from.oldest_first().for_each(|entry| to.put(entry.client, entry.serial, entry.seen_ms, capacity));
        }
        Arc::new(table)
    }

    /// The serial of the client's server. Looking is a sign of life, unless it is only a `peek`.
    pub(super) fn find(&self, client: IpAddr, now_ms: u64, peek: bool) -> Option<u64> {
        let mut shard = self.shard(client);
        let place = *shard.places.get(&client)?;
        let Entry { serial, seen_ms, .. } = shard.entries[place];
        if now_ms.saturating_sub(seen_ms) > self.ttl_ms {
            return None;
        }
        if !peek {
            shard.touch(place, now_ms);
        }
        Some(serial)
    }

    pub(super) fn bind(&self, client: IpAddr, serial: u64, now_ms: u64) {
        self.shard(client).put(client, serial, now_ms, self.shard_capacity());
    }

    fn shard_capacity(&self) -> usize {
        (self.capacity as usize).div_ceil(SHARDS).max(1)
    }

    fn shard(&self, client: IpAddr) -> MutexGuard<'_, Shard> {
        let number = match client {
            IpAddr::V4(client) => hash(&client.octets(), SEED_SHARD),
            IpAddr::V6(client) => hash(&client.octets(), SEED_SHARD),
        };
        lock(&self.shards[number as usize % SHARDS])
    }
}

/// A thread that panicked left a shard consistent: nothing in it can fail half-way.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn new() -> Self {
        let head = Entry { client: [0; 4].into(), serial: 0, seen_ms: 0, newer: HEAD, older: HEAD };
        Self { places: BTreeMap::new(), entries: vec![head] }
    }

    fn put(&mut self, client: IpAddr, serial: u64, now_ms: u64, capacity: usize) {
        let known = self.places.get(&client).copied();
        let place = known.unwrap_or_else(|| self.room(capacity));
        self.entries[place].client = client;
        self.entries[place].serial = serial;
        if known.is_none() {
            self.places.insert(client, place);
        }
        self.touch(place, now_ms);
    }

    /// A place that no client has: a new one, or that of the client idle longest.
    fn room(&mut self, capacity: usize) -> usize {
        let place = self.entries.len();
        if place <= capacity {
            self.entries.push(Entry { newer: place, older: place, ..self.entries[HEAD] });
            return place;
        }
        let oldest = self.entries[HEAD].newer;
        self.places.remove(&self.entries[oldest].client);
        oldest
    }

    /// Makes the entry the newest.
    fn touch(&mut self, place: usize, now_ms: u64) {
        let Entry { newer, older, .. } = self.entries[place];
        self.entries[newer].older = older;
        self.entries[older].newer = newer;
        let newest = self.entries[HEAD].older;
        self.entries[place].newer = HEAD;
        self.entries[place].older = newest;
        self.entries[place].seen_ms = now_ms;
        self.entries[newest].newer = place;
        self.entries[HEAD].older = place;
    }

    fn oldest_first(&self) -> impl Iterator<Item = &Entry> {
        let entry = |place: usize| (place != HEAD).then(|| &self.entries[place]);
        std::iter::successors(entry(self.entries[HEAD].newer), move |&last| entry(last.newer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn finds_until_the_time_is_over_and_a_look_is_a_sign_of_life() {
        let table = StickTable::new(1_000, 100);
        assert_eq!(table.find(client(1), 0, false), None);
        table.bind(client(1), 7, 0);
        assert_eq!(table.find(client(1), 900, false), Some(7));
        assert_eq!(table.find(client(1), 1_900, true), Some(7));
        assert_eq!(table.find(client(1), 1_901, false), None, "a peek is no sign of life");
        table.bind(client(1), 8, 2_000);
        assert_eq!(table.find(client(1), 2_000, false), Some(8));
    }

    #[test]
    fn forgets_the_longest_idle_first() {
        let mut shard = Shard::new();
        for number in 0..4 {
            shard.put(client(number), number.into(), number.into(), 4);
        }
        let place = shard.places[&client(0)];
        shard.touch(place, 4);
        shard.put(client(9), 9, 5, 4);
        let order: Vec<u64> = shard.oldest_first().map(|entry| entry.serial).collect();
        assert_eq!(order, [2, 3, 0, 9]);
        assert_eq!(shard.places.keys().copied().collect::<Vec<_>>(), [0, 2, 3, 9].map(client));
        assert_eq!(shard.entries.len(), 5);
    }

    #[test]
    fn holds_its_capacity_and_no_more() {
        let table = StickTable::new(1_000, 640);
        (0..10_000).for_each(|number| table.bind(client(number), 1, 0));
        assert!(table.shards.iter().all(|shard| lock(shard).places.len() == 10));
    }

    #[test]
    fn other_limits_keep_the_newest() {
        let table = Arc::new(StickTable::new(1_000, 6_400));
        (0..2_000).for_each(|number| table.bind(client(number), number.into(), number.into()));
        assert!(Arc::ptr_eq(&StickTable::continued(&table, 1_000, 6_400), &table));
        let larger = StickTable::continued(&table, 9_000, 64_000);
        assert!((0..2_000).all(|number| larger.find(client(number), 2_000, true) == Some(number.into())));
        let smaller = StickTable::continued(&table, 9_000, 64);
        let kept = |number: &u32| smaller.find(client(*number), 2_000, true).is_some();
        assert_eq!((0..2_000).filter(kept).count(), SHARDS);
        assert!(kept(&1_999));
    }
}
