//! Uniform, weights ignored. No state shared by threads or balancers: good for many balancers before the same servers.
//! Fails for few requests: the load of n servers after m requests differs by about the square root of m/n, and the
//! fullest of n servers that get n requests has about ln n / ln ln n of them.

use super::{Field, Needs};
use crate::{
    chance::{below, draws},
    choice::Choice,
    server::ServerIndex,
};

pub(super) const NEEDS: Needs = Needs::NOTHING;

pub(super) fn pick(field: &Field, choice: &Choice) -> Option<ServerIndex> {
    let eligible = &field.eligible;
    field.first_usable(choice, draws(choice.random).map(|random| eligible[below(random, eligible.len())]))
}
