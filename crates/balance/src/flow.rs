//! The client address as a key: in one form, and only its leading bits, so that a client that changes its address inside
//! its own network (privacy extensions of IPv6, RFC 8981) stays the same client.

use crate::{hash::hash, spec::PoolSpec};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many leading bits count. Each is at most the width of its family (`Pool::build` checks it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    v4: u8,
    v6: u8,
}

impl Mask {
    pub fn of(spec: &PoolSpec) -> Self {
        Self { v4: spec.hash_mask_v4, v6: spec.hash_mask_v6 }
    }

    /// The network of the client. An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) is the IPv4 address that it
    /// carries: which one we see depends only on the kind of our listening socket.
    pub fn apply(self, client: IpAddr) -> IpAddr {
        match client.to_canonical() {
            IpAddr::V4(address) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(self.v4)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & kept))
            }
            IpAddr::V6(address) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(self.v6)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & kept))
            }
        }
    }

    /// The hash of the client's network, over its bytes in network order, with seed 0.
    pub fn hash(self, client: IpAddr) -> u64 {
        match self.apply(client) {
            IpAddr::V4(network) => hash(&network.octets(), 0),
            IpAddr::V6(network) => hash(&network.octets(), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(v4: u8, v6: u8, client: &str) -> String {
        Mask { v4, v6 }.apply(client.parse().unwrap()).to_string()
    }

    #[test]
    fn keeps_the_leading_bits() {
        for (v4, v6, client, network) in [
            (32, 64, "192.0.2.77", "192.0.2.77"),
            (24, 64, "192.0.2.77", "192.0.2.0"),
            (20, 64, "192.0.31.77", "192.0.16.0"),
            (0, 64, "192.0.2.77", "0.0.0.0"),
            (32, 64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            (32, 128, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
            (32, 0, "2001:db8:1:2:3:4:5:6", "::"),
            (24, 0, "::ffff:192.0.2.77", "192.0.2.0"),
        ] {
            assert_eq!(masked(v4, v6, client), network, "{client}/{v4},{v6}");
        }
    }

    #[test]
    fn mapped_addresses_hash_alike() {
        let mask = Mask { v4: 32, v6: 64 };
        assert_eq!(mask.hash("::ffff:192.0.2.7".parse().unwrap()), mask.hash("192.0.2.7".parse().unwrap()));
    }
}
