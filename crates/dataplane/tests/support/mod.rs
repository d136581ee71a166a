//! Real sockets for the tests: origins that are scripted byte by byte, a client that reads whole messages, and the
//! snapshot of one service. Every read has a deadline, so a test that would hang fails instead.

#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use steelyard_dataplane::report::Report;
use steelyard_dataplane::{Engine, Options};

pub const DEADLINE: Duration = Duration::from_secs(10);

/// Wait until `condition` holds; fail loudly if it never does.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::yield_now();
    }
}

/// One side of a connection, with what was read and not used yet.
pub struct Peer {
    pub stream: TcpStream,
    pending: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Without the empty line.
    pub head: String,
    /// As framed by Content-Length; chunked bodies are taken apart. Trailers are appended to the head.
    pub body: String,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Peer {
        Peer::new(TcpStream::connect(address).expect("the listener accepts"))
    }

    pub fn new(stream: TcpStream) -> Peer {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, pending: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the peer reads");
    }

    /// More bytes; false at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        let mut chunk = [0; 65536];
        let count = self.stream.read(&mut chunk)?;
        self.pending.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    fn take_until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.pending.windows(end.len()).position(|window| window == end) {
                let taken: Vec<u8> = self.pending.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(&taken[..at]).into_owned());
            }
            if !self.fill().expect("bytes before the deadline") {
                return None;
            }
        }
    }

    pub fn take(&mut self, count: usize) -> String {
        while self.pending.len() < count {
            assert!(self.fill().expect("bytes before the deadline"), "ended after {:?}", self.pending);
        }
        String::from_utf8_lossy(&self.pending.drain(..count).collect::<Vec<_>>()).into_owned()
    }

    /// A head alone; none when the peer has ended first.
    pub fn head(&mut self) -> Option<Message> {
        let head = self.take_until(b"\r\n\r\n")?;
        Some(Message { head, body: String::new() })
    }

    /// A whole message; `bodiless` for responses to HEAD. None when the peer has ended first.
    pub fn message(&mut self, bodiless: bool) -> Option<Message> {
        let mut message = self.head()?;
        if bodiless || matches!(message.status(), 100..=199 | 204 | 304) {
            return Some(message);
        }
        if message.field("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.take_until(b"\r\n")?, 16).expect("a chunk size");
                if size == 0 {
                    break;
                }
                message.body += &self.take(size);
                assert_eq!(self.take(2), "\r\n");
            }
            loop {
                match self.take_until(b"\r\n")?.as_str() {
                    "" => return Some(message),
                    trailer => message.head += &format!("\r\n{trailer}"),
                }
            }
        }
        if let Some(length) = message.field("content-length") {
            let length = length.parse().expect("a length");
            message.body = self.take(length);
        }
        Some(message)
    }

    pub fn response(&mut self) -> Message {
        self.message(false).expect("a response")
    }

    pub fn ask(&mut self, request: &str) -> Message {
        self.send(request);
        self.response()
    }

    /// Everything until the peer ends; an error when it ends with a reset.
    pub fn rest(&mut self) -> std::io::Result<String> {
        while self.fill()? {}
        Ok(String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned())
    }

    /// The peer ends without another byte.
    pub fn assert_ended(&mut self) {
        match self.rest() {
            Ok(rest) => assert_eq!(rest, ""),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it did not end"),
        }
    }
}

/// A server that runs `script` for every connection it accepts; the script gets the connection and its number.
pub struct Origin {
    pub address: SocketAddr,
    pub accepted: Arc<AtomicUsize>,
}

pub fn origin(script: impl Fn(Peer, usize) + Send + Sync + 'static) -> Origin {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, script) = (Arc::new(AtomicUsize::new(0)), Arc::new(script));
    let counter = accepted.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (number, script) = (counter.fetch_add(1, Ordering::SeqCst), script.clone());
            std::thread::spawn(move || script(Peer::new(stream), number));
        }
    });
    Origin { address, accepted }
}

