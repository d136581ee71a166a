//! Mode `tcp` over real sockets: bytes both ways, another server when one cannot be reached, limits, the PROXY protocol,
//! large transfers and clients that do not read.

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use support::*;

fn spec(servers: Vec<Value>) -> Spec {
    Spec::new(servers).service("mode", json!("tcp"))
}

/// A server that says its name and then returns what it hears.
fn echo(name: &'static str) -> Origin {
    origin(move |mut peer, _| {
        peer.send(name);
        let mut chunk = [0; 65_536];
        while let Ok(count @ 1..) = peer.stream.read(&mut chunk) {
            peer.send(&chunk[..count]);
        }
    })
}

/// A server that tells the test everything it heard on each connection, once that has ended.
fn listening() -> (Origin, mpsc::Receiver<Vec<u8>>) {
    let (heard, hears) = mpsc::channel();
    let heard = Mutex::new(heard);
    let origin = origin(move |mut peer, _| {
        let mut all = Vec::new();
        // A reset ends it as well as an end in order.
        let _ = peer.stream.read_to_end(&mut all);
        heard.lock().unwrap().send(all).unwrap();
    });
    (origin, hears)
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251 + seed) as u8 ^ (n / 65_537) as u8).collect()
}

#[test]
fn bytes_go_both_ways_and_a_half_closed_connection_still_answers() {
    let origin = origin(|mut peer, _| {
        let mut question = String::new();
        peer.stream.read_to_string(&mut question).unwrap();
        peer.send(format!("you said {question}"));
    });
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]));
    let mut client = plane.connect();
    client.send("hello");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest().unwrap(), "you said hello");
    eventually("the connection ended", || plane.engine.connections() == 0);
    let report = plane.report();
    let (service, server) = (&report.services["www"], &report.pools["web"].servers["a"]);
    assert_eq!((service.accepted, service.requests, service.connections), (1, 1, 0));
    assert_eq!((service.bytes_in, service.bytes_out), (5, 14));
    assert_eq!((server.requests, server.connects, server.active), (1, 1, 0));
    assert_eq!((server.bytes_in, server.bytes_out), (14, 5));
    assert_eq!((service.latency.iter().sum::<u64>(), server.latency.iter().sum::<u64>()), (1, 1));
}

#[test]
fn connections_are_spread_and_counted_while_they_last() {
    let (a, b) = (echo("a"), echo("b"));
    let plane = Plane::serve(&spec(vec![server("a", a.address), server("b", b.address)]));
    let mut clients: Vec<_> = (0..6).map(|_| plane.connect()).collect();
    let mut names: Vec<_> = clients.iter_mut().map(|client| client.take(1)).collect();
    names.sort();
    assert_eq!(names.concat(), "aaabbb");
    assert_eq!((plane.engine.active("web", "a"), plane.engine.active("web", "b")), (3, 3));
    drop(clients);
    eventually("all are given back", || plane.engine.active("web", "a") + plane.engine.active("web", "b") == 0);
}

#[test]
fn the_time_of_connecting_is_the_latency_while_the_connection_lasts() {
    let origin = echo("a");
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]).pool("algorithm", json!("peak-ewma")));
    let mut client = plane.connect();
    assert_eq!(client.take(1), "a");
    let server = &plane.report().pools["web"].servers["a"];
    assert!(server.active == 1 && server.ewma_us > 0, "{server:?}");
}

#[test]
fn a_server_that_cannot_be_reached_is_passed_over() {
    let good = echo("good");
    let plane = Plane::serve(&spec(vec![server("dead", nobody()), server("good", good.address)]));
    for _ in 0..4 {
        assert_eq!(plane.connect().take(4), "good");
    }
    let report = plane.report();
    let dead = &report.pools["web"].servers["dead"];
    assert!(dead.failed_connect > 0);
    assert_eq!((dead.connects, dead.active, report.pools["web"].retries), (0, 0, dead.failed_connect));
    let failures = plane.engine.failures().take();
    assert_eq!((failures.len(), failures[0].server.as_str(), failures[0].connect), (1, "dead", dead.failed_connect));
}

