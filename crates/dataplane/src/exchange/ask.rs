//! Asking a server: the request goes out while its body still comes in, and the head of the response is awaited.

use super::vigil::{Over, Vigil};
use super::{Exchange, Failure};
use crate::body::{Broken, Side};
use crate::buffer;
use crate::connection::Connection;
use crate::counters::FailureKind;
use crate::upstream::Upstream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use steelyard_http::{Parsed, parse_response};
use steelyard_reactor::is_passing;

/// Before this time has passed, a body's average rate is not judged.
const RATE_GRACE_MS: u64 = 10_000;

/// Send the request (what is left of it) and read until a response head is whole; interim ones count as well.
pub async fn ask(connection: &mut Connection, exchange: &mut Exchange, upstream: &mut Upstream) -> Result<(), Failure> {
    exchange.response_head.clear();
    let mut pace = Pace::begin(connection, exchange);
    poll_fn(|cx| poll_ask(cx, connection, exchange, upstream, &mut pace)).await
}

fn poll_ask(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    exchange: &mut Exchange,
    upstream: &mut Upstream,
    pace: &mut Pace,
) -> Poll<Result<(), Failure>> {
    if !exchange.server_in.is_empty() && parse(connection, exchange)? {
        return Poll::Ready(Ok(()));
    }
    if !exchange.request.is_done() && !pace.sink_broken {
        poll_send(cx, connection, exchange, upstream, pace)?;
    }
    loop {
        let most = connection.service.limits.header_bytes as usize + buffer::SIZE;
        if upstream.stream.poll_readable(cx).is_pending() {
            break;
        }
        connection.worker.spare.lend(&mut exchange.server_in);
        match upstream.stream.try_read(&mut exchange.server_in, most) {
            Ok(1..) => {
                if parse(connection, exchange)? {
                    return Poll::Ready(Ok(()));
                }
            }
            Err(error) if is_passing(&error) => {}
            Ok(0) | Err(_) => return Poll::Ready(Err(gone(exchange, upstream))),
        }
    }
    pace.vigil.poll(cx, connection, exchange.request_head.version).map(|over| {
        Err(match over {
            Over::Late => late(exchange),
            Over::ClientGone => Failure::ClientGone,
        })
    })
}

/// Whether the head is whole.
fn parse(connection: &Connection, exchange: &mut Exchange) -> Result<bool, Failure> {
    let method = exchange.request_head.method;
    let (bytes, limits) = (exchange.server_in.bytes(), &connection.service.limits);
    match parse_response(bytes, method, limits, &mut exchange.response_head) {
        Ok(parsed) => Ok(parsed == Parsed::Complete),
        Err(_) => Err(Failure::Sent(FailureKind::Protocol)),
    }
}

fn poll_send(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    exchange: &mut Exchange,
    upstream: &mut Upstream,
    pace: &mut Pace,
) -> Result<(), Failure> {
    let Exchange { request, client_in, .. } = exchange;
    match request.poll(cx, &mut connection.stream, client_in, &mut upstream.stream) {
        Poll::Ready(Ok(())) => {
            exchange.trip.sent_us = connection.worker.clock.now_us();
            pace.arm(connection, exchange);
        }
        Poll::Ready(Err(Broken::Source)) => return Err(Failure::ClientGone),
        Poll::Ready(Err(Broken::Malformed(reason))) => return Err(Failure::BadBody(reason)),
        Poll::Ready(Err(Broken::Sink)) if !exchange.request.has_begun() => return Err(gone(exchange, upstream)),
        // It may have answered before it closed: a refusal of the body, say.
        Poll::Ready(Err(Broken::Sink)) => {
            pace.sink_broken = true;
            pace.arm(connection, exchange);
        }
        Poll::Pending => return pace.check(connection, exchange),
    }
    Ok(())
}

/// The server has closed or broken the connection before a whole head came.
fn gone(exchange: &Exchange, upstream: &Upstream) -> Failure {
    let sent = exchange.request.has_begun();
    if upstream.reused && exchange.server_in.is_empty() {
        Failure::Stale { sent }
    } else if sent {
        Failure::Sent(FailureKind::Reset)
    } else {
        Failure::Unsent(FailureKind::Reset)
    }
}

/// The deadline has passed: whose fault is it?
fn late(exchange: &Exchange) -> Failure {
    match exchange.request.waits_for {
        Some(Side::Source) if !exchange.request.is_done() => Failure::SlowBody("body-timeout"),
        _ => Failure::Sent(FailureKind::Timeout),
    }
}

/// How the body of a request gets on.
struct Pace {
    begun_ms: u64,
    moved: u64,
    waits_for: Option<Side>,
    /// Time that went by while the server, not the client, was waited for.
    since_ms: u64,
    excused_ms: u64,
    sink_broken: bool,
    vigil: Vigil,
}

impl Pace {
    fn begin(connection: &Connection, exchange: &Exchange) -> Self {
        let now_ms = connection.worker.clock.now_ms();
        let vigil = Vigil::default();
        let mut pace = Pace {
            begun_ms: now_ms,
            moved: 0,
            waits_for: None,
            since_ms: now_ms,
            excused_ms: 0,
            sink_broken: false,
            vigil,
        };
        // Otherwise it is sent first, and what that leads to sets the deadline.
        if exchange.request.is_done() {
            pace.arm(connection, exchange);
        }
        pace
    }

    /// Set the deadline for what is waited for now.
    fn arm(&mut self, connection: &Connection, exchange: &Exchange) {
        let timeouts = &connection.service.spec.timeouts;
        let limit = match exchange.request.waits_for {
            _ if exchange.request.is_done() || self.sink_broken => timeouts.response,
            Some(Side::Source) => timeouts.body,
            _ => timeouts.stall,
        };
        self.vigil.set(connection, limit);
    }

    /// The body waits: move the deadline if something has moved, and judge the client's average rate.
    fn check(&mut self, connection: &Connection, exchange: &Exchange) -> Result<(), Failure> {
        let request = &exchange.request;
        if (self.moved, self.waits_for) == (request.moved, request.waits_for) {
            return Ok(());
        }
        let now_ms = connection.worker.clock.refresh() / 1000;
        if self.waits_for == Some(Side::Sink) {
            self.excused_ms += now_ms - self.since_ms;
        }
        (self.moved, self.waits_for, self.since_ms) = (request.moved, request.waits_for, now_ms);
        self.arm(connection, exchange);
        let elapsed_ms = (now_ms - self.begun_ms).saturating_sub(self.excused_ms);
        let rate_min = u64::from(connection.service.spec.limits.body_rate_min);
        let is_slow = elapsed_ms > RATE_GRACE_MS && request.bytes * 1000 < rate_min * elapsed_ms;
        if is_slow { Err(Failure::SlowBody("body-too-slow")) } else { Ok(()) }
    }
}
