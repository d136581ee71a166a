//! Lowest decayed latency × outstanding requests, this one included (Finagle's `PeakEwma`). It finds the servers that answer
//! fast without being told, and leaves one that turns slow at its first slow answer. Weights are ignored.
//!
//! All decayed latencies shrink by the same factor, so the order changes only when a request starts or ends: the cost is
//! compared as its logarithm, ln E + t/τ + ln(outstanding + 1), which stands still in time ([`crate::latency`]).
//!
//! A server whose latency nobody knows: when others are known it starts at their mean; before any is known, the first
//! request is its probe, and until that is answered it counts as dearer than every known one.
//!
//! Fails where errors are fast: health must take such a server out. Latency says nothing of weights or of cost to come.

use super::{Field, Needs, least::Order};
use crate::{latency::log_of_mean, server::Server};
use std::sync::LazyLock;

pub(super) const NEEDS: Needs = Needs { live_load: true, latency: true, ..Needs::NOTHING };

pub(super) static ORDER: Order =
    Order { weighted: false, reads_latency: true, by_load: |a, b| log_cost(a).total_cmp(&log_cost(b)) };

/// Above every logarithm that a latency can have: t/τ reaches it after 300,000 years of milliseconds.
const UNKNOWN: f64 = 1e12;

fn log_cost(server: &Server) -> f64 {
    let live = server.live();
    match (live.latency.log(), live.active()) {
        (Some(log), active) => log + log_after(active),
        (None, 0) => f64::NEG_INFINITY,
        (None, active) => UNKNOWN + log_after(active),
    }
}

/// ln(active + 1); remembered where it is asked for most, since every comparison needs two.
fn log_after(active: u32) -> f64 {
    static LOGS: LazyLock<[f64; 256]> = LazyLock::new(|| std::array::from_fn(|active| (active as f64 + 1.0).ln()));
    LOGS.get(active as usize).copied().unwrap_or_else(|| (f64::from(active) + 1.0).ln())
}

/// Servers of which no answer was seen start at the mean of the others.
pub(super) fn introduce_new_servers(field: &Field) {
    let lives = || field.servers.iter().map(|server| server.live());
    if let Some(mean) = log_of_mean(lives().filter_map(|live| live.latency.log()).collect::<Vec<_>>().into_iter()) {
        let now_ms = lives().map(|live| live.latency.last_ms()).max().unwrap_or(0);
        lives().for_each(|live| live.latency.start_at(mean, now_ms));
    }
}
