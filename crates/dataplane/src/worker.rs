//! One worker: a thread with an event loop and everything that its connections need, so that the path of a
//! request meets no lock. The engine steers it through [`Command`]s.

use crate::access_log::Lines;
use crate::address::Address;
use crate::addresses::Slot;
use crate::budget::Budget;
use crate::buffer::Spare;
use crate::clock::Clock;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::listener::{self, ListenKey, Listener};
use crate::live::{Live, LivePool, Service};
use crate::shared::Shared;
use crate::timers::{TICK_MS, Timers};
use crate::upstream::Idle;
use arc_swap::{ArcSwap, Cache};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use steelyard_balance::spec::RetrySpec;
use steelyard_reactor::{Interval, Receiver, Sender as Commands, inbox};

/// Ticks between two looks at the idle connections to servers.
const SWEEP_TICKS: u64 = 10;
/// Exchanges that a worker keeps for reuse; more are given back to the system.
const EXCHANGES_MOST: usize = 256;

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
    pub commands: Commands<Command>,
    pub thread: JoinHandle<()>,
}

/// A service as the tasks of one thread hold it: counted without an atomic operation.
pub type ServiceHere = Rc<Arc<Service>>;

/// What the tasks of one thread share.
pub struct Worker {
    pub index: usize,
    pub shared: Arc<Shared>,
    pub clock: Clock,
    pub timers: Rc<Timers>,
    pub idle: RefCell<Idle>,
    pub spare: Spare,
    pub lines: RefCell<Option<Lines>>,
    live: RefCell<Cache<Arc<ArcSwap<Live>>, Arc<Live>>>,
    services: RefCell<(u64, HashMap<Arc<str>, ServiceHere>)>,
    listeners: RefCell<HashMap<ListenKey, Rc<Listener>>>,
    #[expect(clippy::vec_box, reason = "a connection's future holds one by a pointer, and none while it is idle")]
    exchanges: RefCell<Vec<Box<Exchange>>>,
    budgets: RefCell<Vec<Budget>>,
    random: Cell<u64>,
}

/// Start the thread of worker `index`.
pub fn start(index: usize, shared: Arc<Shared>) -> Result<Handle, Error> {
    let (commands, receiver) = inbox();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("steelyard-{index}"))
        .spawn(move || {
            let started = ready.clone();
            let ended = steelyard_reactor::block_on(async {
                let ticks = Interval::new(Duration::from_millis(TICK_MS))?;
                let _ = started.send(Ok(()));
                run(Rc::new(Worker::new(index, shared)), ticks, receiver).await;
                Ok(())
            });
            if let Err(error) = ended.and_then(|run| run) {
                let _ = ready.send(Err(error));
            }
        })
        .map_err(Error::Thread)?;
    is_ready.recv().map_err(|_| Error::Stuck)?.map_err(Error::Thread)?;
    Ok(Handle { commands, thread })
}

async fn run(worker: Rc<Worker>, ticks: Interval, mut commands: Receiver<Command>) {
    let waking = worker.clone();
    steelyard_reactor::on_wake(move || {
        waking.clock.refresh();
    });
    steelyard_reactor::spawn(tick(worker.clone(), ticks));
    while let Some(command) = commands.receive().await {
        if let Command::Stop = command {
            break;
        }
        worker.obey(command);
    }
}

async fn tick(worker: Rc<Worker>, mut ticks: Interval) {
    for count in 1u64.. {
        ticks.tick().await;
        worker.timers.tick(worker.clock.now_ms());
        worker.hand_over_lines();
        if count.is_multiple_of(SWEEP_TICKS) {
            worker.idle.borrow_mut().sweep(worker.clock.now_ms());
        }
    }
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>) -> Self {
        Worker {
            index,
            live: RefCell::new(Cache::new(shared.live.clone())),
            lines: RefCell::new(shared.log.as_ref().map(|log| log.lines())),
            clock: Clock::start(shared.base),
            shared,
            timers: Rc::default(),
            idle: RefCell::default(),
            spare: Spare::default(),
            services: RefCell::default(),
            listeners: RefCell::default(),
            exchanges: RefCell::default(),
            budgets: RefCell::default(),
            random: Cell::new(RandomState::new().hash_one(index)),
        }
    }

    /// Which snapshot is in force.
    pub fn stamp(&self) -> u64 {
        self.live.borrow_mut().load().stamp
    }

    /// Whether a connection to this address may wait for another request.
    pub fn may_keep(&self, slot: Slot, address: &Address) -> bool {
        self.live.borrow_mut().load().addresses.has(slot, address)
    }

    /// The service as it is now; none when a change removed it.
    pub fn service(&self, name: &str) -> Option<ServiceHere> {
        let mut live = self.live.borrow_mut();
        let live = live.load();
        let (snapshot, services) = &mut *self.services.borrow_mut();
        if *snapshot != live.stamp {
            *snapshot = live.stamp;
            *services = live.services.iter().map(|(name, s)| (Arc::from(name.as_str()), Rc::new(s.clone()))).collect();
        }
        services.get(name).cloned()
    }

    /// The pool as it is now.
    pub fn pool(&self, name: &str) -> Option<Arc<LivePool>> {
        self.live.borrow_mut().load().pools.get(name).cloned()
    }

    /// Count something that was refused before a request was read.
    pub fn reject(&self, service: &str, reason: &'static str) {
        if let Some(service) = self.service(service) {
            service.counters.of(self.index).reject(reason);
        }
    }

    /// 64 fresh random bits, by xorshift64*: for spreading load and for request ids, not for secrets.
    pub fn random(&self) -> u64 {
        let mut bits = self.random.get() | 1;
        bits ^= bits >> 12;
        bits ^= bits << 25;
        bits ^= bits >> 27;
        self.random.set(bits);
        bits.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Let the access log's writer have the lines so far.
    fn hand_over_lines(&self) {
        if let Some(lines) = &mut *self.lines.borrow_mut() {
            lines.hand_over();
        }
    }

    /// Memory for one exchange, used before where possible.
    pub fn exchange(&self) -> Box<Exchange> {
        self.exchanges.borrow_mut().pop().unwrap_or_default()
    }

    pub fn give_back(&self, mut exchange: Box<Exchange>) {
        exchange.clear();
        let mut exchanges = self.exchanges.borrow_mut();
        if exchanges.len() < EXCHANGES_MOST {
            exchanges.push(exchange);
        }
    }

    /// The pool's request counts for its retry budget.
    pub fn count_request(&self, pool: usize) {
        let mut budgets = self.budgets.borrow_mut();
        if budgets.len() <= pool {
            budgets.resize_with(pool + 1, Budget::default);
        }
        budgets[pool].request(self.clock.now_ms());
    }

    pub fn may_retry(&self, pool: usize, spec: &RetrySpec) -> bool {
        let workers = self.shared.workers;
        self.budgets.borrow_mut().get_mut(pool).is_some_and(|b| b.retry(self.clock.now_ms(), spec, workers))
    }

    fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Changed { done } => {
                let mut live = self.live.borrow_mut();
                self.idle.borrow_mut().prune(live.load());
                if live.load().pools.values().any(|pool| pool.pool.spec().cuts) {
                    self.timers.wake_all();
                }
                drop(done);
            }
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
        let Ok(socket) = steelyard_reactor::Listener::new(socket) else {
            self.reject(&service, "descriptors");
            return;
        };
        let listener = Listener::new(service);
        self.listeners.borrow_mut().insert(key, listener.clone());
        steelyard_reactor::spawn(listener::accept(self.clone(), listener, socket));
    }
}
