//! Choosing the server for one attempt, waiting in the pool's queue while all are full.

use super::vigil::{Over, Vigil};
use super::{Exchange, client};
use crate::connection::Connection;
use crate::queue::Place;
use crate::worker::{ServiceHere, Worker};
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use steelyard_balance::{Choice, Lease, NoServer, ServerIndex};

/// A server taken for this request: given back when dropped, and then the pool's queue is told.
pub struct Held {
    lease: Option<Lease>,
    pub service: ServiceHere,
    pub server: ServerIndex,
    pub newly_bound: bool,
}

/// Why there is no server for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    NoneEligible,
    AllTried,
    QueueFull,
    QueueTimeout,
    ClientGone,
}

impl Unserved {
    /// Its word in logs and counters.
    pub fn word(self) -> &'static str {
        match self {
            Unserved::NoneEligible => "no-server",
            Unserved::AllTried => "all-tried",
            Unserved::QueueFull => "queue-full",
            Unserved::QueueTimeout => "queue-timeout",
            Unserved::ClientGone => "client-gone",
        }
    }
}

impl Held {
    fn new(lease: Lease, service: &ServiceHere) -> Self {
        let (server, newly_bound) = (lease.server(), lease.newly_bound());
        Held { lease: Some(lease), service: service.clone(), server, newly_bound }
    }

    /// Whether the snapshot of now still gives this server to this client.
    pub fn is_allowed(&self, connection: &Connection) -> bool {
        let worker = &connection.worker;
        let Some(now) = worker.service(&self.service.spec.name) else { return true };
        if Rc::ptr_eq(&now, &self.service) || Arc::ptr_eq(&now.pool, &self.service.pool) {
            return true;
        }
        let (was, now) = (&self.service.pool, &now.pool);
        let Some(index) = now.pool.index_of(was.pool.server(self.server).id()) else { return false };
        let spec = now.pool.server(index).spec();
        let is_bound = was.pool.spec().affinity.is_some() && !self.newly_bound;
        let same_place = was.servers[self.server as usize].address == now.servers[index as usize].address;
        same_place && (spec.eligible || is_bound && spec.keeps)
    }

    /// Tells, whenever it is asked, whether what runs on this server for long is to be cut: its pool wants it, and the
    /// server is down, in maintenance or gone. Looked up once a snapshot.
    pub fn cut_check<'a>(&'a self, worker: &'a Worker) -> impl Fn() -> bool + 'a {
        let seen = Cell::new((0, false));
        move || {
            let stamp = worker.stamp();
            if seen.get().0 != stamp {
                seen.set((stamp, self.is_cut(worker)));
            }
            seen.get().1
        }
    }

    fn is_cut(&self, worker: &Worker) -> bool {
        let was = &self.service.pool.pool;
        let Some(now) = worker.pool(&was.spec().name) else { return was.spec().cuts };
        let server = now.pool.index_of(was.server(self.server).id()).map(|index| now.pool.server(index).spec());
        now.pool.spec().cuts && server.is_none_or(|server| server.cut)
    }

    /// A latency is known, and the server is still needed.
    pub fn observe(&self, now_ms: u64, latency_us: u64) {
        if let Some(lease) = &self.lease {
            lease.observe(now_ms, latency_us);
        }
    }

    /// The server was not given the time to answer: it would have taken longer than this.
    pub fn finish_unanswered(self, now_ms: u64, waited_us: u64) {
        let is_slower = |lease: &Lease| waited_us as f64 > lease.live().ewma_us(now_ms);
        if self.lease.as_ref().is_some_and(is_slower) {
            self.finish(now_ms, waited_us);
        }
    }

    /// The server has answered; its latency is taken into account.
    pub fn finish(mut self, now_ms: u64, latency_us: u64) {
        if let Some(lease) = self.lease.take() {
            lease.finish(now_ms, latency_us);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.lease.take();
        self.service.pool.queue.released();
    }
}

/// A server for the next attempt, of the snapshot that the connection was renewed to since the last await. Without a wait
/// this is one call of the pool and no await.
pub async fn choose(connection: &mut Connection, exchange: &mut Exchange) -> Result<Held, Unserved> {
    match attempt(connection, exchange) {
        Ok(held) if !connection.service.pool.queue.has_precedence() => Ok(held),
        Err(NoServer::NoneEligible) => Err(Unserved::NoneEligible),
        Err(NoServer::AllTried) => Err(Unserved::AllTried),
        taken => {
            let bound = matches!(taken, Err(NoServer::BoundFull(_)));
            // A server that was free goes to those who waited for it.
            drop(taken);
            Box::pin(wait(connection, exchange, bound)).await
        }
    }
}

fn attempt(connection: &Connection, exchange: &Exchange) -> Result<Held, NoServer> {
    let service = &connection.service;
    let buffer = exchange.client_in.head();
    let fields = &exchange.request_head.fields;
    let choice = Choice {
        client: service.pool.pool.needs_address().then(|| client::believed(connection, buffer, fields)),
        mark: service.rewrite.cookie.as_ref().and_then(|cookie| cookie.find_mark(buffer, fields)),
        tried: &exchange.tried,
        now_ms: connection.worker.clock.now_ms(),
        random: connection.worker.random(),
    };
    service.pool.pool.choose(&choice).map(|lease| Held::new(lease, service))
}

async fn wait(connection: &mut Connection, exchange: &mut Exchange, bound: bool) -> Result<Held, Unserved> {
    let worker = connection.worker.clone();
    let pool = connection.service.pool.clone();
    let block = pool.counters.of(worker.index);
    let spec = pool.pool.spec().queue;
    let Some(place) = pool.queue.enter(spec.size as usize, bound) else {
        block.queue_refused.add(1);
        return Err(Unserved::QueueFull);
    };
    block.queued.add(1);
    block.queued_total.add(1);
    let begun_us = worker.clock.refresh();
    let mut vigil = Vigil::begin(connection, spec.timeout_ms);
    let outcome = poll_fn(|cx| poll_turn(cx, connection, exchange, &place, &mut vigil)).await;
    drop(place);
    block.queued.sub(1);
    if outcome.as_ref().err() == Some(&Unserved::QueueTimeout) {
        block.queue_timeouts.add(1);
    }
    exchange.trip.queue_us = Some(worker.clock.refresh() - begun_us);
    outcome
}

/// Ready when it is this request's turn and there is a server, or when waiting has become pointless.
fn poll_turn(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    exchange: &mut Exchange,
    place: &Place,
    vigil: &mut Vigil,
) -> Poll<Result<Held, Unserved>> {
    let mut called = place.is_next();
    loop {
        if called {
            connection.renew(&mut exchange.tried);
            match attempt(connection, exchange) {
                Ok(held) => return Poll::Ready(Ok(held)),
                Err(NoServer::NoneEligible) => return Poll::Ready(Err(Unserved::NoneEligible)),
                Err(NoServer::AllTried) => return Poll::Ready(Err(Unserved::AllTried)),
                Err(NoServer::AllFull) => {}
                // The call was meant for any server; ours is not the one that became free.
                Err(NoServer::BoundFull(_)) => place.pass_on(),
            }
        }
        called = place.is_called(cx.waker());
        if !called {
            break;
        }
    }
    vigil.poll(cx, connection, exchange.request_head.version).map(|over| {
        Err(match over {
            Over::Late => Unserved::QueueTimeout,
            Over::ClientGone => Unserved::ClientGone,
        })
    })
}
