//! Queues, limits and deadlines.

mod support;

use serde_json::json;
use std::sync::Mutex;
use std::sync::mpsc;
use support::*;

/// A server that answers when it is told to, and tells when it has a request.
fn told() -> (Origin, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (arrived, arrivals) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let origin = origin(move |mut peer, _| {
        while peer.message(false).is_some() {
            arrived.send(()).unwrap();
            if wait.lock().unwrap().recv().is_err() {
                return;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (origin, arrivals, go)
}

fn limited(origin: &Origin, max_connections: u32) -> Spec {
    let mut spec = Spec::of(origin);
    spec.servers[0]["max_connections"] = json!(max_connections);
    spec
}

#[test]
fn who_comes_too_many_waits_and_is_served_in_turn() {
    for threads in [1, 2] {
        let (origin, arrivals, go) = told();
        let plane = Plane::with_threads(threads, &limited(&origin, 1));
        let mut clients: Vec<Peer> = (0..4).map(|_| plane.connect()).collect();
        for (waiting, client) in clients.iter_mut().enumerate() {
            client.send(GET);
            eventually("one is served, the rest waits", || {
                plane.engine.active("web", "a") == 1 && plane.report().pools["web"].queued == waiting as u64
            });
        }
        for client in &mut clients {
            arrivals.recv_timeout(DEADLINE).unwrap();
            assert_eq!(plane.engine.active("web", "a"), 1, "never more than max_connections");
            go.send(()).unwrap();
            assert_eq!(client.response().body, "ok");
        }
        let pool = &plane.report().pools["web"];
        assert_eq!((pool.queued, pool.queued_total), (0, 3));
    }
}

#[test]
fn a_full_queue_and_a_long_wait_are_a_503() {
    let (origin, arrivals, go) = told();
    let plane = Plane::serve(&limited(&origin, 1).pool("queue", json!({"size": 1, "timeout_ms": 300})));
    let (mut first, mut second) = (plane.connect(), plane.connect());
    first.send(GET);
    arrivals.recv_timeout(DEADLINE).unwrap();
    second.send(GET);
    eventually("one waits", || plane.report().pools["web"].queued == 1);
    let third = plane.get();
    assert_eq!((third.status(), third.field("retry-after")), (503, Some("1")));
    assert_eq!(second.response().status(), 503);
    let pool = plane.report().pools["web"].clone();
    assert_eq!((pool.queued, pool.queue_refused, pool.queue_timeouts), (0, 1, 1));
    go.send(()).unwrap();
    assert_eq!(first.response().status(), 200);
    second.send(GET);
    arrivals.recv_timeout(DEADLINE).unwrap();
    go.send(()).unwrap();
    assert_eq!(second.response().status(), 200, "the connection was kept");
}

#[test]
fn a_client_that_goes_away_leaves_the_queue() {
    let (origin, arrivals, go) = told();
    let plane = Plane::serve(&limited(&origin, 1));
    let (mut first, mut second) = (plane.connect(), plane.connect());
    first.send(GET);
    arrivals.recv_timeout(DEADLINE).unwrap();
    second.send(GET);
    eventually("one waits", || plane.report().pools["web"].queued == 1);
    drop(second);
    eventually("nobody waits", || plane.report().pools["web"].queued == 0);
    go.send(()).unwrap();
    assert_eq!(first.response().status(), 200);
}

#[test]
fn a_change_lets_those_who_wait_look_again() {
    let (origin, arrivals, go) = told();
    let mut spec = limited(&origin, 1);
    let plane = Plane::serve(&spec);
    let (mut first, mut second) = (plane.connect(), plane.connect());
    first.send(GET);
    arrivals.recv_timeout(DEADLINE).unwrap();
    second.send(GET);
    eventually("one waits", || plane.report().pools["web"].queued == 1);
    spec.version = 2;
    spec.servers.push(server("b", named("b").address));
    plane.apply(&spec);
    assert_eq!(second.response().body, "b");
    go.send(()).unwrap();
    assert_eq!(first.response().body, "ok");
}

#[test]
fn deadlines_of_the_client() {
    for (timeout, sent, status, reason) in [
        ("header", "GET / HTTP/1.1\r\nHost:", 408, "header-timeout"),
        ("body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf", 408, "body-timeout"),
    ] {
        let (origin, _arrivals, _go) = told();
        let plane = Plane::serve(&Spec::of(&origin).timeout(timeout, 200));
        let mut client = plane.connect();
        client.send(sent);
        assert_eq!(client.response().status(), status, "{timeout}");
        client.assert_ended();
        plane.rejected(reason);
    }
}

#[test]
fn an_idle_client_is_closed_without_a_word() {
    let plane = Plane::serve(&Spec::of(&named("a")).timeout("idle", 200));
    let mut client = plane.connect();
    assert_eq!(client.ask(GET).status(), 200);
    client.assert_ended();
    plane.connect().assert_ended();
}

/// Its latency is at least the time that it was waited for, or `peak-ewma` would think ever better of it.
#[test]
fn a_server_that_is_given_up_was_slow() {
    let (origin, _arrivals, _go) = told();
    let spec = Spec::of(&origin).pool("algorithm", json!("peak-ewma")).timeout("response", 200);
    let plane = Plane::serve(&spec);
    assert_eq!(plane.get().status(), 504);
    assert!(plane.report().pools["web"].servers["a"].ewma_us > 0);
}

#[test]
fn deadlines_of_the_server() {
    let (origin, _arrivals, _go) = told();
    let plane = Plane::serve(&Spec::of(&origin).timeout("response", 200));
    assert_eq!(plane.get().status(), 504);
    assert_eq!(plane.report().pools["web"].servers["a"].failed_timeout, 1);
    plane.rejected("response-timeout");

    let stalling = saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let plane = Plane::serve(&Spec::of(&stalling).timeout("stall", 200));
    let mut client = plane.connect();
    client.send(GET);
    assert_eq!(client.head().unwrap().status(), 200);
    assert!(client.rest().is_err(), "a reset, not a clean end");
    assert_eq!(plane.report().pools["web"].servers["a"].failed_timeout, 1);
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let origin = origin(|mut peer, _| {
        peer.message(false);
        let big = vec![b'x'; 64 << 20];
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", big.len());
        let _ = std::io::Write::write_all(&mut peer.stream, head.as_bytes());
        let _ = std::io::Write::write_all(&mut peer.stream, &big);
    });
    let plane = Plane::serve(&Spec::of(&origin).timeout("stall", 200));
    let mut client = plane.connect();
    client.send(GET);
    plane.rejected("client-stalled");
    eventually("it is gone", || plane.engine.connections() == 0);
}

#[test]
fn a_silent_tunnel_is_closed() {
    let origin = saying("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    let plane = Plane::serve(&Spec::of(&origin).timeout("tunnel", 200));
    let mut client = plane.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().unwrap().status(), 101);
    client.assert_ended();
}

#[test]
fn limits_of_connections() {
    for (limit, reason) in [("connections", "connections"), ("connections_per_client", "connections-per-client")] {
        let plane = Plane::serve(&Spec::of(&named("a")).service("limits", json!({limit: 2})));
        let (mut first, mut second) = (plane.connect(), plane.connect());
        assert_eq!((first.ask(GET).status(), second.ask(GET).status()), (200, 200));
        plane.connect().assert_ended();
        plane.rejected(reason);
        drop(first);
        eventually("a place is free", || plane.engine.connections() == 1);
        assert_eq!(plane.get().status(), 200);
    }
}

#[test]
fn a_proxy_header_names_the_client() {
    let (heads, seen) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        heads.send(peer.message(false).unwrap()).unwrap();
        peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    });
    let spec = Spec::of(&origin).service("accept_proxy", json!(true));
    let plane = Plane::serve(&spec.clone().service("trusted_proxies", json!(["127.0.0.0/8"])));
    let mut client = plane.connect();
    client.send(format!("PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n{GET}"));
    assert_eq!(client.response().status(), 204);
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap().field("x-forwarded-for"), Some("192.0.2.9"));

    let mut client = plane.connect();
    client.send(GET);
    client.assert_ended();
    plane.rejected("proxy-header");

    let plane = Plane::serve(&spec);
    let mut client = plane.connect();
    client.send(format!("PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n{GET}"));
    assert_eq!(client.response().status(), 400, "a stranger's header is no header");
}
