//! Delivering a server's answer: interim responses, the final one, or a switch of protocols.

use super::choose::Held;
use super::{After, Exchange, Failure, ask, refuse};
use crate::body::{Broken, Side};
use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::counters::FailureKind;
use crate::relay::{First, Patience, Relay, Way};
use crate::timers::Elapsed;
use crate::upstream::Upstream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use steelyard_http::forward::client_framing;
use steelyard_http::upgrade::check_switch;
use steelyard_http::{CookieForm, FieldId, Framing, RequestHead, ResponseOut, Version, write_response};

/// More interim responses than this no honest server sends to one request.
const INTERIM_MOST: u32 = 16;
/// A request's body that nobody wants is read to its end up to this length, so that the connection can be kept.
pub const DRAIN_MOST: u64 = 64 << 10;

/// How the delivery of a response ended before its end.
enum Cut {
    Server(FailureKind),
    Client(&'static str),
}

/// Deliver what `ask` has read the head of.
pub async fn answer(
    connection: &mut Connection,
    exchange: &mut Exchange,
    held: Held,
    mut upstream: Box<Upstream>,
) -> Result<After, Failure> {
    let mut interim = 0;
    while exchange.response_head.is_interim() {
        interim += 1;
        if interim > INTERIM_MOST {
            return Err(Failure::Sent(FailureKind::Protocol));
        }
        // From its first byte on, an answer of a connection that was idle is an answer.
        upstream.reused = false;
        Box::pin(forward_interim(connection, exchange, &held)).await?;
        ask::ask(connection, exchange, &mut upstream).await?;
    }
    if exchange.response_head.status == 101 {
        return Box::pin(switch(connection, exchange, held, upstream)).await;
    }
    let after = begin(connection, exchange, &held);
    if exchange.response.take_short(&mut exchange.server_in).is_err() {
        return Err(Failure::Sent(FailureKind::Protocol));
    }
    if exchange.response.has_ended() && exchange.request.is_done() {
        release(connection, exchange, held, upstream);
        return Ok(flush(connection, exchange, after).await);
    }
    Box::pin(deliver(connection, exchange, held, upstream, after)).await
}

/// Write the head of the final response. Says whether the client's connection can be kept.
fn begin(connection: &mut Connection, exchange: &mut Exchange, held: &Held) -> After {
    let now_us = connection.worker.clock.now_us();
    let Exchange { request_head, response_head: head, server_in, request, response, trip, .. } = exchange;
    let latency_us = now_us.saturating_sub(trip.sent_us);
    trip.upstream_us = Some(latency_us);
    trip.status = head.status;
    held.service.pool.servers[held.server as usize].counters.response(connection.worker.index, head.status, latency_us);
    let framing = client_framing(head.framing, request_head.version);
    let drainable = request.remaining().is_some_and(|remaining| remaining <= DRAIN_MOST);
    let keep_alive = request_head.keep_alive && framing != Framing::UntilClose && drainable && !connection.is_ending();
    response.clear();
    let secure = connection.peer.secure
        || connection.peer.trusted
            && request_head.value(exchange.client_in.head(), FieldId::XForwardedProto) == Some(b"https");
    let with = ResponseOut {
        rewrite: &held.service.rewrite,
        client_version: request_head.version,
        framing,
        keep_alive,
        mark: mark(held),
        remark: remark(held, exchange.client_in.head(), request_head),
        secure,
    };
    write_response(server_in.bytes(), head, &with, &mut response.out);
    server_in.consume(head.length);
    response.begin(head.framing, framing, held.service.limits);
    connection.timer.set(now_us / 1000, held.service.spec.timeouts.stall);
    if keep_alive { After::KeepAlive } else { After::Close }
}

/// The mark that the client gets: a cookie of ours only with a new binding, an appended one with every cookie that the
/// application sets, because that one replaces the last.
fn mark(held: &Held) -> Option<&[u8]> {
    let cookie = held.service.rewrite.cookie.as_ref()?;
    let wanted = held.newly_bound || cookie.form == CookieForm::Append;
    wanted.then(|| held.service.pool.pool.server(held.server).spec().mark.as_bytes())
}

/// The application's cookie, for a client that came with it and has a new server: it is not told of it otherwise before
/// the application sets the cookie again, and would get a new server with every request.
fn remark<'a>(held: &Held, buffer: &'a [u8], head: &RequestHead) -> Option<&'a [u8]> {
    let cookie = held.service.rewrite.cookie.as_ref()?;
    let wanted = held.newly_bound && cookie.form == CookieForm::Append;
    if wanted { cookie.find_value(buffer, &head.fields) } else { None }
}

