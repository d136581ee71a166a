//! The access log: one line a request (mode `tcp`: a connection), written off the path.
//!
//! A worker formats its lines into a page of its own and hands it over when it is full, or at the next tick of its
//! timers, 100 ms. One writer thread takes away every 100 ms what was handed over, or sooner when it is 256 KiB. What is
//! handed over is the only thing shared: worker and writer each hold the lock for the time of a copy or of a swap, never
//! of a write. When the disk is slower than the traffic a buffer reaches its limit, and further lines are dropped and
//! counted: the path never waits for the disk.
//!
//! A lock a page, not a line: to release one the processor must wait until all that was stored before is in its cache,
//! and a large buffer never is. That wait was the longest single one in the life of a small request.
//!
//! Secrets stay out by construction: [`Record`] has no place for Authorization, Cookie or any field it does not name.

mod escape;
mod format;
mod record;
mod target;
mod time;
mod writer;

pub use record::{Record, Request};
pub use target::{Format, LogError, Target};

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use time::Stamp;
use writer::Shared;

/// A worker hands over what has reached this: small enough to stay in the fastest cache, about thirty lines.
const PAGE: usize = 4 << 10;
/// A buffer this full wakes the writer before its time. On one core a wake-up is two switches of context: 256 KiB needs a
/// quarter of those that 64 KiB would.
const BATCH: usize = 256 << 10;
/// A buffer this full takes no further line. Four batches: about 3,000 lines of a thread, more than it makes
/// in 100 ms on a machine whose disk keeps up.
const BUFFER_MAX: usize = 1 << 20;
const BATCH_INTERVAL: Duration = Duration::from_millis(100);

/// The open log and its writer thread.
#[derive(Debug)]
pub struct AccessLog {
    target: Target,
    format: Format,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl AccessLog {
    /// Opens the target (a file is made when it is not there, and appended to) and starts the writer.
    pub fn open(target: Target, format: Format) -> Result<Arc<Self>, LogError> {
        let shared = Arc::new(Shared::default());
        let writer = writer::start(target.open()?, target.to_string(), Arc::clone(&shared))
            .map_err(|cause| LogError::new(&target, "start its thread", cause))?;
        Ok(Arc::new(Self { target, format, shared, writer: Mutex::new(Some(writer)) }))
    }

    /// The place where one worker writes its lines.
    pub fn lines(&self) -> Lines {
        let buffer = Arc::new(Mutex::new(Buffer::default()));
        self.shared.buffers.lock().expect("no code panics while it holds this lock").push(Arc::clone(&buffer));
        let page = Buffer::default();
        Lines { format: self.format, shared: Arc::clone(&self.shared), page, buffer, stamp: Stamp::default() }
    }

    /// Opens the path again; lines go to the old file until the new one is open, and none is lost between them.
    pub fn reopen(&self) -> Result<(), LogError> {
        *self.shared.reopened.lock().expect("no code panics while it holds this lock") = Some(self.target.open()?);
        self.shared.wake();
        Ok(())
    }

    /// Lines that are in the file.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Relaxed)
    }

    /// Lines lost because the writer was slower than the traffic, or the disk refused them.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }

    /// Writes what is buffered and ends the thread. One that hangs in a write (a pipe that nobody reads) is left behind
    /// after `timeout`; the answer is whether it ended.
    pub fn close(&self, timeout: Duration) -> bool {
        self.shared.closing.store(true, Relaxed);
        self.shared.wake();
        let Some(writer) = self.writer.lock().expect("no code panics while it holds this lock").take() else {
            return true;
        };
        let deadline = Instant::now() + timeout;
        while !writer.is_finished() {
            if Instant::now() >= deadline {
                return false;
            }
            self.shared.ended.wait_until(deadline);
        }
        writer.join().is_ok()
    }
}

/// Where one worker writes. Cheap to write to, and never waits for the disk.
#[derive(Debug)]
pub struct Lines {
    format: Format,
    shared: Arc<Shared>,
    /// Not handed over yet.
    page: Buffer,
    buffer: Arc<Mutex<Buffer>>,
    stamp: Stamp,
}

impl Lines {
    /// Formats one line; it is handed over with its page.
    pub fn write(&mut self, record: &Record) {
        let Buffer { bytes, lines } = &mut self.page;
        match self.format {
            Format::Json => format::json(bytes, record, &mut self.stamp),
            Format::Combined => format::combined(bytes, record, &mut self.stamp),
        }
        *lines += 1;
        if bytes.len() >= PAGE {
            self.hand_over();
        }
    }

    /// Gives the writer what it has not got yet, or counts it as dropped when the buffer is full.
    pub fn hand_over(&mut self) {
        if self.page.lines == 0 {
            return;
        }
        let mut buffer = lock(&self.buffer);
        let before = buffer.bytes.len();
        if before < BUFFER_MAX {
            buffer.bytes.extend_from_slice(&self.page.bytes);
            buffer.lines += self.page.lines;
        } else {
            self.shared.dropped.fetch_add(self.page.lines, Relaxed);
        }
        let after = buffer.bytes.len();
        drop(buffer);
        self.page.bytes.clear();
        self.page.lines = 0;
        if before == 0 {
            self.shared.wake_later();
        }
        if before < BATCH && after >= BATCH {
            self.shared.wake();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Whole lines, and how many.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
}

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    buffer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
