//! The body of one message on its way: taken apart by the framing it came in, framed anew for the other side. Pure but
//! for the streams it is polled with; never holds more than a buffer.

use crate::buffer::Buffer;
use crate::splice::{self, Splice};
use crate::transport::Stream;
use std::task::{Context, Poll, ready};
use steelyard_http as http;
use steelyard_http::chunked::write_chunk;
use steelyard_http::{ChunkedDecoder, Framing, Reason};

/// How much framed output may wait for the other side before more is taken in.
const OUT_MOST: usize = 32 << 10;
/// Plain bytes up to this many are copied behind the head, so that one write takes both; more go in a second slice.
const COPY_MOST: usize = 4 << 10;
/// Fewer bytes are copied: moving pages pays only for many.
const SPLICE_LEAST: u64 = 64 << 10;
/// What a buffer may grow to for a body.
const BUFFER_MOST: usize = 128 << 10;

/// Why a body could not be moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its sender is gone or ended it too early.
    Source,
    /// Its framing is wrong.
    Malformed(Reason),
    /// Its receiver is gone.
    Sink,
}

/// Which side a body waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Sink,
}

#[derive(Debug, Default)]
enum Source {
    /// Nothing more comes.
    #[default]
    Ended,
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
    UntilClose,
}

/// One direction of an exchange: the framed bytes that wait (with the head in front), and the body behind them.
#[derive(Debug, Default)]
pub struct Relay {
    pub out: Vec<u8>,
    written: usize,
    source: Source,
    chunked_out: bool,
    splice: Splice,
    /// Splicing does not work here.
    copies: bool,
    /// Body bytes that came.
    pub bytes: u64,
    /// Everything that came so far is still in `out`, so it can be sent again.
    pub replayable: bool,
    pub waits_for: Option<Side>,
    /// Rises with every byte read or written: whoever sees it rise knows that nobody stalls.
    pub moved: u64,
}

impl Relay {
    /// Ready for the next message: its head goes into `out`.
    pub fn clear(&mut self) {
        self.out.clear();
        self.written = 0;
        self.source = Source::Ended;
        self.chunked_out = false;
        self.splice = Splice::default();
        self.copies = false;
        self.bytes = 0;
        self.replayable = true;
        self.waits_for = None;
        self.moved = 0;
    }

    /// Say what follows the head.
    pub fn begin(&mut self, source: Framing, sink: Framing, limits: http::Limits) {
        self.chunked_out = sink == Framing::Chunked;
        self.source = match source {
            Framing::None | Framing::Length(0) => Source::Ended,
            Framing::Length(length) => Source::Length(length),
            Framing::Chunked => Source::Chunked(Box::new(ChunkedDecoder::new(limits))),
            Framing::UntilClose => Source::UntilClose,
        };
    }

    /// The whole body has come.
    pub fn has_ended(&self) -> bool {
        matches!(self.source, Source::Ended)
    }

    /// The whole message has come and gone.
    pub fn is_done(&self) -> bool {
        self.has_ended() && self.written == self.out.len()
    }

    /// Some of the message has gone.
    pub fn has_begun(&self) -> bool {
        self.written > 0 || !self.replayable
    }

    /// Send the message again, from the start of `out`.
    pub fn rewind(&mut self) {
        debug_assert!(self.replayable);
        self.written = 0;
        self.waits_for = None;
    }

    /// Forget what was to be sent: the rest of the body is only read.
    pub fn discard(&mut self) {
        self.out.clear();
        self.written = 0;
        self.replayable = false;
    }

