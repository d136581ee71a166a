//! What goes through: messages of every framing, in order, in both directions, as streams.

mod support;

use serde_json::json;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use support::*;

#[test]
fn a_request_is_answered_and_both_connections_are_kept() {
    let origin = named("hello");
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    for _ in 0..5 {
        let response = client.ask(GET);
        assert_eq!((response.status(), response.body.as_str()), (200, "hello"));
        assert_eq!(response.field("connection"), None);
    }
    assert_eq!(origin.accepted.load(Ordering::SeqCst), 1);
    eventually("counted", || plane.report().services["www"].requests == 5);
    let report = plane.report();
    let server = &report.pools["web"].servers["a"];
    assert_eq!((server.requests, server.connects, server.reused), (5, 1, 4));
    assert_eq!(report.services["www"].responses, [0, 5, 0, 0, 0]);
    assert_eq!((server.active, plane.engine.active("web", "a")), (0, 0));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = origin(|mut peer, _| {
        while let Some(request) = peer.message(false) {
            let path = request.head.split(' ').nth(1).unwrap().to_owned();
            let length = path.len() + request.body.len();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}{}", request.body));
        }
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
         POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n\
         GET /4 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let bodies: Vec<String> = (0..4).map(|_| client.response().body).collect();
    assert_eq!(bodies, ["/1", "/2abc", "/3de", "/4"]);
}

#[test]
fn a_request_that_comes_byte_by_byte_is_one_request() {
    let plane = Plane::serve(&Spec::of(&named("hello")));
    let mut client = plane.connect();
    for byte in GET.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.response().body, "hello");
}

