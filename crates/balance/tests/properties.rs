//! What every algorithm promises, for whatever servers, weights and limits.

use proptest::prelude::*;
use steelyard_balance::{Choice, Lease, NoServer, Pool, ServerIndex, spec::AlgorithmName, spec::ServerSpec};
use support::{choice, chosen, pool, spec, weighted};

mod support;

fn algorithm() -> impl Strategy<Value = AlgorithmName> {
    prop::sample::select(AlgorithmName::ALL.to_vec())
}

fn server() -> impl Strategy<Value = ServerSpec> {
    (1..50_u32, prop::bool::weighted(0.8), any::<bool>(), 0..4_u32).prop_map(|(weight, eligible, keeps, max)| {
        ServerSpec { eligible, keeps: keeps || eligible, max_connections: max, ..support::server("", weight) }
    })
}

fn servers() -> impl Strategy<Value = Vec<ServerSpec>> {
    prop::collection::vec(server(), 0..40).prop_map(|mut servers| {
        servers.iter_mut().enumerate().for_each(|(index, server)| server.id = format!("s{index}"));
        servers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Never an ineligible, full or tried server; and never none while there is one.
    #[test]
    fn only_usable_servers(name in algorithm(), servers in servers(),
                           steps in prop::collection::vec((any::<u64>(), any::<u64>()), 0..120)) {
        let pool = pool(&spec(name, servers.clone()));
        let mut running: Vec<Lease> = Vec::new();
        for (n, (a, b)) in steps.into_iter().enumerate() {
            let tried: Vec<ServerIndex> = (0..a % 4).map(|i| ((b >> (8 * i)) % 40) as u32).collect();
            let active = |index: ServerIndex| running.iter().filter(|lease| lease.server() == index).count() as u32;
            let usable = |index: ServerIndex| {
                let server = &servers[index as usize];
                let full = server.max_connections != 0 && active(index) >= server.max_connections;
                server.eligible && !full && !tried.contains(&index)
            };
            let choice = Choice { tried: &tried, now_ms: n as u64, ..choice(b) };
            let peeked = pool.peek(&choice);
            match pool.choose(&choice) {
                Ok(lease) => {
                    prop_assert!(usable(lease.server()), "{:?}", lease);
                    prop_assert_eq!(peeked.0, Some(lease.server()), "{}", peeked.1);
                    running.push(lease);
                }
                Err(error) => {
                    prop_assert!(!(0..servers.len() as u32).any(usable), "{}", error);
                    prop_assert_eq!(peeked, if servers.is_empty() {
                        (None, "the pool has no servers".to_owned())
                    } else {
                        (None, error.to_string())
                    });
                    prop_assert!(!matches!(error, NoServer::BoundFull(_)));
                }
            }
            if a % 3 == 0 && !running.is_empty() {
                running.swap_remove(b as usize % running.len()).finish(n as u64, a % 5_000);
            }
            for (index, server) in (0..).zip(&servers) {
                let count = running.iter().filter(|lease| lease.server() == index).count() as u32;
                prop_assert_eq!(pool.active(&server.id), count);
            }
        }
    }

    /// Any n choices in a row, n the number of servers, take each once.
    #[test]
    fn round_robin_takes_each_in_every_window(count in 1..50_usize, start in 0..200_u64) {
        let pool = pool(&weighted(AlgorithmName::RoundRobin, &vec![1; count]));
        (0..start).for_each(|n| drop(pool.choose(&choice(n))));
        let mut window: Vec<_> = (0..count as u64).map(|n| chosen(&pool, n)).collect();
        window.sort_unstable();
        prop_assert_eq!(window, (0..count as u32).collect::<Vec<_>>());
    }

    /// In every window a server is within 2(1 + ln n) turns of its exact share: twice the distance of the smooth order.
    #[test]
    fn weighted_round_robin_is_fair_in_every_window(weights in prop::collection::vec(1..60_u32, 1..12)) {
        let bound = 2.0 * (1.0 + (weights.len() as f64).ln());
        windows_are_fair(AlgorithmName::WeightedRoundRobin, &weights, bound)?;
    }

    /// Idle servers take turns by weight: the start of a turn lies within one turn of any server from its share.
    #[test]
    fn ties_are_broken_in_turn(weights in prop::collection::vec(1..60_u32, 1..12)) {
        let bound = weights.len() as f64 + 2.0;
        windows_are_fair(AlgorithmName::WeightedLeastConnections, &weights, bound)?;
        let equal = vec![1; weights.len()];
        windows_are_fair(AlgorithmName::LeastConnections, &equal, 1.0)?;
    }

    /// Nobody moves but the clients of the server that left, and one in fifty of the others at most.
    #[test]
    fn maglev_moves_little(count in 2..30_usize, leaving in any::<prop::sample::Index>()) {
        let mut spec = weighted(AlgorithmName::Maglev, &vec![1; count]);
        let whole = pool(&spec);
        let leaving = leaving.index(count);
        spec.servers[leaving].eligible = false;
        let rest = Pool::build(&spec, Some(&whole)).unwrap();
        let (mut moved, mut stayed) = (0, 0);
        for n in 0..2_000 {
            let before = chosen(&whole, n);
            if before as usize != leaving {
                *(if chosen(&rest, n) == before { &mut stayed } else { &mut moved }) += 1;
            }
        }
        prop_assert!(moved * 50 <= moved + stayed, "{} moved, {} stayed", moved, stayed);
    }

    /// The table depends on the ids, not on the order of the configuration.
    #[test]
    fn maglev_does_not_see_the_order(weights in prop::collection::vec(1..9_u32, 1..20)) {
        let mut spec = weighted(AlgorithmName::Maglev, &weights);
        let straight = pool(&spec);
        spec.servers.reverse();
        let reversed = pool(&spec);
        for n in 0..200 {
            prop_assert_eq!(straight.server(chosen(&straight, n)).id(), reversed.server(chosen(&reversed, n)).id());
        }
    }

    /// The alias table gives every server exactly its share of the 64-bit numbers, seen through even samples.
    #[test]
    fn weighted_random_follows_the_weights(weights in prop::collection::vec(1..100_u32, 1..20)) {
        const SAMPLES: u64 = 20_000;
        let pool = pool(&weighted(AlgorithmName::WeightedRandom, &weights));
        let mut counts = vec![0_u64; weights.len()];
        for n in 0..SAMPLES {
            let random = (u64::MAX / SAMPLES) * n;
            counts[pool.choose(&Choice { random, ..Choice::default() }).unwrap().server() as usize] += 1;
        }
        let sum: u32 = weights.iter().sum();
        for (&count, &weight) in counts.iter().zip(&weights) {
            let share = SAMPLES as f64 * f64::from(weight) / f64::from(sum);
            // Each boundary between two servers in the table costs at most one sample.
            prop_assert!((count as f64 - share).abs() <= 2.0 * weights.len() as f64, "{} for {}", count, share);
        }
    }
}

proptest! {
    // Each case is 200 seconds of traffic.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// However slow a server was, it is tried again; and one that answers faster gets more.
    #[test]
    fn peak_ewma_starves_nobody(slow_us in 10_000..2_000_000_u64) {
        let pool = pool(&weighted(AlgorithmName::PeakEwma, &[1, 1, 1]));
        let mut counts = [0_u32; 3];
        let mut last_slow_ms = 0;
        for now_ms in 0..200_000 {
            let lease = pool.choose(&Choice { now_ms, ..Choice::default() }).unwrap();
            let index = lease.server() as usize;
            counts[index] += 1;
            if index == 0 {
                last_slow_ms = now_ms;
            }
            // Decayed below the fast ones' 1 ms after tau * ln(slow / fast); their own decay between two answers is small.
            let bound_ms = 10_000.0 * (slow_us as f64 / 1_000.0).ln() + 1_000.0;
            prop_assert!(((now_ms - last_slow_ms) as f64) < bound_ms);
            lease.finish(now_ms, if index == 0 { slow_us } else { 1_000 });
        }
        prop_assert!(counts[0] * 100 < counts[1] && counts[0] > 1, "{:?}", counts);
        prop_assert!(counts[1].abs_diff(counts[2]) * 10 < counts[1], "{:?}", counts);
    }
}

/// Every prefix of three cycles, from every start, is within `bound` turns of the exact shares.
fn windows_are_fair(name: AlgorithmName, weights: &[u32], bound: f64) -> Result<(), TestCaseError> {
    let pool = pool(&weighted(name, weights));
    let sum: u32 = weights.iter().sum();
    let mut taken = vec![0_f64; weights.len()];
    let (mut least, mut most) = (vec![0_f64; weights.len()], vec![0_f64; weights.len()]);
    for n in 0..u64::from(sum) * 3 {
        taken[chosen(&pool, n) as usize] += 1.0;
        for (index, &weight) in weights.iter().enumerate() {
            let ahead = taken[index] - (n + 1) as f64 * f64::from(weight) / f64::from(sum);
            least[index] = ahead.min(least[index]);
            most[index] = ahead.max(most[index]);
            // The worst window begins where the server was least ahead and ends where it was most, or the reverse.
            prop_assert!(most[index] - least[index] <= bound, "{:?}: server {} at {}", name, index, n);
        }
    }
    Ok(())
}
