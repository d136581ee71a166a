//! The latency of one server as `peak-ewma` sees it: an exponentially weighted moving mean that jumps up at once and
//! decays down (the load metric of Twitter's Finagle, `PeakEwma`; `TAU_MS` is its default).
//!
//! Between two answers the mean E decays to E·exp(−Δt/τ): a server that was slow long ago is tried again. Every server of
//! a pool decays by the same factor, so waiting never changes their order; only an answer does. The mean is therefore
//! kept as ln E + t/τ, a number that stands still while E decays: no clock is needed to compare two servers, and a
//! structure ordered by it needs no refresh as time passes.
//!
//! Starvation has an end: whatever its last latency was, a server idle beside one that answers in E is again the
//! cheaper one after τ·ln(its latency/E): about 46 s when it was a hundred times slower.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// The time in which the mean decays to 1/e.
pub const TAU_MS: f64 = 10_000.0;

/// "No answer seen yet", as bits of the logarithm.
const NOTHING: u64 = f64::NAN.to_bits();

#[derive(Debug)]
pub(crate) struct Latency {
    /// Bits of ln(E in µs) + t/τ.
    log: AtomicU64,
    /// When the last answer came, in ms.
    last_ms: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { log: AtomicU64::new(NOTHING), last_ms: AtomicU64::new(0) }
    }
}

impl Latency {
    /// ln E + t/τ; `None` before the first answer.
    pub(crate) fn log(&self) -> Option<f64> {
        let log = f64::from_bits(self.log.load(SeqCst));
        (!log.is_nan()).then_some(log)
    }

    /// A server new among others that are known starts at their mean, neither flooded nor shunned.
    pub(crate) fn start_at(&self, log: f64, now_ms: u64) {
        if self.log.compare_exchange(NOTHING, log.to_bits(), SeqCst, SeqCst).is_ok() {
            self.last_ms.store(now_ms, SeqCst);
        }
    }

    pub(crate) fn last_ms(&self) -> u64 {
        self.last_ms.load(SeqCst)
    }

    /// Takes one answer into the mean. The times between answers are shared out by the swap, so that no two threads
    /// that observe at once count the same interval twice.
    pub(crate) fn observe(&self, now_ms: u64, latency_us: u64) {
        let last_ms = self.last_ms.fetch_max(now_ms, SeqCst);
        let now = now_ms.max(last_ms) as f64 / TAU_MS;
        // Below a microsecond there is nothing to tell apart, and no logarithm of zero.
        let latency = latency_us.max(1) as f64;
        let peak = latency.ln() + now;
        let next = |bits: u64| {
            let log = f64::from_bits(bits);
            if log.is_nan() || peak >= log {
                return Some(peak.to_bits());
            }
            let age_ms = now_ms.saturating_sub(last_ms);
            (age_ms > 0).then(|| {
                let fresh = 1.0 - (-(age_ms as f64) / TAU_MS).exp();
                (((log - now).exp() + latency * fresh).ln() + now).to_bits()
            })
        };
        // Declined where nothing changes: a lower latency in the same millisecond.
        let _ = self.log.fetch_update(SeqCst, SeqCst, next);
    }

    /// The mean as it has decayed until now, in µs; 0 before the first answer.
    pub(crate) fn mean_us(&self, now_ms: u64) -> f64 {
        self.log().map_or(0.0, |log| (log - now_ms as f64 / TAU_MS).exp())
    }
}

/// The logarithm of the mean of servers whose means have these logarithms; `None` when there is none.
pub(crate) fn log_of_mean(logs: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let most = logs.clone().reduce(f64::max)?;
    let (sum, count) = logs.fold((0.0, 0.0), |(sum, count), log| (sum + (log - most).exp(), count + 1.0));
    Some(most + (sum / count).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= expected.abs() * 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn jumps_up_at_once_and_decays_down() {
        let latency = Latency::default();
        assert_eq!(latency.log(), None);
        latency.observe(1_000, 500);
        close(latency.mean_us(1_000), 500.0);
        latency.observe(1_001, 80_000);
        close(latency.mean_us(1_001), 80_000.0);
        close(latency.mean_us(11_001), 80_000.0 / 1_f64.exp());
        // An answer ten seconds later: the old mean weighs 1/e, the new one the rest.
        latency.observe(11_001, 1_000);
        let weight = (-1_f64).exp();
        close(latency.mean_us(11_001), 80_000.0 * weight + 1_000.0 * (1.0 - weight));
    }

    #[test]
    fn order_needs_no_clock() {
        let (slow, fast) = (Latency::default(), Latency::default());
        slow.observe(0, 9_000);
        fast.observe(0, 3_000);
        assert!(slow.log() > fast.log());
        // ln 3 · τ later the slow one has decayed to what the fast one was.
        let later = (TAU_MS * 3_f64.ln()) as u64 + 1;
        fast.observe(later, 3_000);
        assert!(slow.log() < fast.log());
    }

    #[test]
    fn a_clock_that_goes_back_and_a_latency_of_zero_are_survived() {
        let latency = Latency::default();
        latency.observe(5_000, 0);
        close(latency.mean_us(5_000), 1.0);
        latency.observe(4_000, 10);
        close(latency.mean_us(5_000), 10.0);
    }

    #[test]
    fn mean_in_the_log_domain() {
        close(log_of_mean([2_f64.ln(), 4_f64.ln()].into_iter()).unwrap(), 3_f64.ln());
        close(log_of_mean([1e8, 1e8].into_iter()).unwrap(), 1e8);
        assert_eq!(log_of_mean(std::iter::empty()), None);
    }
}