#[test]
fn without_a_server_the_client_is_reset_and_the_reason_counted() {
    let plane = Plane::serve(&spec(vec![server("dead", nobody())]));
    assert!(plane.connect().rest().is_err(), "a refusal must not look like an end in order");
    plane.rejected("all-tried");
    let mut out = server("out", nobody());
    out["eligible"] = json!(false);
    plane.apply(&Spec { version: 2, ..spec(vec![out]) });
    assert!(plane.connect().rest().is_err());
    plane.rejected("no-server");
}

#[test]
fn max_connections_holds_and_those_who_wait_are_served_in_the_end() {
    const MOST: usize = 2;
    const ALL: usize = 24;
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let released = Arc::new(AtomicBool::new(false));
    let origin = origin({
        let (now, peak, released) = (now.clone(), peak.clone(), released.clone());
        move |mut peer, _| {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _ = peer.stream.read_to_end(&mut Vec::new());
            eventually("all have come", || released.load(Ordering::SeqCst));
            now.fetch_sub(1, Ordering::SeqCst);
            peer.send("served");
        }
    });
    let mut one = server("a", origin.address);
    one["max_connections"] = json!(MOST);
    let plane = Plane::with_threads(2, &spec(vec![one]).pool("queue", json!({"size": 64, "timeout_ms": 10_000})));
    thread::scope(|scope| {
        for _ in 0..ALL {
            scope.spawn(|| {
                let mut client = plane.connect();
                client.send("question");
                client.stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(client.rest().unwrap(), "served");
            });
        }
        eventually("the rest waits", || plane.report().pools["web"].queued == (ALL - MOST) as u64);
        released.store(true, Ordering::SeqCst);
    });
    assert_eq!((origin.accepted.load(Ordering::SeqCst), peak.load(Ordering::SeqCst)), (ALL, MOST));
    assert_eq!(plane.report().pools["web"].queued, 0);
}

#[test]
fn the_queue_has_a_length_and_a_limit_of_time() {
    let origin = echo("a");
    let mut one = server("a", origin.address);
    one["max_connections"] = json!(1);
    let queue = json!({"size": 1, "timeout_ms": 1_500});
    let plane = Plane::serve(&spec(vec![one]).pool("queue", queue));
    let mut first = plane.connect();
    assert_eq!(first.take(1), "a");
    let mut waits = plane.connect();
    eventually("one waits", || plane.report().pools["web"].queued == 1);
    assert!(plane.connect().rest().is_err());
    plane.rejected("queue-full");
    assert!(waits.rest().is_err());
    plane.rejected("queue-timeout");
    let pool = &plane.report().pools["web"];
    assert_eq!((pool.queued, pool.queued_total, pool.queue_refused, pool.queue_timeouts), (0, 1, 1, 1));
}

#[test]
fn the_same_client_stays_on_its_server() {
    let (a, b) = (echo("a"), echo("b"));
    let affinity = json!({"by": "source", "ttl_ms": 60_000, "capacity": 100});
    let plane = Plane::serve(&spec(vec![server("a", a.address), server("b", b.address)]).pool("affinity", affinity));
    let first = plane.connect().take(1);
    for _ in 0..5 {
        assert_eq!(plane.connect().take(1), first);
    }
}

