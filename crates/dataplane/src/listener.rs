//! One worker's share of a listening address: accept, count, hand each connection to a task of its own. Out of
//! descriptors, it pauses and lets what is connected go on.

use crate::connection;
use crate::worker::Worker;
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Poll, Waker};
use steelyard_reactor::{Listener as ListeningSocket, Socket};

/// How long a worker that may not accept waits before it tries again.
const PAUSE_MS: u64 = 50;

/// A listening address is known by what the configuration says, so that a renamed service keeps its socket; with port 0
/// each service has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenKey {
    pub address: SocketAddr,
    pub service: Option<Arc<str>>,
}

impl ListenKey {
    pub fn of(address: SocketAddr, service: &str) -> Self {
        ListenKey { address, service: (address.port() == 0).then(|| Arc::from(service)) }
    }
}

/// What the accepting task and the worker's commands share.
pub struct Listener {
    /// Whom new connections belong to.
    pub service: RefCell<Arc<str>>,
    stopped: Cell<bool>,
    done: RefCell<Option<Sender<()>>>,
    waker: RefCell<Option<Waker>>,
}

impl Listener {
    pub fn new(service: Arc<str>) -> Rc<Self> {
        Rc::new(Listener {
            service: RefCell::new(service),
            stopped: Cell::new(false),
            done: RefCell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// Accept what the kernel has already taken, then close. `done` is dropped when that has happened.
    pub fn stop(&self, done: Sender<()>) {
        self.stopped.set(true);
        *self.done.borrow_mut() = Some(done);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// The accepting task.
pub async fn accept(worker: Rc<Worker>, listener: Rc<Listener>, socket: ListeningSocket) {
    loop {
        if worker.shared.is_full() && !listener.stopped.get() {
            pause(&worker).await;
            continue;
        }
        match next(&listener, &socket).await {
            Some(Ok((stream, peer))) => open(&worker, &listener, stream, peer),
            Some(Err(error)) if is_exhaustion(&error) => {
                worker.reject(&listener.service.borrow(), "descriptors");
                if listener.stopped.get() {
                    break;
                }
                pause(&worker).await;
            }
            // The client went away between its SYN and our accept.
            Some(Err(_)) => {}
            None => break,
        }
    }
    close(&worker, &listener, socket);
}

/// Deadlines are kept by a tick, so it may last a tick longer.
async fn pause(worker: &Worker) {
    let timer = worker.timers.timer();
    timer.set(worker.clock.refresh() / 1000, PAUSE_MS);
    let _ = timer.limit(pending::<()>()).await;
}

/// The next connection; none once the listener is stopped.
async fn next(listener: &Listener, socket: &ListeningSocket) -> Option<io::Result<(Socket, SocketAddr)>> {
    poll_fn(|cx| match socket.poll_accept(cx) {
        Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
        Poll::Pending if listener.stopped.get() => Poll::Ready(None),
        Poll::Pending => {
            *listener.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        }
    })
    .await
}

/// Closing a listening socket resets the connections that wait in it, so they are taken first.
fn close(worker: &Rc<Worker>, listener: &Listener, socket: ListeningSocket) {
    while let Ok((stream, peer)) = socket.accept() {
        open(worker, listener, stream, peer);
    }
    drop(socket);
    listener.done.borrow_mut().take();
}

fn open(worker: &Rc<Worker>, listener: &Listener, stream: Socket, peer: SocketAddr) {
    let service = listener.service.borrow().clone();
    connection::spawn(worker, service, stream, peer);
}

fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
