//! Writing a message for the other side (RFC 9110 §7.6).
//!
//! What a service always says is rendered once into a [`Rewrite`]; what changes per message comes in a small borrowed
//! struct. Fields that pass unchanged are copied in runs; everything that frames the message or speaks of the connection
//! is written anew.

mod request;
mod response;

pub use request::{RequestOut, write_request};
pub use response::{ResponseOut, client_framing, write_response};

use crate::cookie::CookieAffinity;
use crate::framing::Framing;
use crate::message::{Field, Span};

/// What a service writes into every message: made when its configuration is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Send Forwarded (RFC 7239) as well.
    pub forwarded: bool,
    /// `1.1 name`, with the version last patched in; empty: no Via.
    via: Vec<u8>,
    /// The field that carries the request's id; empty: none.
    request_id: Vec<u8>,
    pub cookie: Option<CookieAffinity>,
}

impl Rewrite {
    /// `via`: our name there; `request_id`: a field name. Either may be empty.
    pub fn new(via: &str, request_id: &str, forwarded: bool, cookie: Option<CookieAffinity>) -> Self {
        let via = if via.is_empty() { Vec::new() } else { format!("Via: 1.1 {via}\r\n").into_bytes() };
        Self { forwarded, via, request_id: request_id.as_bytes().to_vec(), cookie }
    }

    /// Whether requests go on with an id.
    pub fn has_request_id(&self) -> bool {
        !self.request_id.is_empty()
    }

    /// The request id that a trusted peer gave: one sane token. Everybody else gets a new one.
    pub fn kept_request_id(&self, buffer: &[u8], fields: &[Field]) -> Option<Span> {
        const LONGEST: usize = 128;
        if self.request_id.is_empty() {
            return None;
        }
        let mut values = fields.iter().filter(|field| field.name.of(buffer).eq_ignore_ascii_case(&self.request_id));
        let value = values.next()?.value;
        let sane = value.len() <= LONGEST && crate::scan::is_token(value.of(buffer));
        (sane && values.next().is_none()).then_some(value)
    }

    /// Via says the version in which we received the message (RFC 9110 §7.6.3).
    fn write_via(&self, version: crate::message::Version, out: &mut Vec<u8>) {
        if version == crate::message::Version::Http10 && !self.via.is_empty() {
            out.extend_from_slice(b"Via: 1.0");
            out.extend_from_slice(&self.via[b"Via: 1.1".len()..]);
        } else {
            out.extend_from_slice(&self.via);
        }
    }
}

/// Copies runs of unchanged lines in one piece.
struct Run<'a> {
    buffer: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Run<'a> {
    fn new(buffer: &'a [u8]) -> Self {
        Self { buffer, start: 0, end: 0 }
    }

    /// Adds the bytes `start..end`, which follow those added before in the message, though perhaps not at once.
    #[inline]
    fn add(&mut self, start: usize, end: usize, out: &mut Vec<u8>) {
        if start != self.end {
            self.flush(out);
            self.start = start;
        }
        self.end = end;
    }

    #[inline]
    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, 0);
    }

    /// Adds a field line; one with unusual blanks is written anew.
    #[inline]
    fn add_field(&mut self, field: &Field, out: &mut Vec<u8>) {
        if field.tidy {
            self.add(field.name.start as usize, field.value.end as usize + 2, out);
        } else {
            self.flush(out);
            write_field(field.name.of(self.buffer), field.value.of(self.buffer), out);
        }
    }
}

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The framing fields, always ours.
fn write_framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => write_length(length, out),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

fn write_length(length: u64, out: &mut Vec<u8>) {
    write_field(b"Content-Length", itoa::Buffer::new().format(length).as_bytes(), out);
}
