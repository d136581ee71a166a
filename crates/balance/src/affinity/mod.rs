//! Keeping a client on its server: by its address ([`stick`]) or by a mark in a cookie ([`marks`]).
//!
//! A binding is a wish: whether the server may keep the client, and what happens when it may not, is decided in `Pool`.

mod marks;
mod stick;

use crate::{algorithm::Field, choice::Choice, flow::Mask, server::ServerIndex, spec::AffinitySpec, spec::PoolSpec};
use marks::Marks;
use std::sync::Arc;
use stick::StickTable;

#[derive(Debug)]
pub(crate) enum Affinity {
    None,
    Source(Source),
    Cookie(Marks),
}

#[derive(Debug)]
pub(crate) struct Source {
    mask: Mask,
    table: Arc<StickTable>,
    /// (serial, index), ascending: a table entry outlives snapshots, an index does not.
    indexes: Box<[(u64, ServerIndex)]>,
}

impl Affinity {
    /// The bindings of `previous` go on, also where their number or their time was changed.
    pub(crate) fn build(spec: &PoolSpec, field: &Field, previous: Option<&Self>) -> Self {
        match spec.affinity {
            None => Self::None,
            Some(AffinitySpec::Cookie { .. }) => Self::Cookie(Marks::build(&spec.servers)),
            Some(AffinitySpec::Source { ttl_ms, capacity }) => {
                let table = match previous {
                    Some(Self::Source(source)) => StickTable::continued(&source.table, ttl_ms, capacity),
                    _ => Arc::new(StickTable::new(ttl_ms, capacity)),
                };
                let mut indexes: Box<[_]> = (0..).zip(&*field.servers).map(|(i, s)| (s.live().serial(), i)).collect();
                indexes.sort_unstable();
                Self::Source(Source { mask: Mask::of(spec), table, indexes })
            }
        }
    }

    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The server that the client is bound to. With `peek` the binding grows no younger.
    pub(crate) fn bound(&self, choice: &Choice, peek: bool) -> Option<ServerIndex> {
        match self {
            Self::None => None,
            Self::Cookie(marks) => marks.find(choice.mark?),
            Self::Source(source) => {
                let client = source.mask.apply(choice.client?);
                let serial = source.table.find(client, choice.now_ms, peek)?;
                let place = source.indexes.binary_search_by_key(&serial, |&(serial, _)| serial).ok()?;
                Some(source.indexes[place].1)
            }
        }
    }

    /// The client was given this server. A cookie is set by the plane (`Lease::newly_bound`).
    pub(crate) fn bind(&self, field: &Field, choice: &Choice, server: ServerIndex) {
        if let (Self::Source(source), Some(client)) = (self, choice.client) {
            source.table.bind(source.mask.apply(client), field.server(server).live().serial(), choice.now_ms);
        }
    }
}
