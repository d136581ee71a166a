//! Answers of our own, and how a connection ends after one.

use super::answer::DRAIN_MOST;
use super::choose::Unserved;
use super::{After, Exchange, Failure};
use crate::body::Broken;
use crate::connection::Connection;
use crate::counters::FailureKind;
use std::future::poll_fn;
use steelyard_http::{Method, Reply};

/// Seconds after which a client may try again.
const RETRY_AFTER: u32 = 1;
/// Nobody could be asked.
const UNSERVED: u16 = 503;
/// The request did not arrive in time.
pub const TOO_SLOW: u16 = 408;
/// How long a connection that is to be closed may go on sending what nobody reads.
const LINGER_MS: u64 = 2_000;
/// And how much.
const LINGER_MOST: usize = 256 << 10;

/// The word for a server's failure in logs and counters.
pub fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Connect => "server-connect",
        FailureKind::Reset => "server-reset",
        FailureKind::Timeout => "server-timeout",
        FailureKind::Protocol => "server-protocol",
    }
}

/// A request that we do not understand or do not want. What follows it on the connection cannot be trusted.
pub async fn reject(
    connection: &mut Connection,
    exchange: &mut Exchange,
    status: u16,
    reason: &'static str,
    sentence: &'static str,
) -> After {
    let head = exchange.request_head.method == Method::Head;
    let reply = Reply { sentence, ..Reply::new(status, true, head) };
    if send(connection, exchange, reply, reason).await { After::Linger } else { After::Close }
}

/// There is no server for the request.
pub async fn unserved(connection: &mut Connection, exchange: &mut Exchange, unserved: Unserved) -> After {
    if unserved == Unserved::ClientGone {
        exchange.trip.end = unserved.word();
        connection.reject(unserved.word());
        return After::Close;
    }
    regret(connection, exchange, UNSERVED, unserved.word()).await
}

/// The last attempt failed.
pub async fn failed(connection: &mut Connection, exchange: &mut Exchange, failure: Failure) -> After {
    match failure {
        Failure::ClientGone => {
            exchange.trip.end = "client-gone";
            connection.reject("client-gone");
            After::Close
        }
        Failure::BadBody(reason) => {
            let sentence = reason.sentence();
            reject(connection, exchange, reason.status(), reason.name(), sentence).await
        }
        Failure::SlowBody(reason) => {
            reject(connection, exchange, TOO_SLOW, reason, "The request took too long to arrive.").await
        }
        Failure::Withdrawn => regret(connection, exchange, UNSERVED, "no-server").await,
        Failure::Exhausted => regret(connection, exchange, UNSERVED, "descriptors").await,
        Failure::Unsent(kind) => {
            let (status, reason) = unsent(kind);
            regret(connection, exchange, status, reason).await
        }
        Failure::Sent(kind) => {
            let (status, reason) = sent(kind);
            regret(connection, exchange, status, reason).await
        }
        Failure::Stale { .. } => {
            let (status, reason) = sent(FailureKind::Reset);
            regret(connection, exchange, status, reason).await
        }
    }
}

/// No server could be reached.
fn unsent(kind: FailureKind) -> (u16, &'static str) {
    match kind {
        FailureKind::Timeout => (504, "connect-timeout"),
        _ => (503, word(FailureKind::Connect)),
    }
}

/// The server had the request, or a part of it, and no answer came.
fn sent(kind: FailureKind) -> (u16, &'static str) {
    match kind {
        FailureKind::Timeout => (504, "response-timeout"),
        kind => (502, word(kind)),
    }
}

/// A fault in the body of a request, found before it was sent.
pub fn of_body(broken: Broken) -> Failure {
    match broken {
        Broken::Malformed(reason) => Failure::BadBody(reason),
        _ => Failure::ClientGone,
    }
}

/// An answer to a request that was in order; the connection is kept if the request leaves it in order.
async fn regret(connection: &mut Connection, exchange: &mut Exchange, status: u16, reason: &'static str) -> After {
    let head = &exchange.request_head;
    let drainable = exchange.request.remaining().is_some_and(|remaining| remaining <= DRAIN_MOST);
    // A client that waits for a 100 need not send its body after this answer, so nobody could tell what follows.
    let keep = head.keep_alive && drainable && !head.expect_continue && !connection.is_ending();
    let mut reply = Reply::new(status, !keep, head.method == Method::Head);
    if status == 503 {
        reply = reply.with_retry_after(RETRY_AFTER);
    }
    let after = if keep { After::KeepAlive } else { After::Close };
    if send(connection, exchange, reply, reason).await {
        finish_request(connection, exchange, after).await
    } else {
        After::Close
    }
}

/// Count and send a reply; whether it arrived, as far as we can know.
async fn send(connection: &mut Connection, exchange: &mut Exchange, reply: Reply<'_>, reason: &'static str) -> bool {
    exchange.trip.end = reason;
    exchange.trip.status = reply.status;
    connection.reject(reason);
    exchange.response.clear();
    reply.write(&mut exchange.response.out);
    let Connection { stream, timer, worker, service, .. } = connection;
    timer.set(worker.clock.refresh() / 1000, service.spec.timeouts.stall);
    let response = &mut exchange.response;
    matches!(timer.limit(poll_fn(|cx| response.poll_flush_out(cx, stream))).await, Ok(Ok(())))
}

/// After the response: read what is left of the request, or make sure that closing does not destroy the response.
pub async fn finish_request(connection: &mut Connection, exchange: &mut Exchange, after: After) -> After {
    if exchange.request.has_ended() {
        return after;
    }
    if after == After::KeepAlive && Box::pin(drain(connection, exchange)).await {
        return After::KeepAlive;
    }
    After::Linger
}

/// Read a short body to its end.
async fn drain(connection: &mut Connection, exchange: &mut Exchange) -> bool {
    let Exchange { request, client_in, .. } = exchange;
    connection.timer.set(connection.worker.clock.refresh() / 1000, connection.service.spec.timeouts.body);
    loop {
        request.discard();
        if request.take(client_in).is_err() {
            return false;
        }
        if request.has_ended() {
            return true;
        }
        let reading = connection.stream.read(client_in, crate::buffer::SIZE_LARGE);
        if !matches!(connection.timer.limit(reading).await, Ok(Ok(1..))) {
            return false;
        }
    }
}

/// End our side and read on for a moment: closing with unread bytes would send a reset, which can overtake the response
/// (RFC 9112 §9.6).
pub async fn linger(connection: &mut Connection, exchange: &mut Exchange) {
    connection.timer.set(connection.worker.clock.refresh() / 1000, LINGER_MS);
    if connection.stream.shutdown().is_err() {
        return;
    }
    let scratch = &mut exchange.server_in;
    let mut left = LINGER_MOST;
    while left > 0 {
        scratch.clear();
        match connection.timer.limit(connection.stream.read(scratch, crate::buffer::SIZE)).await {
            Ok(Ok(count @ 1..)) => left = left.saturating_sub(count),
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests;