#[test]
fn a_draining_server_keeps_its_connections_and_gets_no_new_ones() {
    let (a, b) = (echo("a"), echo("b"));
    let servers = vec![server("a", a.address), server("b", b.address)];
    let plane = Plane::serve(&spec(servers.clone()));
    let mut clients: Vec<_> = (0..2).map(|_| plane.connect()).collect();
    let names: Vec<_> = clients.iter_mut().map(|client| client.take(1)).collect();
    let stays = names.iter().position(|name| name == "a").unwrap();
    let mut drained = servers;
    drained[0]["eligible"] = json!(false);
    plane.apply(&Spec { version: 2, ..spec(drained.clone()) });
    clients[stays].send("still here");
    assert_eq!(clients[stays].take(10), "still here");
    assert!((0..4).all(|_| plane.connect().take(1) == "b"));
    // Out altogether: what runs, runs on.
    drained[0]["keeps"] = json!(false);
    drained[0]["address"] = json!(null);
    plane.apply(&Spec { version: 3, ..spec(drained) });
    clients[stays].send("and still");
    assert_eq!(clients[stays].take(9), "and still");
    assert_eq!(plane.engine.active("web", "a"), 1);
}

#[test]
fn a_server_may_listen_on_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("steelyard-tcp-{}.sock", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let mut one = server("a", nobody());
    one["address"] = json!(format!("unix:{}", path.display()));
    let plane = Plane::serve(&spec(vec![one]));
    let mut client = plane.connect();
    let data = pattern(1 << 20, 3);
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn({
        let data = data.clone();
        move || {
            writer.write_all(&data).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut got = Vec::new();
    client.stream.read_to_end(&mut got).unwrap();
    assert!(got == data);
    writing.join().unwrap();
    serving.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn eight_mebibytes_both_ways_at_once_are_exact() {
    const LEN: usize = 8 << 20;
    let origin = origin(|peer, _| {
        let mut writer = peer.stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.write_all(&pattern(LEN, 2)).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        (&peer.stream).read_to_end(&mut got).unwrap();
        assert!(got == pattern(LEN, 1), "the server got something else");
        writing.join().unwrap();
    });
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]));
    let client = plane.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&pattern(LEN, 1)).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    (&client.stream).read_to_end(&mut got).unwrap();
    assert!(got == pattern(LEN, 2), "the client got something else");
    writing.join().unwrap();
    eventually("all is counted", || {
        let service = &plane.report().services["www"];
        (service.bytes_in, service.bytes_out, service.connections) == (LEN as u64, LEN as u64, 0)
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_server_and_is_cut_in_the_end() {
    let written = Arc::new(AtomicUsize::new(0));
    let origin = origin({
        let written = written.clone();
        move |mut peer, _| {
            while let Ok(count) = peer.stream.write(&[0; 65_536]) {
                written.fetch_add(count, Ordering::SeqCst);
            }
        }
    });
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]).timeout("stall", 500));
    let _client = plane.connect();
    eventually("the connection was cut", || plane.engine.connections() == 0 && written.load(Ordering::SeqCst) > 0);
    // What the kernel buffers on two connections, and what is in our hands between them.
    let limit = 3 * kernel_buffer_max() + (4 << 20);
    assert!(written.load(Ordering::SeqCst) < limit, "{} bytes were taken in", written.load(Ordering::SeqCst));
    assert_eq!(plane.engine.active("web", "a"), 0);
}

/// The most that the kernel lets one socket's buffers grow to.
fn kernel_buffer_max() -> usize {
    let most = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
        text.split_whitespace().nth(2).unwrap().parse::<usize>().unwrap()
    };
    most("tcp_rmem") + most("tcp_wmem")
}

#[test]
fn a_connection_on_which_nothing_moves_is_cut() {
    let origin = echo("a");
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]).timeout("tunnel", 300));
    let mut client = plane.connect();
    assert_eq!(client.take(1), "a");
    assert!(client.rest().is_err(), "a cut must not look like an end in order");
}

fn proxied(send: &str, version: u64) -> (Plane, mpsc::Receiver<Vec<u8>>) {
    let (origin, heard) = listening();
    let spec = Spec { version, ..spec(vec![server("a", origin.address)]) };
    let spec = spec.service("accept_proxy", json!(true)).service("trusted_proxies", json!(["127.0.0.0/8"]));
    (Plane::serve(&spec.service("send_proxy", json!(send))), heard)
}

