//! What is known of an exchange when it is over: its counters and its line in the access log.

use super::Exchange;
use super::choose::Held;
use crate::access_log::{Record, Request};
use crate::connection::Connection;
use crate::worker::ServiceHere;
use steelyard_balance::ServerIndex;
use steelyard_http::{FieldId, Span, Version};

/// Measured on the way. Times are those of the worker's clock, in microseconds.
#[derive(Default)]
pub struct Trip {
    pub begun_us: u64,
    pub sent_us: u64,
    pub queue_us: Option<u64>,
    pub connect_us: Option<u64>,
    pub upstream_us: Option<u64>,
    pub retries: u32,
    pub server: Option<(ServiceHere, ServerIndex)>,
    /// 0: no response was sent.
    pub status: u16,
    /// `ok`, or the reason of a refusal or failure.
    pub end: &'static str,
    pub id: RequestId,
}

/// What the server gets as the request's id, and the log says.
#[derive(Default)]
pub enum RequestId {
    /// The request was not prepared for a server, or the service names no field for it.
    #[default]
    None,
    /// Ours: 32 hexadecimal digits.
    New([u8; 32]),
    /// A trusted peer's, in the request's head.
    Kept(Span),
}

impl RequestId {
    pub fn of<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        match self {
            RequestId::None => b"",
            RequestId::New(digits) => digits,
            RequestId::Kept(span) => span.of(head),
        }
    }

    /// 128 random bits as hexadecimal digits.
    pub fn new(high: u64, low: u64) -> Self {
        let mut id = [0; 32];
        write_id(high, low, &mut id);
        RequestId::New(id)
    }
}

impl Trip {
    pub fn begin(now_us: u64) -> Self {
        Trip { begun_us: now_us, end: "ok", ..Trip::default() }
    }

    /// From the request's first byte to the end of its response. A switch of protocols ends with the 101: what follows
    /// is no answer and may last for days.
    fn latency_us(&self, duration_us: u64) -> u64 {
        let until_answer = |upstream_us: u64| (self.sent_us + upstream_us).saturating_sub(self.begun_us);
        self.upstream_us.filter(|_| self.status == 101).map_or(duration_us, until_answer)
    }

    /// The attempt that is made now goes to this server.
    pub fn went_to(&mut self, held: &Held) {
        self.server = Some((held.service.clone(), held.server));
    }
}

fn write_id(high: u64, low: u64, id: &mut [u8; 32]) {
    let words = [high >> 32, high & 0xffff_ffff, low >> 32, low & 0xffff_ffff];
    for (digits, word) in id.chunks_exact_mut(8).zip(words) {
        digits.copy_from_slice(&hexadecimal(word));
    }
}

/// The eight digits of a 32-bit number, all at once: the nibbles are spread over the bytes of a word, and those above 9
/// are moved on to the letters.
fn hexadecimal(number: u64) -> [u8; 8] {
    const ONES: u64 = u64::MAX / 255;
    let spread = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (nibbles + 6 * ONES) >> 4 & ONES;
    (nibbles + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

/// Count the exchange and write its line.
pub fn write(connection: &mut Connection, exchange: &mut Exchange) {
    let worker = &connection.worker;
    let duration_us = worker.clock.now_us() - exchange.trip.begun_us;
    let service = &connection.service;
    let block = service.counters.of(worker.index);
    let (trip, bytes_in, bytes_out) = (&exchange.trip, exchange.request.bytes, exchange.response.bytes);
    block.requests.add(1);
    block.bytes_in.add(bytes_in);
    block.bytes_out.add(bytes_out);
    if trip.status != 0 {
        block.response(trip.status, trip.latency_us(duration_us));
    }
    let Some(lines) = &mut *worker.lines.borrow_mut() else { return };
    let buffer = exchange.client_in.head();
    let head = &exchange.request_head;
    let (mut referer, mut user_agent) = (Span::default(), Span::default());
    // Backwards, so that the first of a name stays.
    for field in head.fields.iter().rev() {
        match field.id {
            FieldId::Referer => referer = field.value,
            FieldId::UserAgent => user_agent = field.value,
            _ => {}
        }
    }
    let server = trip.server.as_ref().map_or("", |(service, server)| service.pool.pool.server(*server).id());
    // Behind a trusted proxy the believed address may differ from the peer's.
    let believed = connection.peer.trusted.then(|| super::client::believed(connection, buffer, &head.fields));
    let believed = believed.map(|address| address.to_string());
    lines.write(&Record {
        time_us: worker.clock.unix_us(trip.begun_us),
        service: &service.spec.name,
        client: believed.as_ref().map_or(connection.peer.text(), |text| text.as_bytes()),
        request: Some(Request {
            method: head.method_span.of(buffer),
            target: head.target.of(buffer),
            version: match head.version {
                _ if head.method_span.is_empty() => "",
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            status: trip.status,
            // An id that no server got would be found nowhere else.
            id: if trip.sent_us == 0 { b"" } else { trip.id.of(buffer) },
            referer: referer.of(buffer),
            user_agent: user_agent.of(buffer),
        }),
        bytes_in,
        bytes_out,
        duration_us,
        queue_us: trip.queue_us,
        connect_us: trip.connect_us,
        upstream_us: trip.upstream_us,
        pool: service.pool.pool.spec().name.as_str(),
        server,
        retries: trip.retries,
        end: trip.end,
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_is_hexadecimal() {
        let mut id = [0; 32];
        super::write_id(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, &mut id);
        assert_eq!(&id, b"0123456789abcdeffedcba9876543210");
    }
}
