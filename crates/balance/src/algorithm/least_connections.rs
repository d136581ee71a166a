//! Fewest active connections, weights ignored; ties in turn.
//!
//! Good where requests differ much in cost: a slow or stuck server keeps its connections and gets no more. Fails for a
//! server that fails fast, which always looks idle (health must take it out), and right after a server was added, which
//! gets everything until it has as much as the others (slow start with weights is for that).

use super::{Needs, least::Order};

pub(super) const NEEDS: Needs = Needs { live_load: true, ..Needs::NOTHING };

pub(super) static ORDER: Order =
    Order { weighted: false, reads_latency: false, by_load: |a, b| a.live().active().cmp(&b.live().active()) };
