//! Fewest active connections for its weight; ties in turn, as often as the weight says. The default of LVS.
//!
//! a is before b when a's connections / a's weight is less; compared by cross product, so nothing is rounded: 32 bits of
//! connections times 20 bits of weight fit in 64.

use super::{Needs, least::Order};
use crate::server::Server;

pub(super) const NEEDS: Needs = Needs { weight: true, live_load: true, ..Needs::NOTHING };

pub(super) static ORDER: Order = Order {
    weighted: true,
    reads_latency: false,
    by_load: |a, b| {
        let product = |load: &Server, weight: &Server| u64::from(load.live().active()) * u64::from(weight.weight());
        product(a, b).cmp(&product(b, a))
    },
};
