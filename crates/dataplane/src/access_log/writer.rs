//! The one thread that writes. It takes each worker's buffer by swapping it for an empty one, and may wait for the disk
//! as long as it likes: the workers do not.

use super::{BATCH_INTERVAL, Buffer, lock};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// The same complaint is not made more often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// What workers, the writer and the owner of the log share.
#[derive(Debug, Default)]
pub struct Shared {
    pub buffers: Mutex<Vec<Arc<Mutex<Buffer>>>>,
    /// A file newly opened, for the writer to go on with.
    pub reopened: Mutex<Option<File>>,
    pub closing: AtomicBool,
    pub written: AtomicU64,
    pub dropped: AtomicU64,
    pub ended: Ended,
    /// There are lines: the writer need not sleep for ever.
    lines: AtomicBool,
    /// There is work that should not wait for the interval.
    now: AtomicBool,
    writer: OnceLock<Thread>,
}

/// Told when the writer ends.
#[derive(Debug, Default)]
pub struct Ended(Mutex<bool>, Condvar);

impl Ended {
    pub fn wait_until(&self, deadline: Instant) {
        let ended = self.0.lock().expect("no code panics while it holds this lock");
        let left = deadline.saturating_duration_since(Instant::now());
        drop(self.1.wait_timeout_while(ended, left, |ended| !*ended));
    }

    fn tell(&self) {
        *self.0.lock().expect("no code panics while it holds this lock") = true;
        self.1.notify_all();
    }
}

impl Shared {
    /// The writer should look at the buffers at once.
    pub fn wake(&self) {
        self.now.store(true, Release);
        self.unpark();
    }

    /// The writer should look at the buffers within the interval.
    pub fn wake_later(&self) {
        if !self.lines.swap(true, AcqRel) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }
}

pub fn start(file: File, name: String, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let ours = Arc::clone(&shared);
    let handle = thread::Builder::new().name("access-log".into()).spawn(move || {
        let mut writer = Writer { file, name, spare: Buffer::default(), torn: false, complained: None };
        while writer.round(&ours) {}
        ours.ended.tell();
    })?;
    // Known before there can be a line. Were it set by the thread itself, a worker could find nobody to wake while the
    // thread, on its way to sleep, does not see the worker's flag: neither order of the two is given.
    let _ = shared.writer.set(handle.thread().clone());
    Ok(handle)
}

struct Writer {
    file: File,
    name: String,
    spare: Buffer,
    /// The last write ended inside a line.
    torn: bool,
    complained: Option<Instant>,
}

impl Writer {
    /// Waits for lines, writes them. False: the log was closed and all is written.
    fn round(&mut self, shared: &Shared) -> bool {
        while !shared.lines.load(Acquire) && !shared.now.load(Acquire) && !shared.closing.load(Acquire) {
            thread::park();
        }
        let due = Instant::now() + BATCH_INTERVAL;
        while !shared.now.load(Acquire) && !shared.closing.load(Acquire) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        // Read before the flags are cleared and the buffers taken: lines written before `close` are then seen below.
        let closing = shared.closing.load(Acquire);
        shared.now.swap(false, AcqRel);
        shared.lines.swap(false, AcqRel);
        let buffers = shared.buffers.lock().expect("no code panics while it holds this lock").clone();
        for buffer in &buffers {
            std::mem::swap(&mut self.spare, &mut *lock(buffer));
            self.write_spare(shared);
        }
        drop(buffers);
        // A buffer that only we hold belonged to a worker that has ended, and it was just emptied.
        let mut buffers = shared.buffers.lock().expect("no code panics while it holds this lock");
        buffers.retain(|buffer| Arc::strong_count(buffer) > 1 || lock(buffer).lines > 0);
        drop(buffers);
        self.follow_reopen(shared);
        !closing
    }

    /// Lines written before the reopening are in the old file by now, and go there whole.
    fn follow_reopen(&mut self, shared: &Shared) {
        if let Some(file) = shared.reopened.lock().expect("no code panics while it holds this lock").take() {
            self.file = file;
            self.torn = false;
        }
    }

    fn write_spare(&mut self, shared: &Shared) {
        if self.spare.lines > 0 {
            let lines = self.spare.lines;
            let lost = match self.write_all() {
                Ok(()) => 0,
                Err((written, cause)) => {
                    self.complain(&cause);
                    self.torn = written > 0 && self.spare.bytes[written - 1] != b'\n' || self.torn && written == 0;
                    self.spare.bytes[written..].iter().filter(|byte| **byte == b'\n').count() as u64
                }
            };
            shared.written.fetch_add(lines - lost, Relaxed);
            shared.dropped.fetch_add(lost, Relaxed);
        }
        self.spare.bytes.clear();
        self.spare.lines = 0;
    }

    /// All of the spare buffer, or how much of it was written before the error. After an error inside a line the next
    /// write begins with a line end, so that only the torn line is unreadable.
    fn write_all(&mut self) -> Result<(), (usize, io::Error)> {
        if self.torn {
            self.file.write_all(b"\n").map_err(|cause| (0, cause))?;
            self.torn = false;
        }
        let mut written = 0;
        while written < self.spare.bytes.len() {
            match self.file.write(&self.spare.bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(n) => written += n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // A terminal or pipe that somebody else made non-blocking.
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None);
                }
                Err(cause) => return Err((written, cause)),
            }
        }
        Ok(())
    }

    fn complain(&mut self, cause: &io::Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            let cure = match cause.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free space there; logging goes on by itself"
                }
                io::ErrorKind::BrokenPipe => "its reader has gone; start the reader and then Steelyard again",
                _ => "once the cause is gone, reopen the log (SIGUSR1)",
            };
            let _ = writeln!(
                io::stderr(),
                "access log {}: cannot write: {cause}; lines are dropped and counted; {cure}",
                self.name
            );
        }
    }
}
