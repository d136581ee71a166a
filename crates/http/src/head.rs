//! Reading the lines of a head or of a trailer section, and stopping and resuming between bytes.
//!
//! A call parses as far as whole lines go. [`Cursor`] remembers the line in progress and how far it was searched for its
//! end, so that bytes that trickle in are looked at once. A fault is reported only when its line is whole; so a head
//! that comes in pieces gets the same verdict as one that comes at once.

use crate::field::FieldId;
use crate::message::{Field, Limits, Span};
use crate::reason::Reason;
use crate::scan;

/// Where a parse stopped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// The start of the line in progress.
    pub line: usize,
    /// No LF lies between `line` and here.
    searched: usize,
    /// The request or status line is done.
    pub in_fields: bool,
}

/// Why a line could not be read: a fault, or (`None`) the bytes ran out before anything was wrong.
pub(crate) type Stop = Option<Reason>;

impl Cursor {
    /// Whether the line in progress is worth reading: it is new, or its end has come.
    pub fn may_proceed(&mut self, buffer: &[u8]) -> bool {
        if self.searched <= self.line {
            return true;
        }
        let found = memchr::memchr(b'\n', &buffer[self.searched..]).is_some();
        if !found {
            self.searched = buffer.len();
        }
        found
    }

    pub fn advance(&mut self, next: usize) {
        self.line = next;
        self.searched = next;
    }

    /// The end of the line in progress if it has come.
    pub fn line_end(&mut self, buffer: &[u8]) -> Option<usize> {
        let found = memchr::memchr(b'\n', &buffer[self.line..]).map(|offset| self.line + offset + 1);
        if found.is_none() {
            self.searched = buffer.len();
        }
        found
    }
}

/// Reads fields until the empty line; true when it was found, and then `cursor.line` is the end of the section.
pub(crate) fn read_fields(
    buffer: &[u8],
    limits: &Limits,
    cursor: &mut Cursor,
    fields: &mut Vec<Field>,
) -> Result<bool, Reason> {
    let most = limits.header_bytes as usize;
    let mut line = cursor.line;
    let mut proceeds = cursor.may_proceed(buffer);
    while proceeds {
        match read_field(buffer, line, fields) {
            Ok(Line { next, .. }) if next > most => return Err(Reason::HeaderTooLarge),
            Ok(Line { is_empty: true, next }) => {
                cursor.advance(next);
                return Ok(true);
            }
            Ok(Line { is_empty: false, next }) => {
                if fields.len() > limits.header_count as usize {
                    return Err(Reason::TooManyFields);
                }
                line = next;
            }
            Err(stop) => {
                cursor.advance(line);
                match cursor.line_end(buffer) {
                    None => proceeds = false,
                    Some(end) if end > most => return Err(Reason::HeaderTooLarge),
                    Some(_) => return Err(stop.unwrap_or(Reason::BadFieldValue)),
                }
            }
        }
    }
    if buffer.len() >= most { Err(Reason::HeaderTooLarge) } else { Ok(false) }
}

struct Line {
    /// The empty line; any other was a field.
    is_empty: bool,
    next: usize,
}

/// `field-line = field-name ":" OWS field-value OWS` and CRLF (RFC 9112 §5). No folding (§5.2), no blank before the
/// colon (§5.1), no LF alone (§2.2 would let us accept it).
#[inline]
fn read_field(buffer: &[u8], start: usize, fields: &mut Vec<Field>) -> Result<Line, Stop> {
    let colon = scan::find_name_end(buffer, start).ok_or(None)?;
    if buffer[colon] != b':' {
        return read_nameless(buffer, start, colon);
    }
    let name = &buffer[start..colon];
    let id = match FieldId::known(name) {
        Some(id) => id,
        None if scan::is_token(name) => FieldId::unknown(name),
        None => return Err(Some(Reason::BadFieldName)),
    };
    let mut value_start = colon + 1;
    while matches!(buffer.get(value_start), Some(b' ' | b'\t')) {
        value_start += 1;
    }
    let line_end = scan::find_control(buffer, value_start).ok_or(None)?;
    let next = match buffer[line_end] {
        b'\r' => read_line_feed(buffer, line_end)?,
        b'\n' => return Err(Some(Reason::BareLineFeed)),
        _ => return Err(Some(Reason::BadFieldValue)),
    };
    let mut value_end = line_end;
    while value_end > value_start && matches!(buffer[value_end - 1], b' ' | b'\t') {
        value_end -= 1;
    }
    let tidy = value_end == line_end && value_start == colon + 2 && buffer[colon + 1] == b' ';
    // Pushed here and not returned: built on the stack in parts and moved as a whole, it would stall the processor.
    fields.push(Field { name: Span::new(start, colon), value: Span::new(value_start, value_end), id, tidy });
    Ok(Line { is_empty: false, next })
}

/// A line whose first name ends at `end` without a colon: the empty line, or a fault.
#[inline(never)]
fn read_nameless(buffer: &[u8], start: usize, end: usize) -> Result<Line, Stop> {
    match buffer[end] {
        _ if end > start => Err(Some(Reason::BadFieldName)),
        b'\r' => read_line_feed(buffer, start).map(|next| Line { is_empty: true, next }),
        b'\n' => Err(Some(Reason::BareLineFeed)),
        b' ' | b'\t' => Err(Some(Reason::FoldedField)),
        _ => Err(Some(Reason::BadFieldName)),
    }
}

/// The position after the CRLF whose CR is at `cr`.
#[inline]
pub(crate) fn read_line_feed(buffer: &[u8], cr: usize) -> Result<usize, Stop> {
    match buffer.get(cr + 1) {
        Some(b'\n') => Ok(cr + 2),
        Some(_) => Err(Some(Reason::BareCarriageReturn)),
        None => Err(None),
    }
}

/// What the Connection fields of a head say (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
}

/// More options of its own than this no honest sender has; the bound keeps their comparison with all fields cheap.
const OPTIONS_MAX: usize = 32;

impl ConnectionOptions {
    /// Takes one Connection field. Options that name unknown fields go to `named`; those that name a known field are
    /// settled by its kind and need no memory.
    pub fn take(&mut self, buffer: &[u8], value: Span, named: &mut Vec<Span>) -> Result<(), Reason> {
        let bytes = value.of(buffer);
        let mut start = value.start as usize;
        for part in bytes.split(|&b| b == b',') {
            let option = scan::trim(part);
            let offset = part.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(0);
            let at = start + offset;
            start += part.len() + 1;
            if option.is_empty() {
                continue;
            }
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !scan::is_token(option) {
                return Err(Reason::BadConnection);
            } else if FieldId::of(option) == FieldId::Other {
                if named.len() == OPTIONS_MAX {
                    return Err(Reason::BadConnection);
                }
                named.push(Span::new(at, at + option.len()));
            }
        }
        Ok(())
    }

    /// RFC 9112 §9.3.
    pub fn keeps_alive(self, version: crate::message::Version) -> bool {
        !self.close && (version == crate::message::Version::Http11 || self.keep_alive)
    }
}

/// Whether a Connection field names this one.
#[inline]
pub(crate) fn is_named(buffer: &[u8], name: Span, named: &[Span]) -> bool {
    !named.is_empty() && named.iter().any(|option| option.of(buffer).eq_ignore_ascii_case(name.of(buffer)))
}
