//! Values from other threads for one task.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

struct Shared<T> {
    waiting: VecDeque<T>,
    senders: usize,
    receives: bool,
    waker: Option<Waker>,
}

type Locked<T> = Arc<Mutex<Shared<T>>>;

pub struct Sender<T>(Locked<T>);

pub struct Receiver<T>(Locked<T>);

/// Both ends of an unbounded queue.
pub fn inbox<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Shared { waiting: VecDeque::new(), senders: 1, receives: true, waker: None };
    let shared = Arc::new(Mutex::new(shared));
    (Sender(shared.clone()), Receiver(shared))
}

fn lock<T>(shared: &Locked<T>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    /// Hand over a value; it comes back when nobody receives any more.
    pub fn send(&self, value: T) -> Result<(), T> {
        let mut shared = lock(&self.0);
        if !shared.receives {
            return Err(value);
        }
        shared.waiting.push_back(value);
        let waker = shared.waker.take();
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        lock(&self.0).senders += 1;
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.senders -= 1;
        let waker = if shared.senders == 0 { shared.waker.take() } else { None };
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> Receiver<T> {
    /// The next value; none when all senders are gone.
    pub async fn receive(&mut self) -> Option<T> {
        poll_fn(|cx| {
            let mut shared = lock(&self.0);
            match shared.waiting.pop_front() {
                Some(value) => Poll::Ready(Some(value)),
                None if shared.senders == 0 => Poll::Ready(None),
                None => {
                    shared.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.receives = false;
        let left = std::mem::take(&mut shared.waiting);
        drop(shared);
        // Whoever waits for a value to be dropped is told outside of the lock.
        drop(left);
    }
}
