//! Pools over time: what is refused, what a rebuilt pool keeps, and that counts stay exact.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use steelyard_balance::{BuildError, Choice, NoServer, Pool, spec::AlgorithmName};
use support::{choice, chosen, pool, weighted};

mod support;

#[test]
fn a_pool_that_is_no_pool_is_refused_with_a_reason() {
    let mut twice = weighted(AlgorithmName::Random, &[1, 1]);
    twice.servers[1].id = "s0".into();
    let mut mask = weighted(AlgorithmName::Random, &[1]);
    mask.hash_mask_v4 = 33;
    for (spec, message) in [
        (twice, "pool web: two servers have the id s0: ids are unique"),
        (mask, "pool web: hash_mask_v4: expected from 0 to 32 bits, found 33"),
        (weighted(AlgorithmName::Random, &[0]), "pool web: server s0: expected a weight from 1 to 1000000, found 0"),
        (
            weighted(AlgorithmName::Random, &vec![1; 65_536]),
            "pool web: 65536 servers, at most 65535 are possible: split the pool",
        ),
    ] {
        assert_eq!(
            Pool::build(&spec, None).map(drop).map_err(|error: BuildError| error.to_string()),
            Err(message.into())
        );
    }
}

#[test]
fn every_algorithm_says_why_there_is_no_server() {
    for name in AlgorithmName::ALL {
        let mut spec = weighted(name, &[1, 2]);
        let empty = weighted(name, &[]);
        assert_eq!(pool(&empty).choose(&choice(1)).unwrap_err(), NoServer::NoneEligible, "{name:?}");
        assert_eq!(pool(&empty).peek(&choice(1)), (None, "the pool has no servers".into()));
        let all_tried = Choice { tried: &[1, 0], ..choice(1) };
        assert_eq!(pool(&spec).choose(&all_tried).unwrap_err(), NoServer::AllTried, "{name:?}");
        spec.servers.iter_mut().for_each(|server| server.max_connections = 1);
        let full = pool(&spec);
        let running: Vec<_> = (0..2).map(|n| full.choose(&choice(n)).unwrap()).collect();
        assert_eq!(full.choose(&choice(2)).unwrap_err(), NoServer::AllFull, "{name:?}");
        assert_eq!(full.choose(&Choice { tried: &[0], ..choice(2) }).unwrap_err(), NoServer::AllFull, "{name:?}");
        drop(running);
        spec.servers.iter_mut().for_each(|server| server.eligible = false);
        let none = Pool::build(&spec, Some(&full)).unwrap();
        assert_eq!(none.choose(&choice(3)).unwrap_err(), NoServer::NoneEligible, "{name:?}");
    }
}

#[test]
fn live_state_outlives_snapshots() {
    for name in AlgorithmName::ALL {
        for count in [3, 40] {
            let mut spec = weighted(name, &vec![1; count]);
            let first = pool(&spec);
            let running: Vec<_> = (0..count as u64 * 2).map(|n| first.choose(&choice(n)).unwrap()).collect();
            let counts: Vec<u32> = spec.servers.iter().map(|server| first.active(&server.id)).collect();
            spec.servers[0].weight = 7;
            spec.servers.reverse();
            let gone = spec.servers.remove(0);
            let second = Pool::build(&spec, Some(&first)).unwrap();
            second.published();
            for (index, server) in spec.servers.iter().enumerate() {
                assert_eq!(second.active(&server.id), counts[count - 2 - index], "{name:?}");
            }
            assert_eq!(second.active(&gone.id), 0, "unknown to this pool");
            // It comes back while its old requests still run: it is the same server.
            spec.servers.push(gone.clone());
            let third = Pool::build(&spec, Some(&second)).unwrap();
            third.published();
            assert_eq!(third.active(&gone.id), counts[count - 1], "{name:?}");
            drop((first, second));
            drop(running);
            assert!(spec.servers.iter().all(|server| third.active(&server.id) == 0), "{name:?}");
        }
    }
}