#[test]
fn the_proxy_protocol_carries_the_clients_address() {
    for (send, with) in [("v1", v1 as fn(SocketAddr, SocketAddr) -> Vec<u8>), ("v2", v2)] {
        let (origin, heard) = listening();
        let plane = Plane::serve(&spec(vec![server("a", origin.address)]).service("send_proxy", json!(send)));
        let mut client = plane.connect();
        client.send("hello");
        let expected = [with(client.stream.local_addr().unwrap(), plane.address()), b"hello".to_vec()].concat();
        drop(client);
        assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), expected, "{send}");
        // The header is ours, not the client's.
        eventually("counted", || plane.report().services["www"].bytes_in == 5);
    }
}

fn v1(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port()).into_bytes()
}

fn v2(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    for address in [from, to] {
        let std::net::IpAddr::V4(ip) = address.ip() else { panic!("IPv4 expected") };
        header.extend(ip.octets());
    }
    header.extend(from.port().to_be_bytes());
    header.extend(to.port().to_be_bytes());
    header
}

#[test]
fn a_header_from_a_trusted_proxy_is_believed_and_passed_on() {
    let (from, to) = ("203.0.113.9:4711".parse().unwrap(), "198.51.100.1:443".parse().unwrap());
    for header in [v1(from, to), v2(from, to)] {
        let (plane, heard) = proxied("v1", 1);
        let mut proxy = plane.connect();
        // Byte by byte: the header may come in any pieces.
        for byte in &header {
            proxy.send([*byte]);
        }
        proxy.send("hello");
        drop(proxy);
        assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), [v1(from, to), b"hello".to_vec()].concat());
    }
}

#[test]
fn the_limit_per_client_counts_the_client_and_not_its_proxy() {
    let (origin, _heard) = listening();
    let spec = spec(vec![server("a", origin.address)]).service("limits", json!({"connections_per_client": 1}));
    let spec = spec.service("accept_proxy", json!(true)).service("trusted_proxies", json!(["127.0.0.1"]));
    let plane = Plane::serve(&spec);
    let connect = |client: &str| {
        let mut proxy = plane.connect();
        proxy.send(format!("PROXY TCP4 {client} 198.51.100.1 4711 443\r\n"));
        proxy
    };
    let _first = connect("203.0.113.1");
    let _other = connect("203.0.113.2");
    eventually("both are served", || plane.engine.active("web", "a") == 2);
    connect("203.0.113.1").assert_ended();
    plane.rejected("connections-per-client");
}

#[test]
fn what_comes_in_one_piece_behind_the_header_is_not_lost() {
    let (plane, heard) = proxied("off", 1);
    let mut proxy = plane.connect();
    proxy.send([b"PROXY UNKNOWN\r\n".as_slice(), &pattern(100_000, 5)].concat());
    drop(proxy);
    assert!(heard.recv_timeout(DEADLINE).unwrap() == pattern(100_000, 5));
}

