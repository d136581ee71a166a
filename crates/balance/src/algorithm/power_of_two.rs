//! The less loaded of two random ones (Mitzenmacher: "The power of two choices in randomized load balancing", IEEE TPDS
//! 2001). Load is (active + 1) / weight, compared by cross product: the load that the server would have with this request.
//!
//! Nearly as even as `least-connections` (the fullest server has about ln ln n more than the mean), with two looks instead
//! of an order that all threads keep; and it does not herd: several balancers that see the same idle server do not all
//! rush to it. A server whose weight is small is drawn as often as the others and loses the comparison instead.

use super::{Field, Needs};
use crate::{
    chance::{below, draws},
    choice::Choice,
    hash::mix,
    server::{Server, ServerIndex},
};

pub(super) const NEEDS: Needs = Needs { weight: true, live_load: true, ..Needs::NOTHING };

pub(super) fn pick(field: &Field, choice: &Choice) -> Option<ServerIndex> {
    field.first_usable(choice, draws(choice.random).map(|random| better_of_two(field, choice, random)))
}

fn better_of_two(field: &Field, choice: &Choice, random: u64) -> ServerIndex {
    let eligible = &field.eligible;
    let n = eligible.len();
    let first = below(random, n);
    if n == 1 {
        return eligible[first];
    }
    // Drawn from the n - 1 others, so that the two are distinct.
    let second = below(mix(random), n - 1);
    let second = if second >= first { second + 1 } else { second };
    let (first, second) = (eligible[first], eligible[second]);
    let second_wins = field.is_usable(second, choice)
        && (!field.is_usable(first, choice) || load_is_less(field.server(second), field.server(first)));
    if second_wins { second } else { first }
}

fn load_is_less(a: &Server, b: &Server) -> bool {
    let load = |server: &Server| u64::from(server.live().active()) + 1;
    load(a) * u64::from(b.weight()) < load(b) * u64::from(a.weight())
}
