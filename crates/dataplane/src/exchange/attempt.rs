//! Attempts: which server is asked, and when a request that failed may be sent once more.
//!
//! | what failed | again | budget |
//! |---|---|---|
//! | nothing of the request was sent | on another server | no: nothing is multiplied |
//! | an idle connection turned out to be closed, the request is idempotent | on a fresh connection, once | no |
//! | the server failed before its response, the request is idempotent and still held whole | on another server | yes |
//! | anything else, and every timeout | never | – |
//!
//! RFC 9110 §9.2.2 allows an automatic retry of idempotent requests only.

use super::choose::{Held, Unserved, choose};
use super::record::RequestId;
use super::vigil::{Over, Vigil};
use super::{After, Exchange, Failure, answer, ask, refuse};
use crate::address::Address;
use crate::addresses::Slot;
use crate::connection::Connection;
use crate::counters::FailureKind;
use crate::upstream::{ConnectError, Upstream, connect};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use steelyard_http::{RequestOut, write_request};

/// What limits the attempts of one request.
#[derive(Default)]
pub struct Tries {
    pub count: u32,
    /// An idle connection failed: from now on only fresh ones.
    fresh: bool,
    last: Option<Failure>,
}

/// Serve a request whose head is whole.
pub async fn run(connection: &mut Connection, exchange: &mut Exchange) -> After {
    connection.renew(&mut exchange.tried);
    prepare(connection, exchange);
    connection.worker.count_request(connection.service.pool.number);
    let mut tries = Tries::default();
    loop {
        let held = match choose(connection, exchange).await {
            Ok(held) => held,
            Err(unserved) => {
                return match tries.last {
                    // What went wrong says more than that nobody is left.
                    Some(failure) if unserved == Unserved::AllTried => {
                        refuse::failed(connection, exchange, failure).await
                    }
                    _ => refuse::unserved(connection, exchange, unserved).await,
                };
            }
        };
        tries.count += 1;
        exchange.trip.went_to(&held);
        let failure = match attempt(connection, exchange, held, &mut tries).await {
            Ok(after) => return after,
            Err(failure) => failure,
        };
        if !goes_again(connection, exchange, failure, &mut tries) {
            return refuse::failed(connection, exchange, failure).await;
        }
        tries.last = Some(failure);
        exchange.request.rewind();
        exchange.server_in.clear();
        if failure != Failure::Withdrawn {
            exchange.trip.retries += 1;
            connection.service.pool.counters.of(connection.worker.index).retries.add(1);
        }
        // The next choice is made by the snapshot of now.
        connection.renew(&mut exchange.tried);
    }
}

/// Write the request's head for the server, and as much of its body behind it as is here.
fn prepare(connection: &mut Connection, exchange: &mut Exchange) {
    let service = &connection.service;
    let Exchange { client_in, request_head: head, request, trip, .. } = exchange;
    let kept_id = match connection.peer.trusted {
        true => service.rewrite.kept_request_id(client_in.head(), &head.fields),
        false => None,
    };
    trip.id = match kept_id {
        Some(id) => RequestId::Kept(id),
        None if service.rewrite.has_request_id() => {
            RequestId::new(connection.worker.random(), connection.worker.random())
        }
        None => RequestId::None,
    };
    let with = RequestOut {
        rewrite: &service.rewrite,
        peer: &connection.peer,
        framing: head.framing,
        expect_continue: head.expect_continue,
        close: false,
        default_host: service.spec.listen.as_bytes(),
        request_id: trip.id.of(client_in.head()),
    };
    write_request(client_in.head(), head, &with, &mut request.out);
    request.begin(head.framing, head.framing, service.limits);
}

/// One attempt on one server.
async fn attempt(
    connection: &mut Connection,
    exchange: &mut Exchange,
    held: Held,
    tries: &mut Tries,
) -> Result<After, Failure> {
    let pool = &held.service.pool;
    let server = &pool.servers[held.server as usize];
    let Some((slot, _)) = &server.address else { return Err(Failure::Unsent(FailureKind::Connect)) };
    let index = connection.worker.index;
    // The first bytes of a body, as far as they are here, go out together with the head.
    if let Err(broken) = exchange.request.take(&mut exchange.client_in) {
        return Err(refuse::of_body(broken));
    }
    let reused = if tries.fresh { None } else { checkout(connection, exchange, *slot) };
    let mut upstream = match reused {
        Some(upstream) => upstream,
        None => Box::pin(open(connection, exchange, &held)).await?,
    };
    server.counters.request(index);
    if upstream.reused {
        server.counters.of(index).reused.add(1);
    }
    exchange.trip.sent_us = connection.worker.clock.now_us();
    if let Err(failure) = ask::ask(connection, exchange, &mut upstream).await {
        // A server that lets requests time out, or clients leave, is a slow one: without this, `peak-ewma` would forget it
        // was ever slow.
        let now_us = connection.worker.clock.refresh();
        let waited_us = now_us - exchange.trip.sent_us;
        match failure {
            Failure::Sent(FailureKind::Timeout) => held.finish(now_us / 1000, waited_us),
            Failure::ClientGone if exchange.request.is_done() => held.finish_unanswered(now_us / 1000, waited_us),
            _ => {}
        }
        return Err(failure);
    }
    answer::answer(connection, exchange, held, upstream).await
}

