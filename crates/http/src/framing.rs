//! How a body is delimited: RFC 9112 §6.3, decided here and nowhere else.
//!
//! Stricter than the RFC where it offers a choice between repair and refusal: we refuse. Leading zeros of a
//! Content-Length are accepted, because the value is written anew.

use crate::message::{Method, Version};
use crate::reason::Reason;

/// How the body that follows a head ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// Exactly so many bytes. `Length(0)` differs from `None` only in that `Content-Length: 0` is written.
    Length(u64),
    Chunked,
    /// The body ends with the connection (responses only).
    UntilClose,
}

impl Framing {
    pub fn has_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

/// What the framing fields of one head say, collected while its fields are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub length: Option<u64>,
    pub chunked: bool,
}

impl Declared {
    /// Takes one Content-Length field. A second one is refused even if it agrees: senders that repeat it are broken.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.length.is_some() {
            return Err(Reason::RepeatedContentLength);
        }
        self.length = Some(parse_length(value)?);
        Ok(())
    }

    /// Takes one Transfer-Encoding field: exactly `chunked`, once (RFC 9112 §6.1, §7.1).
    pub fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Reason> {
        if !self.chunked && value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        Err(if names_unknown_coding(value) { Reason::UnknownTransferEncoding } else { Reason::BadTransferEncoding })
    }

    /// The framing of a request (RFC 9112 §6.3, rules 3, 4, 5, 6, 7).
    pub fn of_request(self, version: Version) -> Result<Framing, Reason> {
        match (self.chunked, self.length) {
            (true, _) if version == Version::Http10 => Err(Reason::ChunkedInHttp10),
            (true, Some(_)) => Err(Reason::LengthAndChunked),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::None),
        }
    }

    /// The framing of a response to a request with `method` (RFC 9112 §6.3, all rules).
    pub fn of_response(self, version: Version, method: Method, status: u16) -> Result<Framing, Reason> {
        let framing = match self.of_request(version)? {
            Framing::None => Framing::UntilClose,
            framing => framing,
        };
        let bodiless = method == Method::Head || matches!(status, 100..=199 | 204 | 304);
        let tunnel = method == Method::Connect && (200..=299).contains(&status);
        Ok(if bodiless || tunnel { Framing::None } else { framing })
    }
}

/// `1*DIGIT` that fits a `u64` (RFC 9110 §8.6). No sign, no list, no blank.
fn parse_length(value: &[u8]) -> Result<u64, Reason> {
    if value.is_empty() {
        return Err(Reason::BadContentLength);
    }
    value.iter().try_fold(0u64, |length, byte| match byte {
        b'0'..=b'9' => length
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(byte - b'0')))
            .ok_or(Reason::BadContentLength),
        _ => Err(Reason::BadContentLength),
    })
}

/// A well-formed list that ends in `chunked` and names another coding before it: 501 (RFC 9112 §6.1). Anything else
/// leaves the end of the body in doubt: 400.
fn names_unknown_coding(value: &[u8]) -> bool {
    let mut members = value.split(|&b| b == b',').map(<[u8]>::trim_ascii).rev();
    let last_is_chunked = members.next().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    let mut others = 0;
    let well_formed = members.all(|member| {
        others += 1;
        crate::scan::is_token(member) && !member.eq_ignore_ascii_case(b"chunked")
    });
    last_is_chunked && well_formed && others > 0
}
