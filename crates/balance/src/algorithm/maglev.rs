//! Consistent hashing by Maglev's table (Eisenbud et al.: "Maglev: a fast and reliable software network load balancer",
//! NSDI 2016, §3.4): every server fills places of a table of prime size M in its own pseudo-random order, in turns; a
//! client is looked up by its hash modulo M. Choosing is one hash and one look.
//!
//! When one of n servers leaves, its clients move, and very few others: with M = 65537, 0.2 % of the places at n = 10, 0.6 % at
//! n = 100. Balancers that know the same ids build the same table, in whatever order their files list them, so clients
//! survive the loss of a balancer. A few networks with many users load their servers unevenly, as with `source-hash`.
//!
//! M > 100 n keeps the shares within 1 % of each other (§5.3), so pools above 655 servers take a larger prime.
//!
//! Weights: a server takes a turn in those rounds in which the sum of its weights passes another multiple of the largest
//! weight (the way of Katran): turns of a light server spread evenly over the rounds. A share below 1/M is none.

use super::{Field, Needs};
use crate::{choice::Choice, flow::Mask, hash::hash, server::ServerIndex};

pub(super) const NEEDS: Needs = Needs { weight: true, address: true, ..Needs::NOTHING };

const SIZE_SMALL: u64 = 65_537;
const SIZE_LARGE: u64 = 655_373;
const SEED_OFFSET: u64 = 1;
const SEED_SKIP: u64 = 2;

#[derive(Debug)]
pub(crate) struct Maglev {
    mask: Mask,
    /// Places in `Field::eligible`.
    table: Box<[u16]>,
}

/// A server's walk over the table: offset, offset + skip, offset + 2·skip, … modulo its prime size, so over all places.
#[derive(Clone, Copy, Debug)]
struct Walk {
    offset: u64,
    skip: u64,
}

impl Maglev {
    pub(super) fn build(field: &Field, mask: Mask) -> Self {
        let size = if field.eligible.len() as u64 * 100 < SIZE_SMALL { SIZE_SMALL } else { SIZE_LARGE };
        // By id, so that the table does not depend on the order of the configuration.
        let mut order: Vec<u16> = (0..field.eligible.len() as u16).collect();
        let server = |place: u16| field.server(field.eligible[place as usize]);
        order.sort_unstable_by_key(|&place| server(place).id());
        let walks: Vec<Walk> = order.iter().map(|&place| walk(server(place).id(), size)).collect();
        let weights: Vec<u32> = order.iter().map(|&place| server(place).weight()).collect();
        let table = fill(&walks, &weights, size).iter().map(|&taker| order[taker as usize]).collect();
        Self { mask, table }
    }

    /// A client whose server is full or tried goes to the server of the next places: its second choice is as consistent
    /// as its first.
    pub(super) fn pick(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let hash = choice.client.map_or(choice.random, |client| self.mask.hash(client));
        let start = (hash % self.table.len() as u64) as usize;
        let (before, from) = self.table.split_at(start);
        field.first_usable(choice, from.iter().chain(before).map(|&place| field.eligible[place as usize]))
    }
}

fn walk(id: &str, size: u64) -> Walk {
    Walk { offset: hash(id.as_bytes(), SEED_OFFSET) % size, skip: hash(id.as_bytes(), SEED_SKIP) % (size - 1) + 1 }
}

/// The table of `size` places: which of the walkers took each. No walkers, no table.
fn fill(walks: &[Walk], weights: &[u32], size: u64) -> Vec<u16> {
    const FREE: u16 = u16::MAX;
    if walks.is_empty() {
        return Vec::new();
    }
    let mut table = vec![FREE; size as usize];
    let mut at: Vec<u64> = walks.iter().map(|walk| walk.offset).collect();
    for taker in turns(weights, size as usize) {
        let taker = taker as usize;
        let (skip, at) = (walks[taker].skip, &mut at[taker]);
        // A walk visits every place, and there is a free one as long as the table is not full.
        while table[*at as usize] != FREE {
            *at += skip;
            if *at >= size {
                *at -= size;
            }
        }
        table[*at as usize] = taker as u16;
    }
    table
}

/// Who takes each of `count` turns: ordered by round, within a round by place.
///
/// After round r a server has had ⌊r·weight / largest weight⌋ turns. So the rounds that are needed are found by halving,
/// and the turns are sorted by counting how many each round has: no more rounds than turns, as the heaviest server
/// takes one in each.
fn turns(weights: &[u32], count: usize) -> Vec<u16> {
    let most = u64::from(weights.iter().copied().max().unwrap_or(1));
    let had = |weight: u32, round: u64| round * u64::from(weight) / most;
    let (mut few, mut enough) = (0, count as u64);
    while few + 1 < enough {
        let middle = few.midpoint(enough);
        let turns: u64 = weights.iter().map(|&weight| had(weight, middle)).sum();
        *(if turns < count as u64 { &mut few } else { &mut enough }) = middle;
    }
    let rounds =
        |weight: u32| (1..=had(weight, enough)).map(move |turn| (turn * most).div_ceil(weight.into()) as usize);
    let mut starts = vec![0_u32; enough as usize + 2];
    weights.iter().flat_map(|&weight| rounds(weight)).for_each(|round| starts[round + 1] += 1);
    for round in 1..starts.len() {
        starts[round] += starts[round - 1];
    }
    let mut takers = vec![0; starts[enough as usize + 1] as usize];
    for (taker, &weight) in weights.iter().enumerate() {
        for round in rounds(weight) {
            takers[starts[round] as usize] = taker as u16;
            starts[round] += 1;
        }
    }
    takers.truncate(count);
    takers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 1 of the paper: M = 7; permutations by (offset, skip) (3, 4), (0, 2), (3, 1).
    #[test]
    fn known_answer_of_the_paper() {
        let walks = [(3, 4), (0, 2), (3, 1)].map(|(offset, skip)| Walk { offset, skip });
        assert_eq!(fill(&walks, &[1, 1, 1], 7), [1, 0, 1, 0, 2, 2, 0]);
        assert_eq!(fill(&[walks[0], walks[2]], &[1, 1], 7), [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn turns_follow_the_weights() {
        // Largest weight 3: in rounds 1, 2, 3 the sums are 3 6 9, 1 2 3 and 2 4 6.
        assert_eq!(turns(&[3, 1, 2], 8), [0, 0, 2, 0, 1, 2, 0, 0]);
        assert_eq!(turns(&[7, 7], 5), [0, 1, 0, 1, 0]);
        assert_eq!(turns(&[1_000_000, 1], 4), [0, 0, 0, 0]);
        assert_eq!(turns(&[1], 3), [0, 0, 0]);
    }

    #[test]
    fn shares_follow_the_weights() {
        let walks: Vec<Walk> = ["a", "b", "c"].map(|id| walk(id, SIZE_SMALL)).into();
        let table = fill(&walks, &[5, 1, 2], SIZE_SMALL);
        let count = |server| table.iter().filter(|&&taker| taker == server).count() as u64;
        for (server, weight) in [(0, 5), (1, 1), (2, 2)] {
            assert!(count(server).abs_diff(SIZE_SMALL * weight / 8) <= 2, "{server}: {}", count(server));
        }
    }
}
