//! The PROXY protocol, versions 1 (text) and 2 (binary): the client's address carried over a TCP hop.
//!
//! It is believed only from networks the operator names; that is the caller's decision. Nothing may precede the header,
//! and it must come whole: `Partial` means wait, within a deadline. TLVs of version 2 are checked and skipped.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client's address; none for LOCAL, UNKNOWN and families that we do not route: use the connection's own.
    pub source: Option<SocketAddr>,
    /// The address that the client connected to.
    pub destination: Option<SocketAddr>,
    /// Bytes that the header took.
    pub length: usize,
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyParsed {
    Partial,
    Complete(Header),
}

/// Not a header: close the connection, as the specification asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadProxyHeader;

const V1_START: &[u8] = b"PROXY ";
/// The longest line of version 1, with its CRLF.
const V1_LONGEST: usize = 107;
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;
/// Addresses and TLVs longer than this have no honest use here; the field would allow 65535.
const V2_LONGEST: usize = 4096;

/// Reads a header from the start of `buffer`.
pub fn parse(buffer: &[u8]) -> Result<ProxyParsed, BadProxyHeader> {
    let begins = |start: &[u8]| buffer.iter().zip(start).all(|(a, b)| a == b);
    if begins(V2_SIGNATURE) {
        parse_v2(buffer)
    } else if begins(V1_START) {
        parse_v1(buffer)
    } else {
        Err(BadProxyHeader)
    }
}

fn parse_v1(buffer: &[u8]) -> Result<ProxyParsed, BadProxyHeader> {
    let window = &buffer[..buffer.len().min(V1_LONGEST)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() == V1_LONGEST { Err(BadProxyHeader) } else { Ok(ProxyParsed::Partial) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(BadProxyHeader)?;
    let text = std::str::from_utf8(&line[V1_START.len().min(line.len())..]).map_err(|_| BadProxyHeader)?;
    let complete = |source, destination| Ok(ProxyParsed::Complete(Header { source, destination, length: end + 1 }));
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return complete(None, None);
    }
    let words: Vec<&str> = text.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = words[..] else {
        return Err(BadProxyHeader);
    };
    let address = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| BadProxyHeader),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| BadProxyHeader),
        _ => Err(BadProxyHeader),
    };
    let source = SocketAddr::new(address(source)?, parse_port(source_port)?);
    let destination = SocketAddr::new(address(destination)?, parse_port(destination_port)?);
    complete(Some(source), Some(destination))
}

/// Decimal, without sign or leading zero.
fn parse_port(text: &str) -> Result<u16, BadProxyHeader> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(BadProxyHeader)
}

fn parse_v2(buffer: &[u8]) -> Result<ProxyParsed, BadProxyHeader> {
    let Some(&[command, family, high, low]) = buffer.get(12..V2_FIXED) else {
        return Ok(ProxyParsed::Partial);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || length > V2_LONGEST {
        return Err(BadProxyHeader);
    }
    let Some(rest) = buffer.get(V2_FIXED..V2_FIXED + length) else {
        return Ok(ProxyParsed::Partial);
    };
    let (source, destination, address_length) = match (command & 0xf, family) {
        // LOCAL: the peer speaks for itself; whatever follows is ignored.
        (0, _) => (None, None, length),
        // UNSPEC, and families without an IP address: 0x12 and 0x22 are datagrams, 0x3x unix sockets.
        (1, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => (None, None, length),
        (1, 0x11) => {
            let (source, destination) = addresses::<4>(rest).ok_or(BadProxyHeader)?;
            (Some(source), Some(destination), 12)
        }
        (1, 0x21) => {
            let (source, destination) = addresses::<16>(rest).ok_or(BadProxyHeader)?;
            (Some(source), Some(destination), 36)
        }
        _ => return Err(BadProxyHeader),
    };
    check_tlvs(&rest[address_length..])?;
    Ok(ProxyParsed::Complete(Header { source, destination, length: V2_FIXED + length }))
}

/// Two addresses of `N` bytes, then two ports.
fn addresses<const N: usize>(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let &[a, b, c, d, ..] = rest else {
        return None;
    };
    let socket = |address: &[u8; N], port: [u8; 2]| SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes(port));
    Some((socket(source, [a, b]), socket(destination, [c, d])))
}

/// Each TLV is a type, a length and as many bytes; together they fill the header exactly.
fn check_tlvs(mut rest: &[u8]) -> Result<(), BadProxyHeader> {
    while !rest.is_empty() {
        let &[_, high, low, ref value @ ..] = rest else {
            return Err(BadProxyHeader);
        };
        rest = value.get(usize::from(u16::from_be_bytes([high, low]))..).ok_or(BadProxyHeader)?;
    }
    Ok(())
}

/// Writes version 1. Addresses of mixed families cannot be said there: UNKNOWN.
pub fn write_v1(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    use std::io::Write;
    let family = match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        _ => return out.extend_from_slice(b"PROXY UNKNOWN\r\n"),
    };
    let (from, to) = (source.ip().to_canonical(), destination.ip().to_canonical());
    // Writing into a Vec cannot fail.
    let _ = write!(out, "PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port());
}

/// Writes version 2, without TLVs. Mixed families are both written as IPv6.
pub fn write_v2(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(V2_SIGNATURE);
    match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend_from_slice(&[0x21, 0x11, 0, 12]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        (from, to) => {
            out.extend_from_slice(&[0x21, 0x21, 0, 36]);
            out.extend_from_slice(&as_v6(from).octets());
            out.extend_from_slice(&as_v6(to).octets());
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
}

/// Writes `PROXY UNKNOWN` (version 1) or LOCAL (version 2): a connection of our own, such as a probe.
pub fn write_local(version_2: bool, out: &mut Vec<u8>) {
    if version_2 {
        out.extend_from_slice(V2_SIGNATURE);
        out.extend_from_slice(&[0x20, 0, 0, 0]);
    } else {
        out.extend_from_slice(b"PROXY UNKNOWN\r\n");
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
