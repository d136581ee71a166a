//! The plane as its owner sees it: start, apply a snapshot, ask, end. Every method may be called from any thread; none is
//! on the path of a request.

use crate::access_log::{AccessLog, Format, Target};
use crate::bind::bind;
use crate::counters::Counters;
use crate::error::Error;
use crate::failures::Failures;
use crate::listener::ListenKey;
use crate::live::Live;
use crate::report::{Report, ServerReport};
use crate::shared::{self, Shared, lock};
use crate::snapshot::SnapshotSpec;
use crate::worker::{self, Command, Handle};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use steelyard_balance::Choice;

/// How long a worker may take to answer; it needs microseconds unless the machine is starved.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the last lines of the access log may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// 0: one per core that the process may use.
    pub threads: usize,
    pub log: Option<LogOptions>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOptions {
    /// `stdout`, `stderr` or a path.
    pub target: String,
    /// `json` or `combined`.
    pub format: String,
}

impl LogOptions {
    fn open(&self) -> Result<Arc<AccessLog>, Error> {
        let format = match self.format.as_str() {
            "json" => Format::Json,
            "combined" => Format::Combined,
            found => {
                let (path, found) = ("log.format".to_owned(), found.to_owned());
                return Err(Error::Snapshot { path, expected: "json or combined", found });
            }
        };
        AccessLog::open(Target::parse(&self.target), format).map_err(Error::Log)
    }
}

pub struct Engine {
    shared: Arc<Shared>,
    /// None once closed.
    workers: Mutex<Vec<Handle>>,
    /// Held while a snapshot is applied, so that changes come one after the other.
    listeners: Mutex<HashMap<ListenKey, Bound>>,
}

/// Whom a client would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub server: Option<String>,
    pub reason: String,
}

/// A listening address in force.
#[derive(Clone)]
struct Bound {
    service: Arc<str>,
    address: SocketAddr,
}

/// A new listening address: what was bound, and one socket for each worker.
type Binding = (Bound, Vec<TcpListener>);

impl Engine {
    /// Start the threads; they serve nothing until a snapshot is applied.
    pub fn start(options: Options) -> Result<Engine, Error> {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let log = options.log.map(|log| log.open()).transpose()?;
        let counters = Counters::new(threads).map_err(Error::Descriptors)?;
        let shared = Arc::new(Shared::new(threads, counters, log, shared::capacity()));
        let workers = (0..threads).map(|index| worker::start(index, shared.clone())).collect::<Result<_, _>>()?;
        Ok(Engine { shared, workers: Mutex::new(workers), listeners: Mutex::default() })
    }

    /// Put a snapshot in force: bind what is new, swap, close what is gone. On an error the old one stays whole. When
    /// this returns, no thread chooses by the old snapshot any more.
    pub fn apply(&self, spec: SnapshotSpec) -> Result<(), Error> {
        let mut listeners = lock(&self.listeners);
        if self.shared.is_ending() {
            return Err(Error::Closed);
        }
        let live = Live::build(spec, &self.shared.live.load(), &self.shared.counters)?;
        let wanted = wanted(&live)?;
        let bindings = self.bind_new(&wanted, &listeners)?;
        let live = Arc::new(live);
        self.shared.live.store(live.clone());
        live.pools.values().for_each(|pool| pool.pool.published());
        live.pools.values().for_each(|pool| pool.queue.changed());
        self.settle(|done| Command::Changed { done })?;
        for (key, (bound, sockets)) in bindings {
            for (worker, socket) in lock(&self.workers).iter().zip(sockets) {
                let (key, service) = (key.clone(), bound.service.clone());
                let _ = worker.commands.send(Command::Listen { key, service, socket });
            }
            listeners.insert(key, bound);
        }
        self.hand_over(&wanted, &mut listeners);
        let gone: Vec<ListenKey> = listeners.keys().filter(|key| !wanted.contains_key(key)).cloned().collect();
        for key in gone {
            self.settle(|done| Command::Unlisten { key: key.clone(), done })?;
            listeners.remove(&key);
        }
        Ok(())
    }

    /// Service name to the address bound, with the real port.
    pub fn addresses(&self) -> BTreeMap<String, String> {
        let listeners = lock(&self.listeners);
        listeners.values().map(|bound| (bound.service.to_string(), bound.address.to_string())).collect()
    }

    /// All counters since the start.
    pub fn report(&self) -> Report {
        let live = self.shared.live.load();
        let mut report = self.shared.counters.report();
        report.version = live.version;
        if let Some(log) = &self.shared.log {
            (report.log_written, report.log_dropped) = (log.written(), log.dropped());
        }
        for (service, address) in self.addresses() {
            report.services.entry(service).or_default().address = address;
        }
        let now_ms = self.shared.base.elapsed().as_millis() as u64;
        for (name, pool) in &live.pools {
            let servers = &mut report.pools.entry(name.clone()).or_default().servers;
            for server in pool.pool.servers() {
                let entry = servers.entry(server.id().to_owned()).or_default();
                entry.active = server.live().active().into();
                entry.ewma_us = server.live().ewma_us(now_ms) as u64;
            }
        }
        report
    }

    /// What was refused since the start, by service and reason; services that refused nothing are empty.
    pub fn rejections(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        self.shared.counters.rejections()
    }

