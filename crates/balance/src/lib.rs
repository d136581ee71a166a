//! Choosing one server of a pool. Pure: no socket, clock, random source or thread is made here; time and chance are
//! arguments. The same code serves every plane, the tests, `explain` and the simulator.
//!
//! [`spec`] is what Python publishes; everything else is built from it.

pub mod spec;
