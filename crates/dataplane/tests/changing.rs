//! Snapshots put in force under traffic, and the end.

mod support;

use serde_json::json;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use steelyard_dataplane::{Engine, Error, Options};
use support::*;

#[test]
fn a_drained_server_gets_no_request_once_the_change_is_acknowledged() {
    let (drained, traffic_ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let flag = drained.clone();
    let late = Arc::new(AtomicBool::new(false));
    let saw_late = late.clone();
    let old = origin(move |mut peer, _| {
        while peer.message(false).is_some() {
            saw_late.fetch_or(flag.load(Ordering::SeqCst), Ordering::SeqCst);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
        }
    });
    let mut spec = Spec::new(vec![server("old", old.address), server("new", named("new").address)]);
    let plane = Plane::with_threads(2, &spec);
    let address = plane.address();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let ends = traffic_ends.clone();
            std::thread::spawn(move || {
                let mut client = Peer::connect(address);
                let mut count = 0;
                while !ends.load(Ordering::SeqCst) {
                    assert_eq!(client.ask(GET).status(), 200);
                    count += 1;
                }
                count
            })
        })
        .collect();
    eventually("traffic", || plane.report().services["www"].requests > 200);
    spec.version = 2;
    spec.servers[0]["eligible"] = json!(false);
    plane.apply(&spec);
    // A request that was on its way when the change came is not counted: it is over once nothing is active.
    eventually("the old server has ended", || plane.engine.active("web", "old") == 0);
    drained.store(true, Ordering::SeqCst);
    let before = plane.report().services["www"].requests;
    eventually("more traffic", || plane.report().services["www"].requests > before + 200);
    for version in 3..50 {
        spec.version = version;
        spec.servers[1]["weight"] = json!(version);
        plane.apply(&spec);
    }
    traffic_ends.store(true, Ordering::SeqCst);
    let total: u32 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(total > 400 && !late.load(Ordering::SeqCst));
}

#[test]
fn idle_connections_to_a_server_that_is_out_are_closed() {
    let (ended, has_ended) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.message(false);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer.assert_ended();
        ended.send(()).unwrap();
    });
    let mut spec = Spec::of(&origin);
    let plane = Plane::serve(&spec);
    assert_eq!(plane.get().status(), 200);
    spec.version = 2;
    spec.servers[0]["eligible"] = json!(false);
    spec.servers[0]["keeps"] = json!(false);
    plane.apply(&spec);
    has_ended.recv_timeout(DEADLINE).unwrap();
}

#[test]
fn a_listener_stays_while_its_service_is_renamed() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut spec = Spec::of(&named("a")).service("listen", json!(port.to_string()));
    let plane = Plane::with_threads(2, &spec);
    let mut client = plane.connect();
    assert_eq!(client.ask(GET).status(), 200);
    spec.version = 2;
    let spec = spec.service("name", json!("renamed"));
    plane.apply(&spec);
    assert_eq!(plane.engine.addresses().keys().collect::<Vec<_>>(), ["renamed"]);
    assert_eq!(Peer::connect(port).ask(GET).status(), 200);
    let last = client.ask(GET);
    assert_eq!((last.status(), last.field("connection")), (200, Some("close")), "its service is gone");
    client.assert_ended();
}

#[test]
fn a_service_that_is_removed_is_not_listened_to() {
    let plane = Plane::with_threads(2, &Spec::of(&named("a")));
    let address = plane.address();
    let empty = json!({"version": 2, "pools": [], "services": []});
    plane.engine.apply(serde_json::from_value(empty).unwrap()).unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(plane.engine.addresses().is_empty());
}

