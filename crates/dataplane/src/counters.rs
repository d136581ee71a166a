//! What is counted, by service, pool and server: one writer a thread and block, one reader ([`Counters::report`]).
//!
//! A snapshot, a listener or a connection holds the [`Arc`] of what it counts into, so a server that stays from one
//! snapshot to the next keeps its numbers, and one that nothing refers to any more is forgotten. Inside, every thread
//! has its own block, made when the thread first counts: no cache line is shared between writers and no instruction
//! carries a lock prefix. Numbers of other threads are read relaxed: each is whole, and none ever runs backwards.
//!
//! Not here: which failures were seen since Python last asked ([`crate::failures`]); what is live and exact, such as a
//! server's active requests (`steelyard_balance`).

mod blocks;
mod count;
mod histogram;
mod rejections;

pub use blocks::{FailureKind, PoolBlock, ServerBlock, ServiceBlock};
pub use count::Count;
pub use histogram::Histogram;
pub use rejections::Rejections;

use crate::failures::{Failures, ServerFailures};
use crate::report::{PoolReport, Report, ServerReport, ServiceReport};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// Every counter of the process, and the failures since the last [`Failures::take`].
#[derive(Debug)]
pub struct Counters {
    threads: usize,
    failures: Arc<Failures>,
    services: Mutex<HashMap<String, Weak<ServiceCounters>>>,
    pools: Mutex<HashMap<String, Weak<PoolCounters>>>,
}

impl Counters {
    /// For workers numbered `0..threads`. Fails when no descriptor is left for the failures' eventfd.
    pub fn new(threads: usize) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            threads,
            failures: Arc::new(Failures::new()?),
            services: Mutex::default(),
            pools: Mutex::default(),
        }))
    }

    /// The counters of a service; the same for the same name for as long as somebody holds them.
    pub fn service(&self, name: &str) -> Arc<ServiceCounters> {
        kept(&self.services, name, || ServiceCounters { blocks: per_thread(self.threads) })
    }

    /// The counters of a pool; the same for the same name for as long as somebody holds them.
    pub fn pool(&self, name: &str) -> Arc<PoolCounters> {
        kept(&self.pools, name, || PoolCounters {
            name: Arc::from(name),
            threads: self.threads,
            failures: Arc::clone(&self.failures),
            blocks: per_thread(self.threads),
            servers: Mutex::default(),
        })
    }

    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// The sum over all threads. The caller fills what is not counted here: `version`, the log's numbers, `address`,
    /// `active` and `ewma_us`.
    pub fn report(&self) -> Report {
        Report {
            services: living(&self.services).into_iter().map(|(name, service)| (name, service.report())).collect(),
            pools: living(&self.pools).into_iter().map(|(name, pool)| (name, pool.report())).collect(),
            ..Report::default()
        }
    }

    /// What the services refused, by service and reason: cheap enough to be asked every few seconds, however large the
    /// pools are.
    pub fn rejections(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        living(&self.services).into_iter().map(|(name, service)| (name, service.rejections())).collect()
    }
}

/// One service, all threads.
#[derive(Debug)]
pub struct ServiceCounters {
    blocks: PerThread<ServiceBlock>,
}

impl ServiceCounters {
    /// The block that only worker `thread` writes.
    #[inline]
    pub fn of(&self, thread: usize) -> &ServiceBlock {
        own(&self.blocks, thread)
    }

    fn rejections(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        self.blocks.iter().filter_map(OnceLock::get).for_each(|block| block.add_rejections_to(&mut totals));
        totals
    }

    fn report(&self) -> ServiceReport {
        let mut report = ServiceReport { latency: histogram::empty_report(), ..ServiceReport::default() };
        self.blocks.iter().filter_map(OnceLock::get).for_each(|block| block.add_to(&mut report));
        report
    }
}

/// One pool, all threads, and the servers that it has or had.
#[derive(Debug)]
pub struct PoolCounters {
    name: Arc<str>,
    threads: usize,
    failures: Arc<Failures>,
    blocks: PerThread<PoolBlock>,
    servers: Mutex<HashMap<String, Weak<ServerCounters>>>,
}

