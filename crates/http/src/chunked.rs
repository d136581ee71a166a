//! The chunked transfer coding (RFC 9112 §7.1), strictly, and its writing.
//!
//! The decoder is a table: a state, a class of byte, the next state. What it decodes is framed anew when it is forwarded,
//! so neither a size as it came nor an extension ever passes. Stricter than the RFC where it merely tolerates: no blank
//! around a size or an extension, no LF alone, at most 16 digits. Trailers are kept only if their names mean nothing to
//! us: a name that frames, routes, authenticates or describes the message has no place there (RFC 9110 §6.5.1).

use std::ops::Range;

use crate::field::FieldId;
use crate::head::{Cursor, read_fields};
use crate::message::Limits;
use crate::reason::{BadReply, Reason, Reject};
use crate::scan;

/// Extensions carry nothing that anyone uses; a body may spend so much on them in all.
pub const EXTENSION_BYTES_MAX: u32 = 4096;

/// The body is malformed from here on; nothing more can be read from the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError {
    pub reason: Reason,
}

impl From<ChunkError> for Reject {
    fn from(error: ChunkError) -> Self {
        error.reason.into()
    }
}

impl From<ChunkError> for BadReply {
    fn from(error: ChunkError) -> Self {
        error.reason.into()
    }
}

/// What one call of [`ChunkedDecoder::decode`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with, the data included.
    pub consumed: usize,
    /// Body bytes, as a range of the input; may be empty. It ends where `consumed` ends.
    pub data: Range<usize>,
    /// The body is over; the rest of the input belongs to the next message.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Before the first digit of a size.
    #[default]
    SizeStart,
    Size,
    /// After the CR that ends a size line.
    SizeLf,
    /// After `;`.
    NameStart,
    Name,
    /// After `=`.
    ValueStart,
    Value,
    Quoted,
    /// After `\` in a quoted string.
    Escaped,
    /// After the closing quote.
    QuoteEnd,
    Data,
    /// After the data of a chunk.
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line.
    LineStart,
    Line,
    LineLf,
    /// After the CR of the empty line.
    EndLf,
    Done,
    Fault,
}

const STATES: usize = State::Fault as usize + 1;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Class {
    Hex,
    Tchar,
    Cr,
    Lf,
    Semicolon,
    Equals,
    Quote,
    Backslash,
    Blank,
    /// Other visible characters and obs-text.
    Visible,
    Control,
}

const CLASSES: usize = Class::Control as usize + 1;

const CLASS: [Class; 256] = {
    let mut table = [Class::Control; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => Class::Hex,
            b'\r' => Class::Cr,
            b'\n' => Class::Lf,
            b';' => Class::Semicolon,
            b'=' => Class::Equals,
            b'"' => Class::Quote,
            b'\\' => Class::Backslash,
            b' ' | b'\t' => Class::Blank,
            _ if scan::is_tchar(b) => Class::Tchar,
            0x21..=0x7e | 0x80.. => Class::Visible,
            _ => Class::Control,
        };
        byte += 1;
    }
    table
};