#[test]
fn a_snapshot_that_cannot_be_put_in_force_changes_nothing() {
    let plane = Plane::serve(&Spec::of(&named("a")));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    let mut value = Spec::of(&named("b")).value();
    let mut second = value["services"][0].clone();
    (second["name"], second["listen"]) = (json!("second"), json!(taken_address));
    value["services"].as_array_mut().unwrap().push(second);
    value["version"] = json!(2);
    let error = plane.engine.apply(serde_json::from_value(value).unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Bind { service, .. } if service == "second"), "{error}");
    assert!(error.to_string().contains(&taken_address), "{error}");
    assert_eq!((plane.get().body.as_str(), plane.report().version), ("a", 1));

    for (key, wrong, place) in [
        ("listen", json!("nowhere"), "services.www.listen"),
        ("pool", json!("none"), "services.www.pool"),
        ("trusted_proxies", json!(["10.0.0.0/99"]), "services.www.trusted_proxies"),
    ] {
        let wrong = Spec::of(&named("b")).service(key, wrong).value();
        let error = plane.engine.apply(serde_json::from_value(wrong).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with(place), "{error}");
    }
    assert_eq!(plane.get().body, "a");
}

#[test]
fn the_end_lets_running_requests_finish() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (arrived, arrival) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.message(false);
        arrived.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    });
    let plane = Plane::with_threads(2, &Spec::of(&origin));
    let address = plane.address();
    let (mut running, mut idle) = (plane.connect(), plane.connect());
    running.send(GET);
    arrival.recv_timeout(DEADLINE).unwrap();
    eventually("both are connected", || plane.engine.connections() == 2);
    plane.engine.stop_accepting();
    assert!(std::net::TcpStream::connect(address).is_err());
    idle.assert_ended();
    eventually("the idle one is gone", || plane.engine.connections() == 1);
    go.send(()).unwrap();
    let response = running.response();
    assert_eq!((response.body.as_str(), response.field("connection")), ("last", Some("close")));
    assert_eq!(plane.engine.close(DEADLINE), 0);
}

#[test]
fn who_does_not_finish_in_time_is_cut() {
    let (arrived, arrival) = mpsc::channel();
    let origin = origin(move |mut peer, _| {
        peer.message(false);
        arrived.send(()).unwrap();
        peer.assert_ended();
    });
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send(GET);
    arrival.recv_timeout(DEADLINE).unwrap();
    assert_eq!(plane.engine.close(Duration::from_millis(1)), 1);
    assert!(client.rest().unwrap_or_default().is_empty());
    assert!(matches!(
        plane.engine.apply(serde_json::from_value(Spec::of(&named("a")).value()).unwrap()),
        Err(Error::Closed)
    ));
}

#[test]
fn cookies_bind_clients() {
    let affinity = json!({"by": "cookie", "form": "insert", "name": "SRV", "same_site": "Lax"});
    let mut spec =
        Spec::new(vec![server("a", named("a").address), server("b", named("b").address)]).pool("affinity", affinity);
    let plane = Plane::serve(&spec);
    let first = plane.get();
    let cookie = first.field("set-cookie").expect("a new client is bound").split(';').next().unwrap().to_owned();
    let bound = format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n");
    for _ in 0..4 {
        let again = plane.connect().ask(&bound);
        assert_eq!((again.body.as_str(), again.field("set-cookie")), (first.body.as_str(), None));
    }
    assert_eq!(plane.engine.explain("web", None, &cookie).server.as_deref(), Some(first.body.as_str()));
    spec.version = 2;
    let gone = usize::from(first.body == "b");
    (spec.servers[gone]["eligible"], spec.servers[gone]["keeps"]) = (json!(false), json!(false));
    plane.apply(&spec);
    let moved = plane.connect().ask(&bound);
    assert_ne!(moved.body, first.body);
    assert!(moved.field("set-cookie").is_some());
}

