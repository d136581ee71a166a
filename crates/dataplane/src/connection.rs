//! One client connection from accept to close: who it is, what it may do, and one exchange after the other. While it is
//! idle it holds no buffer.

use crate::exchange::{self, After, Exchange};
use crate::gate::Pass;
use crate::live::LivePool;
use crate::snapshot::Mode;
use crate::tcp;
use crate::timers::Timer;
use crate::transport::Stream;
use crate::worker::{ServiceHere, Worker};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use steelyard_balance::ServerIndex;
use steelyard_http::Peer;
use steelyard_http::proxy_protocol::{self, ProxyParsed};
use steelyard_reactor::Socket;

/// What a PROXY header and the request behind it may need at first.
const PROXY_MOST: usize = crate::buffer::SIZE;

pub struct Connection {
    pub worker: Rc<Worker>,
    pub stream: Stream,
    pub timer: Timer,
    pub client: IpAddr,
    /// The client's address and port, as far as the PROXY protocol or the connection says.
    pub source: SocketAddr,
    /// What the client connected to, where a PROXY header says so.
    destination: Option<SocketAddr>,
    pub peer: Peer,
    /// As it is now, or was when it was last there.
    pub service: ServiceHere,
    /// The snapshot that `service` was looked up in.
    stamp: u64,
    /// A change has removed the service: end with the running request.
    orphaned: bool,
}

/// Give the connection a task of its own; a panic in it ends this connection and no other.
pub fn spawn(worker: &Rc<Worker>, service: Arc<str>, stream: Socket, peer: SocketAddr) {
    let worker = worker.clone();
    let Some(service) = worker.service(&service) else { return };
    steelyard_reactor::spawn(run(worker, service, stream, peer));
}

async fn run(worker: Rc<Worker>, service: ServiceHere, stream: Socket, peer: SocketAddr) {
    let _open = worker.shared.open();
    let _counted = Counted::new(&worker, &service);
    let limits = &service.spec.limits;
    let client = peer.ip().to_canonical();
    let trusted = service.trusted.contains(client);
    // A trusted proxy speaks for many clients; whom the connection belongs to, its PROXY header may say.
    let most_per_client = if trusted { 0 } else { limits.connections_per_client };
    let mut pass = match service.gate.enter(client, limits.connections, most_per_client) {
        Ok(pass) => pass,
        Err(reason) => return worker.reject(&service.spec.name, reason),
    };
    let mut connection = Connection {
        stream: Stream::Plain(stream),
        timer: worker.timers.timer(),
        client,
        source: peer,
        destination: None,
        peer: Peer::new(client, trusted, false),
        stamp: worker.stamp(),
        orphaned: false,
        worker: worker.clone(),
        service: service.clone(),
    };
    serve(&mut connection, &mut pass).await;
}

async fn serve(connection: &mut Connection, pass: &mut Pass) {
    let mut waiting = None;
    if connection.service.spec.accept_proxy && connection.peer.trusted {
        match Box::pin(read_proxy_header(connection)).await {
            Some(exchange) => waiting = Some(exchange),
            None => return connection.reject("proxy-header"),
        }
        if !connection.peer.trusted
            && let Err(reason) =
                pass.count_client(connection.client, connection.service.spec.limits.connections_per_client)
        {
            return connection.reject(reason);
        }
    }
    if connection.service.spec.mode == Mode::Tcp {
        let exchange = waiting.unwrap_or_else(|| connection.worker.exchange());
        return Box::pin(tcp::serve(connection, exchange)).await;
    }
    loop {
        let mut exchange = match waiting.take() {
            Some(exchange) => exchange,
            None if connection.await_request().await => connection.worker.exchange(),
            None => return,
        };
        let after = exchange::serve(connection, &mut exchange).await;
        if after != After::KeepAlive {
            return connection.worker.give_back(exchange);
        }
        if exchange.client_in.is_empty() {
            connection.worker.give_back(exchange);
        } else if connection.is_ending() {
            return;
        } else {
            waiting = Some(exchange);
        }
    }
}

/// The PROXY header that a trusted peer must send before anything else. Returns what was read behind it.
async fn read_proxy_header(connection: &mut Connection) -> Option<Box<Exchange>> {
    let mut exchange = connection.worker.exchange();
    let now_ms = connection.worker.clock.refresh() / 1000;
    connection.timer.set(now_ms, connection.service.spec.timeouts.header);
    loop {
        let reading = connection.stream.read(&mut exchange.client_in, PROXY_MOST);
        let Ok(Ok(1..)) = connection.timer.limit(reading).await else { return None };
        if let ProxyParsed::Complete(header) = proxy_protocol::parse(exchange.client_in.bytes()).ok()? {
            exchange.client_in.consume(header.length);
            if let Some(source) = header.source {
                (connection.source, connection.destination) = (source, header.destination);
                connection.client = source.ip().to_canonical();
                let trusted = connection.service.trusted.contains(connection.client);
                connection.peer = Peer::new(connection.client, trusted, false);
            }
            return Some(exchange);
        }
    }
}

impl Connection {
    /// Wait for the first byte of a request. False: the client has gone, its time is up, or the plane is ending.
    async fn await_request(&mut self) -> bool {
        self.timer.set(self.worker.clock.now_ms(), self.service.spec.timeouts.idle);
        poll_fn(|cx| {
            if self.stream.poll_readable(cx).is_ready() {
                return Poll::Ready(true);
            }
            if self.timer.fired() || self.is_ending() {
                return Poll::Ready(false);
            }
            self.timer.register(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Look the service up again if there is a new snapshot; indexes of the old pool become those of the new one.
    pub fn renew(&mut self, tried: &mut Vec<ServerIndex>) {
        let stamp = self.worker.stamp();
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        match self.worker.service(&self.service.spec.name) {
            Some(service) => {
                translate(tried, &self.service.pool, &service.pool);
                self.service = service;
            }
            None => self.orphaned = true,
        }
    }

    /// What the client connected to.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.destination.or_else(|| self.stream.local_address())
    }

    /// Whether the connection is to end with the running request.
    pub fn is_ending(&self) -> bool {
        self.orphaned || self.worker.shared.is_ending()
    }

    /// Count something that was refused, by its reason.
    pub fn reject(&self, reason: &'static str) {
        self.service.counters.of(self.worker.index).reject(reason);
    }
}

fn translate(tried: &mut Vec<ServerIndex>, was: &Arc<LivePool>, now: &Arc<LivePool>) {
    if !Arc::ptr_eq(was, now) {
        let indexes = tried.iter().filter_map(|&index| now.pool.index_of(was.pool.server(index).id()));
        *tried = indexes.collect();
    }
}

/// The connection in the counters of its service.
struct Counted {
    worker: Rc<Worker>,
    service: ServiceHere,
}

impl Counted {
    fn new(worker: &Rc<Worker>, service: &ServiceHere) -> Self {
        let block = service.counters.of(worker.index);
        block.accepted.add(1);
        block.connections.add(1);
        Counted { worker: worker.clone(), service: service.clone() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.service.counters.of(self.worker.index).connections.sub(1);
    }
}
