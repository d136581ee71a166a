//! Latencies as counts per bucket of [`LATENCY_BUCKETS_US`]; the array is made with the first value.

use super::Count;
use crate::report::LATENCY_BUCKETS_US;
use std::sync::OnceLock;

const BUCKETS: usize = LATENCY_BUCKETS_US.len() + 1;

#[derive(Debug, Default)]
pub struct Histogram {
    counts: OnceLock<Box<[Count; BUCKETS]>>,
    sum_us: Count,
}

impl Histogram {
    #[inline]
    pub fn record(&self, us: u64) {
        self.counts.get_or_init(Box::default)[bucket(us)].add(1);
        self.sum_us.add(us);
    }

    pub(super) fn add_to(&self, counts: &mut [u64], sum_us: &mut u64) {
        if let Some(own) = self.counts.get() {
            counts.iter_mut().zip(own.iter()).for_each(|(total, count)| *total += count.value());
        }
        *sum_us += self.sum_us.value();
    }
}

pub(super) fn empty_report() -> Vec<u64> {
    vec![0; BUCKETS]
}

/// For every bit length, the first bucket that a number of this length can fall into. A doubling of the value crosses
/// at most two bounds, so what is left to do after the look-up is at most two comparisons.
const FIRST: [u8; 65] = {
    let mut first = [0; 65];
    let mut bits = 1;
    while bits <= 64 {
        let least = 1u64 << (bits - 1);
        let mut index = 0;
        while index < LATENCY_BUCKETS_US.len() && least > LATENCY_BUCKETS_US[index] {
            index += 1;
        }
        first[bits] = index as u8;
        bits += 1;
    }
    first
};

/// The bucket of a value: the first whose upper bound is not below it.
#[inline]
fn bucket(us: u64) -> usize {
    let mut index = usize::from(FIRST[64 - us.leading_zeros() as usize]);
    while index < LATENCY_BUCKETS_US.len() && us > LATENCY_BUCKETS_US[index] {
        index += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lookup_agrees_with_a_linear_scan() {
        let scan = |us: u64| LATENCY_BUCKETS_US.iter().position(|bound| us <= *bound).unwrap_or(BUCKETS - 1);
        let near_bounds = LATENCY_BUCKETS_US.iter().flat_map(|bound| [bound - 1, *bound, bound + 1]);
        let powers = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]);
        for us in near_bounds.chain(powers).chain(0..200_000).chain([u64::MAX]) {
            assert_eq!(bucket(us), scan(us), "{us} us");
        }
    }

    #[test]
    fn a_value_is_counted_once_and_summed() {
        let histogram = Histogram::default();
        [0, 50, 51, 20_000_000].into_iter().for_each(|us| histogram.record(us));
        let (mut counts, mut sum) = (empty_report(), 0);
        histogram.add_to(&mut counts, &mut sum);
        assert_eq!((counts[0], counts[1], counts[BUCKETS - 1]), (2, 1, 1));
        assert_eq!((counts.iter().sum::<u64>(), sum), (4, 20_000_101));
    }
}
