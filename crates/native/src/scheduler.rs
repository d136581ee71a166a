//! `Scheduler`: one pool of `steelyard-balance` without any traffic, for tests, teaching and simulation.

use crate::error::{detached, parse};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use steelyard_balance::spec::{AlgorithmName, PoolSpec};
use steelyard_balance::{Choice, Lease, Pool, ServerIndex};

/// One pool's algorithm without any traffic, for tests, teaching and simulation.
#[pyclass(module = "steelyard._native", frozen)]
pub struct Scheduler(Mutex<Simulated>);

struct Simulated {
    pool: Pool,
    /// By server id, which outlives the pool's indexes.
    running: BTreeMap<String, Vec<Lease>>,
}

#[pymethods]
impl Scheduler {
    #[new]
    fn new(py: Python<'_>, pool: &[u8]) -> PyResult<Self> {
        detached(py, || build(pool, None).map(|pool| Self(Mutex::new(Simulated { pool, running: BTreeMap::new() }))))
    }

    /// The id of the server chosen, which then has one more active request; None when none can be chosen now.
    #[pyo3(signature = (client, now_ms, random, exclude, mark=""))]
    fn choose(
        &self,
        py: Python<'_>,
        client: &str,
        now_ms: u64,
        random: u64,
        exclude: Vec<String>,
        mark: &str,
    ) -> PyResult<Option<String>> {
        detached(py, || {
            let mut simulated = self.lock();
            let lease = with_choice(&simulated.pool, client, now_ms, random, &exclude, mark, |choice| {
                simulated.pool.choose(choice).ok()
            })?;
            Ok::<_, String>(lease.map(|lease| {
                let id = simulated.pool.server(lease.server()).id().to_owned();
                simulated.running.entry(id.clone()).or_default().push(lease);
                id
            }))
        })
    }

    /// What ``choose`` would return with the same arguments, and why; nothing changes.
    #[pyo3(signature = (client, now_ms, random, exclude, mark=""))]
    fn peek(
        &self,
        py: Python<'_>,
        client: &str,
        now_ms: u64,
        random: u64,
        exclude: Vec<String>,
        mark: &str,
    ) -> PyResult<(Option<String>, String)> {
        detached(py, || {
            let pool = &self.lock().pool;
            let (server, reason) =
                with_choice(pool, client, now_ms, random, &exclude, mark, |choice| pool.peek(choice))?;
            Ok::<_, String>((server.map(|index| pool.server(index).id().to_owned()), reason))
        })
    }

    /// End one request of the server; a latency is taken into the mean of ``peak-ewma``.
    fn release(&self, py: Python<'_>, server: &str, now_ms: u64, latency_us: Option<u64>) -> PyResult<()> {
        detached(py, || {
            let mut simulated = self.lock();
            let lease = simulated.running.get_mut(server).and_then(Vec::pop);
            match (lease, latency_us) {
                (None, _) => return Err(format!("server {server}: no request to end: choose it first")),
                (Some(lease), Some(latency_us)) => lease.finish(now_ms, latency_us),
                (Some(lease), None) => drop(lease),
            }
            Ok(())
        })
    }

    /// Replace the pool; servers that stay keep their live state.
    fn update(&self, py: Python<'_>, pool: &[u8]) -> PyResult<()> {
        detached(py, || {
            let mut simulated = self.lock();
            simulated.pool = build(pool, Some(&simulated.pool))?;
            simulated.pool.published();
            Ok::<_, String>(())
        })
    }

    /// Requests of the server that have not ended; 0 when it is unknown.
    fn active(&self, py: Python<'_>, server: &str) -> PyResult<u32> {
        detached(py, || Ok::<_, Infallible>(self.lock().pool.active(server)))
    }
}

impl Scheduler {
    /// A panic while it was held became a `NativeError`; the pool is consistent at every step.
    fn lock(&self) -> MutexGuard<'_, Simulated> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What each algorithm needs to know, by its name: "weight", "live-load", "latency", "address".
#[pyfunction]
pub fn algorithm_needs() -> BTreeMap<&'static str, Vec<&'static str>> {
    AlgorithmName::ALL.iter().map(|name| (name.as_str(), name.needs().words().collect())).collect()
}

fn build(pool: &[u8], previous: Option<&Pool>) -> Result<Pool, String> {
    let spec: PoolSpec = parse("pool", pool)?;
    Pool::build(&spec, previous).map_err(|error| error.to_string())
}

fn with_choice<T>(
    pool: &Pool,
    client: &str,
    now_ms: u64,
    random: u64,
    exclude: &[String],
    mark: &str,
    ask: impl FnOnce(&Choice) -> T,
) -> Result<T, String> {
    let address = |_| format!("client: expected an IP address or an empty string, found {client:?}");
    let client: Option<IpAddr> = if client.is_empty() { None } else { Some(client.parse().map_err(address)?) };
    let tried: Vec<ServerIndex> = exclude.iter().filter_map(|id| pool.index_of(id)).collect();
    let mark = (!mark.is_empty()).then_some(mark.as_bytes());
    Ok(ask(&Choice { client, mark, tried: &tried, now_ms, random }))
}
