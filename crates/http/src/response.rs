//! Reading a response head (RFC 9112 §4, §5, §6). A fault makes it a [`BadReply`]: 502, and the connection is closed.

use crate::field::FieldId;
use crate::framing::{Declared, Framing};
use crate::head::{ConnectionOptions, Cursor, Stop, read_fields};
use crate::message::{Field, Limits, Method, Parsed, Span, Version};
use crate::reason::{BadReply, Reason};
use crate::scan;

/// A response head as indexes into the buffer that it was parsed from. Reused: [`clear`](Self::clear) keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    pub version: Version,
    /// 100 ..= 999.
    pub status: u16,
    pub reason: Span,
    pub fields: Vec<Field>,
    /// How the body ends, for the method that was asked with.
    pub framing: Framing,
    /// The Content-Length field, also where there is no body (HEAD, 304).
    pub content_length: Option<u64>,
    /// The server keeps the connection, and the framing lets it.
    pub keep_alive: bool,
    /// The Upgrade field of a response whose Connection names it.
    pub upgrade: Option<Span>,
    /// Unknown fields that a Connection field names.
    pub connection: Vec<Span>,
    /// Bytes of the head with the empty line after it.
    pub length: usize,
    pub(crate) cursor: Cursor,
}

impl ResponseHead {
    /// Ready for the next message.
    pub fn clear(&mut self) {
        let (mut fields, mut connection) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.connection));
        fields.clear();
        connection.clear();
        *self = Self { fields, connection, ..Self::default() };
    }

    /// An interim response (1xx); 101 ends HTTP on the connection instead.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// The value of the first field with this id.
    pub fn value<'a>(&self, buffer: &'a [u8], id: FieldId) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.id == id).map(|field| field.value.of(buffer))
    }
}

/// Reads a response head from the start of `buffer`; `method` is that of the request. After `Partial`, call again with
/// the same head and a buffer that begins with the same bytes; for a new message, `clear` the head first.
pub fn parse_response(
    buffer: &[u8],
    method: Method,
    limits: &Limits,
    head: &mut ResponseHead,
) -> Result<Parsed, BadReply> {
    if !head.cursor.in_fields && !read_start(buffer, limits, head)? {
        return Ok(Parsed::Partial);
    }
    if !read_fields(buffer, limits, &mut head.cursor, &mut head.fields)? {
        return Ok(Parsed::Partial);
    }
    head.length = head.cursor.line;
    interpret(buffer, method, head)?;
    Ok(Parsed::Complete)
}

/// Reads the status line; false when it is not whole yet.
fn read_start(buffer: &[u8], limits: &Limits, head: &mut ResponseHead) -> Result<bool, BadReply> {
    let longest = limits.header_bytes as usize;
    if head.cursor.may_proceed(buffer) {
        match read_status_line(buffer, head) {
            Ok(next) if next > longest => return Err(Reason::HeaderTooLarge.into()),
            Ok(next) => {
                head.cursor.advance(next);
                head.cursor.in_fields = true;
                return Ok(true);
            }
            Err(stop) => match head.cursor.line_end(buffer) {
                None => {}
                Some(end) if end > longest => return Err(Reason::HeaderTooLarge.into()),
                Some(_) => return Err(stop.unwrap_or(Reason::BadStatusLine).into()),
            },
        }
    }
    if buffer.len() >= longest { Err(Reason::HeaderTooLarge.into()) } else { Ok(false) }
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ]` and CRLF (RFC 9112 §4). The SP before an empty
/// reason may be missing: common servers leave it out, and it is unambiguous.
fn read_status_line(buffer: &[u8], head: &mut ResponseHead) -> Result<usize, Stop> {
    let line_end = scan::find_control(buffer, 0).ok_or(None)?;
    if buffer[line_end] != b'\r' {
        return Err(Some(if buffer[line_end] == b'\n' { Reason::BareLineFeed } else { Reason::BadStatusLine }));
    }
    let next = crate::head::read_line_feed(buffer, line_end)?;
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9', b' ', status @ ..] = &buffer[..line_end] else {
        return Err(Some(Reason::BadStatusLine));
    };
    let [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', reason @ ..] = status else {
        return Err(Some(Reason::BadStatusLine));
    };
    if !matches!(reason, [] | [b' ', ..]) {
        return Err(Some(Reason::BadStatusLine));
    }
    head.version = if *minor == b'0' { Version::Http10 } else { Version::Http11 };
    head.status = u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
    head.reason = Span::new((line_end + 1 - reason.len()).min(line_end), line_end);
    Ok(next)
}

/// What the fields mean together.
fn interpret(buffer: &[u8], method: Method, head: &mut ResponseHead) -> Result<(), Reason> {
    let mut declared = Declared::default();
    let mut options = ConnectionOptions::default();
    let (mut upgrades, mut upgrade) = (0, Span::default());
    for field in &head.fields {
        match field.id {
            FieldId::Connection => options.take(buffer, field.value, &mut head.connection)?,
            FieldId::ContentLength => declared.content_length(field.value.of(buffer))?,
            FieldId::TransferEncoding => declared.transfer_encoding(field.value.of(buffer))?,
            FieldId::Upgrade => (upgrades, upgrade) = (upgrades + 1, field.value),
            _ => {}
        }
    }
    head.framing = declared.of_response(head.version, method, head.status)?;
    head.content_length = declared.length;
    head.keep_alive = options.keeps_alive(head.version) && head.framing != Framing::UntilClose && head.status != 101;
    head.upgrade = (options.upgrade && upgrades == 1).then_some(upgrade);
    Ok(())
}
