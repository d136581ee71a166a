//! What all threads of one plane share. Nothing here is locked on the path of a request.

use crate::access_log::AccessLog;
use crate::counters::Counters;
use crate::live::Live;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub struct Shared {
    pub live: Arc<ArcSwap<Live>>,
    pub counters: Arc<Counters>,
    pub workers: usize,
    pub base: Instant,
    pub log: Option<Arc<AccessLog>>,
    open: AtomicUsize,
    capacity: usize,
    ending: AtomicBool,
    ended: (Mutex<()>, Condvar),
}

/// One client connection, from accept to close.
pub struct Open<'a>(&'a Shared);

impl Shared {
    pub fn new(workers: usize, counters: Arc<Counters>, log: Option<Arc<AccessLog>>, capacity: usize) -> Self {
        Shared {
            live: Arc::default(),
            counters,
            workers,
            base: Instant::now(),
            log,
            open: AtomicUsize::new(0),
            capacity,
            ending: AtomicBool::new(false),
            ended: (Mutex::new(()), Condvar::new()),
        }
    }

    /// Count a connection for as long as the guard lives.
    pub fn open(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }

    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// As many clients are connected as leaves descriptors for the servers.
    pub fn is_full(&self) -> bool {
        self.connections() >= self.capacity
    }

    /// From now on connections end with the request that runs.
    pub fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Wait until no client is connected; returns how many are left when the time is up.
    pub fn wait_ended(&self, timeout: Duration) -> usize {
        let deadline = Instant::now() + timeout;
        let mut guard = lock(&self.ended.0);
        while self.connections() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = match self.ended.1.wait_timeout(guard, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        self.connections()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let before = self.0.open.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.0.ending.load(Ordering::SeqCst) {
            let _guard = lock(&self.0.ended.0);
            self.0.ended.1.notify_all();
        }
    }
}

/// A panic elsewhere must not spread: what the lock guards is whole at every step.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How many clients may be connected: three quarters of the process's descriptors, because each may need a server's
/// connection at the same time as others do, and Python needs some of its own.
pub fn capacity() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next()).and_then(|soft| soft.parse::<usize>().ok());
    soft.map_or(usize::MAX, |soft| (soft - soft / 4).saturating_sub(32).max(8))
}
