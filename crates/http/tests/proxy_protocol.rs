//! PROXY headers, good and bad, by the letter of the specification.

use std::net::SocketAddr;
use steelyard_http::proxy_protocol::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, payload].concat()
}

fn complete(source: Option<&str>, length: usize) -> Result<ProxyParsed, BadProxyHeader> {
    let source: Option<SocketAddr> = source.map(|text| text.parse().unwrap());
    let destination = source.map(|source| match source {
        SocketAddr::V4(_) => "10.0.0.1:80".parse().unwrap(),
        SocketAddr::V6(_) => "[::1]:80".parse().unwrap(),
    });
    Ok(ProxyParsed::Complete(Header { source, destination, length }))
}

#[test]
fn version_1() {
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 10.0.0.1 4000 80\r\n", complete(Some("192.0.2.1:4000"), 39)),
        ("PROXY TCP6 2001:db8::1 ::1 4000 80\r\nGET /", complete(Some("[2001:db8::1]:4000"), 36)),
        ("PROXY UNKNOWN\r\n", complete(None, 15)),
        ("PROXY UNKNOWN ff:: anything 1 2\r\n", complete(None, 33)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 4000 80\r", Ok(ProxyParsed::Partial)),
        ("PROX", Ok(ProxyParsed::Partial)),
        ("", Ok(ProxyParsed::Partial)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 4000 80\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1  10.0.0.1 4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 04000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 +4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 65536 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.256 10.0.0.1 4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 ::1 10.0.0.1 4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP6 192.0.2.1 ::1 4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP5 192.0.2.1 10.0.0.1 4000 80\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 4000\r\n", Err(BadProxyHeader)),
        ("PROXY TCP4 192.0.2.1 10.0.0.1 4000 80 x\r\n", Err(BadProxyHeader)),
        ("PROXY UNKNOWNX\r\n", Err(BadProxyHeader)),
        ("PROXY\r\n", Err(BadProxyHeader)),
        ("GET / HTTP/1.1\r\n", Err(BadProxyHeader)),
        (" PROXY TCP4", Err(BadProxyHeader)),
    ] {
        assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(parse(endless.as_bytes()), Err(BadProxyHeader));
}

#[test]
fn version_2() {
    let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 15, 160, 0, 80];
    let with = |tlv: &[u8]| v2(0x21, 0x11, &[&v4[..], tlv].concat());
    for (bytes, expected) in [
        (with(&[]), complete(Some("192.0.2.1:4000"), 28)),
        (with(&[4, 0, 2, 0, 0]), complete(Some("192.0.2.1:4000"), 33)),
        (with(&[4, 0, 0, 0xea, 0, 1, 7]), complete(Some("192.0.2.1:4000"), 35)),
        (with(&[4, 0, 3, 0, 0]), Err(BadProxyHeader)),
        (with(&[4, 0]), Err(BadProxyHeader)),
        (with(&[4, 255, 255]), Err(BadProxyHeader)),
        (v2(0x20, 0, &[]), complete(None, 16)),
        (v2(0x20, 0x11, &[1, 2, 3]), complete(None, 19)),
        (v2(0x21, 0, &[]), complete(None, 16)),
        (v2(0x21, 0x31, &[0; 216]), complete(None, 232)),
        (v2(0x21, 0x11, &v4[..11]), Err(BadProxyHeader)),
        (v2(0x21, 0x21, &[0; 35]), Err(BadProxyHeader)),
        (v2(0x22, 0x11, &v4), Err(BadProxyHeader)),
        (v2(0x11, 0x11, &v4), Err(BadProxyHeader)),
        (v2(0x21, 0x41, &v4), Err(BadProxyHeader)),
        (v2(0x21, 0x11, &[0; 5000]), Err(BadProxyHeader)),
        (SIGNATURE.to_vec(), Ok(ProxyParsed::Partial)),
        (with(&[])[..27].to_vec(), Ok(ProxyParsed::Partial)),
        (b"\r\n\r\n\0\r\nQUIX\n".to_vec(), Err(BadProxyHeader)),
    ] {
        assert_eq!(parse(&bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_is_written_for_a_connection_of_our_own() {
    for version_2 in [false, true] {
        let mut out = Vec::new();
        write_local(version_2, &mut out);
        assert_eq!(parse(&out), complete(None, out.len()));
    }
    let mut out = Vec::new();
    write_v1("192.0.2.1:1".parse().unwrap(), "[::1]:80".parse().unwrap(), &mut out);
    assert_eq!(out, b"PROXY UNKNOWN\r\n");
}
