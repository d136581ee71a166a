//! The snapshot in the form that the workers read: parsed, checked, immutable. What must outlive a change (gates, queues,
//! counters) belongs to the name of a service or pool and is handed from one snapshot to the next.

use crate::address::Address;
use crate::addresses::{Addresses, Builder, Slot};
use crate::counters::{Counters, PoolCounters, ServerCounters, ServiceCounters};
use crate::error::Error;
use crate::gate::Gate;
use crate::networks::Networks;
use crate::queue::Queue;
use crate::snapshot::{Limits, ServiceSpec, SnapshotSpec};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use steelyard_balance::Pool;
use steelyard_balance::spec::{AffinitySpec, CookieForm, PoolSpec, ServerSpec};
use steelyard_http as http;

/// One version of everything.
#[derive(Default)]
pub struct Live {
    pub version: u64,
    /// Rises with every snapshot put in force.
    pub stamp: u64,
    pub services: HashMap<String, Arc<Service>>,
    pub pools: HashMap<String, Arc<LivePool>>,
    pub addresses: Addresses,
}

pub struct Service {
    pub spec: ServiceSpec,
    pub listen: SocketAddr,
    pub trusted: Networks,
    pub limits: http::Limits,
    pub rewrite: http::Rewrite,
    pub pool: Arc<LivePool>,
    pub counters: Arc<ServiceCounters>,
    pub gate: Arc<Gate>,
}

pub struct LivePool {
    pub pool: Pool,
    pub counters: Arc<PoolCounters>,
    /// In the order of the pool's servers.
    pub servers: Vec<LiveServer>,
    pub queue: Arc<Queue>,
    /// The pool's place in every worker's list of budgets; kept for its name.
    pub number: usize,
}

/// What forwarding needs to know of a server, besides what choosing does.
pub struct LiveServer {
    /// None while its name is not resolved or nobody may use it; then it is never chosen.
    pub address: Option<(Slot, Address)>,
    pub counters: Arc<ServerCounters>,
}

impl Live {
    /// Build the successor of `before`, or say what is wrong. A pool whose revision is unchanged is kept as it is.
    pub fn build(spec: SnapshotSpec, before: &Live, counters: &Counters) -> Result<Live, Error> {
        let mut addresses = before.addresses.successor();
        let mut numbers = before.pools.values().map(|pool| pool.number + 1).max().unwrap_or(0)..;
        let mut pools = HashMap::new();
        for pool in spec.pools {
            let live = match before.pools.get(&pool.name) {
                Some(known) if known.pool.spec().revision == pool.revision => {
                    known.servers.iter().flat_map(|server| &server.address).for_each(|(slot, _)| addresses.keep(*slot));
                    known.clone()
                }
                known => Arc::new(LivePool::build(&pool, known, &mut numbers, &mut addresses, counters)?),
            };
            if pools.insert(pool.name.clone(), live).is_some() {
                return Err(refuse(format!("pools.{}", pool.name), "a name used once", pool.name));
            }
        }
        let mut services = HashMap::new();
        for service in spec.services {
            let name = service.name.clone();
            let service = Service::build(service, before.services.get(&name), &pools, counters)?;
            if services.insert(name.clone(), Arc::new(service)).is_some() {
                return Err(refuse(format!("services.{name}"), "a name used once", name));
            }
        }
        Ok(Live { version: spec.version, stamp: before.stamp + 1, services, pools, addresses: addresses.finish() })
    }
}

impl Service {
    fn build(
        spec: ServiceSpec,
        before: Option<&Arc<Service>>,
        pools: &HashMap<String, Arc<LivePool>>,
        counters: &Counters,
    ) -> Result<Service, Error> {
        let place = |key: &str| format!("services.{}.{key}", spec.name);
        let listen =
            spec.listen.parse().map_err(|_| refuse(place("listen"), "ip:port or [v6]:port", spec.listen.clone()))?;
        let trusted = Networks::parse(&spec.trusted_proxies)
            .map_err(|text| refuse(place("trusted_proxies"), "a CIDR network", text))?;
        let pool = pools.get(&spec.pool).cloned();
        let pool = pool.ok_or_else(|| refuse(place("pool"), "a pool of this snapshot", spec.pool.clone()))?;
        Ok(Service {
            listen,
            trusted,
            limits: head_limits(&spec.limits),
            rewrite: http::Rewrite::new(&spec.via, &spec.request_id, spec.forwarded, cookie(pool.pool.spec())),
            counters: counters.service(&spec.name),
            gate: before.map_or_else(Arc::default, |before| before.gate.clone()),
            pool,
            spec,
        })
    }
}

fn head_limits(limits: &Limits) -> http::Limits {
    http::Limits {
        request_line: limits.request_line,
        header_bytes: limits.header_bytes,
        header_count: limits.header_count,
    }
}

fn cookie(spec: &PoolSpec) -> Option<http::CookieAffinity> {
    let Some(AffinitySpec::Cookie { form, name, same_site }) = &spec.affinity else { return None };
    Some(http::CookieAffinity {
        name: name.as_bytes().to_vec(),
        form: match form {
            CookieForm::Insert => http::CookieForm::Insert,
            CookieForm::Append => http::CookieForm::Append,
        },
        same_site: same_site.clone(),
        mark_length: spec.servers.first().map_or(0, |server| server.mark.len()),
    })
}

impl LivePool {
    fn build(
        spec: &PoolSpec,
        before: Option<&Arc<LivePool>>,
        numbers: &mut impl Iterator<Item = usize>,
        addresses: &mut Builder,
        counters: &Counters,
    ) -> Result<LivePool, Error> {
        let pool = Pool::build(spec, before.map(|before| &before.pool)).map_err(Error::Pool)?;
        let counters = counters.pool(&spec.name);
        let servers = spec.servers.iter().map(|server| {
            let address = address(spec, server)?.map(|address| (addresses.slot(&address), address));
            Ok(LiveServer { address, counters: counters.server(&server.id) })
        });
        Ok(LivePool {
            servers: servers.collect::<Result<_, Error>>()?,
            queue: before.map_or_else(Arc::default, |before| before.queue.clone()),
            number: before.map(|before| before.number).or_else(|| numbers.next()).unwrap_or(0),
            pool,
            counters,
        })
    }
}

/// Where to connect to; none when nobody may.
fn address(pool: &PoolSpec, server: &ServerSpec) -> Result<Option<Address>, Error> {
    let Some(text) = &server.address else { return Ok(None) };
    let address = Address::parse(text).ok_or_else(|| {
        let place = format!("pools.{}.servers.{}.address", pool.name, server.id);
        refuse(place, "ip:port, [v6]:port or unix:/path", text.clone())
    })?;
    Ok((server.eligible || server.keeps).then_some(address))
}

fn refuse(path: String, expected: &'static str, found: String) -> Error {
    Error::Snapshot { path, expected, found }
}