#[test]
fn an_appended_mark_that_is_no_good_is_replaced_at_once() {
    let affinity = json!({"by": "cookie", "form": "append", "name": "session", "same_site": "Lax"});
    let servers = vec![server("a", named("a").address), server("b", named("b").address)];
    let mut spec = Spec::new(servers).pool("affinity", affinity);
    let plane = Plane::serve(&spec);
    let ask = |cookie: &str| plane.connect().ask(&format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n"));
    let stays = |cookie: &str, value: &str| {
        let moved = ask(cookie);
        let set = moved.field("set-cookie").expect("a new mark").to_owned();
        assert_eq!(set, format!("session={value}~mark-of-{}; Path=/; HttpOnly; SameSite=Lax", moved.body));
        let cookie = set.split(';').next().unwrap().to_owned();
        for _ in 0..4 {
            let again = ask(&cookie);
            assert_eq!((&again.body, again.field("set-cookie")), (&moved.body, None));
        }
        (cookie, moved.body)
    };
    stays("session=plain", "plain");
    let (cookie, body) = stays("session=s3cret~mark-of-x", "s3cret");
    spec.version = 2;
    let gone = usize::from(body == "b");
    (spec.servers[gone]["eligible"], spec.servers[gone]["keeps"]) = (json!(false), json!(false));
    plane.apply(&spec);
    assert_ne!(stays(&cookie, "s3cret").1, body);
    assert_eq!(plane.get().field("set-cookie"), None);
}

#[test]
fn the_access_log_has_a_line_for_every_request() {
    let path = std::env::temp_dir().join(format!("steelyard-log-{}", std::process::id()));
    let log = serde_json::from_value(json!({"threads": 1, "log": {"target": path, "format": "json"}})).unwrap();
    let engine = Engine::start(log).unwrap();
    engine.apply(serde_json::from_value(Spec::of(&named("a")).value()).unwrap()).unwrap();
    let mut client = Peer::connect(engine.addresses()["www"].parse().unwrap());
    client.ask("GET /hello HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\n\r\n");
    client.ask("PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    client.ask("GET /bad HTTP/1.1\r\nHost: h\r\nbad field\r\n\r\n");
    Peer::connect(engine.addresses()["www"].parse().unwrap()).ask("nonsense\r\n\r\n");
    engine.close(DEADLINE);
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> =
        lines.iter().map(|line| (&line["target"], &line["status"], &line["server"], &line["end"])).collect();
    let expected = [
        ("/hello", 200, json!("a"), "ok"),
        ("/upload", 200, json!("a"), "ok"),
        ("/bad", 400, json!(null), "bad-field-name"),
        ("", 400, json!(null), "bad-request-line"),
    ];
    for ((target, status, server, end), line) in expected.iter().zip(brief) {
        assert_eq!(
            (json!(target), json!(status), server.clone(), json!(end)),
            (line.0.clone(), line.1.clone(), line.2.clone(), line.3.clone())
        );
    }
    assert_eq!((&lines[0]["user_agent"], &lines[1]["bytes_in"]), (&json!("test"), &json!(4)));
}

#[test]
fn options_are_checked() {
    let options =
        serde_json::from_value::<Options>(json!({"threads": 1, "log": {"target": "x", "format": "xml"}})).unwrap();
    let error = Engine::start(options).err().unwrap();
    assert!(error.to_string().contains("json or combined"), "{error}");
}

#[test]
fn ten_thousand_servers_are_one_snapshot_like_any_other() {
    let origin = named("a");
    let mut spec = Spec::new((0..10_000).map(|number| server(&format!("s{number}"), origin.address)).collect());
    let begun = std::time::Instant::now();
    let plane = Plane::with_threads(2, &spec);
    println!("first snapshot after {:?}", begun.elapsed());
    assert_eq!(plane.get().body, "a");
    spec.version = 2;
    spec.servers[7]["weight"] = json!(9);
    let snapshot = serde_json::from_value(spec.value()).unwrap();
    let begun = std::time::Instant::now();
    plane.engine.apply(snapshot).unwrap();
    println!("one weight changed after {:?}", begun.elapsed());
    assert_eq!(plane.get().body, "a");
    assert_eq!(plane.report().pools["web"].servers.len(), 10_000);
}
