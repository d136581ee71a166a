//! Who the client is when a trusted proxy stands between: the last address of X-Forwarded-For that is not itself a
//! trusted proxy. Anybody could have written what stands before it.

use crate::connection::Connection;
use std::net::{IpAddr, SocketAddr};
use steelyard_http::{Field, FieldId};

pub fn believed(connection: &Connection, buffer: &[u8], fields: &[Field]) -> IpAddr {
    if !connection.peer.trusted {
        return connection.client;
    }
    let named = fields.iter().rev().filter(|field| field.id == FieldId::XForwardedFor);
    let addresses = named.flat_map(|field| field.value.of(buffer).rsplit(|&byte| byte == b','));
    let mut client = connection.client;
    for text in addresses {
        let Some(address) = parse(text) else { break };
        client = address;
        if !connection.service.trusted.contains(address) {
            break;
        }
    }
    client
}

/// An address, with or without a port or brackets, as proxies write it.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_spellings_of_an_address() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }
}
