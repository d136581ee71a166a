//! Reading a request head (RFC 9112 §3, §5, §6) and what it means for the connection it came on.

use crate::field::FieldId;
use crate::framing::{Declared, Framing};
use crate::head::{ConnectionOptions, Cursor, Stop, read_fields};
use crate::message::{Field, Limits, Method, Parsed, Span, Version};
use crate::reason::{Reason, Reject};
use crate::scan;
use crate::target::{self, Target, TargetForm};
use crate::upgrade;

/// A request head as indexes into the buffer that it was parsed from. Reused: [`clear`](Self::clear) keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    pub method: Method,
    pub method_span: Span,
    /// The target as it came.
    pub target: Span,
    pub form: TargetForm,
    /// Path and query: the target in origin form. Empty or beginning with `?` only in absolute form.
    pub path: Span,
    /// The host that the request is for: the target's authority in absolute form, else the Host field; empty without.
    pub host: Span,
    pub version: Version,
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// The client wants the connection kept.
    pub keep_alive: bool,
    /// The client waits for a 100 before it sends its body.
    pub expect_continue: bool,
    /// The protocols of a valid upgrade request (see [`upgrade`]).
    pub upgrade: Option<Span>,
    /// How often an OPTIONS request may still be forwarded, where it says so.
    pub max_forwards: Option<u64>,
    /// Unknown fields that a Connection field names.
    pub connection: Vec<Span>,
    /// Bytes of the head, with an empty line before it and the one after it.
    pub length: usize,
    /// TE names `trailers`.
    pub(crate) accepts_trailers: bool,
    pub(crate) cursor: Cursor,
}

impl RequestHead {
    /// Ready for the next message.
    pub fn clear(&mut self) {
        let (mut fields, mut connection) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.connection));
        fields.clear();
        connection.clear();
        *self = Self { fields, connection, ..Self::default() };
    }

    /// The value of the first field with this id.
    pub fn value<'a>(&self, buffer: &'a [u8], id: FieldId) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.id == id).map(|field| field.value.of(buffer))
    }
}

