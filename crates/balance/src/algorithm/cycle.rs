//! The order of one cycle of `weighted-round-robin`: each server as often as its weight says, as evenly as can be.
//!
//! Two ways, by size. Up to 2^24 steps: the smooth weighted round-robin of nginx (every server gains its weight, the one
//! that has most is taken and loses the sum of all weights), which costs n per place. Its order is what users know. How far a server may
//! be from its exact share at any place is that of the greedy game of filling cups: below 1 + ln n turns.
//!
//! Above: earliest deadline first. The k-th turn of a server with weight w in a cycle of W places may begin at place
//! k·W/w and must be over by (k+1)·W/w. Taking among those that may begin the one whose deadline is nearest meets every
//! deadline (Liu and Layland, JACM 1973; Tijdeman's chairman assignment problem, 1980), so every server is within one turn
//! of its share at every place and within two in every window.
//!
//! A cycle has at most 2^19 places. Where the weights, divided by their greatest common divisor, sum to more they are
//! scaled down to about that and rounded, but never to nothing: the share of a server is then wrong by at most half a
//! place of 2^19 (1 % for the mean one of 10,000 servers), and one that would have no place has one.

use std::{cmp::Reverse, collections::BinaryHeap};

const PLACES_MAX: u64 = 1 << 19;
const STEPS_MAX: u64 = 1 << 24;

/// For each place of the cycle the index of a weight. Weights are at least 1; none gives an empty cycle.
pub(super) fn build(weights: &[u32]) -> Box<[u16]> {
    let weights = reduce(weights);
    let places: u64 = weights.iter().sum();
    if places * weights.len() as u64 <= STEPS_MAX { smooth(&weights, places) } else { by_deadline(&weights, places) }
}

fn reduce(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, weight.into()));
    let exact: Vec<u64> = weights.iter().map(|&weight| u64::from(weight) / divisor).collect();
    let sum: u64 = exact.iter().sum();
    if sum <= PLACES_MAX {
        return exact;
    }
    exact.iter().map(|&weight| ((weight * PLACES_MAX + sum / 2) / sum).max(1)).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn smooth(weights: &[u64], places: u64) -> Box<[u16]> {
    let mut credits = vec![0_i64; weights.len()];
    let place = |_| {
        let mut best = 0;
        for (index, &weight) in weights.iter().enumerate() {
            credits[index] += weight as i64;
            if credits[index] > credits[best] {
                best = index;
            }
        }
        credits[best] -= places as i64;
        best as u16
    };
    (0..places).map(place).collect()
}

fn by_deadline(weights: &[u64], places: u64) -> Box<[u16]> {
    let mut turns = vec![0_u64; weights.len()];
    // Who may begin at each place, as chained lists: `first[place]`, then `next[server]`.
    const NONE: u32 = u32::MAX;
    let mut first = vec![NONE; places as usize];
    let mut next: Vec<u32> = (1..weights.len() as u32).chain([NONE]).collect();
    first[0] = 0;
    // Deadline and server in one word: the heap compares it half a million times.
    let mut ready: BinaryHeap<Reverse<u64>> = BinaryHeap::with_capacity(weights.len());
    let mut cycle = Vec::with_capacity(places as usize);
    for place in 0..places as usize {
        let mut begins = first[place];
        while begins != NONE {
            let index = begins as usize;
            let deadline = ((turns[index] + 1) * places).div_ceil(weights[index]);
            ready.push(Reverse(deadline << 32 | u64::from(begins)));
            begins = next[index];
        }
        // There is always one: by place t the turns begun number at least t + 1, or a deadline would have been missed.
        let Some(Reverse(nearest)) = ready.pop() else { break };
        let taken = nearest as u32;
        cycle.push(taken as u16);
        let index = taken as usize;
        turns[index] += 1;
        let begin = (turns[index] * places / weights[index]) as usize;
        if turns[index] < weights[index] {
            // The turn just taken may have been early; the next one begins no earlier than the next place.
            let begin = begin.max(place + 1);
            next[index] = first[begin];
            first[begin] = taken;
        }
    }
    cycle.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Numbers;

    fn word(weights: &[u32]) -> String {
        build(weights).iter().map(|&place| char::from(b'a' + place as u8)).collect()
    }

    #[test]
    fn smooth_order_is_that_of_nginx() {
        assert_eq!(word(&[5, 1, 1]), "aabacaa");
        assert_eq!(word(&[4, 2]), "aba");
        assert_eq!(word(&[1, 1, 1]), "abc");
        assert_eq!(word(&[1000]), "a");
        assert_eq!(word(&[]), "");
    }

    /// Worst distance of a server's turns from its exact share, over all places of the cycle.
    fn worst(weights: &[u64], cycle: &[u16]) -> f64 {
        let mut taken = vec![0_f64; weights.len()];
        let mut worst = 0_f64;
        for (place, &index) in cycle.iter().enumerate() {
            taken[index as usize] += 1.0;
            for (taken, &weight) in taken.iter().zip(weights) {
                let share = (place + 1) as f64 * weight as f64 / cycle.len() as f64;
                worst = worst.max((taken - share).abs());
            }
        }
        worst
    }

    #[test]
    fn both_orders_keep_their_bounds() {
        let mut numbers = Numbers(5);
        for count in [1, 2, 3, 10, 40] {
            for _ in 0..20 {
                let weights: Vec<u64> = (0..count).map(|_| 1 + numbers.next() % 60).collect();
                let places: u64 = weights.iter().sum();
                let (smooth, dated) = (smooth(&weights, places), by_deadline(&weights, places));
                for cycle in [&smooth, &dated] {
                    for (index, &weight) in weights.iter().enumerate() {
                        assert_eq!(cycle.iter().filter(|&&taken| taken as usize == index).count() as u64, weight);
                    }
                }
                assert!(worst(&weights, &dated) < 1.0, "{weights:?}");
                assert!(worst(&weights, &smooth) < 1.0 + (count as f64).ln(), "{weights:?}");
            }
        }
    }

    #[test]
    fn a_long_cycle_is_scaled_and_nobody_is_left_out() {
        let mut weights: Vec<u32> = (0..10_000).map(|index| 1 + index * 97).collect();
        weights[0] = 1;
        let cycle = build(&weights);
        let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let mut taken = vec![0_u64; weights.len()];
        cycle.iter().for_each(|&index| taken[index as usize] += 1);
        for (&taken, &weight) in taken.iter().zip(&weights) {
            let share = f64::from(weight) * PLACES_MAX as f64 / sum as f64;
            assert!(taken >= 1 && (taken as f64 - share).abs() <= 1.0, "{taken} for {share}");
        }
    }
}
