//! Sets of networks in CIDR notation: whom a service trusts.

use std::net::IpAddr;

/// A few networks; asked once a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<(u128, u32)>);

impl Networks {
    /// Parse `address/bits` or a single address; the error is the text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| parse_one(text).ok_or_else(|| text.clone())).collect::<Result<_, _>>().map(Networks)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let number = as_v6(address);
        self.0.iter().any(|&(network, bits)| bits == 0 || (network ^ number) >> (128 - bits) == 0)
    }
}

fn parse_one(text: &str) -> Option<(u128, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (width, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    let bits = bits.unwrap_or(width);
    (bits <= width).then(|| (as_v6(address), bits + offset))
}

/// IPv4 addresses count as IPv4-mapped IPv6 ones, which is also how a dual-stack listener reports them.
fn as_v6(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::Networks;

    #[test]
    fn membership() {
        let networks = Networks::parse(&["10.0.0.0/8".into(), "192.0.2.7".into(), "2001:db8::/32".into()]).unwrap();
        for (address, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.0.0.1", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contains("10.0.0.1".parse().unwrap()));
        assert!(Networks::parse(&["0.0.0.0/0".into()]).unwrap().contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["10.0.0.0/33", "ten", "10.0.0.0/", "::/129"] {
            assert_eq!(Networks::parse(&[text.into()]), Err(text.to_string()));
        }
    }
}
