use super::*;
use crate::timers::Timers;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use steelyard_reactor::{Interval, block_on, spawn};

const FOREVER: Patience = Patience { tunnel: 0, stall: 0 };

/// Both ends of a connection: the one that a thread of the test drives, and the one that the relay has.
fn pair() -> (StdStream, Socket) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let outer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    outer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (inner, _) = listener.accept().unwrap();
    (outer, inner.try_into().unwrap())
}

/// What a relay between a client and a server, each played by a thread, came to.
struct Outcome {
    end: End,
    to_server: u64,
    to_client: u64,
}

fn play(
    patience: Patience,
    first: First,
    client: impl FnOnce(StdStream) + Send + 'static,
    server: impl FnOnce(StdStream) + Send + 'static,
) -> Outcome {
    let timers = Rc::new(Timers::default());
    let clock = Rc::new(Clock::start(std::time::Instant::now()));
    block_on(async {
        spawn(tick(clock.clone(), timers.clone()));
        let ((client_end, client_side), (server_end, server_side)) = (pair(), pair());
        let actors = [thread::spawn(move || client(client_end)), thread::spawn(move || server(server_end))];
        let timer = timers.timer();
        let relay = Relay {
            clock: &clock,
            timer: &timer,
            client: &client_side,
            server: &server_side,
            patience,
            is_cut: &|| false,
        };
        let (mut to_server, mut to_client) = (0, 0);
        let running = relay.run(first, |way, count| match way {
            Way::ToServer => to_server += count,
            Way::ToClient => to_client += count,
        });
        let end = running.await;
        drop((client_side, server_side));
        actors.into_iter().for_each(|actor| actor.join().unwrap());
        Outcome { end, to_server, to_client }
    })
    .unwrap()
}

async fn tick(clock: Rc<Clock>, timers: Rc<Timers>) {
    let mut ticks = Interval::new(Duration::from_millis(5)).unwrap();
    loop {
        ticks.tick().await;
        clock.refresh();
        timers.tick(clock.now_ms());
    }
}

fn read_all(mut stream: &StdStream) -> Vec<u8> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251 + seed) as u8 ^ (n / 65_537) as u8).collect()
}

#[test]
fn bytes_go_both_ways_and_both_ends_end_in_order() {
    let outcome = play(
        FOREVER,
        First::default(),
        |mut client| {
            client.write_all(b"question").unwrap();
            let mut answer = [0; 6];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"answer");
        },
        |mut server| {
            let mut question = [0; 8];
            server.read_exact(&mut question).unwrap();
            assert_eq!(&question, b"question");
            server.write_all(b"answer").unwrap();
            assert!(read_all(&server).is_empty());
        },
    );
    assert!(matches!(outcome.end, End::Ok), "{:?}", outcome.end);
    assert_eq!((outcome.to_server, outcome.to_client), (8, 6));
}

#[test]
fn a_half_closed_connection_still_answers() {
    let outcome = play(
        FOREVER,
        First::default(),
        |mut client| {
            client.write_all(b"all of it").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&client), b"the answer");
        },
        |mut server| {
            assert_eq!(read_all(&server), b"all of it");
            server.write_all(b"the answer").unwrap();
        },
    );
    assert!(matches!(outcome.end, End::Ok));
}

#[test]
fn eight_mebibytes_both_ways_at_once_are_exact() {
    const LEN: usize = 8 << 20;
    let talk = |stream: StdStream, says: usize, hears: usize| {
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                (&stream).write_all(&pattern(LEN, says)).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            assert!(read_all(&stream) == pattern(LEN, hears));
            writer.join().unwrap();
        });
    };
    let outcome = play(FOREVER, First::default(), move |client| talk(client, 1, 2), move |server| talk(server, 2, 1));
    assert!(matches!(outcome.end, End::Ok));
    assert_eq!((outcome.to_server, outcome.to_client), (LEN as u64, LEN as u64));
}

