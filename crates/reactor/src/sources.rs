//! Descriptors and their readiness, as far as the kernel has told. Edge-triggered: what is told stays true until a call
//! finds that it is not.

use crate::executor::{self, Reactor};
use crate::tasks::{NOBODY, TaskKey};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What a task waits for on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    Readable,
    Writable,
}

/// Bits of readiness. The ends stay: a side that has ended is ready for ever, to be told so.
const READ: u8 = 1;
const WRITE: u8 = 2;
const READ_ENDED: u8 = 4;
const WRITE_ENDED: u8 = 8;

impl Interest {
    fn mask(self) -> u8 {
        match self {
            Interest::Readable => READ | READ_ENDED,
            Interest::Writable => WRITE | WRITE_ENDED,
        }
    }

    /// What a call takes back that found nothing to do.
    fn passing(self) -> u8 {
        match self {
            Interest::Readable => READ,
            Interest::Writable => WRITE,
        }
    }
}

struct Place {
    generation: u32,
    ready: u8,
    /// The tasks of this thread that wait: nothing is counted and nothing is locked.
    reader: TaskKey,
    writer: TaskKey,
    /// Others inside of tasks who want to be told apart; hardly ever anybody.
    others: Option<Box<Others>>,
}

type Others = Vec<(Interest, Waker)>;

impl Place {
    fn new(generation: u32) -> Self {
        Place { generation, ready: 0, reader: NOBODY, writer: NOBODY, others: None }
    }

    /// Take those who wait for what is `ready` now.
    #[cold]
    fn take_others(&mut self, ready: u8) -> Others {
        let concerned = |others: &mut Box<Others>| others.extract_if(.., |(of, _)| ready & of.mask() != 0).collect();
        self.others.as_mut().map(concerned).unwrap_or_default()
    }
}

#[derive(Default)]
pub struct Sources {
    places: Vec<Place>,
    free: Vec<u32>,
}

/// Whom an event concerns.
pub struct Told {
    pub reader: TaskKey,
    pub writer: TaskKey,
    /// Empty, and then it costs nothing, nearly always.
    pub others: Others,
}

impl Sources {
    fn add(&mut self) -> (u32, u64) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::new(0));
            (self.places.len() - 1) as u32
        });
        (index, u64::from(self.places[index as usize].generation) << 32 | u64::from(index))
    }

    /// Free the place. Those who waited there are gone too, but for wakers, which are returned to be dropped elsewhere.
    fn remove(&mut self, index: u32) -> Place {
        let next = Place::new(self.places[index as usize].generation.wrapping_add(1));
        self.free.push(index);
        std::mem::replace(&mut self.places[index as usize], next)
    }

    /// Note what the kernel says of the source that was registered as `data`; returns whom to tell. A source that has
    /// gone meanwhile has nobody.
    pub fn note(&mut self, data: u64, flags: EventFlags) -> Told {
        let (index, generation) = (data as u32, (data >> 32) as u32);
        let mut told = Told { reader: NOBODY, writer: NOBODY, others: Vec::new() };
        let Some(place) = self.places.get_mut(index as usize).filter(|place| place.generation == generation) else {
            return told;
        };
        let ready = readiness(flags);
        place.ready |= ready;
        if ready & Interest::Readable.mask() != 0 {
            told.reader = std::mem::replace(&mut place.reader, NOBODY);
        }
        if ready & Interest::Writable.mask() != 0 {
            told.writer = std::mem::replace(&mut place.writer, NOBODY);
        }
        if place.others.is_some() {
            told.others = place.take_others(ready);
        }
        told
    }
}

fn readiness(flags: EventFlags) -> u8 {
    let mut ready = 0;
    if flags.intersects(EventFlags::IN) {
        ready |= READ;
    }
    if flags.intersects(EventFlags::OUT) {
        ready |= WRITE;
    }
    if flags.intersects(EventFlags::RDHUP) {
        ready |= READ_ENDED;
    }
    if flags.intersects(EventFlags::HUP) {
        ready |= READ_ENDED | WRITE_ENDED;
    }
    // An error is found by the next call, whichever it is.
    if flags.intersects(EventFlags::ERR) {
        ready |= READ | WRITE;
    }
    ready
}

