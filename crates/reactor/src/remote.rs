//! Wake-ups from other threads: a list of tasks behind a lock, and a descriptor that ends the loop's wait.

use crate::executor;
use crate::tasks::TaskKey;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

pub struct Remote {
    pub descriptor: OwnedFd,
    woken: Mutex<Vec<TaskKey>>,
}

impl Remote {
    pub fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Remote { descriptor, woken: Mutex::default() })
    }

    fn push(&self, key: TaskKey) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push(key);
        if woken.len() == 1 {
            // It fails only when the counter is full, and then the loop is awake.
            let _ = rustix::io::write(&self.descriptor, &1u64.to_ne_bytes());
        }
    }

    /// Those whom other threads have woken since the last time.
    pub fn take(&self) -> Vec<TaskKey> {
        let _ = rustix::io::read(&self.descriptor, &mut [0; 8]);
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a task's waker is made of.
pub struct Handle {
    pub key: TaskKey,
    pub remote: Arc<Remote>,
}

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match executor::current() {
            Some(reactor) if Arc::ptr_eq(&reactor.remote, &self.remote) => reactor.schedule(self.key),
            _ => self.remote.push(self.key),
        }
    }
}
