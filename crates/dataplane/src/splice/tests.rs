use super::*;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::unix::net::UnixStream;
use std::thread;
use steelyard_reactor::{block_on, yield_now};

/// Both ends of a connection: the one that the test thread drives, and the one that the runtime has.
fn pair() -> (StdStream, Socket) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let outer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (inner, _) = listener.accept().unwrap();
    (outer, inner.try_into().unwrap())
}

fn run<F: Future>(future: F) -> F::Output {
    block_on(future).unwrap()
}

/// Bytes that repeat with no period of a page or a pipe.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8 ^ (n / 65_537) as u8).collect()
}

async fn move_all(from: &Socket, to: &Socket, mut left: u64) -> Result<u64, Failed> {
    let (mut splice, mut total) = (Splice::default(), 0);
    loop {
        match poll_fn(|cx| splice.poll(cx, from, to, left)).await? {
            0 => return Ok(total),
            moved => {
                total += moved;
                left = left.saturating_sub(moved);
            }
        }
    }
}

#[test]
fn eight_mebibytes_arrive_exactly_and_the_end_is_seen() {
    run(async {
        let ((mut sender, from), (mut receiver, to)) = (pair(), pair());
        let data = pattern(8 << 20);
        let expected = data.clone();
        let sending = thread::spawn(move || sender.write_all(&data).unwrap());
        let receiving = thread::spawn(move || {
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).unwrap();
            got
        });
        assert_eq!(move_all(&from, &to, u64::MAX).await.unwrap(), 8 << 20);
        drop(to);
        sending.join().unwrap();
        assert!(receiving.join().unwrap() == expected);
    });
}

#[test]
fn exactly_the_length_is_moved_and_the_rest_stays() {
    run(async {
        let ((mut sender, from), (mut receiver, to)) = (pair(), pair());
        let data = pattern(300_000);
        let sending = thread::spawn({
            let data = data.clone();
            move || {
                sender.write_all(&data).unwrap();
                sender
            }
        });
        assert_eq!(move_all(&from, &to, 123_457).await.unwrap(), 123_457);
        let mut got = vec![0; 123_457];
        receiver.read_exact(&mut got).unwrap();
        assert!(got == data[..123_457]);
        let sender = thread::spawn(move || sending.join().unwrap());
        let mut rest = Vec::new();
        while rest.len() < data.len() - 123_457 {
            let mut piece = vec![0; 65_536];
            let count = poll_fn(|cx| from.poll_read(cx, &mut piece)).await.unwrap();
            rest.extend_from_slice(&piece[..count]);
        }
        assert!(rest == data[123_457..]);
        drop(sender.join().unwrap());
    });
}

#[test]
fn a_receiver_that_does_not_read_stops_the_sender() {
    run(async {
        let ((mut sender, from), (mut receiver, to)) = (pair(), pair());
        sender.set_nonblocking(true).unwrap();
        let (chunk, mut sent, mut moved) = (vec![7; 1 << 20], 0u64, 0u64);
        let mut splice = Splice::default();
        // Until neither the sender nor the mover gets anywhere: then every buffer between them is full.
        let mut stuck = 0;
        while stuck < 100 {
            let before = (sent, moved);
            sent += sender.write(&chunk).unwrap_or(0) as u64;
            let step = poll_fn(|cx| match splice.poll(cx, &from, &to, u64::MAX) {
                Poll::Pending => Poll::Ready(Ok(0)),
                ready => ready,
            });
            moved += step.await.unwrap();
            yield_now().await;
            stuck = if (sent, moved) == before { stuck + 1 } else { 0 };
        }
        assert!(splice.held() <= CHUNK);
        // And all of it arrives once the receiver reads.
        drop(sender);
        let receiving = thread::spawn(move || std::io::copy(&mut receiver, &mut std::io::sink()).unwrap());
        loop {
            match poll_fn(|cx| splice.poll(cx, &from, &to, u64::MAX)).await.unwrap() {
                0 => break,
                n => moved += n,
            }
        }
        drop(to);
        assert_eq!((moved, receiving.join().unwrap()), (sent, sent));
    });
}

#[test]
fn the_side_that_failed_is_named() {
    run(async {
        let ((sender, from), (receiver, to)) = (pair(), pair());
        socket2::SockRef::from(&sender).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(sender);
        poll_fn(|cx| from.poll_readable(cx)).await;
        assert_eq!(move_all(&from, &to, 10).await.unwrap_err().side, Side::From);
        drop(receiver);

        let ((mut sender, from), (receiver, to)) = (pair(), pair());
        drop(receiver);
        let sending = thread::spawn(move || while sender.write(&[0; 65_536]).is_ok() {});
        let failed = move_all(&from, &to, u64::MAX).await.unwrap_err();
        assert_eq!(failed.side, Side::To);
        assert!(!failed.is_unsupported());
        drop(from);
        sending.join().unwrap();
    });
}

#[test]
fn unix_sockets_splice_too() {
    run(async {
        let (mut sender, from) = UnixStream::pair().unwrap();
        let from = Socket::try_from(from).unwrap();
        let (mut receiver, to) = pair();
        sender.write_all(b"through").unwrap();
        let mut splice = Splice::default();
        assert_eq!(poll_fn(|cx| splice.poll(cx, &from, &to, 7)).await.unwrap(), 7);
        let mut got = [0; 7];
        receiver.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"through");
    });
}

#[test]
fn an_idle_transfer_holds_no_pipe_and_a_broken_one_gives_none_back() {
    run(async {
        let ((mut sender, from), (_receiver, to)) = (pair(), pair());
        let mut splice = Splice::default();
        sender.write_all(b"x").unwrap();
        assert_eq!(poll_fn(|cx| splice.poll(cx, &from, &to, 9)).await.unwrap(), 1);
        assert!(splice.pipe.is_none());
        assert_eq!(POOL.with_borrow(Vec::len), 1);
        splice.take(&to, 1).unwrap_err();
        sender.write_all(b"left behind").unwrap();
        poll_fn(|cx| from.poll_readable(cx)).await;
        splice.take(&from, 100).unwrap();
        assert_eq!((splice.held(), POOL.with_borrow(Vec::len)), (11, 0));
        drop(splice);
        assert_eq!(POOL.with_borrow(Vec::len), 0);
    });
}