    /// The counters of one server, without gathering those of all; None when it is unknown.
    pub fn server_report(&self, pool: &str, server: &str) -> Option<ServerReport> {
        let live = self.shared.live.load();
        let pool = live.pools.get(pool)?;
        let index = pool.pool.index_of(server)?;
        let (chosen, counted) = (pool.pool.server(index).live(), &pool.servers[index as usize].counters);
        let now_ms = self.shared.base.elapsed().as_millis() as u64;
        Some(ServerReport {
            active: chosen.active().into(),
            ewma_us: chosen.ewma_us(now_ms) as u64,
            ..counted.report()
        })
    }

    /// What the servers did wrong since the last call, and the descriptor that says when there is news.
    pub fn failures(&self) -> &Failures {
        self.shared.counters.failures()
    }

    /// Requests or connections that the server has now; 0 when it is unknown.
    pub fn active(&self, pool: &str, server: &str) -> u32 {
        self.shared.live.load().pools.get(pool).map_or(0, |pool| pool.pool.active(server))
    }

    /// Whom this client would get now, and why; nothing is changed by asking. `cookie` is the affinity cookie's value, or
    /// `name=value`; empty without one.
    pub fn explain(&self, pool: &str, client: Option<IpAddr>, cookie: &str) -> Explanation {
        let live = self.shared.live.load();
        let Some(pool) = live.pools.get(pool).map(|pool| &pool.pool) else {
            return Explanation { server: None, reason: format!("there is no pool {pool}") };
        };
        let value = cookie.rsplit(['=', '~']).next().filter(|mark| !mark.is_empty());
        let choice = Choice {
            client,
            mark: value.map(str::as_bytes),
            now_ms: self.shared.base.elapsed().as_millis() as u64,
            ..Choice::default()
        };
        let (server, reason) = pool.peek(&choice);
        Explanation { server: server.map(|index| pool.server(index).id().to_owned()), reason }
    }

    /// Open the access log's path again, after it was moved away.
    pub fn reopen_log(&self) -> Result<(), Error> {
        self.shared.log.as_ref().map_or(Ok(()), |log| log.reopen()).map_err(Error::Log)
    }

    /// Close the listeners; connections go on, and keep-alive ends with the running request.
    pub fn stop_accepting(&self) {
        let mut listeners = lock(&self.listeners);
        self.shared.end();
        listeners.clear();
        // A worker that does not answer has nothing that could be closed more gently.
        let _ = self.settle(|done| Command::End { done });
    }

    /// Client connections that are open.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Wait until the connections have ended, then end the rest and the threads. Returns how many were cut.
    pub fn close(&self, timeout: Duration) -> usize {
        self.stop_accepting();
        let cut = self.shared.wait_ended(timeout);
        self.stop();
        cut
    }

    fn stop(&self) {
        for worker in lock(&self.workers).iter() {
            let _ = worker.commands.send(Command::Stop);
        }
        for worker in std::mem::take(&mut *lock(&self.workers)) {
            // A worker that panicked has told so on stderr.
            let _ = worker.thread.join();
        }
        if let Some(log) = &self.shared.log {
            log.close(LOG_PATIENCE);
        }
    }

    fn bind_new(
        &self,
        wanted: &HashMap<ListenKey, Arc<str>>,
        listeners: &HashMap<ListenKey, Bound>,
    ) -> Result<Vec<(ListenKey, Binding)>, Error> {
        let count = lock(&self.workers).len();
        let new = wanted.iter().filter(|(key, _)| !listeners.contains_key(key));
        new.map(|(key, service)| {
            let (address, sockets) = bind(key.address, count).map_err(|source| Error::Bind {
                service: service.to_string(),
                listen: key.address.to_string(),
                source,
            })?;
            Ok((key.clone(), (Bound { service: service.clone(), address }, sockets)))
        })
        .collect()
    }

    /// Listeners that stay may belong to a service of another name now.
    fn hand_over(&self, wanted: &HashMap<ListenKey, Arc<str>>, listeners: &mut HashMap<ListenKey, Bound>) {
        for (key, service) in wanted {
            let Some(bound) = listeners.get_mut(key).filter(|bound| bound.service != *service) else { continue };
            bound.service = service.clone();
            for worker in lock(&self.workers).iter() {
                let _ = worker.commands.send(Command::Serve { key: key.clone(), service: service.clone() });
            }
        }
    }

    /// Give every worker a command and wait until all have obeyed.
    fn settle(&self, command: impl Fn(Sender<()>) -> Command) -> Result<(), Error> {
        let (done, all_done) = channel();
        for worker in lock(&self.workers).iter() {
            worker.commands.send(command(done.clone())).map_err(|_| Error::Closed)?;
        }
        drop(done);
        match all_done.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => Err(Error::Stuck),
            _ => Ok(()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The listening addresses of a snapshot; two services cannot share one.
fn wanted(live: &Live) -> Result<HashMap<ListenKey, Arc<str>>, Error> {
    let mut wanted = HashMap::new();
    for (name, service) in &live.services {
        if let Some(other) = wanted.insert(ListenKey::of(service.listen, name), Arc::from(name.as_str())) {
            let path = format!("services.{name}.listen");
            let found = format!("{}, which services.{other} has", service.listen);
            return Err(Error::Snapshot { path, expected: "an address of its own", found });
        }
    }
    Ok(wanted)
}
