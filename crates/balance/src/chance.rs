//! Turning the random bits that the caller gives into draws. No random source is made here.

use crate::hash::{GOLDEN, mix};

/// Uniform in `0..n`: the upper half of a 128-bit product (Lemire: "Fast random integer generation in an interval",
/// ACM TOMACS 2019, without the rejection step; the bias is below n / 2^64).
pub(crate) fn below(random: u64, n: usize) -> usize {
    ((u128::from(random) * n as u128) >> 64) as usize
}

/// The given bits, then as many more as anyone needs: the SplitMix64 sequence that starts at them.
pub(crate) fn draws(random: u64) -> impl Iterator<Item = u64> {
    let further = (1..).map(move |step: u64| mix(random.wrapping_add(GOLDEN.wrapping_mul(step))));
    std::iter::once(random).chain(further)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_covers_its_range() {
        assert_eq!(below(0, 3), 0);
        assert_eq!(below(u64::MAX, 3), 2);
        assert_eq!(below(1 << 63, 2), 1);
        assert_eq!(below((1 << 63) - 1, 2), 0);
        assert_eq!(below(u64::MAX, 1), 0);
    }

    #[test]
    fn draws_start_with_what_was_given() {
        let all: Vec<u64> = draws(1_234_567).take(2).collect();
        assert_eq!(all, [1_234_567, 6457827717110365317]);
    }
}
