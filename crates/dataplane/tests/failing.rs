//! What servers do wrong, what is tried again and what the client gets.

mod support;

use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use support::*;

/// RFC 9112 §6.3 and facts of the field: what may not be forwarded is a 502, and the connection is closed.
#[test]
fn bad_replies_are_a_502() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "banana\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let plane = Plane::serve(&Spec::of(&saying(reply)));
        let mut client = plane.connect();
        let response = client.ask(GET);
        assert_eq!(response.status(), 502, "{reply}");
        assert_eq!(plane.report().pools["web"].servers["a"].failed_protocol, 1, "{reply}");
        assert_eq!(client.ask(GET).status(), 502, "the client's connection is kept: {reply}");
    }
}

#[test]
fn bytes_behind_a_reply_end_the_connection_to_the_server() {
    let origin =
        saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    for number in 1..4 {
        assert_eq!(client.ask(GET).body, "ok");
        assert_eq!(origin.accepted.load(Ordering::SeqCst), number);
    }
}

#[test]
fn a_truncated_body_never_ends_cleanly() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        for request in [GET, "GET / HTTP/1.0\r\n\r\n"] {
            let (go, wait) = mpsc::channel::<()>();
            let wait = std::sync::Mutex::new(wait);
            let origin = origin(move |mut peer, _| {
                peer.message(false);
                peer.send(reply);
                let _ = wait.lock().unwrap().recv();
            });
            let plane = Plane::serve(&Spec::of(&origin));
            let mut client = plane.connect();
            client.send(request);
            assert_eq!(client.head().unwrap().status(), 200);
            go.send(()).unwrap();
            match client.rest() {
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
                Ok(rest) => assert!(!rest.ends_with("0\r\n\r\n") && request == GET, "{rest:?}"),
            }
            assert_eq!(plane.report().pools["web"].servers["a"].failed_reset, 1, "{reply}");
        }
    }
}

#[test]
fn whoever_cannot_be_reached_is_not_noticed() {
    let good = named("good");
    let spec = Spec::new(vec![server("dead", nobody()), server("good", good.address)]);
    let plane = Plane::serve(&spec);
    let mut client = plane.connect();
    for request in [GET, POST, GET, POST] {
        assert_eq!(client.ask(request).body, "good");
    }
    let pool = &plane.report().pools["web"];
    assert!(pool.retries >= 2 && pool.servers["dead"].failed_connect == pool.retries, "{pool:?}");
}

#[test]
fn when_nobody_can_be_reached_it_is_a_503_and_each_was_tried_once() {
    let spec = Spec::new(vec![server("a", nobody()), server("b", nobody())]);
    let plane = Plane::serve(&spec);
    let response = plane.get();
    assert_eq!((response.status(), response.field("retry-after")), (503, Some("1")));
    let pool = &plane.report().pools["web"];
    assert_eq!((pool.servers["a"].failed_connect, pool.servers["b"].failed_connect), (1, 1));
}

#[test]
fn without_an_eligible_server_it_is_a_503_at_once() {
    let mut spec = Spec::of(&named("a"));
    spec.servers[0]["eligible"] = json!(false);
    let plane = Plane::serve(&spec);
    let mut client = plane.connect();
    assert_eq!((client.ask(GET).status(), client.ask(GET).status()), (503, 503));
    plane.rejected("no-server");
}

/// A server that reads a request and then hangs up, `times` times, and behaves afterwards.
fn hanging_up(times: usize) -> (Origin, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let origin = origin(move |mut peer, _| {
        while peer.message(false).is_some() {
            if counter.fetch_add(1, Ordering::SeqCst) < times {
                return;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (origin, seen)
}

#[test]
fn an_idempotent_request_goes_to_another_server_others_are_never_sent_twice() {
    for (request, worst) in [(GET, 200), (POST, 502)] {
        let (bad, seen) = hanging_up(usize::MAX);
        let good = named("good");
        let plane = Plane::serve(&Spec::new(vec![server("bad", bad.address), server("good", good.address)]));
        let mut client = plane.connect();
        let mut statuses: Vec<u16> = (0..2).map(|_| client.ask(request).status()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, worst]);
        let failed = plane.report().pools["web"].servers["bad"].failed_reset;
        assert_eq!(seen.load(Ordering::SeqCst) as u64, failed, "each attempt was seen once");
        assert!(failed >= 1);
    }
}

#[test]
fn the_retry_budget_is_kept() {
    let (bad, _) = hanging_up(usize::MAX);
    let servers = vec![server("a", bad.address), server("b", bad.address)];
    let retry = json!({"attempts": 2, "budget": 0.0, "min_per_second": 0});
    let plane = Plane::serve(&Spec::new(servers).pool("retry", retry));
    assert_eq!(plane.get().status(), 502);
    let pool = &plane.report().pools["web"];
    assert_eq!((pool.retries, pool.retries_refused), (0, 1));
}

/// The server closes an idle connection at the very moment at which it is used again.
#[test]
fn an_idle_connection_that_died_is_replaced() {
    let origin = origin(|mut peer, number| {
        peer.message(false);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        // Read the next request on the first connection, so that its end comes as late as can be.
        if number == 0 {
            peer.message(false);
            return;
        }
        peer.message(false);
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    assert_eq!(client.ask(GET).status(), 200);
    assert_eq!(client.ask(GET).status(), 200);
    assert_eq!(origin.accepted.load(Ordering::SeqCst), 2);
    assert_eq!(plane.report().pools["web"].servers["a"].failed_reset, 0, "it is no fault to close what is idle");
}

#[test]
fn a_post_is_not_sent_on_a_connection_that_is_closed_already() {
    let (closed, is_closed) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.message(false);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        drop(peer);
        closed.send(()).unwrap();
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    for _ in 0..5 {
        assert_eq!(client.ask(POST).status(), 200);
        is_closed.recv_timeout(DEADLINE).unwrap();
    }
}

#[test]
fn hostile_requests_are_refused_and_nothing_is_forwarded() {
    for (request, status, reason) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "missing-host"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "length-and-chunked",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n", 200, "max-forwards"),
        ("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "trace-refused"),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 405, "connect-refused"),
        ("GET / HTTP/9.9\r\nHost: h\r\n\r\n", 505, "unsupported-version"),
        ("POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417, "bad-expectation"),
    ] {
        let origin = named("never");
        let plane = Plane::serve(&Spec::of(&origin));
        let mut client = plane.connect();
        client.send(request);
        let response = client.response();
        assert_eq!((response.status(), response.field("connection")), (status, Some("close")), "{request}");
        client.assert_ended();
        plane.rejected(reason);
        assert_eq!(origin.accepted.load(Ordering::SeqCst), 0, "{request}");
    }
}

#[test]
fn a_body_that_turns_out_malformed_ends_both_connections() {
    let (parts, seen) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.head();
        parts.send(peer.take(8)).unwrap();
        parts.send(peer.rest().unwrap_or_default()).unwrap();
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), "3\r\nabc\r\n");
    client.send("GARBAGE\r\n");
    assert_eq!(client.response().status(), 400);
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), "", "the server must not take it for whole");
    plane.rejected("bad-chunk-size");
}
