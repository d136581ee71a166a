//! One pool of one snapshot: immutable after it was built, read by all threads. The order of a choice is: eligible, then
//! affinity, then algorithm.

use crate::{
    affinity::Affinity,
    algorithm::{Algorithm, Field, Rooms},
    choice::{BuildError, Choice, NoServer},
    flow::Mask,
    lease::Lease,
    server::{Server, ServerIndex},
    spec::{AffinitySpec, PoolSpec},
};
use std::{collections::BTreeMap, sync::Arc};

/// Tables name servers by 16 bits.
pub const SERVERS_MAX: usize = 65_535;

#[derive(Debug)]
pub struct Pool {
    spec: PoolSpec,
    by_id: BTreeMap<String, ServerIndex>,
    field: Field,
    algorithm: Algorithm,
    affinity: Affinity,
    needs_address: bool,
}

impl Pool {
    /// `previous` is the pool of the same name in the snapshot before; servers that stay keep their live state.
    /// Once the snapshot is published, call [`Pool::published`].
    pub fn build(spec: &PoolSpec, previous: Option<&Pool>) -> Result<Pool, BuildError> {
        let by_id = check(spec)?;
        let live = previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.field.live));
        let lives = live.enlist(spec.servers.iter().map(|server| server.id.as_str()));
        let servers = spec.servers.iter().cloned().zip(lives).map(|(spec, live)| Server::new(spec, live)).collect();
        let eligible = (0..).zip(&spec.servers).filter(|(_, server)| server.eligible).map(|(index, _)| index).collect();
        let mut field = Field { servers, eligible, live, rooms: None };
        field.rooms = Rooms::build(&field);
        let algorithm = Algorithm::build(spec.algorithm, &field, Mask::of(spec));
        if previous.is_none() {
            algorithm.publish(&field);
            field.live.keep_rooms(field.rooms.as_ref());
        }
        let affinity = Affinity::build(spec, &field, previous.map(|pool| &pool.affinity));
        let needs_address =
            spec.algorithm.needs().address || matches!(spec.affinity, Some(AffinitySpec::Source { .. }));
        Ok(Pool { spec: spec.clone(), by_id, field, algorithm, affinity, needs_address })
    }

    /// This pool is the one that new requests use from now on: requests that end, also those of older snapshots, are
    /// accounted in its order. Call it once, after the snapshot that holds it was published.
    pub fn published(&self) {
        self.algorithm.publish(&self.field);
        if !self.field.rooms.as_ref().is_some_and(|rooms| self.field.live.keeps_rooms(rooms)) {
            self.field.live.keep_rooms(self.field.rooms.as_ref());
        }
    }

    /// Chooses a server and counts the request as active on it until the lease ends.
    ///
    /// A client goes to the server it is bound to, also when that one takes no new clients any more, unless it may not
    /// even keep its own or has been tried: then it is bound anew.
    pub fn choose(&self, choice: &Choice) -> Result<Lease, NoServer> {
        if let Some(bound) = self.bound(choice, false).filter(|&bound| self.may_keep(bound, choice)) {
            return self.lease(bound).ok_or(NoServer::BoundFull(bound));
        }
        loop {
            let index = self.pick(choice, false)?;
            // Another thread may have taken the last place since.
            if self.server(index).acquire() {
                self.affinity.bind(&self.field, choice, index);
                return Ok(self.lease_acquired(index, self.affinity.is_some()));
            }
        }
    }

    /// A lease on this one server, for a request that waited for it; `None` while it is full or when it may not even
    /// keep its clients any more.
    pub fn lease(&self, server: ServerIndex) -> Option<Lease> {
        let found = self.servers().get(server as usize)?;
        (found.keeps() && found.acquire()).then(|| self.lease_acquired(server, false))
    }

    fn lease_acquired(&self, index: ServerIndex, newly_bound: bool) -> Lease {
        self.algorithm.acquired(&self.field, index);
        Lease::new(self.server(index).live(), index, newly_bound)
    }

    /// Whether a choice looks at the client's address.
    pub fn needs_address(&self) -> bool {
        self.needs_address
    }

    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// In configuration order; a [`ServerIndex`] is a place in it.
    pub fn servers(&self) -> &[Server] {
        &self.field.servers
    }

    /// # Panics
    /// When `index` is not of this pool.
    pub fn server(&self, index: ServerIndex) -> &Server {
        self.field.server(index)
    }

    pub fn index_of(&self, id: &str) -> Option<ServerIndex> {
        self.by_id.get(id).copied()
    }

    /// The eligible servers, in configuration order.
    pub fn eligible(&self) -> &[ServerIndex] {
        &self.field.eligible
    }

    /// Requests that the server has now; 0 when it is unknown.
    pub fn active(&self, id: &str) -> u32 {
        self.index_of(id).map_or(0, |index| self.server(index).live().active())
    }

    pub(crate) fn bound(&self, choice: &Choice, peek: bool) -> Option<ServerIndex> {
        self.affinity.bound(choice, peek)
    }

    pub(crate) fn may_keep(&self, bound: ServerIndex, choice: &Choice) -> bool {
        self.server(bound).keeps() && !choice.tried.contains(&bound)
    }

    pub(crate) fn pick(&self, choice: &Choice, peek: bool) -> Result<ServerIndex, NoServer> {
        if self.eligible().is_empty() {
            return Err(NoServer::NoneEligible);
        }
        self.algorithm.pick(&self.field, choice, peek).ok_or_else(|| self.why_none(choice))
    }

    #[cfg(test)]
    pub(crate) fn field(&self) -> &Field {
        &self.field
    }

    fn why_none(&self, choice: &Choice) -> NoServer {
        if self.eligible().iter().all(|index| choice.tried.contains(index)) {
            NoServer::AllTried
        } else {
            NoServer::AllFull
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.algorithm.retire(&self.field);
    }
}

fn check(spec: &PoolSpec) -> Result<BTreeMap<String, ServerIndex>, BuildError> {
    let pool = || spec.name.clone();
    if spec.servers.len() > SERVERS_MAX {
        return Err(BuildError::TooManyServers { pool: pool(), servers: spec.servers.len() });
    }
    for (field, bits, bits_max) in [("hash_mask_v4", spec.hash_mask_v4, 32), ("hash_mask_v6", spec.hash_mask_v6, 128)] {
        if bits > bits_max {
            return Err(BuildError::Mask { pool: pool(), field, bits, bits_max });
        }
    }
    let mut by_id = BTreeMap::new();
    for (index, server) in (0..).zip(&spec.servers) {
        if !(1..=1_000_000).contains(&server.weight) {
            return Err(BuildError::Weight { pool: pool(), id: server.id.clone(), weight: server.weight });
        }
        if by_id.insert(server.id.clone(), index).is_some() {
            return Err(BuildError::RepeatedId { pool: pool(), id: server.id.clone() });
        }
    }
    Ok(by_id)
}
