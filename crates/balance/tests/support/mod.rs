//! Pools for tests, and a stream of numbers that is the same in every run.
#![allow(dead_code)] // each test crate uses its own part

use steelyard_balance::{
    Choice, Pool, ServerIndex,
    hash::{GOLDEN, mix},
    spec::{AlgorithmName, PoolSpec, QueueSpec, RetrySpec, ServerSpec},
};

pub fn server(id: &str, weight: u32) -> ServerSpec {
    ServerSpec {
        id: id.into(),
        address: Some("127.0.0.1:1".into()),
        weight,
        eligible: true,
        keeps: true,
        cut: false,
        max_connections: 0,
        mark: String::new(),
    }
}

pub fn spec(algorithm: AlgorithmName, servers: Vec<ServerSpec>) -> PoolSpec {
    PoolSpec {
        name: "web".into(),
        revision: 1,
        algorithm,
        affinity: None,
        queue: QueueSpec { size: 0, timeout_ms: 0 },
        retry: RetrySpec { attempts: 3, budget: 0.2, min_per_second: 10 },
        cuts: false,
        hash_mask_v4: 32,
        hash_mask_v6: 64,
        servers,
    }
}

/// Servers `s0`, `s1`, … with these weights.
pub fn weighted(algorithm: AlgorithmName, weights: &[u32]) -> PoolSpec {
    spec(algorithm, weights.iter().enumerate().map(|(i, &weight)| server(&format!("s{i}"), weight)).collect())
}

pub fn pool(spec: &PoolSpec) -> Pool {
    Pool::build(spec, None).unwrap()
}

/// The n-th choice of a run: every one with its own random number and client.
pub fn choice(n: u64) -> Choice<'static> {
    let random = mix(n.wrapping_add(GOLDEN));
    let client = std::net::IpAddr::from((random as u32).to_be_bytes());
    Choice { client: Some(client), random, ..Choice::default() }
}

/// Who is chosen, the request being over at once.
pub fn chosen(pool: &Pool, n: u64) -> ServerIndex {
    pool.choose(&choice(n)).unwrap().server()
}

/// A generator for tests that make their own way through many operations.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