/// What begins and ends under an older snapshot is known to the order of the published one.
#[test]
fn requests_of_older_snapshots_count_in_the_present_order() {
    for name in [AlgorithmName::LeastConnections, AlgorithmName::WeightedLeastConnections] {
        let mut spec = weighted(name, &[1; 40]);
        let old = pool(&spec);
        let mut running: Vec<_> = (0..40).map(|n| old.choose(&choice(n)).unwrap()).collect();
        spec.revision = 2;
        let new = Pool::build(&spec, Some(&old)).unwrap();
        new.published();
        let freed = running.swap_remove(17).server();
        assert_eq!(chosen(&new, 0), freed, "{name:?}: the only idle one");
        // The old order is not kept up any more, so this choice may be any; but the new order must know of it.
        let taken = old.choose(&choice(1)).unwrap();
        let further: Vec<_> = (0..40).map(|n| new.choose(&choice(n)).unwrap()).collect();
        assert!((0..40).all(|index| new.server(index).live().active() == 2), "{name:?}");
        drop(further);
        drop(old);
        drop(taken);
        drop(running);
        assert!((0..40).all(|index| new.server(index).live().active() == 0));
    }
}

/// Threads choose, hold and release while snapshots change under them: no count is lost, no limit passed.
#[test]
fn counts_are_exact_under_concurrency() {
    const LIMIT: u32 = 5;
    for name in AlgorithmName::ALL {
        for count in [3, 40] {
            let mut spec = weighted(name, &vec![1; count]);
            spec.servers.iter_mut().for_each(|server| server.max_connections = LIMIT);
            let first = pool(&spec);
            let second = Pool::build(&spec, Some(&first)).unwrap();
            second.published();
            let held: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
            std::thread::scope(|scope| {
                for thread in 0..4_u64 {
                    let (pool, held) = (if thread % 2 == 0 { &first } else { &second }, &held);
                    scope.spawn(move || {
                        let mut running = Vec::new();
                        for step in 0..3_000_u64 {
                            match pool.choose(&choice(step * 4 + thread)) {
                                Ok(lease) => {
                                    let mine = held[lease.server() as usize].fetch_add(1, SeqCst) + 1;
                                    assert!(mine <= LIMIT, "{name:?}: {mine} at once");
                                    running.push(lease);
                                }
                                Err(error) => assert_eq!(error, NoServer::AllFull, "{name:?}"),
                            }
                            while running.len() > (step % (count as u64 * 2)) as usize {
                                let lease = running.swap_remove(0);
                                held[lease.server() as usize].fetch_sub(1, SeqCst);
                                lease.finish(step, 100 + step % 50);
                            }
                        }
                        running
                            .drain(..)
                            .for_each(|lease| drop((held[lease.server() as usize].fetch_sub(1, SeqCst), lease)));
                    });
                }
            });
            assert!(spec.servers.iter().all(|server| second.active(&server.id) == 0), "{name:?}");
        }
    }
}

/// Twice as many threads as places. Who hears that all are full waits until somebody gives one back and calls, as the queue
/// of the data plane does: were it ever told so while there is room, its call would be lost and it would wait for good.
#[test]
fn nobody_is_told_that_all_are_full_while_there_is_room() {
    const SERVERS: usize = 20;
    for name in AlgorithmName::ALL {
        let mut spec = weighted(name, &[1; SERVERS]);
        spec.servers.iter_mut().enumerate().for_each(|(index, server)| server.max_connections = 1 + index as u32 % 2);
        let places = SERVERS + SERVERS / 2;
        let pool = pool(&spec);
        let waiting: Mutex<VecDeque<mpsc::Sender<()>>> = Mutex::default();
        let call = || waiting.lock().unwrap().pop_front().is_some_and(|waiter| waiter.send(()).is_ok());
        std::thread::scope(|scope| {
            for thread in 0..2 * places as u64 {
                let (pool, waiting, call) = (&pool, &waiting, &call);
                scope.spawn(move || {
                    for step in 0..100 {
                        let choice = choice(thread << 32 | step);
                        let lease = pool.choose(&choice).or_else(|_| {
                            loop {
                                let (waker, called) = mpsc::channel();
                                waiting.lock().unwrap().push_back(waker);
                                let chosen = pool.choose(&choice);
                                if chosen.is_ok() {
                                    // Called or not: whoever called meant one that waits.
                                    drop(called);
                                    break chosen;
                                }
                                called.recv_timeout(Duration::from_secs(30)).expect("a call that was not lost");
                            }
                        });
                        drop(lease.unwrap());
                        while !waiting.lock().unwrap().is_empty() && !call() {}
                    }
                });
            }
        });
        let all = |taken: usize| -> Vec<_> { (0..taken as u64).map(|n| pool.choose(&choice(n)).unwrap()).collect() };
        for _ in 0..3 {
            let mut leases = all(places);
            assert_eq!(pool.choose(&choice(0)).unwrap_err(), NoServer::AllFull, "{name:?}");
            for index in [7, 0, SERVERS as u32 - 1] {
                leases.retain(|lease| lease.server() != index);
                leases.push(pool.choose(&choice(1)).unwrap());
                assert_eq!(leases.last().unwrap().server(), index, "{name:?}: the only one with room");
                leases.extend(pool.choose(&choice(2)));
                assert_eq!(pool.choose(&choice(0)).unwrap_err(), NoServer::AllFull, "{name:?}");
            }
        }
    }
}

