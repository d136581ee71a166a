//! Mode `tcp`: one client connection goes to one server, whatever protocol it speaks.
//!
//! The server is chosen as for a request, waits in the same queue and is tried elsewhere when it cannot be reached; until
//! then nothing was sent, so this is always safe and costs no retry budget. Once the two are joined the connection stays
//! where it is and ends by itself or by the `tunnel` timeout; a server that is down cuts it only where the pool says so.

use crate::access_log::Record;
use crate::connection::Connection;
use crate::counters::FailureKind;
use crate::exchange::attempt::{self, Tries};
use crate::exchange::choose::{Held, Unserved, choose};
use crate::exchange::record::Trip;
use crate::exchange::{Exchange, Failure, refuse};
use crate::relay::{End, First, Patience, Relay, Way};
use crate::snapshot::SendProxy;
use crate::upstream::Upstream;
use steelyard_http::proxy_protocol;

/// Bytes that arrived, by direction.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    to_server: u64,
    to_client: u64,
}

/// Serve one connection. `exchange` holds what the client has sent behind its PROXY header, if anything.
pub async fn serve(connection: &mut Connection, mut exchange: Box<Exchange>) {
    let worker = connection.worker.clone();
    exchange.begin();
    exchange.trip = Trip::begin(worker.clock.refresh());
    connection.service.counters.of(worker.index).requests.add(1);
    worker.count_request(connection.service.pool.number);
    let connected = connect(connection, &mut exchange).await;
    // What follows may last for days, and needs none of the memory that a choice does.
    let mut trip = std::mem::take(&mut exchange.trip);
    let said = exchange.client_in.bytes().to_vec();
    worker.give_back(exchange);
    let moved = match connected {
        Ok((held, upstream)) => join(connection, &mut trip, said, held, upstream).await,
        Err(reason) => {
            trip.end = reason;
            connection.reject(reason);
            // As if nobody listened, rather than a service that has nothing to say.
            connection.stream.socket().reset_on_close();
            Moved::default()
        }
    };
    record(connection, &trip, moved);
}

/// A connection to a server, or the reason why there is none.
async fn connect(connection: &mut Connection, exchange: &mut Exchange) -> Result<(Held, Box<Upstream>), &'static str> {
    let mut tries = Tries::default();
    loop {
        connection.renew(&mut exchange.tried);
        let held = choose(connection, exchange).await.map_err(Unserved::word)?;
        tries.count += 1;
        exchange.trip.went_to(&held);
        let failure = match attempt::open(connection, exchange, &held).await {
            Ok(upstream) => return Ok((held, upstream)),
            Err(failure) => failure,
        };
        // Given back before the next is chosen, which may have to wait for it.
        drop(held);
        if !attempt::goes_again(connection, exchange, failure, &mut tries) {
            return Err(match failure {
                Failure::Exhausted => "descriptors",
                Failure::ClientGone => "client-gone",
                Failure::Unsent(FailureKind::Timeout) => "connect-timeout",
                _ => refuse::word(FailureKind::Connect),
            });
        }
        exchange.trip.retries += 1;
        connection.service.pool.counters.of(connection.worker.index).retries.add(1);
    }
}

/// Relay until the end.
async fn join(connection: &Connection, trip: &mut Trip, said: Vec<u8>, held: Held, upstream: Box<Upstream>) -> Moved {
    let (worker, service) = (&connection.worker, &connection.service);
    let server = &held.service.pool.servers[held.server as usize].counters;
    let (of_server, of_service) = (server.of(worker.index), service.counters.of(worker.index));
    let connect_us = trip.connect_us.unwrap_or_default();
    server.request(worker.index);
    held.observe(worker.clock.now_ms(), connect_us);
    of_server.latency(connect_us);
    of_service.latency(connect_us);
    let mut to_server = Vec::new();
    introduce(connection, &mut to_server);
    let mut introduction = to_server.len() as u64;
    to_server.extend_from_slice(&said);
    let relay = Relay {
        clock: &worker.clock,
        timer: &connection.timer,
        client: connection.stream.socket(),
        server: upstream.stream.socket(),
        patience: Patience::of(&service.spec.timeouts),
        is_cut: &held.cut_check(worker),
    };
    let mut moved = Moved::default();
    let end = relay.run(First { to_server, ..First::default() }, |way, count| match way {
        Way::ToServer => {
            of_server.bytes_out.add(count);
            let ours = count.min(introduction);
            introduction -= ours;
            moved.to_server += count - ours;
            of_service.bytes_in.add(count - ours);
        }
        Way::ToClient => {
            moved.to_client += count;
            of_service.bytes_out.add(count);
            of_server.bytes_in.add(count);
        }
    });
    let end = end.await;
    // A server that breaks off before a word was said on either side does not work. Later it may have its reasons, and
    // clients could provoke it.
    if matches!(end, End::Server) && moved.to_client == 0 && moved.to_server == 0 {
        server.failure(worker.index, FailureKind::Reset);
    }
    trip.end = end.word();
    moved
}

/// The PROXY header for the server, if it is to get one.
fn introduce(connection: &Connection, out: &mut Vec<u8>) {
    let version_2 = match connection.service.spec.send_proxy {
        SendProxy::Off => return,
        SendProxy::V1 => false,
        SendProxy::V2 => true,
    };
    match connection.destination() {
        Some(destination) if version_2 => proxy_protocol::write_v2(connection.source, destination, out),
        Some(destination) => proxy_protocol::write_v1(connection.source, destination, out),
        None => proxy_protocol::write_local(version_2, out),
    }
}

/// The connection's line in the access log.
fn record(connection: &Connection, trip: &Trip, moved: Moved) {
    let (worker, service) = (&connection.worker, &connection.service);
    let Some(lines) = &mut *worker.lines.borrow_mut() else { return };
    lines.write(&Record {
        time_us: worker.clock.unix_us(trip.begun_us),
        service: &service.spec.name,
        client: connection.peer.text(),
        request: None,
        bytes_in: moved.to_server,
        bytes_out: moved.to_client,
        duration_us: worker.clock.refresh() - trip.begun_us,
        queue_us: trip.queue_us,
        connect_us: trip.connect_us,
        upstream_us: None,
        pool: &service.pool.pool.spec().name,
        server: trip.server.as_ref().map_or("", |(service, server)| service.pool.pool.server(*server).id()),
        retries: trip.retries,
        end: trip.end,
    });
}