/// The server has done its part: let others use it, and keep the connection if nothing is wrong with it.
fn release(connection: &Connection, exchange: &mut Exchange, held: Held, upstream: Box<Upstream>) {
    let worker = &connection.worker;
    let pool = &held.service.pool;
    let keep_ms = held.service.spec.timeouts.upstream_idle;
    // Bytes behind the response belong to no request that we know of.
    let is_clean = exchange.response_head.keep_alive && exchange.server_in.is_empty() && exchange.request.is_done();
    let server = &pool.servers[held.server as usize];
    let block = server.counters.of(worker.index);
    block.bytes_in.add(exchange.response.bytes);
    block.bytes_out.add(exchange.request.bytes);
    if is_clean
        && let Some((slot, address)) = &server.address
        && worker.may_keep(*slot, address)
    {
        worker.idle.borrow_mut().put(upstream, worker.clock.now_ms(), keep_ms);
    }
    worker.spare.reclaim(&mut exchange.server_in);
    held.finish(worker.clock.now_ms(), exchange.trip.upstream_us.unwrap_or(0));
}

/// Write a response that is here as a whole.
async fn flush(connection: &mut Connection, exchange: &mut Exchange, after: After) -> After {
    let Connection { stream, timer, .. } = connection;
    let flushing = poll_fn(|cx| exchange.response.poll_flush_out(cx, stream));
    match timer.limit(flushing).await {
        Ok(Ok(())) => after,
        Ok(Err(_)) => {
            exchange.trip.end = "client-gone";
            After::Close
        }
        Err(Elapsed) => {
            exchange.trip.end = "client-stalled";
            connection.reject("client-stalled");
            connection.stream.reset_on_close();
            After::Close
        }
    }
}

/// Move a response whose body is still coming, and what is left of the request.
async fn deliver(
    connection: &mut Connection,
    exchange: &mut Exchange,
    held: Held,
    mut upstream: Box<Upstream>,
    after: After,
) -> Result<After, Failure> {
    let mut moved = 0;
    let mut sending = true;
    let delivered = poll_fn(|cx| poll_deliver(cx, connection, exchange, &mut upstream, &mut moved, &mut sending)).await;
    connection.worker.clock.refresh();
    match delivered {
        Ok(()) => {
            release(connection, exchange, held, upstream);
            Ok(refuse::finish_request(connection, exchange, after).await)
        }
        // Nothing has reached the client yet: it may as well get another server's answer, or an honest 502.
        Err(Cut::Server(kind)) if !exchange.response.has_begun() => Err(Failure::Sent(kind)),
        Err(Cut::Server(kind)) => {
            let server = &held.service.pool.servers[held.server as usize];
            server.counters.failure(connection.worker.index, kind);
            exchange.trip.end = refuse::word(kind);
            // RFC 9112 §8: what is incomplete must not look complete, also where only the close would tell.
            connection.stream.reset_on_close();
            Ok(After::Close)
        }
        Err(Cut::Client(end)) => {
            exchange.trip.end = end;
            if end != "client-gone" {
                connection.reject(end);
                connection.stream.reset_on_close();
            }
            Ok(After::Close)
        }
    }
}

