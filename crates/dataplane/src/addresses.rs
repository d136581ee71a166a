//! A small number for every address that a snapshot may connect to, so that workers find their idle connections by
//! index. An address keeps its number from one snapshot to the next. The number of one that fell out is given away again
//! only after every worker has seen a snapshot without it.

use crate::address::Address;
use std::collections::HashMap;

pub type Slot = u32;

#[derive(Clone, Debug, Default)]
pub struct Addresses {
    slots: Vec<Option<Address>>,
    by_address: HashMap<Address, Slot>,
}

/// The successor of [`Addresses`] while its snapshot is built.
pub struct Builder {
    next: Addresses,
    used: Vec<bool>,
    free: Vec<Slot>,
}

impl Addresses {
    pub fn successor(&self) -> Builder {
        let free = (0..).zip(&self.slots).filter(|(_, address)| address.is_none()).map(|(slot, _)| slot).collect();
        Builder { next: self.clone(), used: vec![false; self.slots.len()], free }
    }

    /// Whether this number still means this address.
    pub fn has(&self, slot: Slot, address: &Address) -> bool {
        self.slots.get(slot as usize).is_some_and(|known| known.as_ref() == Some(address))
    }

    /// Whether this number means any address.
    pub fn is_used(&self, slot: Slot) -> bool {
        self.slots.get(slot as usize).is_some_and(Option::is_some)
    }
}

impl Builder {
    pub fn slot(&mut self, address: &Address) -> Slot {
        if let Some(&slot) = self.next.by_address.get(address) {
            self.keep(slot);
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next.slots.push(None);
            self.used.push(false);
            (self.next.slots.len() - 1) as Slot
        });
        self.next.slots[slot as usize] = Some(address.clone());
        self.next.by_address.insert(address.clone(), slot);
        self.keep(slot);
        slot
    }

    /// A number that a part of the snapshot before goes on using.
    pub fn keep(&mut self, slot: Slot) {
        self.used[slot as usize] = true;
    }

    pub fn finish(mut self) -> Addresses {
        for (slot, used) in self.used.iter().enumerate() {
            if !used && let Some(address) = self.next.slots[slot].take() {
                self.next.by_address.remove(&address);
            }
        }
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address::Ip(([127, 0, 0, 1], port).into())
    }

    #[test]
    fn an_address_keeps_its_number_while_it_is_used() {
        let mut builder = Addresses::default().successor();
        let (a, b) = (builder.slot(&address(1)), builder.slot(&address(2)));
        assert_eq!(builder.slot(&address(1)), a);
        let first = builder.finish();
        let mut builder = first.successor();
        assert_eq!(builder.slot(&address(2)), b);
        let c = builder.slot(&address(3));
        assert_ne!(c, a, "workers may still hold connections under the old meaning");
        let second = builder.finish();
        assert!(!second.has(a, &address(1)) && !second.is_used(a));
        assert!(second.has(b, &address(2)));
        let mut builder = second.successor();
        assert_eq!(builder.slot(&address(4)), a, "now it is free");
    }
}
