//! Clients that leave while somebody works for them, and clients that only have nothing more to say.

mod support;

use serde_json::json;
use std::io::ErrorKind;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use support::*;

/// A server that tells of each request, answers when it is told to, and tells when its connection was closed before.
struct Working {
    origin: Origin,
    arrived: mpsc::Receiver<()>,
    left: mpsc::Receiver<()>,
    go: mpsc::Sender<()>,
}

fn working() -> Working {
    let ((arrived_in, arrived), (left_in, left), (go, wait)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
    let wait = Mutex::new(wait);
    let origin = origin(move |mut peer, _| {
        peer.message(false).unwrap();
        arrived_in.send(()).unwrap();
        let (watched, left) = (peer.stream.try_clone().unwrap(), left_in.clone());
        std::thread::spawn(move || {
            // Nothing follows a request of these tests before its answer but an end.
            let ended = watched.peek(&mut [0]);
            if ended.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |count| count == 0) {
                let _ = left.send(());
            }
        });
        if wait.lock().unwrap().recv().is_ok() {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    Working { origin, arrived, left, go }
}

fn limited(origin: &Origin) -> Spec {
    let mut spec = Spec::of(origin);
    spec.servers[0]["max_connections"] = json!(1);
    spec
}

fn end_of_side(client: &Peer) {
    client.stream.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn a_server_does_not_work_on_for_a_client_that_left() {
    for pipelined in ["", GET] {
        let Working { origin, arrived, left, go: _go } = working();
        let plane = Plane::serve(&Spec::of(&origin));
        let mut client = plane.connect();
        client.send(format!("{GET}{pipelined}"));
        arrived.recv_timeout(DEADLINE).unwrap();
        assert_eq!(plane.engine.active("web", "a"), 1);
        drop(client);
        left.recv_timeout(DEADLINE).expect("the server's connection ends before its answer");
        eventually("the server is given back", || plane.engine.active("web", "a") == 0);
        plane.rejected("client-gone");
        eventually("its connection is over", || plane.report().services["www"].connections == 0);
        let report = plane.report();
        let server = &report.pools["web"].servers["a"];
        assert_eq!((server.failed_reset, server.failed_timeout, server.failed_protocol), (0, 0, 0), "not its fault");
        assert_eq!(report.services["www"].requests, 1, "what it had pipelined is not served");
    }
}

#[test]
fn a_client_that_breaks_off_has_left() {
    let Working { origin, arrived, left, go: _go } = working();
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send(GET.replace("HTTP/1.1", "HTTP/1.0"));
    arrived.recv_timeout(DEADLINE).unwrap();
    socket2::SockRef::from(&client.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    left.recv_timeout(DEADLINE).expect("HTTP/1.0 cannot be asked, but a reset says it");
    plane.rejected("client-gone");
}

#[test]
fn who_only_ends_its_side_is_served() {
    let Working { origin, arrived, left: _left, go } = working();
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send(GET);
    arrived.recv_timeout(DEADLINE).unwrap();
    end_of_side(&client);
    assert_eq!(client.response().status(), 100, "it is asked whether it still reads");
    go.send(()).unwrap();
    let response = client.response();
    assert_eq!((response.status(), response.body.as_str()), (200, "ok"));
    client.assert_ended();
}

#[test]
fn http_10_is_not_asked() {
    let Working { origin, arrived, left: _left, go } = working();
    let plane = Plane::serve(&Spec::of(&origin).timeout("response", 1_000));
    let (mut first, mut second) = (plane.connect(), plane.connect());
    first.send("GET / HTTP/1.0\r\n\r\n");
    arrived.recv_timeout(DEADLINE).unwrap();
    end_of_side(&first);
    // The wait for this answer lasts until the time is up, which is long after the client's end was seen.
    assert_eq!(first.response().status(), 504);
    second.send("GET / HTTP/1.0\r\n\r\n");
    end_of_side(&second);
    arrived.recv_timeout(DEADLINE).unwrap();
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(second.response().body, "ok");
}

#[test]
fn what_was_pipelined_behind_a_long_wait_is_served_after_it() {
    let Working { origin, arrived, left: _left, go } = working();
    let plane = Plane::serve(&Spec::of(&origin));
    let mut client = plane.connect();
    client.send(GET);
    arrived.recv_timeout(DEADLINE).unwrap();
    client.send(GET);
    end_of_side(&client);
    assert_eq!(client.response().status(), 100);
    for _ in 0..2 {
        go.send(()).unwrap();
    }
    let statuses: Vec<u16> = std::iter::from_fn(|| client.message(false)).map(|message| message.status()).collect();
    assert!(statuses.iter().filter(|&&status| status == 200).count() == 2, "{statuses:?}");
}

#[test]
fn in_the_queue_a_client_that_left_gives_its_place_back_and_a_silent_one_is_served() {
    let Working { origin, arrived, left: _left, go } = working();
    let plane = Plane::serve(&limited(&origin));
    let mut first = plane.connect();
    first.send(GET);
    arrived.recv_timeout(DEADLINE).unwrap();
    let (mut silent, mut leaving) = (plane.connect(), plane.connect());
    silent.send(GET);
    eventually("one waits", || plane.report().pools["web"].queued == 1);
    leaving.send(format!("{GET}{GET}"));
    eventually("two wait", || plane.report().pools["web"].queued == 2);
    end_of_side(&silent);
    drop(leaving);
    assert_eq!(silent.response().status(), 100);
    eventually("one has left", || plane.report().pools["web"].queued == 1);
    plane.rejected("client-gone");
    go.send(()).unwrap();
    assert_eq!(first.response().body, "ok");
    arrived.recv_timeout(DEADLINE).unwrap();
    go.send(()).unwrap();
    assert_eq!(silent.message(false).map(|message| message.status()), Some(200));
}

#[test]
fn a_connection_is_not_waited_for_when_nobody_waits_for_it() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    // What fits into its backlog; the plane's own attempt then waits.
    let mut fill = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300)) {
        fill.push(stream);
    }
    let plane = Plane::serve(&Spec::new(vec![server("a", address)]).timeout("connect", 0));
    let mut client = plane.connect();
    client.send(GET);
    eventually("it is being connected to", || plane.engine.active("web", "a") == 1);
    drop(client);
    plane.rejected("client-gone");
    assert_eq!(plane.engine.active("web", "a"), 0);
}

#[test]
fn in_mode_tcp_an_end_of_one_side_in_the_queue_is_no_leaving() {
    let server = origin(|mut peer, _| {
        let said = peer.rest().unwrap();
        peer.send(said.to_uppercase());
    });
    let plane = Plane::serve(&limited(&server).service("mode", json!("tcp")));
    let mut first = plane.connect();
    first.send("first");
    eventually("one is connected", || plane.engine.active("web", "a") == 1);
    let mut second = plane.connect();
    second.send("second");
    end_of_side(&second);
    let gone = plane.connect();
    eventually("two wait", || plane.report().pools["web"].queued == 2);
    socket2::SockRef::from(&gone.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(gone);
    eventually("one has left", || plane.report().pools["web"].queued == 1);
    plane.rejected("client-gone");
    end_of_side(&first);
    assert_eq!(first.rest().unwrap(), "FIRST");
    assert_eq!(second.rest().unwrap(), "SECOND");
}
