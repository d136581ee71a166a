//! The native plane: one single-threaded runtime a core, listeners, connections, upstream pools.
//!
//! [`snapshot`] is what Python publishes, [`report`] what it reads back, [`engine`] the door.

#![allow(dead_code, reason = "the proxy that uses the rest follows")]

pub mod access_log;
mod address;
mod bind;
mod clock;
mod connection;
pub mod counters;
pub mod engine;
mod error;
pub mod failures;
mod listener;
mod live;
mod networks;
mod relay;
pub mod report;
mod shared;
pub mod snapshot;
mod socket;
mod splice;
mod timers;
mod worker;

pub use engine::{Engine, LogOptions, Options};
pub use error::Error;
