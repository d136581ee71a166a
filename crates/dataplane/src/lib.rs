//! The native plane: one single-threaded runtime a core, listeners, connections, upstream pools.
//!
//! [`snapshot`] is what Python publishes, [`report`] what it reads back.

pub mod counters;
pub mod failures;
pub mod report;
pub mod snapshot;
