//! One record as one line, in either format.

use super::escape;
use super::record::{Record, Request};
use super::time::Stamp;

/// Bytes of most lines, so that the buffer grows once a line at most.
const TYPICAL: usize = 512;

/// One JSON object. What does not apply is null; mode `tcp` leaves the fields of HTTP out.
pub fn json(out: &mut Vec<u8>, record: &Record, stamp: &mut Stamp) {
    out.reserve(TYPICAL);
    out.extend_from_slice(b"{\"time\":\"");
    stamp.rfc3339(out, record.time_us);
    out.push(b'"');
    text(out, ",\"service\":", record.service.as_bytes());
    own(out, ",\"client\":", record.client);
    if let Some(request) = &record.request {
        text(out, ",\"method\":", request.method);
        text(out, ",\"target\":", request.target);
        own(out, ",\"version\":", request.version.as_bytes());
        number(out, ",\"status\":", u64::from(request.status));
    }
    number(out, ",\"bytes_in\":", record.bytes_in);
    number(out, ",\"bytes_out\":", record.bytes_out);
    number(out, ",\"duration_us\":", record.duration_us);
    optional(out, ",\"queue_us\":", record.queue_us);
    optional(out, ",\"connect_us\":", record.connect_us);
    optional(out, ",\"upstream_us\":", record.upstream_us);
    text(out, ",\"pool\":", record.pool.as_bytes());
    text_or_null(out, ",\"server\":", record.server.as_bytes());
    number(out, ",\"retries\":", u64::from(record.retries));
    own(out, ",\"end\":", record.end.as_bytes());
    if let Some(request) = &record.request {
        text_or_null(out, ",\"request_id\":", request.id);
        text_or_null(out, ",\"referer\":", request.referer);
        text_or_null(out, ",\"user_agent\":", request.user_agent);
    }
    out.extend_from_slice(b"}\n");
}

/// `client - - [time] "method target version" status bytes "referer" "user agent"`. The quoted part is `-` where there
/// is no request line to show: in mode `tcp`, and when it could not be read.
pub fn combined(out: &mut Vec<u8>, record: &Record, stamp: &mut Stamp) {
    const NONE: Request =
        Request { method: b"", target: b"", version: "", status: 0, id: b"", referer: b"", user_agent: b"" };
    let request = record.request.as_ref().unwrap_or(&NONE);
    out.reserve(TYPICAL);
    out.extend_from_slice(record.client);
    out.extend_from_slice(b" - - [");
    stamp.common(out, record.time_us);
    out.extend_from_slice(b"] \"");
    if request.method.is_empty() {
        out.push(b'-');
    } else {
        escape::combined(out, request.method);
        out.push(b' ');
        escape::combined(out, request.target);
        out.push(b' ');
        out.extend_from_slice(request.version.as_bytes());
    }
    number(out, "\" ", u64::from(request.status));
    number(out, " ", record.bytes_out);
    for field in [request.referer, request.user_agent] {
        if field.is_empty() {
            out.extend_from_slice(b" \"-\"");
        } else {
            out.extend_from_slice(b" \"");
            escape::combined(out, field);
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

// Inlined, so that a key is a few stores and not a call.
#[inline(always)]
fn text(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'"');
    escape::json(out, value);
    out.push(b'"');
}

/// Text of our own, in which nothing needs to be escaped.
#[inline(always)]
fn own(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'"');
    out.extend_from_slice(value);
    out.push(b'"');
}

#[inline(always)]
fn text_or_null(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    if value.is_empty() { null(out, key) } else { text(out, key, value) }
}

#[inline(always)]
fn number(out: &mut Vec<u8>, key: &str, value: u64) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[inline(always)]
fn optional(out: &mut Vec<u8>, key: &str, value: Option<u64>) {
    match value {
        Some(value) => number(out, key, value),
        None => null(out, key),
    }
}

#[inline(always)]
fn null(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"null");
}
