//! The small types that every message shares: where a part lies in its buffer, versions, methods, limits.

use crate::field::FieldId;

/// A part of the buffer that was parsed, `start..end`. Heads hold these instead of copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Heads are bounded by `Limits::header_bytes`, a `u32`, so an offset always fits.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes it names. `buffer` is the one that was parsed.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// What a peer may send before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line without its CRLF (414).
    pub request_line: u32,
    /// Bytes of the whole head, from the first byte to the empty line (431). Also the limit of a trailer section.
    pub header_bytes: u32,
    /// Number of fields (431).
    pub header_count: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request_line: 8192, header_bytes: 32768, header_count: 100 }
    }
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The head is whole; `length` of it says how many bytes it took.
    Complete,
    /// More bytes are needed: append to the same buffer and call again with the same head.
    Partial,
}

/// The protocol version of a message. A minor version above 1 is read as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    #[default]
    Http11,
}

/// RFC 9110 §9 and PATCH (RFC 5789). Case-sensitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Trace,
    Connect,
    Other,
}

impl Method {
    #[inline]
    pub fn from_bytes(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// A request that may be sent again (RFC 9110 §9.2.2). An unknown method is not.
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace)
    }
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    /// Without the whitespace around it.
    pub value: Span,
    pub id: FieldId,
    /// The line is exactly `name: value CRLF`, so it may be copied as it stands.
    pub(crate) tidy: bool,
}
