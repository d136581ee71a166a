//! Choosing one server of a pool. Pure: no socket, clock, random source or thread is made here; time and chance are
//! arguments. The same code serves every plane, the tests, `explain` and the simulator.
//!
//! [`spec`] is what Python publishes. [`Pool::build`] makes an immutable [`Pool`] of it, which hands out a [`Lease`] per
//! request; the live state of the servers ([`live`]) outlives every snapshot.
//!
//! ```
//! use steelyard_balance::{Choice, Pool, spec::PoolSpec};
//! let spec: PoolSpec = serde_json::from_str(r#"{
//!     "name": "web", "revision": 1, "algorithm": "round-robin", "affinity": null,
//!     "queue": {"size": 0, "timeout_ms": 0}, "retry": {"attempts": 3, "budget": 0.2, "min_per_second": 10},
//!     "hash_mask_v4": 32, "hash_mask_v6": 64,
//!     "servers": [{"id": "a", "address": "10.0.0.1:80", "weight": 1, "eligible": true, "keeps": true,
//!                  "max_connections": 0, "mark": ""}]}"#).unwrap();
//! let pool = Pool::build(&spec, None).unwrap();
//! let lease = pool.choose(&Choice { now_ms: 7, random: 42, ..Choice::default() }).unwrap();
//! assert_eq!(pool.server(lease.server()).id(), "a");
//! assert_eq!(pool.active("a"), 1);
//! lease.finish(9, 1_800); // the latency feeds `peak-ewma`; dropping a lease gives it back without one
//! assert_eq!(pool.active("a"), 0);
//! ```

mod affinity;
pub mod algorithm;
mod chance;
mod choice;
mod explain;
pub mod flow;
pub mod hash;
mod latency;
mod lease;
pub mod live;
mod pool;
mod server;
pub mod spec;

pub use choice::{BuildError, Choice, NoServer};
pub use lease::Lease;
pub use pool::Pool;
pub use server::{Server, ServerIndex};

#[cfg(test)]
extern crate self as steelyard_balance;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
