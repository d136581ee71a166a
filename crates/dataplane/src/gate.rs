//! How many connections a service has, in all and of each client, and the limits on both. It belongs to the service's
//! name: a reload does not forget who is connected. Clients are counted only where a limit asks for it.

use crate::shared::lock;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const SHARDS: usize = 32;

#[derive(Debug, Default)]
pub struct Gate {
    open: AtomicUsize,
    clients: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
    /// Keyed, because clients choose their addresses.
    hasher: RandomState,
}

/// The right to be connected; given back when dropped.
pub struct Pass {
    gate: Arc<Gate>,
    client: Option<IpAddr>,
}

impl Gate {
    /// Let one connection of the client in, or say which limit it meets. 0 is no limit.
    pub fn enter(self: &Arc<Self>, client: IpAddr, most: u32, most_per_client: u32) -> Result<Pass, &'static str> {
        let open = self.open.fetch_add(1, Relaxed);
        let mut pass = Pass { gate: self.clone(), client: None };
        if most != 0 && open >= most as usize {
            return Err("connections");
        }
        pass.count_client(client, most_per_client)?;
        Ok(pass)
    }

    fn shard(&self, client: IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        &self.clients[self.hasher.hash_one(client) as usize % SHARDS]
    }
}

impl Pass {
    /// Count the connection as one of this client, who may be known only by now. 0 is no limit.
    pub fn count_client(&mut self, client: IpAddr, most: u32) -> Result<(), &'static str> {
        if most == 0 || self.client.is_some() {
            return Ok(());
        }
        let mut clients = lock(self.gate.shard(client));
        let count = clients.entry(client).or_insert(0);
        if *count >= most {
            return Err("connections-per-client");
        }
        *count += 1;
        drop(clients);
        self.client = Some(client);
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.open.fetch_sub(1, Relaxed);
        if let Some(client) = self.client {
            let mut clients = lock(self.gate.shard(client));
            if let Some(count) = clients.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    clients.remove(&client);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use std::sync::Arc;

    #[test]
    fn limits_hold_and_are_given_back() {
        let gate = Arc::new(Gate::default());
        let (a, b) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = gate.enter(a, 3, 1).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(gate.enter(a, 3, 1).err(), Some("connections-per-client"));
        let _second = gate.enter(b, 3, 1).ok();
        let _third = gate.enter(a, 3, 0).ok();
        assert_eq!(gate.enter(b, 3, 0).err(), Some("connections"));
        drop(first);
        assert!(gate.enter(a, 3, 1).is_ok());
    }
}
