//! One pool of one snapshot: immutable after it was built, read by all threads. The order of a choice is: eligible, then
//! affinity, then algorithm.

use crate::{
    algorithm::Algorithm,
    choice::{BuildError, Choice, NoServer},
    lease::Lease,
    live::PoolLive,
    server::{Server, ServerIndex},
    spec::PoolSpec,
};
use std::{collections::BTreeMap, sync::Arc};

/// Tables name servers by 16 bits.
pub const SERVERS_MAX: usize = 65_535;

#[derive(Debug)]
pub struct Pool {
    spec: PoolSpec,
    servers: Arc<[Server]>,
    by_id: BTreeMap<String, ServerIndex>,
    eligible: Box<[ServerIndex]>,
    algorithm: Algorithm,
    live: Arc<PoolLive>,
}

impl Pool {
    /// `previous` is the pool of the same name in the snapshot before; servers that stay keep their live state.
    /// Once the snapshot is published, call [`Pool::published`].
    pub fn build(spec: &PoolSpec, previous: Option<&Pool>) -> Result<Pool, BuildError> {
        let by_id = check(spec)?;
        let live = previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.live));
        let lives = live.enlist(spec.servers.iter().map(|server| server.id.as_str()));
        let servers: Arc<[Server]> = spec
            .servers
            .iter()
            .cloned()
            .zip(lives)
            .map(|(s, l)| Server::new(s, l))
            .collect();
        let eligible: Box<[ServerIndex]> = (0..)
            .zip(&spec.servers)
            .filter(|(_, server)| server.eligible)
            .map(|(index, _)| index)
            .collect();
        let algorithm = Algorithm::build(spec.algorithm, &servers, &eligible, &live);
        Ok(Pool {
            spec: spec.clone(),
            servers,
            by_id,
            eligible,
            algorithm,
            live,
        })
    }

    /// This pool is the one that new requests use from now on: requests that end, also those of older snapshots, are
    /// accounted in its order. Call it once, after the snapshot that holds it was published.
    pub fn published(&self) {}

    /// Chooses a server and counts the request as active on it until the lease ends.
    pub fn choose(&self, choice: &Choice) -> Result<Lease, NoServer> {
        loop {
            let index = self
                .algorithm
                .pick(self, choice)
                .ok_or_else(|| self.why_none(choice))?;
            let server = &self.servers[index as usize];
            if server.acquire() {
                return Ok(Lease::new(server.live(), index, false));
            }
        }
    }

    /// A lease on this one server, for a request that waited for it; `None` while it is full or when it may not even
    /// keep its clients any more.
    pub fn lease(&self, server: ServerIndex) -> Option<Lease> {
        let found = self.servers.get(server as usize)?;
        let may = found.spec().keeps || found.spec().eligible;
        (may && found.acquire()).then(|| Lease::new(found.live(), server, false))
    }

    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// In configuration order; a [`ServerIndex`] is a place in it.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// # Panics
    /// When `index` is not of this pool.
    pub fn server(&self, index: ServerIndex) -> &Server {
        &self.servers[index as usize]
    }

    pub fn index_of(&self, id: &str) -> Option<ServerIndex> {
        self.by_id.get(id).copied()
    }

    /// The eligible servers, in configuration order.
    pub fn eligible(&self) -> &[ServerIndex] {
        &self.eligible
    }

    /// Requests that the server has now; 0 when it is unknown.
    pub fn active(&self, id: &str) -> u32 {
        self.index_of(id)
            .map_or(0, |index| self.server(index).live().active())
    }

    /// May this choice get this eligible server: neither full nor tried.
    pub(crate) fn is_usable(&self, index: ServerIndex, choice: &Choice) -> bool {
        !self.servers[index as usize].is_full() && !choice.tried.contains(&index)
    }

    fn why_none(&self, choice: &Choice) -> NoServer {
        if self.eligible.is_empty() {
            NoServer::NoneEligible
        } else if self
            .eligible
            .iter()
            .all(|index| choice.tried.contains(index))
        {
            NoServer::AllTried
        } else {
            NoServer::AllFull
        }
    }
}

fn check(spec: &PoolSpec) -> Result<BTreeMap<String, ServerIndex>, BuildError> {
    let pool = || spec.name.clone();
    if spec.servers.len() > SERVERS_MAX {
        return Err(BuildError::TooManyServers {
            pool: pool(),
            servers: spec.servers.len(),
        });
    }
    for (field, bits, bits_max) in [
        ("hash_mask_v4", spec.hash_mask_v4, 32),
        ("hash_mask_v6", spec.hash_mask_v6, 128),
    ] {
        if bits > bits_max {
            return Err(BuildError::Mask {
                pool: pool(),
                field,
                bits,
                bits_max,
            });
        }
    }
    let mut by_id = BTreeMap::new();
    for (index, server) in (0..).zip(&spec.servers) {
        if !(1..=1_000_000).contains(&server.weight) {
            return Err(BuildError::Weight {
                pool: pool(),
                id: server.id.clone(),
                weight: server.weight,
            });
        }
        if by_id.insert(server.id.clone(), index).is_some() {
            return Err(BuildError::RepeatedId {
                pool: pool(),
                id: server.id.clone(),
            });
        }
    }
    Ok(by_id)
}