fn poll_deliver(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    exchange: &mut Exchange,
    upstream: &mut Upstream,
    moved: &mut u64,
    sending: &mut bool,
) -> Poll<Result<(), Cut>> {
    let Exchange { request, response, client_in, server_in, .. } = exchange;
    if *sending && !request.is_done() {
        // The server has answered already; that it does not take the rest is no fault.
        let sent = request.poll(cx, &mut connection.stream, client_in, &mut upstream.stream);
        *sending = !matches!(sent, Poll::Ready(Err(_)));
    }
    let outcome = match response.poll(cx, &mut upstream.stream, server_in, &mut connection.stream) {
        Poll::Ready(Ok(())) => Ok(()),
        Poll::Ready(Err(Broken::Source)) => Err(Cut::Server(FailureKind::Reset)),
        Poll::Ready(Err(Broken::Malformed(_))) => Err(Cut::Server(FailureKind::Protocol)),
        Poll::Ready(Err(Broken::Sink)) => Err(Cut::Client("client-gone")),
        Poll::Pending if connection.timer.fired() => match response.waits_for {
            Some(Side::Sink) => Err(Cut::Client("client-stalled")),
            _ => Err(Cut::Server(FailureKind::Timeout)),
        },
        Poll::Pending => {
            if *moved != response.moved {
                *moved = response.moved;
                let stall = connection.service.spec.timeouts.stall;
                connection.timer.set(connection.worker.clock.refresh() / 1000, stall);
            }
            connection.timer.register(cx.waker());
            return Poll::Pending;
        }
    };
    Poll::Ready(outcome)
}

/// RFC 9110 §15.2: an interim response goes on to the client, but HTTP/1.0 knows none.
async fn forward_interim(connection: &mut Connection, exchange: &mut Exchange, held: &Held) -> Result<(), Failure> {
    let Exchange { request_head, response_head: head, server_in, response, .. } = exchange;
    if request_head.version == Version::Http11 {
        response.clear();
        let with = interim_out(held, request_head.version);
        write_response(server_in.bytes(), head, &with, &mut response.out);
        let Connection { stream, timer, .. } = connection;
        timer.set(connection.worker.clock.now_ms(), held.service.spec.timeouts.stall);
        let flushed = timer.limit(poll_fn(|cx| response.poll_flush_out(cx, stream))).await;
        if !matches!(flushed, Ok(Ok(()))) {
            return Err(Failure::ClientGone);
        }
    }
    server_in.consume(head.length);
    Ok(())
}

fn interim_out(held: &Held, client_version: Version) -> ResponseOut<'_> {
    let rewrite = &held.service.rewrite;
    ResponseOut {
        rewrite,
        client_version,
        framing: Framing::None,
        keep_alive: true,
        mark: None,
        remark: None,
        secure: false,
    }
}

/// 101: from here on the connection carries another protocol.
async fn switch(
    connection: &mut Connection,
    exchange: &mut Exchange,
    held: Held,
    upstream: Box<Upstream>,
) -> Result<After, Failure> {
    let Exchange { request_head, response_head: head, client_in, server_in, response, trip, .. } = exchange;
    let asked = request_head.upgrade.map(|upgrade| upgrade.of(client_in.head()));
    if check_switch(asked, server_in.bytes(), head).is_err() {
        return Err(Failure::Sent(FailureKind::Protocol));
    }
    let now_us = connection.worker.clock.refresh();
    let latency_us = now_us.saturating_sub(trip.sent_us);
    trip.status = 101;
    trip.upstream_us = Some(latency_us);
    response.clear();
    write_response(server_in.bytes(), head, &interim_out(&held, request_head.version), &mut response.out);
    server_in.consume(head.length);
    held.service.counters.of(connection.worker.index).upgraded.add(1);
    let server = &held.service.pool.servers[held.server as usize];
    server.counters.response(connection.worker.index, head.status, latency_us);
    held.observe(now_us / 1000, latency_us);
    let head_length = response.out.len() as u64;
    // What the client sent too early was held until now.
    let mut first = First { to_server: client_in.bytes().to_vec(), to_client: std::mem::take(&mut response.out) };
    first.to_client.extend_from_slice(server_in.bytes());
    client_in.consume(client_in.len());
    // What follows may last for days.
    *server_in = Buffer::default();
    let relay = Relay {
        clock: &connection.worker.clock,
        timer: &connection.timer,
        client: connection.stream.socket(),
        server: upstream.stream.socket(),
        patience: Patience::of(&held.service.spec.timeouts),
        is_cut: &held.cut_check(&connection.worker),
    };
    let (mut to_server, mut to_client) = (0, 0);
    let end = relay.run(first, |way, count| match way {
        Way::ToServer => to_server += count,
        Way::ToClient => to_client += count,
    });
    exchange.trip.end = Box::pin(end).await.word();
    connection.worker.clock.refresh();
    exchange.request.bytes = to_server;
    exchange.response.bytes = to_client.saturating_sub(head_length);
    Ok(After::Close)
}
