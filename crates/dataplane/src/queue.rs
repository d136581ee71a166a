//! Where requests of one pool wait while every server is at its `max_connections`. Shared by all threads, and touched
//! only by requests that wait and by those that end while one does: otherwise a release costs one read.
//!
//! No wake-up is lost: a waiter enters first and chooses again after that; a release gives its server back first and
//! looks at the queue after that. Both orders are sequentially consistent, so one of the two sees the other.

use crate::shared::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Waker;

#[derive(Debug, Default)]
pub struct Queue {
    waiting: AtomicUsize,
    /// Those of them whom any server would serve.
    unbound: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: u64,
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// Only one server will do: the one that the client is bound to.
    bound: bool,
    called: bool,
    waker: Option<Waker>,
}

/// A place in the queue; leaving is dropping it.
#[derive(Debug)]
pub struct Place {
    queue: Arc<Queue>,
    ticket: u64,
}

impl Queue {
    /// Take a place at the end; none when `size` requests wait already.
    pub fn enter(self: &Arc<Self>, size: usize, bound: bool) -> Option<Place> {
        let mut state = lock(&self.state);
        if state.waiters.len() >= size {
            return None;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiters.push_back(Waiter { ticket, bound, called: false, waker: None });
        self.waiting.fetch_add(1, SeqCst);
        self.unbound.fetch_add(usize::from(!bound), SeqCst);
        Some(Place { queue: self.clone(), ticket })
    }

    /// Whether anybody waits whom any server would serve: newcomers then wait behind.
    pub fn has_precedence(&self) -> bool {
        self.unbound.load(SeqCst) != 0
    }

    /// A server was given back: call the first who was not called yet.
    pub fn released(&self) {
        if self.waiting.load(SeqCst) != 0 {
            self.call(0);
        }
    }

    /// The pool has changed: everybody looks again.
    pub fn changed(&self) {
        for waiter in &mut lock(&self.state).waiters {
            waiter.call();
        }
    }

    fn call(&self, from: u64) {
        let mut state = lock(&self.state);
        if let Some(waiter) = state.waiters.iter_mut().find(|waiter| waiter.ticket >= from && !waiter.called) {
            waiter.call();
        }
    }
}

impl State {
    /// Tickets rise from front to back.
    fn find(&self, ticket: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}

impl Waiter {
    fn call(&mut self) {
        self.called = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Place {
    /// Whether this place was called since the last time; if not, `waker` is told when it is.
    pub fn is_called(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.queue.state);
        let Some(waiter) = state.find(self.ticket).and_then(|at| state.waiters.get_mut(at)) else { return true };
        if !std::mem::take(&mut waiter.called) {
            waiter.waker = Some(waker.clone());
            return false;
        }
        true
    }

    /// Whether everybody in front was called already or waits for one server only.
    pub fn is_next(&self) -> bool {
        let state = lock(&self.queue.state);
        let mut ahead = state.waiters.iter().take_while(|waiter| waiter.ticket < self.ticket);
        ahead.all(|waiter| waiter.called || waiter.bound)
    }

    /// The call was of no use here (the server that this request needs is still full): let those behind try.
    pub fn pass_on(&self) {
        self.queue.call(self.ticket + 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        if let Some(at) = state.find(self.ticket) {
            let waiter = state.waiters.remove(at);
            self.queue.waiting.fetch_sub(1, SeqCst);
            self.queue.unbound.fetch_sub(usize::from(waiter.as_ref().is_some_and(|waiter| !waiter.bound)), SeqCst);
            // Called, but leaving for another reason (its time was up): the call belongs to the next.
            if waiter.is_some_and(|waiter| waiter.called)
                && let Some(next) = state.waiters.iter_mut().find(|waiter| !waiter.called)
            {
                next.call();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use std::sync::Arc;
    use std::task::Waker;

    #[test]
    fn first_come_first_called() {
        let queue = Arc::new(Queue::default());
        let (first, second) = (queue.enter(2, false).unwrap(), queue.enter(2, false).unwrap());
        assert!(queue.enter(2, false).is_none());
        queue.released();
        assert!(first.is_called(Waker::noop()));
        assert!(!second.is_called(Waker::noop()));
        assert!(!first.is_called(Waker::noop()), "a call counts once");
    }

    #[test]
    fn a_useless_call_goes_to_those_behind() {
        let queue = Arc::new(Queue::default());
        let places: Vec<_> = (0..3).map(|_| queue.enter(3, false).unwrap()).collect();
        queue.released();
        assert!(places[0].is_called(Waker::noop()));
        places[0].pass_on();
        assert!(!places[0].is_called(Waker::noop()));
        assert!(places[1].is_called(Waker::noop()));
    }

    #[test]
    fn whoever_leaves_after_a_call_hands_it_on() {
        let queue = Arc::new(Queue::default());
        let (first, second) = (queue.enter(2, false).unwrap(), queue.enter(2, false).unwrap());
        queue.released();
        drop(first);
        assert!(second.is_called(Waker::noop()));
        drop(second);
        assert!(!queue.has_precedence());
    }

    #[test]
    fn a_newcomer_is_next_when_those_in_front_are_served_or_picky() {
        let queue = Arc::new(Queue::default());
        let _picky = queue.enter(3, true).unwrap();
        assert!(!queue.has_precedence());
        let first = queue.enter(3, false).unwrap();
        let second = queue.enter(3, false).unwrap();
        assert!(first.is_next() && !second.is_next() && queue.has_precedence());
        queue.changed();
        assert!(second.is_next());
    }

    #[test]
    fn a_change_calls_everybody() {
        let queue = Arc::new(Queue::default());
        let places: Vec<_> = (0..3).map(|_| queue.enter(3, false).unwrap()).collect();
        queue.changed();
        assert!(places.iter().all(|place| place.is_called(Waker::noop())));
    }
}
