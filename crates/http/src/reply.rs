//! Our own replies: small, complete messages with one sentence for the reader.

use crate::reason::Reason;

/// A reply of ours. The body is the sentence, as plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    pub status: u16,
    pub sentence: &'a str,
    /// Say `Connection: close`.
    pub close: bool,
    /// The request was HEAD: no body.
    pub head: bool,
    /// Seconds, for 503.
    pub retry_after: Option<u32>,
}

impl Reply<'_> {
    /// The reply with the usual sentence of a status.
    pub fn new(status: u16, close: bool, head: bool) -> Self {
        Self { status, sentence: sentence_of(status), close, head, retry_after: None }
    }

    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Writes the whole message.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        put(out, &[b"HTTP/1.1 ", digits.format(self.status).as_bytes(), b" ", reason_of(self.status), b"\r\n"]);
        let length = self.sentence.len() + 1;
        put(out, &[b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: ", digits.format(length).as_bytes()]);
        put(out, &[b"\r\nCache-Control: no-store\r\n"]);
        if let Some(seconds) = self.retry_after {
            put(out, &[b"Retry-After: ", digits.format(seconds).as_bytes(), b"\r\n"]);
        }
        if self.status == 405 {
            // RFC 9110 §15.5.6 asks for it; only CONNECT and TRACE are refused here.
            put(out, &[b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"]);
        }
        if self.close {
            put(out, &[b"Connection: close\r\n"]);
        }
        put(out, &[b"\r\n"]);
        if !self.head {
            put(out, &[self.sentence.as_bytes(), b"\n"]);
        }
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// The phrases of RFC 9110 §15 and RFC 6585 §5.
fn reason_of(status: u16) -> &'static [u8] {
    match status {
        200 => b"OK",
        400 => b"Bad Request",
        404 => b"Not Found",
        405 => b"Method Not Allowed",
        408 => b"Request Timeout",
        413 => b"Content Too Large",
        414 => b"URI Too Long",
        417 => b"Expectation Failed",
        429 => b"Too Many Requests",
        431 => b"Request Header Fields Too Large",
        500 => b"Internal Server Error",
        501 => b"Not Implemented",
        502 => b"Bad Gateway",
        503 => b"Service Unavailable",
        504 => b"Gateway Timeout",
        505 => b"HTTP Version Not Supported",
        _ => b"",
    }
}

fn sentence_of(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed.",
        405 => Reason::ConnectRefused.sentence(),
        408 => "The request took too long to arrive.",
        413 => "The request is too large.",
        414 => Reason::UriTooLong.sentence(),
        417 => Reason::BadExpectation.sentence(),
        429 => "Too many requests or connections; try again later.",
        431 => Reason::HeaderTooLarge.sentence(),
        500 => "Something failed here.",
        501 => "This is not supported here.",
        502 => "The server gave no valid answer.",
        503 => "No server is available; try again later.",
        504 => "The server did not answer in time.",
        505 => Reason::UnsupportedVersion.sentence(),
        _ => "The request was refused.",
    }
}
