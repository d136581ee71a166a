//! The snapshot in the form that the workers read: parsed, checked, immutable. What must outlive a change (open
//! connections, queues, budgets) belongs to the name of a service or pool and is handed from one snapshot to the next.

use crate::address::Address;
use crate::counters::{Counters, PoolCounters, ServerCounters, ServiceCounters};
use crate::error::Error;
use crate::networks::Networks;
use crate::snapshot::{ServiceSpec, SnapshotSpec};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use steelyard_balance::Pool;
use steelyard_balance::spec::PoolSpec;

/// One version of everything.
#[derive(Default)]
pub struct Live {
    pub version: u64,
    pub services: HashMap<String, Arc<Service>>,
    pub pools: HashMap<String, Arc<LivePool>>,
}

pub struct Service {
    pub spec: ServiceSpec,
    pub listen: SocketAddr,
    pub trusted: Networks,
    pub pool: Arc<LivePool>,
    pub counters: Arc<ServiceCounters>,
}

pub struct LivePool {
    pub pool: Pool,
    pub counters: Arc<PoolCounters>,
    /// In the order of the pool's servers.
    pub servers: Vec<LiveServer>,
}

/// What forwarding needs to know of a server, besides what choosing does.
pub struct LiveServer {
    /// None while its name is not resolved; then it is never chosen.
    pub address: Option<Address>,
    pub counters: Arc<ServerCounters>,
}

impl Live {
    /// Build the successor of `before`, or say what is wrong. A pool whose revision is unchanged is kept as it is.
    pub fn build(spec: SnapshotSpec, before: &Live, counters: &Counters) -> Result<Live, Error> {
        let mut pools = HashMap::new();
        for pool in spec.pools {
            let live = match before.pools.get(&pool.name) {
                Some(known) if known.pool.spec().revision == pool.revision => known.clone(),
                known => Arc::new(LivePool::build(&pool, known.map(|known| &known.pool), counters)?),
            };
            if pools.insert(pool.name.clone(), live).is_some() {
                return Err(refuse(format!("pools.{}", pool.name), "a name used once", pool.name));
            }
        }
        let mut services = HashMap::new();
        for service in spec.services {
            let name = service.name.clone();
            let service = Service::build(service, &pools, counters)?;
            if services.insert(name.clone(), Arc::new(service)).is_some() {
                return Err(refuse(format!("services.{name}"), "a name used once", name));
            }
        }
        Ok(Live { version: spec.version, services, pools })
    }
}

impl Service {
    fn build(spec: ServiceSpec, pools: &HashMap<String, Arc<LivePool>>, counters: &Counters) -> Result<Service, Error> {
        let place = |key: &str| format!("services.{}.{key}", spec.name);
        let listen =
            spec.listen.parse().map_err(|_| refuse(place("listen"), "ip:port or [v6]:port", spec.listen.clone()))?;
        let trusted = Networks::parse(&spec.trusted_proxies)
            .map_err(|text| refuse(place("trusted_proxies"), "a CIDR network", text))?;
        let pool = pools.get(&spec.pool).cloned();
        let pool = pool.ok_or_else(|| refuse(place("pool"), "a pool of this snapshot", spec.pool.clone()))?;
        Ok(Service { listen, trusted, pool, counters: counters.service(&spec.name), spec })
    }
}

impl LivePool {
    fn build(spec: &PoolSpec, before: Option<&Pool>, counters: &Counters) -> Result<LivePool, Error> {
        let pool = Pool::build(spec, before).map_err(Error::Pool)?;
        let counters = counters.pool(&spec.name);
        let servers = spec.servers.iter().map(|server| {
            let address = match &server.address {
                Some(text) => Some(Address::parse(text).ok_or_else(|| {
                    let place = format!("pools.{}.servers.{}.address", spec.name, server.id);
                    refuse(place, "ip:port, [v6]:port or unix:/path", text.clone())
                })?),
                None => None,
            };
            Ok(LiveServer { address, counters: counters.server(&server.id) })
        });
        let servers = servers.collect::<Result<_, Error>>()?;
        Ok(LivePool { pool, counters, servers })
    }
}

fn refuse(path: String, expected: &'static str, found: String) -> Error {
    Error::Snapshot { path, expected, found }
}
