//! Where a server listens, as the snapshot spells it.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// `ip:port`, `[v6]:port` or `unix:/path`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some(path) => path.starts_with('/').then(|| Address::Unix(PathBuf::from(path))),
            None => text.parse().ok().map(Address::Ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn the_three_spellings() {
        assert_eq!(Address::parse("10.0.0.1:80"), Some(Address::Ip("10.0.0.1:80".parse().unwrap())));
        assert_eq!(Address::parse("[::1]:80"), Some(Address::Ip("[::1]:80".parse().unwrap())));
        assert_eq!(Address::parse("unix:/run/app.sock"), Some(Address::Unix("/run/app.sock".into())));
        for wrong in ["name:80", "10.0.0.1", "unix:relative", ""] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }
}
