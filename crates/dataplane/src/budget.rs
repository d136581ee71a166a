//! How many retries a pool may make: a share of the requests of the last ten seconds, and some a second in any case, so
//! that small traffic can be retried at all. A retry storm would be the end of a cluster that is just overloaded.
//!
//! One window per worker and pool; nothing is shared.

use steelyard_balance::spec::RetrySpec;

const SLOTS: usize = 10;

#[derive(Clone, Debug, Default)]
pub struct Budget {
    slots: [Slot; SLOTS],
    second: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    requests: u32,
    retries: u32,
}

impl Budget {
    pub fn request(&mut self, now_ms: u64) {
        self.slot(now_ms).requests += 1;
    }

    /// Take one retry, if there is one. `workers` share the floor among them.
    pub fn retry(&mut self, now_ms: u64, spec: &RetrySpec, workers: usize) -> bool {
        self.slot(now_ms);
        let (requests, retries) = self.slots.iter().fold((0u64, 0u64), |(requests, retries), slot| {
            (requests + u64::from(slot.requests), retries + u64::from(slot.retries))
        });
        let floor = (u64::from(spec.min_per_second) * SLOTS as u64).div_ceil(workers.max(1) as u64);
        let allowed = floor + (requests as f64 * spec.budget) as u64;
        if retries >= allowed {
            return false;
        }
        self.slot(now_ms).retries += 1;
        true
    }

    /// The slot of this second; those that passed without use are emptied.
    fn slot(&mut self, now_ms: u64) -> &mut Slot {
        let second = now_ms / 1000;
        if second != self.second {
            let passed = second.saturating_sub(self.second).min(SLOTS as u64);
            for ago in 0..passed {
                self.slots[((second - ago) % SLOTS as u64) as usize] = Slot::default();
            }
            self.second = second;
        }
        &mut self.slots[(second % SLOTS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use steelyard_balance::spec::RetrySpec;

    const SPEC: RetrySpec = RetrySpec { attempts: 3, budget: 0.2, min_per_second: 1 };

    fn retries(budget: &mut Budget, now_ms: u64) -> usize {
        (0..10_000).take_while(|_| budget.retry(now_ms, &SPEC, 1)).count()
    }

    #[test]
    fn a_share_of_the_requests_and_the_floor() {
        let mut budget = Budget::default();
        assert_eq!(retries(&mut budget, 5_000), 10);
        for _ in 0..100 {
            budget.request(5_500);
        }
        assert_eq!(retries(&mut budget, 5_999), 20);
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let mut budget = Budget::default();
        for _ in 0..100 {
            budget.request(1_000);
        }
        assert_eq!(retries(&mut budget, 1_000), 30);
        assert_eq!(retries(&mut budget, 10_999), 0);
        assert_eq!(retries(&mut budget, 11_000), 10);
        assert_eq!(retries(&mut budget, 1_000_000), 10);
    }

    #[test]
    fn workers_share_the_floor() {
        let mut budget = Budget::default();
        let spec = RetrySpec { min_per_second: 1, ..SPEC };
        assert_eq!((0..100).take_while(|_| budget.retry(0, &spec, 4)).count(), 3);
    }
}
