//! Bytes read and not used yet. The memory is zeroed once and then reused, so that reading into it needs no `unsafe`; it
//! comes with the first byte, from those that have no use for theirs ([`Spare`]) or new.

use std::cell::RefCell;

/// What holds nearly every head, and bodies of the size that most answers have. With what an allocator puts between them,
/// buffers are not whole pages apart: otherwise all would begin in the same sets of the processor's cache, and their
/// first bytes, which are all that a small request uses, would push each other out.
pub const SIZE: usize = (16 << 10) + 112;
/// For bodies that are known to be large.
pub const SIZE_LARGE: usize = 64 << 10;

#[derive(Default)]
pub struct Buffer {
    data: Vec<u8>,
    /// A head that stays readable while the body behind it is read and used.
    pinned: usize,
    start: usize,
    end: usize,
}

/// Memory of buffers that hold nothing. The last one given back is the first to be used again: it is still in the cache.
#[derive(Default)]
pub struct Spare(RefCell<Vec<Vec<u8>>>);

/// More is given back to the system.
const SPARE_MOST: usize = 64;

impl Spare {
    /// Before something is read into `buffer`.
    pub fn lend(&self, buffer: &mut Buffer) {
        if buffer.data.is_empty()
            && let Some(data) = self.0.borrow_mut().pop()
        {
            buffer.data = data;
        }
    }

    /// Nothing is to be read into `buffer` for a while. It keeps its memory if it holds bytes.
    pub fn reclaim(&self, buffer: &mut Buffer) {
        let mut spare = self.0.borrow_mut();
        if buffer.end == 0 && buffer.data.len() == SIZE && spare.len() < SPARE_MOST {
            spare.push(std::mem::take(&mut buffer.data));
        }
    }
}

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `count` bytes were used.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        self.start += count;
        if self.start == self.end {
            self.start = self.pinned;
            self.end = self.pinned;
        }
    }

    /// The first `count` bytes are a head: used, but kept for reading by [`Buffer::head`].
    pub fn pin(&mut self, count: usize) {
        if self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
        }
        self.start = count;
        self.pinned = count;
    }

    pub fn head(&self) -> &[u8] {
        &self.data[..self.pinned]
    }

    /// The head is not needed any more.
    pub fn unpin(&mut self) {
        self.pinned = 0;
        self.consume(0);
    }

    pub fn clear(&mut self) {
        self.pinned = 0;
        self.start = 0;
        self.end = 0;
    }

    /// Where the next read goes; never empty unless `most` unused bytes are here already. What is kept moves to the
    /// front when the end is reached, and the memory grows while it is full.
    pub fn space(&mut self, most: usize) -> &mut [u8] {
        if self.end == self.data.len() && self.start > self.pinned {
            self.data.copy_within(self.start..self.end, self.pinned);
            self.end -= self.start - self.pinned;
            self.start = self.pinned;
        }
        if self.end == self.data.len() && self.end < most {
            let grown = (self.data.len() * 2).clamp(SIZE, most.max(SIZE));
            self.data.resize(grown, 0);
        }
        &mut self.data[self.end..]
    }

    /// The last read took all the space there was: more is probably waiting.
    pub fn is_full(&self) -> bool {
        self.end == self.data.len()
    }

    /// `count` bytes were read into the space.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.data.len());
    }

    /// Make room for a large body, so that it takes fewer reads.
    pub fn enlarge(&mut self) {
        if self.data.len() < SIZE_LARGE {
            self.data.resize(SIZE_LARGE, 0);
        }
    }

    /// Give back memory that one long head or large body needed.
    pub fn shrink(&mut self) {
        if self.data.len() > SIZE {
            *self = Buffer::default();
        }
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, SIZE, Spare};

    fn put(buffer: &mut Buffer, bytes: &[u8], most: usize) {
        buffer.space(most)[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
    }

    #[test]
    fn what_is_read_is_used_in_order() {
        let mut buffer = Buffer::default();
        put(&mut buffer, b"first second", SIZE);
        buffer.consume(6);
        assert_eq!(buffer.bytes(), b"second");
        put(&mut buffer, b" third", SIZE);
        assert_eq!(buffer.bytes(), b"second third");
        buffer.consume(12);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_kept_moves_to_the_front_before_memory_grows() {
        let mut buffer = Buffer::default();
        put(&mut buffer, &[1; SIZE], SIZE);
        buffer.consume(SIZE - 2);
        assert_eq!(buffer.space(SIZE).len(), SIZE - 2);
        assert_eq!(buffer.bytes(), [1, 1]);
    }

    #[test]
    fn a_pinned_head_stays_while_the_body_passes() {
        let mut buffer = Buffer::default();
        put(&mut buffer, b"old|head|body", SIZE);
        buffer.consume(4);
        buffer.pin(5);
        assert_eq!((buffer.head(), buffer.bytes()), (&b"head|"[..], &b"body"[..]));
        buffer.consume(4);
        put(&mut buffer, &[7; SIZE - 5], SIZE);
        buffer.consume(SIZE - 6);
        assert_eq!(buffer.space(SIZE).len(), SIZE - 6);
        assert_eq!((buffer.head(), buffer.bytes()), (&b"head|"[..], &[7][..]));
        buffer.unpin();
        assert_eq!(buffer.bytes(), [7]);
    }

    #[test]
    fn memory_goes_from_an_empty_buffer_to_the_next() {
        let (spare, mut first, mut second) = (Spare::default(), Buffer::default(), Buffer::default());
        put(&mut first, b"bytes", SIZE);
        let memory = first.bytes().as_ptr();
        spare.reclaim(&mut first);
        assert_eq!(first.bytes(), b"bytes", "what holds bytes keeps them");
        first.consume(5);
        spare.reclaim(&mut first);
        spare.lend(&mut second);
        put(&mut second, b"others", SIZE);
        assert_eq!((second.bytes().as_ptr(), second.bytes()), (memory, &b"others"[..]));
        spare.lend(&mut first);
        put(&mut first, b"new", SIZE);
        assert_eq!((first.bytes(), second.bytes()), (&b"new"[..], &b"others"[..]));
    }

    #[test]
    fn it_grows_to_the_limit_and_no_further() {
        let mut buffer = Buffer::default();
        let most = SIZE + 100;
        put(&mut buffer, &[1; SIZE], most);
        assert_eq!(buffer.space(most).len(), 100);
        put(&mut buffer, &[2; 100], most);
        assert!(buffer.space(most).is_empty());
        buffer.shrink();
        assert_eq!(buffer.space(SIZE).len(), SIZE);
    }
}
