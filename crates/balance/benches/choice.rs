//! What one choice costs, together with giving it back: all algorithms, 3, 100 and 10,000 servers, one and two threads;
//! and what building the pool costs. `cargo bench -p steelyard-balance` prints a table, with `-- --json` one JSON object.
//!
//! Every thread keeps 16 requests running and ends the oldest before it starts the next. The best of many rounds is told,
//! each shorter than a time slice of the system: other work on the machine can only add. Two threads begin together.

use std::{
    collections::VecDeque,
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::{Duration, Instant},
};
use steelyard_balance::{
    Choice, Lease, Pool,
    hash::mix,
    spec::{AlgorithmName, PoolSpec},
};

#[path = "../tests/support/mod.rs"]
mod support;

const ROUNDS: usize = 150;
const BUILDS: usize = 10;
const CHOICES: u64 = 4_000;
const RUNNING: usize = 16;

#[derive(serde::Serialize)]
struct Row {
    algorithm: &'static str,
    servers: usize,
    build_us: f64,
    one_thread_ns: f64,
    two_threads_ns: f64,
    /// To be told that every server is full.
    all_full_ns: f64,
}

fn main() {
    let rows: Vec<Row> = AlgorithmName::ALL
        .into_iter()
        .flat_map(|name| [3, 100, 10_000].map(|servers| measure(name, servers)))
        .collect();
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string_pretty(&rows).expect("rows are plain"));
        return;
    }
    println!(
        "{:<26} {:>8} {:>12} {:>14} {:>16} {:>14}",
        "algorithm", "servers", "build µs", "1 thread ns", "2 threads ns", "all full ns"
    );
    for row in rows {
        let Row { algorithm, servers, build_us, one_thread_ns, two_threads_ns, all_full_ns } = row;
        println!(
            "{algorithm:<26} {servers:>8} {build_us:>12.1} {one_thread_ns:>14.1} {two_threads_ns:>16.1} {all_full_ns:>14.1}"
        );
    }
}

fn measure(name: AlgorithmName, servers: usize) -> Row {
    let weights: Vec<u32> = (0..servers).map(|index| 1 + (mix(index as u64) % 100) as u32).collect();
    let spec = support::weighted(name, &weights);
    let best = |rounds, round: &dyn Fn() -> Duration| (0..rounds).map(|_| round()).min().unwrap_or_default();
    let build = best(BUILDS, &|| {
        let start = Instant::now();
        let pool = Pool::build(&spec, None).expect("the pool is sound");
        let took = start.elapsed();
        drop(pool);
        took
    });
    let pool = Pool::build(&spec, None).expect("the pool is sound");
    let choices_ns = |threads: u64| {
        let took = best(ROUNDS, &|| {
            let ready = AtomicU64::new(0);
            std::thread::scope(|scope| {
                let start = |thread| {
                    let (pool, ready) = (&pool, &ready);
                    scope.spawn(move || run(pool, thread, ready, threads))
                };
                let runs: Vec<_> = (0..threads).map(start).collect();
                let runs: Vec<_> = runs.into_iter().map(|run| run.join().expect("no thread panics")).collect();
                // From the first start to the last end, so that threads that ran one after the other do not look quick.
                let (start, end) = (runs.iter().map(|run| run.0).min(), runs.iter().map(|run| run.1).max());
                end.zip(start).map(|(end, start)| end - start).unwrap_or_default()
            })
        });
        took.as_secs_f64() * 1e9 / CHOICES as f64
    };
    Row {
        algorithm: name.as_str(),
        servers,
        build_us: build.as_secs_f64() * 1e6,
        one_thread_ns: choices_ns(1),
        two_threads_ns: choices_ns(2),
        all_full_ns: all_full(&spec).as_secs_f64() * 1e9 / CHOICES as f64,
    }
}

/// `CHOICES` choices of which none finds a server.
fn all_full(spec: &PoolSpec) -> Duration {
    let mut spec = spec.clone();
    spec.servers.iter_mut().for_each(|server| server.max_connections = 1);
    let pool = Pool::build(&spec, None).expect("the pool is sound");
    let choose = |number: u64| pool.choose(black_box(&support::choice(number)));
    let leases: Vec<Lease> = (0..).map_while(|number| choose(number).ok()).collect();
    assert_eq!(leases.len(), spec.servers.len());
    let round = || {
        let start = Instant::now();
        (0..CHOICES).for_each(|number| drop(black_box(choose(number))));
        start.elapsed()
    };
    (0..ROUNDS / 10).map(|_| round()).min().unwrap_or_default()
}

/// When `CHOICES` choices, each of which ends an older one, began and ended.
fn run(pool: &Pool, thread: u64, ready: &AtomicU64, threads: u64) -> (Instant, Instant) {
    let mut running: VecDeque<Lease> = VecDeque::with_capacity(RUNNING + 1);
    let mut step = |number: u64| {
        let random = mix(number ^ (thread << 40));
        let client = Some(std::net::IpAddr::from((random as u32).to_be_bytes()));
        let choice = Choice { client, random, now_ms: number / 100, ..Choice::default() };
        running.push_back(black_box(pool.choose(black_box(&choice))).expect("no server is ever full"));
        if running.len() > RUNNING
            && let Some(oldest) = running.pop_front()
        {
            oldest.finish(choice.now_ms, 900 + (random >> 56));
        }
    };
    (0..CHOICES / 10).for_each(&mut step);
    ready.fetch_add(1, SeqCst);
    while ready.load(SeqCst) < threads {
        std::hint::spin_loop();
    }
    let start = Instant::now();
    (0..CHOICES).for_each(&mut step);
    (start, Instant::now())
}
