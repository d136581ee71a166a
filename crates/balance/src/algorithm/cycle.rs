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
//! A cycle has at most 2^20 places. Where the weights, divided by their greatest common divisor, sum to more they are
//! scaled down to about that and rounded, but never to nothing: the share of a server is then wrong by at most half a
//! place of 2^20, or, for one below a millionth, is a whole place.

use std::{cmp::Reverse, collections::BinaryHeap};

const PLACES_MAX: u64 = 1 << 20;
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
    let mut ready: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::with_capacity(weights.len());
    let mut cycle = Vec::with_capacity(places as usize);
    for place in 0..places as usize {
        let mut begins = first[place];
        while begins != NONE {
            let index = begins as usize;
            let deadline = ((turns[index] + 1) * places).div_ceil(weights[index]);
            ready.push(Reverse((deadline as u32, begins)));
            begins = next[index];
        }
        // There is always one: by place t the turns begun number at least t + 1, or a deadline would have been missed.
        let Some(Reverse((_, taken))) = ready.pop() else { break };
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