/// A limit that was raised makes room at once, one that was lowered none.
#[test]
fn room_is_that_of_the_published_limits() {
    for name in AlgorithmName::ALL {
        let mut spec = weighted(name, &[1; 40]);
        spec.servers.iter_mut().for_each(|server| server.max_connections = 1);
        let first = pool(&spec);
        let mut leases: Vec<_> = (0..40).map(|n| first.choose(&choice(n)).unwrap()).collect();
        assert_eq!(first.choose(&choice(0)).unwrap_err(), NoServer::AllFull, "{name:?}");
        spec.servers[23].max_connections = 2;
        let second = Pool::build(&spec, Some(&first)).unwrap();
        second.published();
        leases.push(second.choose(&choice(1)).unwrap());
        assert_eq!(leases.last().unwrap().server(), 23, "{name:?}");
        assert_eq!(second.choose(&choice(2)).unwrap_err(), NoServer::AllFull, "{name:?}");
        spec.servers[23].max_connections = 1;
        let third = Pool::build(&spec, Some(&second)).unwrap();
        third.published();
        drop(leases.pop());
        assert_eq!(third.choose(&choice(3)).unwrap_err(), NoServer::AllFull, "{name:?}");
        leases.retain(|lease| lease.server() != 5);
        assert_eq!(third.choose(&choice(4)).unwrap().server(), 5, "{name:?}");
    }
}

/// How far apart the servers are while threads race is the scheduler's choice, for each may act on what it saw long ago.
/// What must hold is that nothing is lost by it: once the race is over, each choice goes to one of those that have least.
#[test]
fn least_connections_is_even_again_after_a_race() {
    for count in [8, 64] {
        let pool = pool(&weighted(AlgorithmName::LeastConnections, &vec![1; count]));
        let mut leases: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4)
                .map(|thread| {
                    let pool = &pool;
                    scope.spawn(move || {
                        (0..250).map(|n| pool.choose(&choice(n + thread * 250)).unwrap()).collect::<Vec<_>>()
                    })
                })
                .collect();
            runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
        });
        let counts = || -> Vec<u32> { pool.servers().iter().map(|server| server.live().active()).collect() };
        let raced = counts();
        assert_eq!(raced.iter().sum::<u32>(), leases.len() as u32);
        let most = *raced.iter().max().unwrap();
        let missing = raced.iter().map(|active| most - active).sum::<u32>();
        leases.extend((0..u64::from(missing)).map(|n| pool.choose(&choice(n)).unwrap()));
        assert_eq!(counts(), vec![most; count], "after {raced:?}");
    }
}

/// The order leads from a server to its pool and back to the server; showing one must not follow it.
#[test]
fn whatever_is_shown_ends() {
    let pool = pool(&weighted(AlgorithmName::LeastConnections, &[1; 40]));
    let lease = pool.choose(&choice(1)).unwrap();
    assert!(format!("{lease:?}").contains("active: 1"));
    assert!(format!("{pool:?}").contains("s39"));
}