const NEXT: [[State; CLASSES]; STATES] = {
    use State::*;
    let mut table = [[Fault; CLASSES]; STATES];
    //                                hex    tchar    CR      LF          ;          =           "         \        blank   visible control
    table[SizeStart as usize] = [Size, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[Size as usize] = [Size, Fault, SizeLf, Fault, NameStart, Fault, Fault, Fault, Fault, Fault, Fault];
    table[SizeLf as usize] = [Fault, Fault, Fault, Data, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[NameStart as usize] = [Name, Name, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[Name as usize] = [Name, Name, SizeLf, Fault, NameStart, ValueStart, Fault, Fault, Fault, Fault, Fault];
    table[ValueStart as usize] = [Value, Value, Fault, Fault, Fault, Fault, Quoted, Fault, Fault, Fault, Fault];
    table[Value as usize] = [Value, Value, SizeLf, Fault, NameStart, Fault, Fault, Fault, Fault, Fault, Fault];
    table[Quoted as usize] = [Quoted, Quoted, Fault, Fault, Quoted, Quoted, QuoteEnd, Escaped, Quoted, Quoted, Fault];
    table[Escaped as usize] = [Quoted, Quoted, Fault, Fault, Quoted, Quoted, Quoted, Quoted, Quoted, Quoted, Fault];
    table[QuoteEnd as usize] = [Fault, Fault, SizeLf, Fault, NameStart, Fault, Fault, Fault, Fault, Fault, Fault];
    table[DataCr as usize] = [Fault, Fault, DataLf, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[DataLf as usize] = [Fault, Fault, Fault, SizeStart, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[LineStart as usize] = [Line, Line, EndLf, Fault, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[Line as usize] = [Line, Line, LineLf, Fault, Line, Line, Line, Line, Line, Line, Fault];
    table[LineLf as usize] = [Fault, Fault, Fault, LineStart, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table[EndLf as usize] = [Fault, Fault, Fault, Done, Fault, Fault, Fault, Fault, Fault, Fault, Fault];
    table
};

impl State {
    /// What is wrong when a byte does not fit this state.
    fn fault(self) -> Reason {
        match self {
            Self::SizeStart | Self::Size | Self::SizeLf => Reason::BadChunkSize,
            Self::NameStart | Self::Name | Self::ValueStart | Self::Value => Reason::BadChunkExtension,
            Self::Quoted | Self::Escaped | Self::QuoteEnd => Reason::BadChunkExtension,
            Self::Data | Self::DataCr | Self::DataLf => Reason::BadChunkEnd,
            Self::LineStart | Self::Line | Self::LineLf | Self::EndLf | Self::Done | Self::Fault => Reason::BadTrailer,
        }
    }

    fn in_extension(self) -> bool {
        (Self::NameStart as u8..=Self::QuoteEnd as u8).contains(&(self as u8))
    }
}

/// Takes one chunked body apart, in pieces of any size.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Of the size while it is read, then data bytes still to come.
    remaining: u64,
    digits: u8,
    extension_bytes: u32,
    limits: Limits,
    /// Trailer lines as they came, then, once done, the kept ones.
    trailers: Vec<u8>,
}

impl ChunkedDecoder {
    /// `limits` bounds the trailer section: `header_bytes`, `header_count`.
    pub fn new(limits: Limits) -> Self {
        Self { state: State::default(), remaining: 0, digits: 0, extension_bytes: 0, limits, trailers: Vec::new() }
    }

    /// Ready for the next body.
    pub fn clear(&mut self) {
        self.trailers.clear();
        (self.state, self.remaining, self.digits, self.extension_bytes) = (State::default(), 0, 0, 0);
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer fields to forward, as lines with CRLF; meaningful once done.
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Reads on until a run of data, the end of the body or the end of the input. Call again with the rest of the input
    /// (`&input[step.consumed..]`) until nothing is left or the body is done.
    pub fn decode(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data => {
                    let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len() - at);
                    self.remaining -= length as u64;
                    if self.remaining == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Step { consumed: at + length, data: at..at + length, done: false });
                }
                State::Done => break,
                _ => self.take(byte)?,
            }
            at += 1;
        }
        Ok(Step { consumed: at, data: at..at, done: self.is_done() })
    }

    /// One byte of the framing.
    fn take(&mut self, byte: u8) -> Result<(), ChunkError> {
        let from = self.state;
        self.state = NEXT[from as usize][CLASS[byte as usize] as usize];
        match self.state {
            State::Fault => {
                return Err(ChunkError { reason: from.fault() });
            }
            State::Size => {
                self.digits += 1;
                if self.digits > 16 {
                    return self.fail(Reason::BadChunkSize);
                }
                self.remaining = self.remaining << 4 | u64::from(hex_value(byte));
            }
            State::Data if self.remaining == 0 => self.state = State::LineStart,
            State::SizeStart | State::Data => self.digits = 0,
            State::Line | State::LineLf => return self.keep_trailer_byte(byte),
            State::LineStart => self.trailers.push(byte),
            State::Done => return self.finish(),
            state if state.in_extension() => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES_MAX {
                    return self.fail(Reason::BadChunkExtension);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, reason: Reason) -> Result<(), ChunkError> {
        self.state = State::Fault;
        Err(ChunkError { reason })
    }

    fn keep_trailer_byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        // Room for the LF of this line and for the empty line, which the limit includes.
        if self.trailers.len() + 4 > self.limits.header_bytes as usize {
            return self.fail(Reason::TrailerTooLarge);
        }
        self.trailers.push(byte);
        Ok(())
    }

    /// The section is whole: judge its lines as those of a head, then keep what may be forwarded.
    fn finish(&mut self) -> Result<(), ChunkError> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        let mut section = std::mem::take(&mut self.trailers);
        section.extend_from_slice(b"\r\n");
        let mut fields = Vec::new();
        match read_fields(&section, &self.limits, &mut Cursor::default(), &mut fields) {
            Ok(true) => {}
            Ok(false) => return self.fail(Reason::BadTrailer),
            Err(Reason::HeaderTooLarge | Reason::TooManyFields) => {
                return self.fail(Reason::TrailerTooLarge);
            }
            Err(_) => return self.fail(Reason::BadTrailer),
        }
        for field in fields.iter().filter(|field| field.id == FieldId::Other) {
            for part in [field.name.of(&section), b": ", field.value.of(&section), b"\r\n"] {
                self.trailers.extend_from_slice(part);
            }
        }
        Ok(())
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Ends the data of every chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Writes the size line of a chunk. The data and [`CHUNK_END`] follow. `length` is not 0: that would end the body.
pub fn chunk_header(length: usize, out: &mut Vec<u8>) {
    debug_assert!(length > 0, "a chunk of length 0 is the last chunk");
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let first = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..first).rev() {
        out.push(DIGITS[length >> (4 * place) & 0xf]);
    }
    out.extend_from_slice(CHUNK_END);
}

/// Writes one whole chunk; nothing when `data` is empty.
pub fn write_chunk(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        chunk_header(data.len(), out);
        out.extend_from_slice(data);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Ends the body. `trailers` is what [`ChunkedDecoder::trailers`] gave, or empty.
pub fn last_chunk(trailers: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}