/// A server that answers every request with `name`.
pub fn named(name: &'static str) -> Origin {
    origin(move |mut peer, _| {
        while let Some(request) = peer.message(false) {
            let body = if request.head.starts_with("HEAD") { "" } else { name };
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", name.len()));
        }
    })
}

/// A server that answers the first request of every connection with exactly these bytes, and keeps it open.
pub fn saying(reply: &'static str) -> Origin {
    origin(move |mut peer, _| {
        while peer.message(false).is_some() {
            peer.send(reply);
        }
    })
}

/// An address where nothing listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The snapshot of one service `www` with one pool `web`.
#[derive(Clone)]
pub struct Spec {
    pub version: u64,
    pub servers: Vec<Value>,
    pub pool: Value,
    pub service: Value,
}

pub fn server(id: &str, address: SocketAddr) -> Value {
    json!({"id": id, "address": address.to_string(), "weight": 1, "eligible": true, "keeps": true,
           "max_connections": 0, "mark": format!("mark-of-{id}")})
}

impl Spec {
    pub fn new(servers: Vec<Value>) -> Spec {
        Spec { version: 1, servers, pool: json!({}), service: json!({}) }
    }

    pub fn of(origin: &Origin) -> Spec {
        Spec::new(vec![server("a", origin.address)])
    }

    pub fn pool(mut self, key: &str, value: Value) -> Spec {
        self.pool[key] = value;
        self
    }

    pub fn service(mut self, key: &str, value: Value) -> Spec {
        self.service[key] = value;
        self
    }

    pub fn timeout(mut self, key: &str, ms: u64) -> Spec {
        self.service["timeouts"][key] = json!(ms);
        self
    }

    pub fn value(&self) -> Value {
        let mut pool = json!({
            "name": "web", "revision": self.version, "algorithm": "round-robin", "affinity": null,
            "queue": {"size": 16, "timeout_ms": 5_000},
            "retry": {"attempts": 3, "budget": 0.2, "min_per_second": 10},
            "hash_mask_v4": 32, "hash_mask_v6": 64, "servers": self.servers,
        });
        let mut service = json!({
            "name": "www", "mode": "proxy", "listen": "127.0.0.1:0", "pool": "web", "trusted_proxies": [],
            "forwarded": false, "via": "", "request_id": "", "accept_proxy": false, "send_proxy": "off",
            "timeouts": {"header": 10_000, "idle": 60_000, "body": 30_000, "connect": 3_000, "response": 60_000,
                         "stall": 60_000, "tunnel": 60_000, "upstream_idle": 30_000},
            "limits": {"request_line": 8192, "header_bytes": 32768, "header_count": 100, "connections": 0,
                       "connections_per_client": 0, "body_rate_min": 256},
        });
        merge(&mut pool, &self.pool);
        merge(&mut service, &self.service);
        json!({"version": self.version, "pools": [pool], "services": [service]})
    }
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        if value.is_object() && into[key].is_object() {
            merge(&mut into[key], value);
        } else {
            into[key] = value.clone();
        }
    }
}

/// An engine with one worker that serves the spec.
pub struct Plane {
    pub engine: Engine,
}

impl Plane {
    pub fn serve(spec: &Spec) -> Plane {
        Plane::with_threads(1, spec)
    }

    pub fn with_threads(threads: usize, spec: &Spec) -> Plane {
        let engine = Engine::start(Options { threads, log: None }).unwrap();
        let plane = Plane { engine };
        plane.apply(spec);
        plane
    }

    pub fn apply(&self, spec: &Spec) {
        self.engine.apply(serde_json::from_value(spec.value()).unwrap()).unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.engine.addresses()["www"].parse().unwrap()
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(self.address())
    }

    /// One request on a connection of its own.
    pub fn get(&self) -> Message {
        self.connect().ask(GET)
    }

    pub fn report(&self) -> Report {
        self.engine.report()
    }

    /// Wait until something was refused for this reason.
    pub fn rejected(&self, reason: &str) {
        eventually(&format!("a rejection by {reason}"), || {
            self.report().services["www"].rejected.get(reason).is_some_and(|count| *count > 0)
        });
    }
}

pub const GET: &str = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
pub const POST: &str = "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nbody";