#[test]
fn a_hostile_header_reaches_no_server() {
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
    let huge = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".as_slice(), &[0; 9_000]].concat();
    let torn_tlv = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0e\x7f\0\0\x01\x7f\0\0\x01\0\x50\0\x50\x04\0".to_vec();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n".to_vec(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 80\r\n".to_vec(),
        b"PROXY TCP4 ::1 ::2 80 80\r\n".to_vec(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 80\n".to_vec(),
        long.into_bytes(),
        huge,
        torn_tlv,
    ] {
        let (plane, heard) = proxied("off", 1);
        let mut proxy = plane.connect();
        // It may be refused before all is sent.
        let _ = proxy.stream.write_all(&bytes);
        plane.rejected("proxy-header");
        proxy.rest().unwrap_or_default();
        assert!(heard.try_recv().is_err(), "a server heard of {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_header_that_does_not_come_in_time_is_refused() {
    let (origin, _heard) = listening();
    let spec = spec(vec![server("a", origin.address)]).timeout("header", 200);
    let spec = spec.service("accept_proxy", json!(true)).service("trusted_proxies", json!(["127.0.0.1"]));
    let plane = Plane::serve(&spec);
    let mut proxy = plane.connect();
    proxy.send("PROXY TCP4 ");
    plane.rejected("proxy-header");
    assert_eq!(proxy.rest().unwrap_or_default(), "");
}

#[test]
fn from_anybody_else_a_header_is_nothing_but_bytes() {
    let (origin, heard) = listening();
    let spec = spec(vec![server("a", origin.address)]).service("accept_proxy", json!(true));
    let plane = Plane::serve(&spec.service("trusted_proxies", json!(["192.0.2.0/24"])));
    let mut client = plane.connect();
    client.send("PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\nhello");
    drop(client);
    assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\nhello");
}

#[test]
fn a_server_that_breaks_off_before_a_word_was_said_has_failed() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let origin = origin(move |peer, _| {
        gone.lock().unwrap().recv().unwrap();
        socket2::SockRef::from(&peer.stream).set_linger(Some(Default::default())).unwrap();
    });
    let plane = Plane::serve(&spec(vec![server("a", origin.address)]));
    let mut client = plane.connect();
    eventually("the two are joined", || plane.report().pools["web"].servers["a"].requests == 1);
    go.send(()).unwrap();
    client.assert_ended();
    eventually("the reset is counted", || plane.report().pools["web"].servers["a"].failed_reset == 1);
}

/// A connection of each kind to `a` and to `b`; what cuts those to `a` leaves those to `b` alone.
fn long_connections(mode: &str, spec: &Spec) -> (Plane, [Peer; 2]) {
    let plane = Plane::serve(spec);
    let clients = ["a", "b"].map(|name| {
        let mut client = plane.connect();
        if mode == "proxy" {
            client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
            assert_eq!(client.head().unwrap().status(), 101);
        }
        assert_eq!(client.take(1), name);
        client
    });
    (plane, clients)
}

fn echoing(mode: &'static str, name: &'static str) -> Origin {
    origin(move |mut peer, _| {
        if mode == "proxy" {
            peer.head().unwrap();
            peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        }
        peer.send(name);
        let mut piece = [0; 64];
        while let Ok(count @ 1..) = std::io::Read::read(&mut peer.stream, &mut piece) {
            peer.send(&piece[..count]);
        }
    })
}

#[test]
fn connections_end_with_their_server_only_where_the_pool_says_so() {
    for mode in ["tcp", "proxy"] {
        for (cuts, what) in [(true, "down"), (true, "removed"), (false, "down"), (false, "removed")] {
            let (a, b) = (echoing(mode, "a"), echoing(mode, "b"));
            let mut spec = Spec::new(vec![server("a", a.address), server("b", b.address)])
                .service("mode", json!(mode))
                .pool("cuts", json!(cuts));
            let (plane, [mut to_a, mut to_b]) = long_connections(mode, &spec);
            spec.version = 2;
            // A draining server keeps its own, whatever the pool says.
            spec.servers[1]["eligible"] = json!(false);
            plane.apply(&spec);
            spec.version = 3;
            if what == "removed" {
                spec.servers.remove(0);
            } else {
                let server = &mut spec.servers[0];
                (server["eligible"], server["keeps"], server["cut"]) = (json!(false), json!(false), json!(cuts));
            }
            plane.apply(&spec);
            if cuts {
                to_a.assert_ended();
                eventually("the server is given back", || plane.engine.active("web", "a") == 0);
            } else {
                to_a.send("still");
                assert_eq!(to_a.take(5), "still", "{mode} {what}");
            }
            to_b.send("here");
            assert_eq!(to_b.take(4), "here", "{mode} {what}");
        }
    }
}