/// An idle connection. Before a request that cannot be repeated, the kernel is asked whether it is still open.
fn checkout(connection: &Connection, exchange: &Exchange, slot: Slot) -> Option<Box<Upstream>> {
    let mut idle = connection.worker.idle.borrow_mut();
    let repeatable = exchange.request_head.method.is_idempotent();
    while let Some(upstream) = idle.take(slot) {
        if repeatable || !upstream.stream.is_disturbed_now() {
            return Some(upstream);
        }
    }
    None
}

/// A new connection, within the time that a service allows.
pub async fn open(connection: &mut Connection, exchange: &mut Exchange, held: &Held) -> Result<Box<Upstream>, Failure> {
    let server = &held.service.pool.servers[held.server as usize];
    let Some((slot, address)) = &server.address else { return Err(Failure::Unsent(FailureKind::Connect)) };
    let worker = connection.worker.clone();
    let begun_us = worker.clock.refresh();
    let mut opened = connect_once(connection, exchange, *slot, address).await;
    // Idle connections to servers are worth less than a request.
    if matches!(opened, Err(ConnectError::Exhausted)) && worker.idle.borrow_mut().clear() > 0 {
        steelyard_reactor::yield_now().await;
        opened = connect_once(connection, exchange, *slot, address).await;
    }
    let upstream = opened.map_err(|error| match error {
        ConnectError::Server => Failure::Unsent(FailureKind::Connect),
        ConnectError::TimedOut => Failure::Unsent(FailureKind::Timeout),
        ConnectError::Exhausted => Failure::Exhausted,
        ConnectError::ClientGone => Failure::ClientGone,
    })?;
    exchange.trip.connect_us = Some(worker.clock.refresh() - begun_us);
    server.counters.of(worker.index).connects.add(1);
    // Connecting took its time: the snapshot may have changed meanwhile.
    if held.is_allowed(connection) { Ok(upstream) } else { Err(Failure::Withdrawn) }
}

async fn connect_once(
    connection: &Connection,
    exchange: &Exchange,
    slot: Slot,
    address: &Address,
) -> Result<Box<Upstream>, ConnectError> {
    let mut vigil = Vigil::begin(connection, connection.service.spec.timeouts.connect);
    let mut connecting = pin!(connect(slot, address));
    poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(connected);
        }
        vigil.poll(cx, connection, exchange.request_head.version).map(|over| {
            Err(match over {
                Over::Late => ConnectError::TimedOut,
                Over::ClientGone => ConnectError::ClientGone,
            })
        })
    })
    .await
}

/// Count the failure, and decide whether the request may be sent again.
pub fn goes_again(connection: &mut Connection, exchange: &mut Exchange, failure: Failure, tries: &mut Tries) -> bool {
    let Some((service, server)) = exchange.trip.server.clone() else { return false };
    let index = connection.worker.index;
    let (kind, idempotent) = match failure {
        Failure::Unsent(kind) | Failure::Sent(kind) => (Some(kind), exchange.request_head.method.is_idempotent()),
        _ => (None, exchange.request_head.method.is_idempotent()),
    };
    if let Some(kind) = kind {
        service.pool.servers[server as usize].counters.failure(index, kind);
    }
    let retry = &service.pool.pool.spec().retry;
    let may_repeat = idempotent && exchange.request.replayable;
    let again = match failure {
        Failure::Stale { sent } => (!sent || may_repeat) && !std::mem::replace(&mut tries.fresh, true),
        Failure::Unsent(_) => tries.count < retry.attempts,
        Failure::Withdrawn => tries.count < 2 * retry.attempts,
        Failure::Sent(FailureKind::Timeout) => false,
        Failure::Sent(_) if tries.count >= retry.attempts || !may_repeat => false,
        Failure::Sent(_) => {
            let granted = connection.worker.may_retry(service.pool.number, retry);
            if !granted {
                service.pool.counters.of(index).retries_refused.add(1);
            }
            granted
        }
        _ => false,
    };
    if !matches!(failure, Failure::Stale { .. } | Failure::Withdrawn) {
        exchange.tried_on(connection, server, &service);
    }
    again
}

impl Exchange {
    /// Do not choose this server again. After a change of the pool its index may be another, or none.
    fn tried_on(&mut self, connection: &Connection, server: u32, service: &crate::worker::ServiceHere) {
        let (was, now) = (&service.pool.pool, &connection.service.pool.pool);
        let index = if std::ptr::eq(was, now) { Some(server) } else { now.index_of(was.server(server).id()) };
        self.tried.extend(index);
    }
}
