//! Deadlines of one worker as a list of numbers that a coarse tick walks: setting one costs a store, and a request makes
//! no timer object. A deadline is kept to [`TICK_MS`], which is fine for limits that are counted in seconds.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// How often a worker looks at its deadlines.
pub const TICK_MS: u64 = 100;

const NEVER: u64 = u64::MAX;
const FIRED: u64 = 0;

/// All deadlines of one worker. The numbers lie apart from the wakers, so that a tick reads 8 bytes a connection.
#[derive(Default)]
pub struct Timers {
    deadlines: RefCell<Vec<u64>>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<u32>>,
}

/// One deadline, owned by the task that waits for it.
pub struct Timer {
    timers: Rc<Timers>,
    index: u32,
}

/// The deadline passed before the future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Timers {
    /// A deadline that is not set.
    pub fn timer(self: &Rc<Self>) -> Timer {
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            self.deadlines.borrow_mut().push(NEVER);
            self.wakers.borrow_mut().push(None);
            (self.deadlines.borrow().len() - 1) as u32
        });
        Timer { timers: self.clone(), index }
    }

    /// Fire what is due.
    pub fn tick(&self, now_ms: u64) {
        let wakers = self.wakers.borrow();
        for (deadline, waker) in self.deadlines.borrow_mut().iter_mut().zip(wakers.iter()) {
            if *deadline <= now_ms && *deadline != FIRED {
                *deadline = FIRED;
                if let Some(waker) = waker {
                    waker.wake_by_ref();
                }
            }
        }
    }

    /// Let every waiting task look again at the state of its worker.
    pub fn wake_all(&self) {
        for waker in self.wakers.borrow().iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

impl Timer {
    /// Due `after_ms` from now; 0 means never.
    pub fn set(&self, now_ms: u64, after_ms: u64) {
        let at = if after_ms == 0 { NEVER } else { now_ms.saturating_add(after_ms).max(1) };
        self.timers.deadlines.borrow_mut()[self.index as usize] = at;
    }

    pub fn clear(&self) {
        self.timers.deadlines.borrow_mut()[self.index as usize] = NEVER;
    }

    pub fn fired(&self) -> bool {
        self.timers.deadlines.borrow()[self.index as usize] == FIRED
    }

    /// Remember whom to wake. A task's waker stays the same, so this is a comparison nearly always.
    pub fn register(&self, waker: &Waker) {
        let mut wakers = self.timers.wakers.borrow_mut();
        match &mut wakers[self.index as usize] {
            Some(known) if known.will_wake(waker) => {}
            slot => *slot = Some(waker.clone()),
        }
    }

    /// Run `future` until it is ready or this deadline passes.
    pub async fn limit<F: Future>(&self, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if self.fired() {
                return Poll::Ready(Err(Elapsed));
            }
            self.register(cx.waker());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
        self.timers.wakers.borrow_mut()[self.index as usize] = None;
        self.timers.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_fires_once_its_time_has_come() {
        let timers = Rc::new(Timers::default());
        let timer = timers.timer();
        timer.set(1_000, 500);
        timers.tick(1_499);
        assert!(!timer.fired());
        timers.tick(1_500);
        assert!(timer.fired());
    }

    #[test]
    fn zero_means_never() {
        let timers = Rc::new(Timers::default());
        let timer = timers.timer();
        timer.set(1_000, 0);
        timers.tick(u64::MAX - 1);
        assert!(!timer.fired());
    }

    #[test]
    fn a_dropped_timer_leaves_its_place_unset_to_the_next() {
        let timers = Rc::new(Timers::default());
        let first = timers.timer();
        first.set(1, 1);
        let index = first.index;
        drop(first);
        let second = timers.timer();
        assert_eq!(second.index, index);
        timers.tick(1_000);
        assert!(!second.fired());
    }

    #[test]
    fn a_limit_ends_a_future_that_never_ends() {
        let timers = Rc::new(Timers::default());
        let timer = timers.timer();
        timer.set(1, 1);
        timers.tick(1_000);
        let mut limited = pin!(timer.limit(std::future::pending::<()>()));
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert_eq!(limited.as_mut().poll(&mut cx), Poll::Ready(Err(Elapsed)));
    }
}
