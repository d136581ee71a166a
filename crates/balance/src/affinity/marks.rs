//! Cookie affinity: which server a client's mark stands for. Marks are made in Python, opaque and keyed; a mark that is
//! unknown is no error but a client without a binding.

use crate::{server::ServerIndex, spec::ServerSpec};
use std::collections::BTreeMap;

/// A tree and not a hash map: what is looked up is chosen by clients, and a tree has no worst case to be found.
#[derive(Debug)]
pub(crate) struct Marks(BTreeMap<Box<[u8]>, ServerIndex>);

impl Marks {
    pub(super) fn build(servers: &[ServerSpec]) -> Self {
        let marked = (0..).zip(servers).filter(|(_, server)| !server.mark.is_empty());
        Self(marked.map(|(index, server)| (server.mark.as_bytes().into(), index)).collect())
    }

    pub(super) fn find(&self, mark: &[u8]) -> Option<ServerIndex> {
        self.0.get(mark).copied()
    }
}
