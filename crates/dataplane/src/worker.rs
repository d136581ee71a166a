//! One worker: a thread with a single-threaded runtime and everything that its connections need, so that the path of a
//! request meets no lock. The engine steers it through [`Command`]s.

use crate::clock::Clock;
use crate::error::Error;
use crate::listener::{self, ListenKey, Listener};
use crate::live::{Live, Service};
use crate::shared::Shared;
use crate::timers::{TICK_MS, Timers};
use arc_swap::Cache;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the engine asks of a worker. `done` is dropped when the worker has done it.
pub enum Command {
    /// The snapshot was replaced.
    Changed {
        done: Sender<()>,
    },
    Listen {
        key: ListenKey,
        service: Arc<str>,
        socket: TcpListener,
    },
    /// The listener stays, but now belongs to this service.
    Serve {
        key: ListenKey,
        service: Arc<str>,
    },
    Unlisten {
        key: ListenKey,
        done: Sender<()>,
    },
    /// Idle connections close; the others end with the request that runs.
    End {
        done: Sender<()>,
    },
    /// Close everything and end the thread.
    Stop,
}

/// The engine's end of a worker.
pub struct Handle {
    pub commands: UnboundedSender<Command>,
    pub thread: JoinHandle<()>,
}

/// What the tasks of one thread share.
pub struct Worker {
    pub index: usize,
    pub shared: Arc<Shared>,
    pub clock: Clock,
    pub timers: Rc<Timers>,
    live: RefCell<Cache<Arc<arc_swap::ArcSwap<Live>>, Arc<Live>>>,
    listeners: RefCell<HashMap<ListenKey, Rc<Listener>>>,
}

/// Start the thread of worker `index`.
pub fn start(index: usize, shared: Arc<Shared>) -> Result<Handle, Error> {
    let (commands, receiver) = unbounded_channel();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("steelyard-{index}"))
        .spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(run(Rc::new(Worker::new(index, shared)), receiver));
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })
        .map_err(Error::Thread)?;
    is_ready.recv().map_err(|_| Error::Stuck)?.map_err(Error::Thread)?;
    Ok(Handle { commands, thread })
}

async fn run(worker: Rc<Worker>, mut commands: UnboundedReceiver<Command>) {
    let ticking = tokio::task::spawn_local(tick(worker.clone()));
    while let Some(command) = commands.recv().await {
        if let Command::Stop = command {
            break;
        }
        worker.obey(command);
    }
    ticking.abort();
}

async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(Duration::from_millis(TICK_MS));
    loop {
        interval.tick().await;
        worker.clock.refresh();
        worker.timers.tick(worker.clock.now_ms());
    }
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>) -> Self {
        Worker {
            index,
            live: RefCell::new(Cache::new(shared.live.clone())),
            shared,
            clock: Clock::start(),
            timers: Rc::default(),
            listeners: RefCell::default(),
        }
    }

    /// The service as it is now; none when a change removed it.
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.live.borrow_mut().load().services.get(name).cloned()
    }

    /// Count something that was refused before a request was read.
    pub fn reject(&self, service: &str, reason: &'static str) {
        if let Some(service) = self.service(service) {
            service.counters.of(self.index).reject(reason);
        }
    }

    fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Changed { done } => drop(done),
            Command::Listen { key, service, socket } => self.listen(key, service, socket),
            Command::Serve { key, service } => {
                if let Some(listener) = self.listeners.borrow().get(&key) {
                    *listener.service.borrow_mut() = service;
                }
            }
            Command::Unlisten { key, done } => {
                if let Some(listener) = self.listeners.borrow_mut().remove(&key) {
                    listener.stop(done);
                }
            }
            Command::End { done } => {
                for (_, listener) in self.listeners.borrow_mut().drain() {
                    listener.stop(done.clone());
                }
                self.timers.wake_all();
            }
            Command::Stop => {}
        }
    }

    fn listen(self: &Rc<Self>, key: ListenKey, service: Arc<str>, socket: TcpListener) {
        let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
            self.reject(&service, "descriptors");
            return;
        };
        let listener = Listener::new(service);
        self.listeners.borrow_mut().insert(key, listener.clone());
        tokio::task::spawn_local(listener::accept(self.clone(), listener, socket));
    }
}
