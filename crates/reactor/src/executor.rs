//! The loop: poll the tasks that are ready, ask the kernel which sockets are, and again.

use crate::remote::{Handle, Remote};
use crate::sources::{Share, SharedSources, Told};
use crate::tasks::{NOBODY, ROOT, Task, TaskKey, Tasks};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Events taken at once; more wait for the next turn. So many make the call cheap, and a turn is still short.
const EVENTS_MOST: usize = 64;
/// How often a task may find a socket ready in one turn. A fast stream must let others have theirs.
const SHARE: u32 = 128;
/// The name of [`Remote`]'s descriptor among the sources, which never get so far.
const REMOTE: u64 = u64::MAX;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
}

/// The loop of one thread.
pub struct Reactor {
    pub epoll: OwnedFd,
    pub remote: Arc<Remote>,
    pub sources: SharedSources,
    tasks: RefCell<Tasks>,
    /// Those whose turn comes next.
    ready: RefCell<Vec<TaskKey>>,
    root_is_ready: Cell<bool>,
    /// Who is polled now, and its waker's address: a future that waits with that waker waits for the whole task.
    running: Cell<(TaskKey, *const ())>,
    share: Share,
    on_wake: RefCell<Option<Box<dyn Fn()>>>,
}

/// The loop that runs in this thread.
pub fn current() -> Option<Rc<Reactor>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Run the loop of this thread until `future` is ready; tasks that are left then are dropped.
///
/// # Errors
/// The kernel gives no descriptor for the loop.
///
/// # Panics
/// When a loop runs in this thread already.
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let reactor = Rc::new(Reactor::new()?);
    // Dropped behind the future, however this ends.
    let _entered = Entered::new(&reactor);
    let waker = reactor.waker_of(ROOT);
    let mut future = pin!(future);
    let mut events = Vec::with_capacity(EVENTS_MOST);
    reactor.root_is_ready.set(true);
    let mut batch = Vec::new();
    loop {
        if reactor.root_is_ready.take()
            && let Poll::Ready(output) = reactor.poll(ROOT, &waker, |cx| future.as_mut().poll(cx))
        {
            return Ok(output);
        }
        std::mem::swap(&mut batch, &mut *reactor.ready.borrow_mut());
        batch.drain(..).for_each(|key| reactor.turn(key));
        reactor.wait(&mut events)?;
    }
}

/// Give `future` to the loop of this thread. A panic in it ends this task and no other.
///
/// # Panics
/// When no loop runs in this thread.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    let reactor = current().expect("spawn is called inside of block_on");
    let key = reactor.tasks.borrow_mut().reserve();
    let task = Task { future: Box::pin(future), waker: reactor.waker_of(key) };
    reactor.tasks.borrow_mut().put(key, task);
    reactor.ready.borrow_mut().push(key);
}

/// Call `told` whenever the loop of this thread has heard from the kernel, before the tasks get their turn: one place to
/// read a clock for all of them.
///
/// # Panics
/// When no loop runs in this thread.
pub fn on_wake(told: impl Fn() + 'static) {
    let reactor = current().expect("on_wake is called inside of block_on");
    *reactor.on_wake.borrow_mut() = Some(Box::new(told));
}

/// Let the others have their turn.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Reactor {
    fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let remote = Arc::new(Remote::new()?);
        epoll::add(&epoll, remote.descriptor.as_fd(), EventData::new_u64(REMOTE), EventFlags::IN)?;
        Ok(Reactor {
            epoll,
            remote,
            sources: SharedSources::default(),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            root_is_ready: Cell::new(false),
            running: Cell::new((ROOT, ptr::null())),
            share: Share::new(0),
            on_wake: RefCell::default(),
        })
    }

    /// Queue a task for its next turn.
    pub fn schedule(&self, key: TaskKey) {
        if key == ROOT {
            self.root_is_ready.set(true);
        } else if self.tasks.borrow_mut().schedule(key) {
            self.ready.borrow_mut().push(key);
        }
    }

    /// Count one readiness that a task uses. False: it has had its share, and is queued behind the others.
    pub fn spend(&self, cx: &Context<'_>) -> bool {
        match self.share.get() {
            0 => {
                cx.waker().wake_by_ref();
                false
            }
            left => {
                self.share.set(left - 1);
                true
            }
        }
    }

    /// The task that is polled now, if it waits as a whole: with its own waker, not with one of somebody inside of it.
    pub fn running(&self, cx: &Context<'_>) -> Option<TaskKey> {
        let (key, waker) = self.running.get();
        ptr::eq(waker, cx.waker().data()).then_some(key)
    }

    fn waker_of(&self, key: TaskKey) -> Waker {
        Waker::from(Arc::new(Handle { key, remote: self.remote.clone() }))
    }

    fn poll<T>(&self, key: TaskKey, waker: &Waker, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.running.set((key, waker.data()));
        self.share.set(SHARE);
        poll(&mut Context::from_waker(waker))
    }

    /// One turn of a task.
    fn turn(&self, key: TaskKey) {
        let Some(mut task) = self.tasks.borrow_mut().take(key) else { return };
        let polled = catch_unwind(AssertUnwindSafe(|| self.poll(key, &task.waker, |cx| task.future.as_mut().poll(cx))));
        if matches!(polled, Ok(Poll::Pending)) {
            return self.tasks.borrow_mut().put(key, task);
        }
        self.tasks.borrow_mut().free(key);
        end(task);
    }

    /// End the tasks that are left, and those that their ends spawn: they hold the loop that holds them.
    fn end_all(&self) {
        loop {
            let left = self.tasks.borrow_mut().drain();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(end);
        }
        let told = self.on_wake.take();
        drop(told);
    }

    /// Ask the kernel, and wait if nobody is ready.
    fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let busy = self.root_is_ready.get() || !self.ready.borrow().is_empty();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), busy.then_some(&at_once)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(told) = &*self.on_wake.borrow() {
            told();
        }
        for Event { data, flags } in events.drain(..) {
            if data.u64() == REMOTE {
                self.remote.take().into_iter().for_each(|key| self.schedule(key));
                continue;
            }
            let told = self.sources.borrow_mut().note(data.u64(), flags);
            self.tell(told);
        }
        Ok(())
    }

    fn tell(&self, told: Told) {
        if told.reader != NOBODY {
            self.schedule(told.reader);
        }
        if told.writer != NOBODY {
            self.schedule(told.writer);
        }
        told.others.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// What a task owned may schedule others, and may panic as the future did.
fn end(task: Task) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
}

/// The thread knows its loop for as long as this lives, and the loop has tasks no longer than that.
struct Entered(Rc<Reactor>);

impl Entered {
    fn new(reactor: &Rc<Reactor>) -> Self {
        CURRENT.with(|current| {
            let before = current.borrow_mut().replace(reactor.clone());
            assert!(before.is_none(), "a loop runs in this thread already");
        });
        Entered(reactor.clone())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.end_all();
        CURRENT.with(|current| current.borrow_mut().take());
    }
}