/// Pieces of all sizes through sockets that take only a little at a time: short writes, copied and spliced, in turn.
#[test]
fn short_writes_lose_nothing() {
    const LEN: usize = 1 << 20;
    let narrow = |stream: &StdStream| socket2::SockRef::from(stream).set_recv_buffer_size(48 << 10).unwrap();
    let talk = move |stream: StdStream, says: usize, hears: usize| {
        narrow(&stream);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let (data, mut at, mut size) = (pattern(LEN, says), 0, says);
                while at < LEN {
                    size = (size * 1_103_515_245 + 12_345) % 65_536;
                    let end = (at + 1 + size % if size % 3 == 0 { 40_000 } else { 300 }).min(LEN);
                    (&stream).write_all(&data[at..end]).unwrap();
                    at = end;
                }
                stream.shutdown(Shutdown::Write).unwrap();
            });
            assert!(read_all(&stream) == pattern(LEN, hears));
            writer.join().unwrap();
        });
    };
    let outcome = play(FOREVER, First::default(), move |client| talk(client, 1, 2), move |server| talk(server, 2, 1));
    assert!(matches!(outcome.end, End::Ok));
    assert_eq!((outcome.to_server, outcome.to_client), (LEN as u64, LEN as u64));
}

#[test]
fn what_was_read_before_goes_first() {
    let first = First { to_server: b"first ".to_vec(), to_client: b"hello ".to_vec() };
    let outcome = play(
        FOREVER,
        first,
        |mut client| {
            client.write_all(b"second").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&client), b"hello client");
        },
        |mut server| {
            assert_eq!(read_all(&server), b"first second");
            server.write_all(b"client").unwrap();
        },
    );
    assert_eq!((outcome.to_server, outcome.to_client), (12, 12));
}

#[test]
fn what_a_server_said_before_it_stopped_listening_arrives() {
    // So little that it has left the server's kernel when its reset does.
    const SAID: usize = 32 << 10;
    let outcome = play(
        FOREVER,
        First::default(),
        |mut client| {
            let mut got = vec![0; SAID];
            // Ends by an error or in order when the server has closed; what it had said must be there before.
            while client.write(&[0; 65_536]).is_ok() {
                if client.peek(&mut [0]).is_ok_and(|n| n > 0) {
                    break;
                }
            }
            client.read_exact(&mut got).unwrap();
            assert!(got.iter().all(|byte| *byte == 9));
        },
        |mut server| {
            server.write_all(&[9; SAID]).unwrap();
            server.shutdown(Shutdown::Write).unwrap();
            let mut some = [0; 1];
            server.read_exact(&mut some).unwrap();
        },
    );
    assert_eq!(outcome.to_client, SAID as u64);
}

#[test]
fn an_idle_tunnel_is_cut() {
    let outcome = play(
        Patience { tunnel: 30, stall: 0 },
        First::default(),
        |mut client| assert!(client.read(&mut [0]).is_err(), "a cut must not look like an end in order"),
        |mut server| assert!(server.read(&mut [0]).is_err()),
    );
    assert!(matches!(outcome.end, End::Idle));
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let outcome = play(
        Patience { tunnel: 0, stall: 50 },
        First::default(),
        move |client| {
            released.recv().unwrap();
            drop(client);
        },
        move |mut server| {
            while server.write(&[0; 65_536]).is_ok() {}
            release.send(()).unwrap();
        },
    );
    assert!(matches!(outcome.end, End::Stalled(Way::ToClient)), "{:?}", outcome.end);
}

#[test]
fn a_client_that_breaks_off_is_told_to_the_server() {
    let outcome = play(
        FOREVER,
        First::default(),
        |client| socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap(),
        |mut server| assert!(server.read(&mut [0]).is_err()),
    );
    assert!(matches!(outcome.end, End::Client));
}

#[test]
fn a_server_that_breaks_off_ends_the_client() {
    let (heard, was_heard) = std::sync::mpsc::channel::<()>();
    let outcome = play(
        FOREVER,
        First::default(),
        move |mut client| {
            client.read_exact(&mut [0; 7]).unwrap();
            heard.send(()).unwrap();
            assert!(read_all(&client).is_empty());
        },
        move |mut server| {
            server.write_all(b"half of").unwrap();
            was_heard.recv().unwrap();
            socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
        },
    );
    assert!(matches!(outcome.end, End::Server));
    assert_eq!(outcome.to_client, 7);
}
