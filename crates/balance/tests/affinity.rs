//! Affinity through the pool: eligible, then affinity, then algorithm.

use steelyard_balance::{
    Choice, NoServer, Pool,
    spec::{AffinitySpec, AlgorithmName, CookieForm, PoolSpec},
};

mod support;

fn by_source(weights: &[u32]) -> PoolSpec {
    let mut spec = support::weighted(AlgorithmName::RoundRobin, weights);
    spec.affinity = Some(AffinitySpec::Source { ttl_ms: 1_000, capacity: 1_000 });
    spec
}

fn by_cookie(weights: &[u32]) -> PoolSpec {
    let mut spec = support::weighted(AlgorithmName::RoundRobin, weights);
    spec.affinity =
        Some(AffinitySpec::Cookie { form: CookieForm::Insert, name: "SRV".into(), same_site: "Lax".into() });
    spec.servers.iter_mut().for_each(|server| server.mark = format!("mark-{}", server.id));
    spec
}

fn from(client: &str, now_ms: u64) -> Choice<'static> {
    Choice { client: Some(client.parse().unwrap()), now_ms, ..Choice::default() }
}

fn with_mark(mark: &[u8]) -> Choice<'_> {
    Choice { mark: Some(mark), ..Choice::default() }
}

fn id(pool: &Pool, choice: &Choice) -> (String, bool) {
    let lease = pool.choose(choice).unwrap();
    (pool.server(lease.server()).id().to_owned(), lease.newly_bound())
}

#[test]
fn source_keeps_a_client_until_it_was_idle_too_long() {
    let pool = support::pool(&by_source(&[1, 1, 1]));
    assert_eq!(id(&pool, &from("192.0.2.1", 0)), ("s0".into(), true));
    assert_eq!(id(&pool, &from("192.0.2.2", 0)), ("s1".into(), true));
    assert_eq!(id(&pool, &from("192.0.2.1", 900)), ("s0".into(), false));
    assert_eq!(id(&pool, &from("192.0.2.1", 1_900)), ("s0".into(), false));
    assert_eq!(id(&pool, &from("192.0.2.1", 2_901)), ("s2".into(), true));
    assert_eq!(id(&pool, &from("192.0.2.1", 2_902)), ("s2".into(), false));
}

#[test]
fn source_sees_networks() {
    let mut spec = by_source(&[1, 1, 1]);
    spec.hash_mask_v4 = 24;
    let pool = support::pool(&spec);
    assert_eq!(id(&pool, &from("192.0.2.1", 0)), ("s0".into(), true));
    assert_eq!(id(&pool, &from("192.0.2.200", 0)), ("s0".into(), false));
    assert_eq!(id(&pool, &from("2001:db8::1", 0)), ("s1".into(), true));
    assert_eq!(id(&pool, &from("2001:db8::2:0:0:1", 0)), ("s1".into(), false));
}

#[test]
fn cookie_keeps_a_client_and_an_unknown_mark_is_a_new_client() {
    let pool = support::pool(&by_cookie(&[1, 1, 1]));
    assert_eq!(id(&pool, &with_mark(b"mark-s2")), ("s2".into(), false));
    assert_eq!(id(&pool, &with_mark(b"mark-s2")), ("s2".into(), false));
    assert_eq!(id(&pool, &with_mark(b"forged")), ("s0".into(), true));
    assert_eq!(id(&pool, &Choice::default()), ("s1".into(), true));
    assert_eq!(id(&pool, &with_mark(b"")), ("s2".into(), true));
}

#[test]
fn a_draining_server_keeps_its_clients_and_gets_no_new_ones() {
    let mut spec = by_cookie(&[1, 1]);
    spec.servers[0].eligible = false;
    let pool = support::pool(&spec);
    assert_eq!(id(&pool, &with_mark(b"mark-s0")), ("s0".into(), false));
    assert!((0..10).all(|_| id(&pool, &Choice::default()).0 == "s1"));
    spec.servers[0].keeps = false;
    let pool = Pool::build(&spec, Some(&pool)).unwrap();
    assert_eq!(id(&pool, &with_mark(b"mark-s0")), ("s1".into(), true));
}

#[test]
fn a_bound_server_that_was_tried_is_left_for_good() {
    let pool = support::pool(&by_source(&[1, 1]));
    assert_eq!(id(&pool, &from("192.0.2.1", 0)), ("s0".into(), true));
    assert_eq!(id(&pool, &Choice { tried: &[0], ..from("192.0.2.1", 1) }), ("s1".into(), true));
    assert_eq!(id(&pool, &from("192.0.2.1", 2)), ("s1".into(), false));
}

#[test]
fn a_bound_client_waits_for_its_full_server() {
    let mut spec = by_cookie(&[1, 1]);
    spec.servers[0].max_connections = 1;
    let pool = support::pool(&spec);
    let running = pool.choose(&with_mark(b"mark-s0")).unwrap();
    assert_eq!(pool.choose(&with_mark(b"mark-s0")).unwrap_err(), NoServer::BoundFull(0));
    assert!(pool.lease(0).is_none());
    drop(running);
    let waited = pool.lease(0).unwrap();
    assert_eq!((waited.server(), waited.newly_bound(), pool.active("s0")), (0, false, 1));
}

#[test]
fn bindings_survive_rebuilt_pools_and_moved_servers() {
    let mut spec = by_source(&[1, 1, 1]);
    let first = support::pool(&spec);
    for (client, server) in [("192.0.2.1", "s0"), ("192.0.2.2", "s1"), ("192.0.2.3", "s2")] {
        assert_eq!(id(&first, &from(client, 0)), (server.into(), true));
    }
    spec.servers.reverse();
    spec.servers[0].weight = 9;
    spec.servers.remove(1);
    spec.affinity = Some(AffinitySpec::Source { ttl_ms: 2_000, capacity: 500 });
    let second = Pool::build(&spec, Some(&first)).unwrap();
    assert_eq!(id(&second, &from("192.0.2.1", 1_500)), ("s0".into(), false));
    assert_eq!(id(&second, &from("192.0.2.3", 1_500)), ("s2".into(), false));
    assert!(id(&second, &from("192.0.2.2", 1_500)).1, "its server is gone");
}

#[test]
fn peek_tells_what_choose_does_and_changes_nothing() {
    let pool = support::pool(&by_cookie(&[1, 1]));
    assert_eq!(pool.peek(&with_mark(b"mark-s1")), (Some(1), "bound to s1 by its cookie".into()));
    for _ in 0..3 {
        assert_eq!(pool.peek(&Choice::default()), (Some(0), "round-robin: next in turn of 2 eligible".into()));
    }
    let (server, reason) = pool.peek(&Choice { tried: &[1], ..with_mark(b"mark-s1") });
    assert_eq!(server, Some(0));
    assert_eq!(
        reason,
        "bound to s1 by its cookie, which may not keep its clients now; round-robin: next in turn of 2 eligible"
    );
    let source = support::pool(&by_source(&[1, 1]));
    drop(source.choose(&from("192.0.2.1", 0)).unwrap());
    assert_eq!(source.peek(&from("192.0.2.1", 900)), (Some(0), "bound to s0 by its address".into()));
    assert!(source.choose(&from("192.0.2.1", 1_001)).unwrap().newly_bound(), "a peek is no sign of life");
}