/// Reads a request head from the start of `buffer`. After `Partial`, call again with the same head and a buffer that
/// begins with the same bytes; for a new message, `clear` the head first.
pub fn parse_request(buffer: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<Parsed, Reject> {
    if !head.cursor.in_fields && !read_start(buffer, limits, head)? {
        return Ok(Parsed::Partial);
    }
    if !read_fields(buffer, limits, &mut head.cursor, &mut head.fields)? {
        return Ok(Parsed::Partial);
    }
    head.length = head.cursor.line;
    interpret(buffer, head)?;
    Ok(Parsed::Complete)
}

/// Reads the request line; false when it is not whole yet.
fn read_start(buffer: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<bool, Reject> {
    // One empty line before the request line is ignored (RFC 9112 §2.2).
    if head.cursor.line == 0 && buffer.first() == Some(&b'\r') {
        match buffer.get(1) {
            None => return Ok(false),
            Some(b'\n') => head.cursor.advance(2),
            Some(_) => return Err(Reason::BadRequestLine.into()),
        }
    }
    let start = head.cursor.line;
    let longest = limits.request_line.min(limits.header_bytes) as usize;
    if head.cursor.may_proceed(buffer) {
        match read_request_line(buffer, start, head) {
            Ok(next) if next - start - 2 > longest => return Err(Reason::UriTooLong.into()),
            Ok(next) => {
                head.cursor.advance(next);
                head.cursor.in_fields = true;
                return Ok(true);
            }
            Err(stop) => match head.cursor.line_end(buffer) {
                None => {}
                Some(end) if end - start > longest + 2 => return Err(Reason::UriTooLong.into()),
                Some(_) => return Err(stop.unwrap_or(Reason::BadRequestLine).into()),
            },
        }
    }
    if buffer.len() - start >= longest + 2 { Err(Reason::UriTooLong.into()) } else { Ok(false) }
}

/// `request-line = method SP request-target SP HTTP-version` and CRLF (RFC 9112 §3). Returns where the next line starts.
fn read_request_line(buffer: &[u8], start: usize, head: &mut RequestHead) -> Result<usize, Stop> {
    let method_end = start + buffer[start..].iter().position(|&b| !scan::is_tchar(b)).ok_or(None)?;
    if method_end == start || buffer[method_end] != b' ' {
        let blank = matches!(buffer[method_end], b' ' | b'\t' | b'\r' | b'\n');
        return Err(Some(if blank { Reason::BadRequestLine } else { Reason::BadMethod }));
    }
    let target_start = method_end + 1;
    let target_end = scan::find_target_end(buffer, target_start).ok_or(None)?;
    if target_end == target_start || buffer[target_end] != b' ' {
        let blank = matches!(buffer[target_end], b' ' | b'\t' | b'\r' | b'\n');
        return Err(Some(if blank { Reason::BadRequestLine } else { Reason::BadTarget }));
    }
    let (version, next) = read_version(buffer, target_end + 1)?;
    head.method_span = Span::new(start, method_end);
    head.method = Method::from_bytes(&buffer[start..method_end]);
    head.target = Span::new(target_start, target_end);
    head.version = version;
    let Target { form, authority, path } = target::parse(buffer, head.target, head.method).map_err(Some)?;
    (head.form, head.host, head.path) = (form, authority, path);
    Ok(next)
}

/// `HTTP-version = "HTTP/" DIGIT "." DIGIT` and CRLF (RFC 9112 §2.3), case-sensitive.
#[inline]
fn read_version(buffer: &[u8], start: usize) -> Result<(Version, usize), Stop> {
    let rest = &buffer[start..];
    if rest.starts_with(b"HTTP/1.1\r\n") {
        return Ok((Version::Http11, start + 10));
    }
    let line_feed = memchr::memchr(b'\n', rest).ok_or(None)?;
    let (line, ended) = match rest[..line_feed].strip_suffix(b"\r") {
        Some(line) => (line, true),
        None => (&rest[..line_feed], false),
    };
    let version = match line {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => match (major, minor) {
            (b'0', _) => return Err(Some(Reason::BadVersion)),
            (b'1', b'0') => Version::Http10,
            (b'1', _) => Version::Http11,
            _ => return Err(Some(Reason::UnsupportedVersion)),
        },
        _ if line.contains(&b' ') || line.is_empty() => return Err(Some(Reason::BadRequestLine)),
        _ => return Err(Some(Reason::BadVersion)),
    };
    if ended { Ok((version, start + line_feed + 1)) } else { Err(Some(Reason::BareLineFeed)) }
}

/// What the fields mean together.
fn interpret(buffer: &[u8], head: &mut RequestHead) -> Result<(), Reason> {
    let mut declared = Declared::default();
    let mut options = ConnectionOptions::default();
    let (mut hosts, mut expects) = (0, false);
    let (mut upgrades, mut upgrade) = (0, Span::default());
    for field in &head.fields {
        match field.id {
            FieldId::Host => {
                hosts += 1;
                if !target::is_host(field.value.of(buffer)) {
                    return Err(if hosts > 1 { Reason::RepeatedHost } else { Reason::BadHost });
                }
                if head.form != TargetForm::Absolute {
                    head.host = field.value;
                }
            }
            FieldId::Connection => options.take(buffer, field.value, &mut head.connection)?,
            FieldId::ContentLength => declared.content_length(field.value.of(buffer))?,
            FieldId::TransferEncoding => declared.transfer_encoding(field.value.of(buffer))?,
            FieldId::Expect => {
                if !field.value.of(buffer).eq_ignore_ascii_case(b"100-continue") {
                    return Err(Reason::BadExpectation);
                }
                expects = true;
            }
            FieldId::Upgrade => (upgrades, upgrade) = (upgrades + 1, field.value),
            FieldId::MaxForwards if head.method == Method::Options => {
                head.max_forwards = Some(max_forwards(field.value.of(buffer), head.max_forwards)?);
            }
            FieldId::Te => head.accepts_trailers |= names_trailers(field.value.of(buffer)),
            _ => {}
        }
    }
    match hosts {
        0 if head.version == Version::Http11 => return Err(Reason::MissingHost),
        0 | 1 => {}
        _ => return Err(Reason::RepeatedHost),
    }
    head.framing = declared.of_request(head.version)?;
    head.keep_alive = options.keeps_alive(head.version);
    // RFC 9110 §10.1.1: without a body, and in HTTP/1.0, there is nothing to expect.
    head.expect_continue = expects && head.framing.has_body() && head.version == Version::Http11;
    if options.upgrade && upgrades == 1 && head.version == Version::Http11 && !head.framing.has_body() {
        head.upgrade = upgrade::wanted(buffer, upgrade);
    }
    Ok(())
}

/// `Max-Forwards = 1*DIGIT` (RFC 9110 §7.6.2), given once. More than we can count to is as far as we can count.
fn max_forwards(value: &[u8], before: Option<u64>) -> Result<u64, Reason> {
    if before.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reason::BadMaxForwards);
    }
    Ok(value.iter().fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

/// `TE: trailers` (RFC 9110 §10.1.4).
fn names_trailers(value: &[u8]) -> bool {
    value.split(|&b| b == b',').any(|member| scan::trim(member).eq_ignore_ascii_case(b"trailers"))
}
