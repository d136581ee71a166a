use super::*;
use crate::counters::Counters;
use std::thread;

/// What the eventfd counted, as Python's `os.eventfd_read` would; None when it is not readable.
fn read(failures: &Failures) -> Option<u64> {
    let mut buffer = [0; 8];
    rustix::io::read(&failures.eventfd, &mut buffer).ok().map(|_| u64::from_ne_bytes(buffer))
}

#[test]
fn a_failure_is_taken_once_with_the_requests_around_it() {
    let counters = Counters::new(2).unwrap();
    let (a, b) = (counters.pool("web").server("a"), counters.pool("web").server("b"));
    for _ in 0..10 {
        a.request(0);
        b.request(1);
    }
    a.request(1);
    a.failure(1, FailureKind::Connect);
    a.failure(0, FailureKind::Reset);
    a.failure(0, FailureKind::Timeout);
    a.failure(0, FailureKind::Timeout);
    a.failure(0, FailureKind::Protocol);
    a.response(0, 502, 1);
    let expected = Failure {
        pool: "web".into(),
        server: "a".into(),
        requests: 11,
        connect: 1,
        reset: 1,
        timeout: 2,
        protocol: 1,
        status_5xx: 1,
    };
    assert_eq!(counters.failures().take(), [expected]);
    assert_eq!(counters.failures().take(), []);
}

#[test]
fn requests_are_those_since_the_last_take_even_of_a_server_that_was_not_mentioned() {
    let counters = Counters::new(2).unwrap();
    let server = counters.pool("web").server("a");
    (0..1000).for_each(|n| server.request(n % 2));
    assert_eq!(counters.failures().take(), []);
    (0..20).for_each(|n| server.request(n % 2));
    server.response(0, 500, 1);
    let taken = counters.failures().take();
    assert_eq!((taken[0].requests, taken[0].status_5xx), (20, 1));
    server.response(1, 500, 1);
    assert_eq!(counters.failures().take()[0].requests, 0);
}

#[test]
fn the_eventfd_wakes_once_until_taken_and_only_for_what_is_urgent() {
    let counters = Counters::new(1).unwrap();
    let failures = counters.failures();
    let server = counters.pool("web").server("a");
    server.response(0, 500, 1);
    server.failure(0, FailureKind::Protocol);
    assert_eq!(read(failures), None);
    for kind in [FailureKind::Connect, FailureKind::Reset, FailureKind::Timeout] {
        server.failure(0, kind);
        server.failure(0, kind);
        assert_eq!(read(failures), Some(1), "{kind:?}");
        server.failure(0, kind);
        assert_eq!(read(failures), None, "a second signal before the take");
        assert_eq!(failures.take().len(), 1);
    }
}

#[test]
fn nothing_is_lost_or_taken_twice_under_concurrency() {
    const EACH: u64 = 50_000;
    let counters = Counters::new(3).unwrap();
    let server = counters.pool("web").server("a");
    let mut taken = 0;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|thread| {
                let server = &server;
                scope.spawn(move || (0..EACH).for_each(|_| server.failure(thread, FailureKind::Reset)))
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            taken += counters.failures().take().iter().map(|failure| failure.reset).sum::<u64>();
        }
    });
    taken += counters.failures().take().iter().map(|failure| failure.reset).sum::<u64>();
    assert_eq!(taken, 3 * EACH);
}

#[test]
fn the_list_keeps_a_removed_server_until_it_is_taken() {
    let counters = Counters::new(1).unwrap();
    let server = counters.pool("web").server("a");
    server.failure(0, FailureKind::Connect);
    drop(server);
    assert_eq!(counters.failures().take().len(), 1);
    assert_eq!(counters.failures().take(), []);
}