impl PoolCounters {
    /// The block that only worker `thread` writes.
    #[inline]
    pub fn of(&self, thread: usize) -> &PoolBlock {
        own(&self.blocks, thread)
    }

    /// The counters of a server; the same for the same id for as long as somebody holds them.
    pub fn server(&self, id: &str) -> Arc<ServerCounters> {
        kept(&self.servers, id, || ServerCounters {
            pool: Arc::clone(&self.name),
            id: Arc::from(id),
            failures: Arc::clone(&self.failures),
            recent: ServerFailures::default(),
            blocks: per_thread(self.threads),
        })
    }

    fn report(&self) -> PoolReport {
        let mut report = PoolReport::default();
        self.blocks.iter().filter_map(OnceLock::get).for_each(|block| block.add_to(&mut report));
        report.servers = living(&self.servers).into_iter().map(|(id, server)| (id, server.report())).collect();
        report
    }
}

/// One server, identified by (pool, id), all threads.
#[derive(Debug)]
pub struct ServerCounters {
    pub(crate) pool: Arc<str>,
    pub(crate) id: Arc<str>,
    failures: Arc<Failures>,
    pub(crate) recent: ServerFailures,
    blocks: PerThread<ServerBlock>,
}

impl ServerCounters {
    /// The block that only worker `thread` writes, for connects, bytes and whatever else has no rule of its own.
    #[inline]
    pub fn of(&self, thread: usize) -> &ServerBlock {
        own(&self.blocks, thread)
    }

    /// A request (mode `tcp`: a connection) was given to the server.
    #[inline]
    pub fn request(&self, thread: usize) {
        self.of(thread).request(self.failures.epoch());
    }

    /// A final response came from the server. 5xx is news for [`Failures::take`].
    #[inline]
    pub fn response(self: &Arc<Self>, thread: usize, status: u16, latency_us: u64) {
        let block = self.of(thread);
        block.responses[count::class(status)].add(1);
        block.latency.record(latency_us);
        if status >= 500 {
            self.failures.seen(self, false);
        }
    }

    /// The server failed. All but `Protocol` make [`Failures::fd`] readable at once.
    pub fn failure(self: &Arc<Self>, thread: usize, kind: FailureKind) {
        self.of(thread).failed[kind as usize].add(1);
        self.failures.seen(self, kind != FailureKind::Protocol);
    }

    /// The blocks that exist.
    pub(crate) fn written(&self) -> impl Iterator<Item = &ServerBlock> {
        self.blocks.iter().filter_map(|block| block.get().map(Box::as_ref))
    }

    /// All its threads together; what runs now is known to the pool.
    pub(crate) fn report(&self) -> ServerReport {
        let mut report = ServerReport { latency: histogram::empty_report(), ..ServerReport::default() };
        self.written().for_each(|block| block.add_to(&mut report));
        report
    }
}

/// One place a thread; 10,000 servers that no traffic reached cost a pointer each, not a histogram.
type PerThread<T> = Box<[OnceLock<Box<T>>]>;

fn per_thread<T>(threads: usize) -> PerThread<T> {
    (0..threads).map(|_| OnceLock::new()).collect()
}

#[inline]
fn own<T: Default>(blocks: &PerThread<T>, thread: usize) -> &T {
    blocks[thread].get_or_init(Box::default)
}

/// The living entry of that name, or a new one.
fn kept<T>(map: &Mutex<HashMap<String, Weak<T>>>, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
    let mut map = map.lock().expect("no code panics while it holds this lock");
    if let Some(found) = map.get(name).and_then(Weak::upgrade) {
        return found;
    }
    let made = Arc::new(make());
    map.insert(name.to_owned(), Arc::downgrade(&made));
    made
}

/// All living entries; those that nobody holds any more are forgotten here.
fn living<T>(map: &Mutex<HashMap<String, Weak<T>>>) -> Vec<(String, Arc<T>)> {
    let mut found = Vec::new();
    let mut map = map.lock().expect("no code panics while it holds this lock");
    map.retain(|name, weak| match weak.upgrade() {
        Some(entry) => {
            found.push((name.clone(), entry));
            true
        }
        None => false,
    });
    found
}

#[cfg(test)]
mod tests;
