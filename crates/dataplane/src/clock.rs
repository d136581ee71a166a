//! The time of one worker: read once per wake-up, then remembered. Deadlines are compared to it as plain numbers.

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since the plane was started.
#[derive(Debug)]
pub struct Clock {
    base: Instant,
    base_unix_us: u64,
    now_us: Cell<u64>,
}

impl Clock {
    /// All workers count from the same `base`: tables that they share hold these numbers.
    pub fn start(base: Instant) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let base_unix_us = (unix.as_micros() as u64).saturating_sub(base.elapsed().as_micros() as u64);
        Clock { base, base_unix_us, now_us: Cell::new(1) }
    }

    /// Read the system's clock. Never 0, because 0 means "no deadline" everywhere.
    pub fn refresh(&self) -> u64 {
        let now = (self.base.elapsed().as_micros() as u64).max(1);
        self.now_us.set(now);
        now
    }

    /// The time as it was last read.
    pub fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    pub fn now_ms(&self) -> u64 {
        self.now_us.get() / 1000
    }

    /// The wall-clock time that belongs to `at_us`, microseconds since 1970.
    pub fn unix_us(&self, at_us: u64) -> u64 {
        self.base_unix_us + at_us
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn time_stands_still_between_two_readings() {
        let clock = Clock::start(std::time::Instant::now());
        let first = clock.refresh();
        assert_eq!(clock.now_us(), first);
        assert!(clock.refresh() >= first);
        assert!(first > 0);
    }
}
