//! One number with one writer: a relaxed load and store, so that other threads may read it and nothing is locked.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Goes up; gauges may also go down, on any thread: only the sum over the threads means anything, and it wraps rightly.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    #[inline]
    pub fn add(&self, n: u64) {
        self.set(self.value().wrapping_add(n));
    }

    #[inline]
    pub fn sub(&self, n: u64) {
        self.set(self.value().wrapping_sub(n));
    }

    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    #[inline]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Set, after everything that this thread has counted so far: who reads it with [`Count::published`] sees that too.
    /// On x86-64 it is the same store; on arm64 relaxed stores become visible in any order.
    #[inline]
    pub fn publish(&self, n: u64) {
        self.0.store(n, Release);
    }

    #[inline]
    pub fn published(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// The index of a status code's class, 1xx … 5xx. A code outside (RFC 9110 §15 allows three digits) counts as 5xx.
#[inline]
pub fn class(status: u16) -> usize {
    usize::from((status / 100).wrapping_sub(1).min(4))
}