#[test]
fn the_client_is_named_to_the_server() {
    let (heads, seen) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        while let Some(request) = peer.message(false) {
            heads.send(request).unwrap();
            peer.send("HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    let spec = Spec::of(&origin).service("via", json!("sy")).service("request_id", json!("X-Request-Id"));
    let plane = Plane::serve(&spec);
    plane.connect().ask("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n");
    let request = seen.recv_timeout(DEADLINE).unwrap();
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("h"));
    assert_eq!(request.field("via"), Some("1.1 sy"));
    assert_eq!(request.field("connection"), None);
    assert_eq!(request.field("x-request-id").map(str::len), Some(32));
}

/// Reply of the server, what an HTTP/1.1 client gets, what an HTTP/1.0 client gets.
#[test]
fn replies_of_every_framing() {
    for (reply, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ] {
        let plane = Plane::serve(&Spec::of(&saying(reply)));
        let mut client = plane.connect();
        for _ in 0..2 {
            let response = client.ask(GET);
            assert_eq!(response.body, expected, "{reply}");
            assert_eq!(response.field("connection"), None, "{reply}");
        }
        let mut old = plane.connect();
        old.send("GET / HTTP/1.0\r\n\r\n");
        let whole = old.rest().unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        assert!(head.contains("Connection: close") && !head.contains("chunked"), "{head}");
        assert_eq!(body, expected, "{reply}");
    }
}

#[test]
fn a_reply_that_ends_with_the_connection_becomes_chunked_or_closes() {
    let origin = origin(|mut peer, _| {
        peer.message(false);
        peer.send("HTTP/1.1 200 OK\r\n\r\nuntil ");
        peer.send("the end");
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    for _ in 0..2 {
        let response = client.ask(GET);
        assert_eq!((response.field("transfer-encoding"), response.body.as_str()), (Some("chunked"), "until the end"));
    }
    let mut old = plane.connect();
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert!(old.rest().unwrap().ends_with("\r\n\r\nuntil the end"));
}

#[test]
fn trailers_pass_in_both_directions() {
    let (requests, seen) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        requests.send(peer.message(false).unwrap()).unwrap();
        peer.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n",
        );
        peer.head();
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let response = plane.connect().ask(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n3\r\nabc\r\n0\r\nX-Check: 1\r\nHost: evil\r\n\r\n",
    );
    let request = seen.recv_timeout(DEADLINE).unwrap();
    assert_eq!((request.body.as_str(), request.field("x-check")), ("abc", Some("1")));
    assert_eq!(request.head.matches("Host").count(), 2, "Host and X-Forwarded-Host: {}", request.head);
    assert_eq!((response.field("x-sum"), response.field("content-length")), (Some("7"), None));
}

#[test]
fn head_keeps_the_length_and_has_no_body() {
    let plane = Plane::serve(&Spec::of(&named("hello")));
    let mut client = plane.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    let response = client.message(true).unwrap();
    assert_eq!(response.field("content-length"), Some("5"));
    assert_eq!(client.ask(GET).body, "hello");
}

#[test]
fn the_body_waits_for_100_continue() {
    let origin = origin(|mut peer, _| {
        let head = peer.head().unwrap();
        assert_eq!(head.field("expect"), Some("100-continue"));
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.take(4), "body");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.head();
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(client.ask(head).status(), 100);
    assert_eq!(client.ask("body").body, "ok");
}

#[test]
fn interim_responses_pass_but_not_without_end() {
    let hints = saying("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    let plane = Plane::serve(&Spec::of(&hints));
    let mut client = plane.connect();
    let interim = client.ask(GET);
    assert_eq!((interim.status(), interim.field("link")), (103, Some("</a>")));
    assert_eq!(client.response().body, "x");
    let mut old = plane.connect();
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert!(old.rest().unwrap().starts_with("HTTP/1.1 200"), "HTTP/1.0 knows no interim responses");

    let endless = origin(|mut peer, _| {
        peer.message(false);
        while std::io::Write::write_all(&mut peer.stream, b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {}
    });
    let plane = Plane::serve(&Spec::of(&endless));
    let mut client = plane.connect();
    client.send(GET);
    let last = std::iter::from_fn(|| client.message(false)).find(|message| message.status() != 102).unwrap();
    assert_eq!(last.status(), 502);
}

#[test]
fn large_bodies_stream_both_ways() {
    const SIZE: usize = 3 << 20;
    let origin = origin(|mut peer, _| {
        while let Some(request) = peer.message(false) {
            let framing = if request.head.contains("/chunked") {
                let chunks: Vec<&[u8]> = request.body.as_bytes().chunks(50_000).collect();
                let mut body: String = chunks
                    .iter()
                    .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()))
                    .collect();
                body += "0\r\n\r\n";
                format!("Transfer-Encoding: chunked\r\n\r\n{body}")
            } else {
                format!("Content-Length: {}\r\n\r\n{}", request.body.len(), request.body)
            };
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}"));
        }
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let body: String = (0..SIZE).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    let mut client = plane.connect();
    for path in ["/plain", "/chunked", "/plain"] {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n");
        let response = client.ask(&(head + &body));
        assert!(response.body == body, "{path}: {} bytes came back", response.body.len());
    }
    let head = "PUT /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = client.ask(&format!("{head}{SIZE:x}\r\n{body}\r\n0\r\n\r\n"));
    assert!(response.body == body);
    assert_eq!(origin.accepted.load(Ordering::SeqCst), 1, "the connection was kept throughout");
    eventually("bytes are counted", || {
        let service = &plane.report().services["www"];
        (service.bytes_in, service.bytes_out) == (4 * SIZE as u64, 4 * SIZE as u64)
    });
}

#[test]
fn an_early_refusal_of_a_body_arrives() {
    let origin = origin(|mut peer, _| {
        peer.head();
        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status(), response.body.as_str()), (413, "big"));
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn a_short_body_that_nobody_reads_is_drained() {
    let origin = origin(|mut peer, _| {
        peer.head();
        peer.send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.response().status(), 302);
    client.send("body");
    assert_eq!(client.ask(GET).status(), 302);
}

#[test]
fn upgraded_bytes_are_held_until_the_101() {
    let (early, seen) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        let request = peer.head().unwrap();
        assert_eq!((request.field("upgrade"), request.field("connection")), (Some("echo"), Some("Upgrade")));
        peer.stream.set_nonblocking(true).unwrap();
        let mut byte = [0];
        early.send(std::io::Read::read(&mut peer.stream, &mut byte).is_ok()).unwrap();
        peer.stream.set_nonblocking(false).unwrap();
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome");
        assert_eq!(peer.take(5), "early");
        peer.send("more");
        peer.assert_ended();
        peer.send("bye");
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
    assert_eq!(client.head().unwrap().status(), 101);
    assert_eq!(client.take(11), "welcomemore");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest().unwrap(), "bye");
    assert!(!seen.recv_timeout(DEADLINE).unwrap(), "bytes came before the 101");
    assert_eq!(plane.report().services["www"].upgraded, 1);
}

#[test]
fn a_refused_upgrade_leaves_http() {
    let plane = Plane::serve(&Spec::of(&named("plain")));
    let mut client = plane.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n{GET}"));
    assert_eq!(client.response().body, "plain");
    assert_eq!(client.response().body, "plain");
}

#[test]
fn unix_sockets_serve() {
    let path = std::env::temp_dir().join(format!("steelyard-test-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4096];
        while std::io::Read::read(&mut stream, &mut bytes).is_ok_and(|count| count > 0) {
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix").unwrap();
        }
    });
    let mut spec = Spec::new(vec![server("a", nobody())]);
    spec.servers[0]["address"] = json!(format!("unix:{}", path.display()));
    let plane = Plane::serve(&spec);
    let mut client = plane.connect();
    assert_eq!(client.ask(GET).body, "unix");
    assert_eq!(client.ask(GET).body, "unix");
    std::fs::remove_file(&path).unwrap();
}
