//! What Python reads back: counters since the start, as JSON. Latencies are counts per bucket of [`LATENCY_BUCKETS_US`].

use serde::Serialize;
use std::collections::BTreeMap;

/// Upper bounds in microseconds; the last bucket of every histogram counts what is above them all.
pub const LATENCY_BUCKETS_US: [u64; 22] = [
    50, 100, 200, 350, 500, 750, 1_000, 1_500, 2_500, 5_000, 7_500, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub version: u64,
    pub log_written: u64,
    pub log_dropped: u64,
    pub services: BTreeMap<String, ServiceReport>,
    pub pools: BTreeMap<String, PoolReport>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceReport {
    pub address: String,
    /// Open now.
    pub connections: u64,
    pub accepted: u64,
    pub requests: u64,
    /// By class, 1xx … 5xx, as sent to the client.
    pub responses: [u64; 5],
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub upgraded: u64,
    /// By reason; the names are those of the docs (`bad-request`, `header-timeout`, `connections-per-client`, …).
    pub rejected: BTreeMap<String, u64>,
    pub latency: Vec<u64>,
    pub latency_sum_us: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct PoolReport {
    /// Waiting now.
    pub queued: u64,
    pub queued_total: u64,
    pub queue_timeouts: u64,
    pub queue_refused: u64,
    pub retries: u64,
    pub retries_refused: u64,
    pub servers: BTreeMap<String, ServerReport>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct ServerReport {
    /// Running now.
    pub active: u64,
    pub requests: u64,
    pub responses: [u64; 5],
    pub connects: u64,
    pub reused: u64,
    pub failed_connect: u64,
    pub failed_reset: u64,
    pub failed_timeout: u64,
    pub failed_protocol: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub latency: Vec<u64>,
    pub latency_sum_us: u64,
    /// The decayed mean that `peak-ewma` uses.
    pub ewma_us: u64,
}