    /// How many bytes of the body are to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match self.source {
            Source::Ended => Some(0),
            Source::Length(length) => Some(length),
            _ => None,
        }
    }

    /// So many bytes of a body of known length went to the other side by another way.
    pub fn skip(&mut self, count: u64) {
        if let Source::Length(length) = &mut self.source {
            *length -= count;
            if *length == 0 {
                self.source = Source::Ended;
            }
        }
        self.bytes += count;
        self.replayable = false;
    }

    /// Nothing of the body waits here.
    pub fn is_flushed(&self) -> bool {
        self.written == self.out.len()
    }

    /// Take what fits from the input into `out`, framed for the other side.
    pub fn take(&mut self, input: &mut Buffer) -> Result<(), Broken> {
        while !input.is_empty() && !self.has_ended() && self.out.len() < OUT_MOST {
            let (data, consumed) = match &mut self.source {
                Source::Ended => break,
                Source::Length(length) => {
                    let count = input.len().min(usize::try_from(*length).unwrap_or(usize::MAX));
                    *length -= count as u64;
                    (0..count, count)
                }
                Source::UntilClose => (0..input.len(), input.len()),
                Source::Chunked(decoder) => {
                    let step = decoder.decode(input.bytes()).map_err(|error| Broken::Malformed(error.reason))?;
                    (step.data, step.consumed)
                }
            };
            self.bytes += data.len() as u64;
            let data = &input.bytes()[data];
            if self.chunked_out {
                write_chunk(data, &mut self.out)
            } else {
                self.out.extend_from_slice(data)
            }
            input.consume(consumed);
            self.end_if_over();
        }
        Ok(())
    }

    /// The same, but leave a long plain run in the input: it goes on from there.
    pub fn take_short(&mut self, input: &mut Buffer) -> Result<(), Broken> {
        if self.plain(input) == 0 { self.take(input) } else { Ok(()) }
    }

    fn end_if_over(&mut self) {
        let over = match &self.source {
            Source::Length(length) => *length == 0,
            Source::Chunked(decoder) => decoder.is_done(),
            _ => false,
        };
        if over {
            self.end();
        }
    }

    fn end(&mut self) {
        if let (Source::Chunked(decoder), true) = (&self.source, self.chunked_out) {
            http::last_chunk(decoder.trailers(), &mut self.out);
        } else if self.chunked_out {
            http::last_chunk(b"", &mut self.out);
        }
        self.source = Source::Ended;
    }

    /// The sender has closed its side.
    fn closed(&mut self) -> Result<(), Broken> {
        match self.source {
            Source::UntilClose => {
                self.end();
                Ok(())
            }
            _ => Err(Broken::Source),
        }
    }

    /// Bytes of the input that go on as they are, when they are too many to be copied.
    fn plain(&self, input: &Buffer) -> usize {
        let count = match self.source {
            _ if self.chunked_out => 0,
            Source::Length(length) => input.len().min(usize::try_from(length).unwrap_or(usize::MAX)),
            Source::UntilClose => input.len(),
            _ => 0,
        };
        if count > COPY_MOST { count } else { 0 }
    }

    /// Write what waits, then a long plain run straight from the input. Pending: the sink is full.
    fn poll_flush(&mut self, cx: &mut Context<'_>, input: &mut Buffer, to: &mut Stream) -> Poll<Result<(), Broken>> {
        loop {
            let waiting = self.out.len() - self.written;
            let plain = self.plain(input);
            if waiting == 0 && plain == 0 {
                return Poll::Ready(Ok(()));
            }
            self.waits_for = Some(Side::Sink);
            let head = &self.out[self.written..];
            let written = if plain == 0 {
                to.poll_write(cx, head)
            } else if waiting == 0 {
                to.poll_write(cx, &input.bytes()[..plain])
            } else {
                to.poll_write_both(cx, head, &input.bytes()[..plain])
            };
            let count = match ready!(written) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Sink)),
                Ok(count) => count,
            };
            self.waits_for = None;
            self.moved += count as u64;
            let of_out = count.min(waiting);
            self.written += of_out;
            if count > of_out {
                input.consume(count - of_out);
                self.skip((count - of_out) as u64);
            }
        }
    }

    /// Move the message on until it is done, or either side makes it wait.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        input: &mut Buffer,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        loop {
            self.take_short(input)?;
            ready!(self.poll_flush(cx, input, to))?;
            if self.has_ended() {
                return Poll::Ready(Ok(()));
            }
            self.recycle();
            if !input.is_empty() {
                continue;
            }
            if self.may_splice() {
                ready!(self.poll_splice(cx, from, to))?;
                continue;
            }
            self.waits_for = Some(Side::Source);
            match ready!(from.poll_read(cx, input, BUFFER_MOST)) {
                Ok(0) => self.closed()?,
                Ok(count) => self.moved += count as u64,
                Err(_) => return Poll::Ready(Err(Broken::Source)),
            }
            if input.is_full() {
                input.enlarge();
            }
            self.waits_for = None;
        }
    }

    /// A body of known length with much to come moves without being copied.
    fn may_splice(&self) -> bool {
        match self.source {
            Source::Length(length) => {
                !self.copies && !self.chunked_out && (length >= SPLICE_LEAST || self.splice.held() > 0)
            }
            _ => false,
        }
    }

    fn poll_splice(&mut self, cx: &mut Context<'_>, from: &Stream, to: &Stream) -> Poll<Result<(), Broken>> {
        let Source::Length(left) = self.source else { return Poll::Ready(Ok(())) };
        let polled = self.splice.poll(cx, from.socket(), to.socket(), left);
        self.waits_for = Some(if self.splice.held() > 0 { Side::Sink } else { Side::Source });
        match ready!(polled) {
            Ok(0) => return Poll::Ready(Err(Broken::Source)),
            Ok(count) => {
                self.moved += count;
                self.skip(count);
            }
            Err(failed) if failed.is_unsupported() && self.splice.held() == 0 => self.copies = true,
            Err(failed) => {
                let broken = if failed.side == splice::Side::From { Broken::Source } else { Broken::Sink };
                return Poll::Ready(Err(broken));
            }
        }
        self.waits_for = None;
        Poll::Ready(Ok(()))
    }

    /// What was written makes room; from now on nothing can be sent again.
    fn recycle(&mut self) {
        if self.is_flushed() {
            self.out.clear();
            self.written = 0;
            self.replayable = false;
        }
    }

    /// Write what waits; the body is over or has not come further.
    pub fn poll_flush_out(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<Result<(), Broken>> {
        while self.written < self.out.len() {
            self.waits_for = Some(Side::Sink);
            match ready!(to.poll_write(cx, &self.out[self.written..])) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Sink)),
                Ok(count) => {
                    self.written += count;
                    self.moved += count as u64;
                }
            }
        }
        self.waits_for = None;
        Poll::Ready(Ok(()))
    }
}
