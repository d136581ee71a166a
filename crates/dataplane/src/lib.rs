//! The native plane: one thread with an event loop a core, listeners, connections, upstream pools.
//!
//! [`snapshot`] is what Python publishes, [`report`] what it reads back, [`engine`] the door.

pub mod access_log;
mod address;
mod addresses;
mod bind;
mod body;
mod budget;
mod buffer;
mod clock;
mod connection;
pub mod counters;
pub mod engine;
mod error;
mod exchange;
pub mod failures;
mod gate;
mod listener;
mod live;
mod networks;
mod queue;
mod relay;
pub mod report;
mod shared;
pub mod snapshot;
mod splice;
mod tcp;
mod timers;
mod transport;
mod upstream;
mod worker;

pub use engine::{Engine, Explanation, LogOptions, Options};
pub use error::Error;
