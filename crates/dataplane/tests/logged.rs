//! What the access log says of a request: no more than is true of it.

mod support;

use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::mpsc;
use steelyard_dataplane::{Engine, LogOptions, Options};
use support::*;

/// A plane that logs into a file of this test.
struct Logging {
    plane: Plane,
    path: PathBuf,
}

impl Logging {
    fn serve(name: &str, spec: &Spec) -> Logging {
        let path = std::env::temp_dir().join(format!("steelyard-logged-{}-{name}", std::process::id()));
        let log = LogOptions { target: path.display().to_string(), format: "json".to_owned() };
        let plane = Plane { engine: Engine::start(Options { threads: 1, log: Some(log) }).unwrap() };
        plane.apply(spec);
        Logging { plane, path }
    }

    /// The first `count` lines.
    fn lines(&self, count: usize) -> Vec<Value> {
        let text = || std::fs::read_to_string(&self.path).unwrap();
        eventually("the lines are written", || text().lines().count() >= count);
        text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A server that tells which id each request came with.
fn telling_ids() -> (Origin, mpsc::Receiver<Option<String>>) {
    let (tell, ids) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        while let Some(request) = peer.message(false) {
            tell.send(request.field("x-request-id").map(str::to_owned)).unwrap();
            peer.send("HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    (origin, ids)
}

#[test]
fn a_request_that_reached_no_server_has_no_id() {
    let spec = Spec::new(vec![server("a", nobody())]).service("request_id", json!("X-Request-Id"));
    let log = Logging::serve("refused", &spec);
    let refused = [
        (GET, 503),
        ("nonsense\r\n\r\n", 400),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", 417),
        ("GET / HTTP/2.5\r\nHost: h\r\n\r\n", 505),
    ];
    for (request, status) in refused {
        assert_eq!(log.plane.connect().ask(request).status(), status);
    }
    let lines = log.lines(refused.len());
    let told: Vec<_> = lines.iter().map(|line| (line["status"].as_u64().unwrap(), &line["request_id"])).collect();
    assert_eq!(told, refused.map(|(_, status)| (u64::from(status), &Value::Null)));
}

#[test]
fn the_id_is_the_one_that_the_server_got() {
    let (origin, ids) = telling_ids();
    let spec = Spec::of(&origin).service("request_id", json!("X-Request-Id"));
    let log = Logging::serve("kept", &spec.clone().service("trusted_proxies", json!(["127.0.0.0/8"])));
    let named = "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: theirs\r\n\r\n";
    assert_eq!((log.plane.connect().ask(named).status(), log.plane.get().status()), (204, 204));
    let seen: Vec<_> = ids.iter().take(2).collect();
    assert_eq!(seen[0].as_deref(), Some("theirs"));
    assert_eq!(seen[1].as_ref().map(String::len), Some(32));
    assert_eq!(
        log.lines(2).iter().map(|line| line["request_id"].clone()).collect::<Vec<_>>(),
        [json!(seen[0]), json!(seen[1])]
    );
    let none = Logging::serve("none", &spec.service("request_id", json!("")));
    assert_eq!(none.plane.get().status(), 204);
    assert_eq!((ids.recv().unwrap(), &none.lines(1)[0]["request_id"]), (None, &Value::Null));
}

/// The connection lives on until the latency is known, so that its whole life cannot be meant.
#[test]
fn the_latency_of_a_switch_of_protocols_ends_with_it() {
    let origin = origin(|mut peer, _| {
        peer.head().unwrap();
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        peer.assert_ended();
    });
    let log = Logging::serve("switch", &Spec::of(&origin));
    let mut client = log.plane.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().unwrap().status(), 101);
    eventually("the server's latency is known while the connection lasts", || {
        let server = &log.plane.report().pools["web"].servers["a"];
        server.latency.iter().sum::<u64>() == 1 && server.responses[0] == 1 && server.active == 1
    });
    drop(client);
    let line = &log.lines(1)[0];
    let service = &log.plane.report().services["www"];
    assert_eq!(service.latency.iter().sum::<u64>(), 1);
    let (latency_us, duration_us) = (service.latency_sum_us, line["duration_us"].as_u64().unwrap());
    assert!(latency_us < duration_us, "{latency_us} of {duration_us} µs");
}

#[test]
fn a_client_that_left_is_a_line_without_a_status() {
    let (arrived_in, arrived) = std::sync::mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.head().unwrap();
        arrived_in.send(()).unwrap();
        peer.assert_ended();
    });
    let log = Logging::serve("left", &Spec::of(&origin));
    let mut client = log.plane.connect();
    client.send(GET);
    arrived.recv_timeout(DEADLINE).unwrap();
    drop(client);
    let line = &log.lines(1)[0];
    assert_eq!((&line["end"], &line["status"], &line["server"]), (&json!("client-gone"), &json!(0), &json!("a")));
}
