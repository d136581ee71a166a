//! Reading a request's head, within an absolute deadline: a client that sends it byte by byte gets no longer for it.

use super::Exchange;
use super::record::Trip;
use super::refuse::TOO_SLOW;
use crate::buffer;
use crate::connection::Connection;
use crate::timers::Elapsed;
use steelyard_http::{Parsed, parse_request};
use steelyard_reactor::is_passing;

/// Our answer to a request that may be forwarded no further.
pub const MAX_FORWARDS: (u16, &str) = (200, "max-forwards");

pub enum Read {
    Complete,
    /// The socket looked readable and was not: wait again, without a buffer.
    Nothing,
    /// The client went away, and nobody waits for an answer.
    Gone,
    Rejected {
        status: u16,
        reason: &'static str,
        sentence: &'static str,
    },
}

pub async fn read(connection: &mut Connection, exchange: &mut Exchange) -> Read {
    let limits = connection.service.limits;
    // A body may follow at once; a head of the full size must still fit.
    let most = limits.header_bytes as usize + buffer::SIZE;
    if exchange.client_in.is_empty() {
        // The runtime has just said that there is something to read: it is not asked again.
        match connection.stream.try_read(&mut exchange.client_in, most) {
            Ok(1..) => {}
            Err(error) if is_passing(&error) => return Read::Nothing,
            Ok(0) | Err(_) => return Read::Gone,
        }
    }
    begin(connection, exchange);
    loop {
        match parse_request(exchange.client_in.bytes(), &limits, &mut exchange.request_head) {
            Ok(Parsed::Complete) => break,
            Ok(Parsed::Partial) => {}
            Err(reject) => {
                // What was understood of it can still be told in the log.
                exchange.client_in.pin(exchange.client_in.len());
                return rejected(reject.status, reject.reason.name(), reject.reason.sentence());
            }
        }
        let reading = connection.stream.read(&mut exchange.client_in, most);
        match connection.timer.limit(reading).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => {
                connection.reject("truncated-request");
                return Read::Gone;
            }
            Ok(Err(_)) => return Read::Gone,
            Err(Elapsed) => {
                exchange.client_in.pin(exchange.client_in.len());
                return rejected(TOO_SLOW, "header-timeout", "The request took too long to arrive.");
            }
        }
    }
    exchange.client_in.pin(exchange.request_head.length);
    // RFC 9110 §7.6.2: then we are the one who answers.
    if exchange.request_head.max_forwards == Some(0) {
        return rejected(
            MAX_FORWARDS.0,
            MAX_FORWARDS.1,
            "Max-Forwards lets the request go no further than this gateway.",
        );
    }
    Read::Complete
}

/// The first byte of a request is here.
fn begin(connection: &mut Connection, exchange: &mut Exchange) {
    let now_us = connection.worker.clock.now_us();
    exchange.trip = Trip::begin(now_us);
    connection.timer.set(now_us / 1000, connection.service.spec.timeouts.header);
}

fn rejected(status: u16, reason: &'static str, sentence: &'static str) -> Read {
    Read::Rejected { status, reason, sentence }
}
