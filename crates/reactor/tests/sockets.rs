//! Sockets on the real loop, against plain threads.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use steelyard_reactor::{Listener, Socket, block_on, spawn, yield_now};

async fn read(socket: &Socket, most: usize) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; most];
    let count = poll_fn(|cx| socket.poll_read(cx, &mut buffer)).await?;
    buffer.truncate(count);
    Ok(buffer)
}

async fn write(socket: &Socket, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| socket.poll_write(cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (outer, listener.accept().unwrap().0)
}

#[test]
fn an_echo_of_many_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let clients = thread::spawn(move || {
        let mut clients: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
        for round in 0u32..20 {
            clients.iter_mut().for_each(|client| client.write_all(&round.to_be_bytes()).unwrap());
            for client in &mut clients {
                let mut answer = [0; 4];
                client.read_exact(&mut answer).unwrap();
                assert_eq!(u32::from_be_bytes(answer), round);
            }
        }
    });
    block_on(async {
        let ended = Rc::new(Cell::new(0));
        let listener = Listener::new(listener).unwrap();
        for _ in 0..50 {
            let (socket, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            assert_eq!(socket.local_address().unwrap(), address);
            assert!(peer.ip().is_loopback());
            let ended = ended.clone();
            spawn(async move {
                loop {
                    let bytes = read(&socket, 64).await.unwrap();
                    if bytes.is_empty() {
                        break ended.set(ended.get() + 1);
                    }
                    write(&socket, &bytes).await.unwrap();
                }
            });
        }
        while ended.get() < 50 {
            yield_now().await;
        }
    })
    .unwrap();
    clients.join().unwrap();
}

#[test]
fn much_more_than_the_buffers_of_the_kernel_passes_whole() {
    let (mut outer, inner) = pair();
    let sent: Vec<u8> = (0..8_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        outer.read_to_end(&mut got).unwrap();
        got
    });
    block_on(async {
        let socket = Socket::try_from(inner).unwrap();
        write(&socket, &sent).await.unwrap();
        socket.shutdown().unwrap();
    })
    .unwrap();
    assert!(reader.join().unwrap() == expected);
}

#[test]
fn a_fast_stream_leaves_the_others_their_turns() {
    let (mut outer, inner) = pair();
    let flood = thread::spawn(move || while outer.write_all(&[7; 65_536]).is_ok() {});
    block_on(async {
        let socket = Socket::try_from(inner).unwrap();
        spawn(async move { while read(&socket, 16).await.is_ok_and(|bytes| !bytes.is_empty()) {} });
        // It goes on for ever; the root has its turns between.
        for _ in 0..100 {
            yield_now().await;
        }
    })
    .unwrap();
    flood.join().unwrap();
}

#[test]
fn an_end_is_seen_behind_the_last_bytes_and_stays() {
    let (mut outer, inner) = pair();
    outer.write_all(b"last words").unwrap();
    outer.shutdown(Shutdown::Write).unwrap();
    block_on(async {
        let socket = Socket::try_from(inner).unwrap();
        assert_eq!(read(&socket, 100).await.unwrap(), b"last words");
        for _ in 0..3 {
            assert_eq!(read(&socket, 100).await.unwrap(), b"");
            assert_eq!(socket.peek().unwrap(), 0);
        }
        write(&socket, b"answer").await.unwrap();
    })
    .unwrap();
    let mut answer = String::new();
    outer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
}

#[test]
fn a_refused_connection_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = block_on(async { Socket::connect(free).await.map(|_| ()) }).unwrap();
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn connects_by_tcp_and_by_a_unix_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let directory = std::env::temp_dir().join(format!("steelyard-reactor-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let servers = thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"tcp").unwrap();
        unix.accept().unwrap().0.write_all(b"unix").unwrap();
    });
    block_on(async {
        assert_eq!(read(&Socket::connect(address).await.unwrap(), 9).await.unwrap(), b"tcp");
        assert_eq!(read(&Socket::connect_unix(&path).await.unwrap(), 9).await.unwrap(), b"unix");
    })
    .unwrap();
    servers.join().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_new_socket_on_an_old_descriptor_hears_nothing_of_the_old_one() {
    block_on(async {
        for _ in 0..100 {
            let (mut outer, inner) = UnixStream::pair().unwrap();
            let old = Socket::try_from(inner).unwrap();
            // The event is on its way when the socket goes.
            outer.write_all(b"x").unwrap();
            drop(old);
            let (_outer, inner) = UnixStream::pair().unwrap();
            let new = Socket::try_from(inner).unwrap();
            yield_now().await;
            let polled = new.poll_readable(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Pending);
        }
    })
    .unwrap();
}

#[test]
fn whoever_waits_with_a_waker_of_their_own_is_told_by_it() {
    struct Flag(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let (mut outer, inner) = UnixStream::pair().unwrap();
    block_on(async {
        let socket = Socket::try_from(inner).unwrap();
        let flag = std::sync::Arc::new(Flag(false.into()));
        let waker = Waker::from(flag.clone());
        assert_eq!(socket.poll_readable(&mut Context::from_waker(&waker)), Poll::Pending);
        outer.write_all(b"x").unwrap();
        while !flag.0.load(std::sync::atomic::Ordering::SeqCst) {
            yield_now().await;
        }
        assert_eq!(socket.poll_readable(&mut Context::from_waker(&waker)), Poll::Ready(()));
    })
    .unwrap();
}
