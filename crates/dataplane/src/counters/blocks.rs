//! What one thread counts of one service, pool or server. The fields are those of [`crate::report`].

use super::{Count, Histogram, Rejections, count};
use crate::report::{PoolReport, ServerReport, ServiceReport};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// How a server can fail; the index into [`ServerBlock::failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection could be made.
    Connect,
    /// The connection was reset or closed before the response was whole.
    Reset,
    /// Nothing came in time.
    Timeout,
    /// What came is not HTTP that may be forwarded.
    Protocol,
}

#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ServiceBlock {
    /// A gauge: open now.
    pub connections: Count,
    pub accepted: Count,
    pub requests: Count,
    responses: [Count; 5],
    pub bytes_in: Count,
    pub bytes_out: Count,
    pub upgraded: Count,
    latency: Histogram,
    rejected: OnceLock<Box<Rejections>>,
}

impl ServiceBlock {
    /// A final response went to the client, `latency_us` after its request began.
    #[inline]
    pub fn response(&self, status: u16, latency_us: u64) {
        self.responses[count::class(status)].add(1);
        self.latency.record(latency_us);
    }

    /// Time until a `tcp` connection reached its server.
    #[inline]
    pub fn latency(&self, us: u64) {
        self.latency.record(us);
    }

    /// A request or connection was refused. `reason` is a word of the docs, such as `bad-request`.
    pub fn reject(&self, reason: &'static str) {
        self.rejected.get_or_init(Box::default).add(reason);
    }

    /// What was refused, added to the numbers of other threads.
    pub(super) fn add_rejections_to(&self, totals: &mut BTreeMap<String, u64>) {
        if let Some(rejected) = self.rejected.get() {
            rejected.add_to(totals);
        }
    }

    pub(super) fn add_to(&self, report: &mut ServiceReport) {
        report.connections = report.connections.wrapping_add(self.connections.value());
        report.accepted += self.accepted.value();
        report.requests += self.requests.value();
        add_responses(&self.responses, &mut report.responses);
        report.bytes_in += self.bytes_in.value();
        report.bytes_out += self.bytes_out.value();
        report.upgraded += self.upgraded.value();
        self.latency.add_to(&mut report.latency, &mut report.latency_sum_us);
        self.add_rejections_to(&mut report.rejected);
    }
}

#[derive(Debug, Default)]
#[repr(align(128))]
pub struct PoolBlock {
    /// A gauge: waiting now.
    pub queued: Count,
    pub queued_total: Count,
    pub queue_timeouts: Count,
    pub queue_refused: Count,
    pub retries: Count,
    pub retries_refused: Count,
}

impl PoolBlock {
    pub(super) fn add_to(&self, report: &mut PoolReport) {
        report.queued = report.queued.wrapping_add(self.queued.value());
        report.queued_total += self.queued_total.value();
        report.queue_timeouts += self.queue_timeouts.value();
        report.queue_refused += self.queue_refused.value();
        report.retries += self.retries.value();
        report.retries_refused += self.retries_refused.value();
    }
}

#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ServerBlock {
    requests: Count,
    /// The epoch of the failures in which this thread last sent a request, and `requests` as it was before that one.
    epoch: Count,
    before_epoch: Count,
    pub(super) responses: [Count; 5],
    /// Connections opened.
    pub connects: Count,
    /// Requests sent on a connection that was open already.
    pub reused: Count,
    /// By [`FailureKind`].
    pub(super) failed: [Count; 4],
    /// From the server.
    pub bytes_in: Count,
    /// To the server.
    pub bytes_out: Count,
    pub(super) latency: Histogram,
}

impl ServerBlock {
    #[inline]
    pub(super) fn request(&self, epoch: u64) {
        if self.epoch.value() != epoch {
            self.before_epoch.set(self.requests.value());
            self.epoch.publish(epoch);
        }
        self.requests.add(1);
    }

    /// Time until a `tcp` connection reached the server.
    #[inline]
    pub fn latency(&self, us: u64) {
        self.latency.record(us);
    }

    /// Requests that this thread sent in `epoch`. The epoch is read first and as published: with it the difference has
    /// its two sides from the same epoch, and the older side is the smaller one.
    pub(crate) fn requests_in(&self, epoch: u64) -> u64 {
        if self.epoch.published() == epoch {
            self.requests.value().saturating_sub(self.before_epoch.value())
        } else {
            0
        }
    }

    pub(crate) fn failed(&self, kind: FailureKind) -> u64 {
        self.failed[kind as usize].value()
    }

    pub(crate) fn responses_5xx(&self) -> u64 {
        self.responses[4].value()
    }

    pub(super) fn add_to(&self, report: &mut ServerReport) {
        report.requests += self.requests.value();
        add_responses(&self.responses, &mut report.responses);
        report.connects += self.connects.value();
        report.reused += self.reused.value();
        report.failed_connect += self.failed(FailureKind::Connect);
        report.failed_reset += self.failed(FailureKind::Reset);
        report.failed_timeout += self.failed(FailureKind::Timeout);
        report.failed_protocol += self.failed(FailureKind::Protocol);
        report.bytes_in += self.bytes_in.value();
        report.bytes_out += self.bytes_out.value();
        self.latency.add_to(&mut report.latency, &mut report.latency_sum_us);
    }
}

fn add_responses(counts: &[Count; 5], totals: &mut [u64; 5]) {
    totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count.value());
}
