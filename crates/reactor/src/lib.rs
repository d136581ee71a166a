//! The event loop of one thread: tasks that wait for sockets, and nothing that another thread could touch.
//!
//! A thread that serves small requests passes here twice for each, so what a general runtime pays for tasks that may
//! move between threads counts: about twenty atomic instructions a request (decision 0100). Here a task belongs to its
//! thread for life, a socket remembers which task waits for it by a number, and a wake-up is a store. Futures are
//! ordinary ones: a waker may be cloned, kept, and called from any thread, which then costs what it costs elsewhere.
//!
//! | file | one idea |
//! |---|---|
//! | `executor` | the tasks of a thread, and the loop that polls those that are ready |
//! | `tasks` | where they are kept, and the numbers that name them |
//! | `sources` | what is known of the readiness of each descriptor, and who waits for it |
//! | `remote` | wake-ups from other threads |
//! | `socket`, `listener`, `interval` | the three things that a task can wait for |
//! | `inbox` | values from other threads |
//!
//! Not here: deadlines (a worker keeps them as numbers), files, signals, datagrams.

mod executor;
mod inbox;
mod interval;
mod listener;
mod remote;
mod socket;
mod sources;
mod tasks;

pub use executor::{block_on, on_wake, spawn, yield_now};
pub use inbox::{Receiver, Sender, inbox};
pub use interval::Interval;
pub use listener::Listener;
pub use socket::{Socket, is_passing};
pub use sources::Interest;
