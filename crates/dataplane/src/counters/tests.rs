use super::*;
use std::thread;
use std::time::Instant;

const THREADS: usize = 4;

fn report_of(counters: &Counters, pool: &str, id: &str) -> ServerReport {
    counters.report().pools[pool].servers[id].clone()
}

#[test]
fn every_thread_is_counted_exactly_while_another_reads() {
    const EACH: u64 = 20_000;
    let counters = Counters::new(THREADS).unwrap();
    let (service, pool) = (counters.service("www"), counters.pool("web"));
    let server = pool.server("a");
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (service, server) = (&service, &server);
                scope.spawn(move || {
                    for i in 0..EACH {
                        service.of(thread).requests.add(1);
                        service.of(thread).connections.add(1);
                        server.request(thread);
                        server.response(thread, if i % 100 == 0 { 503 } else { 200 }, i);
                        service.of(thread).connections.sub(1);
                    }
                })
            })
            .collect();
        let (mut seen, mut seen_5xx, mut sent) = (0, 0, 0);
        let mut take = || {
            for failure in counters.failures().take() {
                seen_5xx += failure.status_5xx;
                sent += failure.requests;
            }
        };
        while !workers.iter().all(|worker| worker.is_finished()) {
            let requests = report_of(&counters, "web", "a").requests;
            assert!(requests >= seen, "a counter ran backwards: {seen}, then {requests}");
            seen = requests;
            take();
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        take();
        assert_eq!(seen_5xx, EACH / 100 * THREADS as u64);
        // A take that is interrupted may miss any number of requests, but none is counted in two of them.
        assert!(sent <= EACH * THREADS as u64, "{sent} requests beside the failures");
    });
    let report = counters.report();
    let total = EACH * THREADS as u64;
    assert_eq!((report.services["www"].requests, report.services["www"].connections), (total, 0));
    let server = report_of(&counters, "web", "a");
    assert_eq!((server.requests, server.responses), (total, [0, total - total / 100, 0, 0, total / 100]));
    assert_eq!(server.latency.iter().sum::<u64>(), total);
    assert_eq!(server.latency_sum_us, EACH * (EACH - 1) / 2 * THREADS as u64);
}

#[test]
fn a_server_that_stays_keeps_its_numbers_and_one_that_goes_is_forgotten() {
    let counters = Counters::new(1).unwrap();
    let pool = counters.pool("web");
    let (stays, goes) = (pool.server("stays"), pool.server("goes"));
    stays.request(0);
    goes.request(0);
    let next_snapshot = counters.pool("web").server("stays");
    drop((stays, goes));
    let servers = &counters.report().pools["web"].servers;
    assert_eq!(servers.keys().collect::<Vec<_>>(), ["stays"]);
    assert_eq!(servers["stays"].requests, 1);
    drop(next_snapshot);
    assert!(counters.report().pools["web"].servers.is_empty());
    drop(pool);
    assert!(counters.report().pools.is_empty());
}

#[test]
fn rejections_are_summed_by_reason() {
    let counters = Counters::new(2).unwrap();
    let service = counters.service("www");
    service.of(0).reject("bad-request");
    service.of(1).reject("header-timeout");
    service.of(1).reject("bad-request");
    let rejected = &counters.report().services["www"].rejected;
    assert_eq!(
        rejected.iter().map(|(reason, n)| (reason.as_str(), *n)).collect::<Vec<_>>(),
        [("bad-request", 2), ("header-timeout", 1)]
    );
    assert_eq!(counters.rejections()["www"], *rejected);
}

#[test]
fn reasons_past_the_last_place_are_counted_as_other() {
    let counters = Counters::new(1).unwrap();
    let service = counters.service("www");
    for n in 0..100 {
        service.of(0).reject(Box::leak(format!("reason-{n}").into_boxed_str()));
    }
    let rejected = &counters.report().services["www"].rejected;
    assert_eq!((rejected.len(), rejected["reason-0"], rejected["other"]), (64, 1, 37));
}

#[test]
fn a_gauge_that_ends_on_another_thread_is_right_in_sum() {
    let counters = Counters::new(2).unwrap();
    let pool = counters.pool("web");
    pool.of(0).queued.add(1);
    pool.of(0).queued.add(1);
    pool.of(1).queued.sub(1);
    assert_eq!(counters.report().pools["web"].queued, 1);
}

#[test]
fn classes_of_status_codes() {
    let cases =
        [(100, 0), (199, 0), (200, 1), (304, 2), (404, 3), (500, 4), (599, 4), (600, 4), (999, 4), (99, 4), (0, 4)];
    for (status, index) in cases {
        assert_eq!(count::class(status), index, "{status}");
    }
}

/// Prints what it costs; run with `--ignored --nocapture --release`.
#[test]
#[ignore = "a measurement, not a test"]
fn measure_ten_thousand_servers() {
    let counters = Counters::new(2).unwrap();
    let pool = counters.pool("web");
    let servers: Vec<_> = (0..10_000).map(|n| pool.server(&format!("10.0.{}.{}:8080", n / 250, n % 250))).collect();
    for touched in [false, true] {
        let start = Instant::now();
        let report = counters.report();
        let built = start.elapsed();
        let json = serde_json::to_vec(&report).unwrap();
        println!("touched {touched}: report {built:?}, with JSON {:?}, {} bytes", start.elapsed(), json.len());
        servers.iter().for_each(|server| (0..2).for_each(|thread| server.response(thread, 200, 300)));
    }
    let start = Instant::now();
    for _ in 0..1_000 {
        for server in &servers[..1000] {
            server.request(0);
            server.response(0, 200, 300);
        }
    }
    println!("one request and response: {:?}", start.elapsed() / 1_000_000);
}
