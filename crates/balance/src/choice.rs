//! What a choice depends on, and how it can fail. Only shapes.

use crate::server::ServerIndex;
use std::{fmt, net::IpAddr};

/// What one choice depends on. Time and chance are given by the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// The client's address; `None` where there is none (a unix socket): hashing algorithms then take `random`.
    pub client: Option<IpAddr>,
    /// The mark of cookie affinity that the client carried, if it carried one.
    pub mark: Option<&'a [u8]>,
    /// Servers that this request was tried on already; never chosen again.
    pub tried: &'a [ServerIndex],
    /// A clock that never goes back; only differences mean anything.
    pub now_ms: u64,
    /// 64 fresh random bits.
    pub random: u64,
}

/// Why nothing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoServer {
    /// The pool has no eligible server.
    NoneEligible,
    /// Every eligible server has been tried already.
    AllTried,
    /// Every eligible server that was not tried is at its `max_connections`: the request may wait.
    AllFull,
    /// The server that the client is bound to is at its `max_connections`: the request may wait for it,
    /// by [`crate::Pool::lease`].
    BoundFull(ServerIndex),
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoneEligible => "no server is eligible",
            Self::AllTried => "every eligible server has been tried",
            Self::AllFull => "every eligible server is at its max_connections",
            Self::BoundFull(_) => "the client's server is at its max_connections",
        })
    }
}

impl std::error::Error for NoServer {}

/// Why a pool could not be built. Python publishes only what it has judged, so each of these is a fault of the publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    TooManyServers { pool: String, servers: usize },
    RepeatedId { pool: String, id: String },
    Weight { pool: String, id: String, weight: u32 },
    Mask { pool: String, field: &'static str, bits: u8, bits_max: u8 },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyServers { pool, servers } => write!(
                f,
                "pool {pool}: {servers} servers, at most {} are possible: split the pool",
                crate::pool::SERVERS_MAX
            ),
            Self::RepeatedId { pool, id } => write!(f, "pool {pool}: two servers have the id {id}: ids are unique"),
            Self::Weight { pool, id, weight } => {
                write!(f, "pool {pool}: server {id}: expected a weight from 1 to 1000000, found {weight}")
            }
            Self::Mask { pool, field, bits, bits_max } => {
                write!(f, "pool {pool}: {field}: expected from 0 to {bits_max} bits, found {bits}")
            }
        }
    }
}

impl std::error::Error for BuildError {}