/// A descriptor in the care of the thread's loop. It must be dropped before the descriptor can be another file.
pub struct Source {
    reactor: Rc<Reactor>,
    index: u32,
}

impl Source {
    /// Take a descriptor into the care of the loop of this thread, which must be running.
    pub fn new(fd: BorrowedFd<'_>) -> io::Result<Source> {
        let reactor = executor::current().ok_or_else(|| io::Error::other("no event loop runs in this thread"))?;
        let (index, data) = reactor.sources.borrow_mut().add();
        let source = Source { reactor, index };
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&source.reactor.epoll, fd, EventData::new_u64(data), flags)?;
        Ok(source)
    }

    /// Ready when a call would not have to wait, as far as is known, and the task has not had its share of the thread.
    pub fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<()> {
        let mut sources = self.reactor.sources.borrow_mut();
        let place = &mut sources.places[self.index as usize];
        if place.ready & interest.mask() != 0 {
            // A waker may do anything, as may its end.
            drop(sources);
            return if self.reactor.spend(cx) { Poll::Ready(()) } else { Poll::Pending };
        }
        match (self.reactor.running(cx), interest) {
            (Some(task), Interest::Readable) => place.reader = task,
            (Some(task), Interest::Writable) => place.writer = task,
            (None, _) => {
                let waker = cx.waker().clone();
                let before = place.take_others(interest.mask());
                place.others.get_or_insert_default().push((interest, waker));
                drop(sources);
                drop(before);
            }
        }
        Poll::Pending
    }

    /// Do it if the descriptor is ready. `WouldBlock` from `operation` takes the readiness back, so that the next poll
    /// waits for the next event.
    pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        if self.reactor.sources.borrow().places[self.index as usize].ready & interest.mask() == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let done = operation();
        if let Err(error) = &done
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.exhausted(interest);
        }
        done
    }

    /// A call has found, or its result has shown, that the next one would have to wait.
    pub fn exhausted(&self, interest: Interest) {
        self.reactor.sources.borrow_mut().places[self.index as usize].ready &= !interest.passing();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let place = self.reactor.sources.borrow_mut().remove(self.index);
        drop(place);
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.index)
    }
}

/// The sources of one thread, behind a cell: no borrow outlives the call that took it.
pub type SharedSources = RefCell<Sources>;
/// What is left of a task's share of the thread.
pub type Share = Cell<u32>;

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskKey = TaskKey { index: 1, generation: 0 };

    #[test]
    fn an_event_of_a_source_that_has_gone_tells_nobody() {
        let mut sources = Sources::default();
        let (index, old) = sources.add();
        sources.remove(index);
        let (again, _) = sources.add();
        assert_eq!(index, again);
        sources.places[again as usize].reader = TASK;
        assert_eq!(sources.note(old, EventFlags::IN).reader, NOBODY);
        assert_eq!(sources.places[again as usize].ready, 0);
    }

    #[test]
    fn an_event_tells_those_whom_it_concerns_and_an_end_stays() {
        let mut sources = Sources::default();
        let (index, data) = sources.add();
        let place = &mut sources.places[index as usize];
        (place.reader, place.writer) = (TASK, TASK);
        let others = [Interest::Readable, Interest::Writable].map(|interest| (interest, Waker::noop().clone()));
        place.others = Some(Box::new(others.into()));
        let told = sources.note(data, EventFlags::IN | EventFlags::RDHUP);
        assert_eq!((told.reader, told.writer), (TASK, NOBODY));
        assert!(matches!(told.others[..], [(Interest::Readable, _)]));
        let place = &mut sources.places[index as usize];
        assert!(matches!(place.others.as_ref().unwrap()[..], [(Interest::Writable, _)]));
        place.ready &= !Interest::Readable.passing();
        assert_eq!(place.ready, READ_ENDED);
    }
}
