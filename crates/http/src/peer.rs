//! The client as the servers are told of it: its address as text, whether it is trusted, whether it used TLS.

use core::net::IpAddr;
use std::fmt::Write;

/// The longest IPv6 text is 39 bytes (45 with an embedded IPv4 address).
const TEXT: usize = 45;

/// Made once per connection: the text of the address is needed in every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    text: [u8; TEXT],
    length: u8,
    v6: bool,
    /// It lies in `trusted_proxies`: what it says about the client is kept and added to.
    pub trusted: bool,
    /// It came over TLS.
    pub secure: bool,
}

impl Peer {
    pub fn new(address: IpAddr, trusted: bool, secure: bool) -> Self {
        let address = address.to_canonical();
        let mut text = Text { bytes: [0; TEXT], length: 0 };
        // The buffer holds the longest address, so writing cannot fail.
        let _ = write!(text, "{address}");
        Self { text: text.bytes, length: text.length as u8, v6: address.is_ipv6(), trusted, secure }
    }

    /// `192.0.2.1` or `2001:db8::1`, without brackets.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.text[..self.length as usize]
    }

    #[inline]
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// The scheme of the request as the client sent it.
    #[inline]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

struct Text {
    bytes: [u8; TEXT],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let end = self.length + part.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_plain_address() {
        for (given, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888"),
        ] {
            let peer = Peer::new(given.parse().unwrap(), false, true);
            assert_eq!(peer.text(), expected.as_bytes());
            assert_eq!(peer.is_v6(), expected.contains(':'));
            assert_eq!(peer.scheme(), "https");
        }
    }
}
