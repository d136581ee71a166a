//! What we write for the other side, message by message.

use steelyard_http::*;

fn peer(trusted: bool) -> Peer {
    Peer::new("192.0.2.7".parse().unwrap(), trusted, false)
}

fn forward_request(message: &str, rewrite: &Rewrite, peer: &Peer) -> String {
    let mut head = RequestHead::default();
    assert_eq!(parse_request(message.as_bytes(), &Limits::default(), &mut head), Ok(Parsed::Complete), "{message}");
    let with = RequestOut {
        rewrite,
        peer,
        framing: head.framing,
        expect_continue: head.expect_continue,
        close: false,
        default_host: b"backend",
        request_id: b"id-1",
    };
    let mut out = Vec::new();
    write_request(message.as_bytes(), &head, &with, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_ordinary_request() {
    let rewrite = Rewrite::new("steelyard", "X-Request-Id", false, None);
    let request = "GET /a?b HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n";
    assert_eq!(
        forward_request(request, &rewrite, &peer(false)),
        "GET /a?b HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org\r\nVia: 1.1 steelyard\r\nX-Request-Id: id-1\r\n\r\n"
    );
}

#[test]
fn an_ordinary_response() {
    let reply =
        b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\nDate: now\r\n\r\nhello";
    let mut head = ResponseHead::default();
    assert_eq!(parse_response(reply, Method::Get, &Limits::default(), &mut head), Ok(Parsed::Complete));
    assert_eq!((head.framing, head.keep_alive, head.length), (Framing::Length(5), true, reply.len() - 5));
    let rewrite = Rewrite::new("steelyard", "X-Request-Id", false, None);
    let with = ResponseOut {
        rewrite: &rewrite,
        client_version: Version::Http11,
        framing: forward::client_framing(head.framing, Version::Http11),
        keep_alive: true,
        mark: None,
        secure: false,
    };
    let mut out = Vec::new();
    write_response(reply, &head, &with, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 200 OK\r\nServer: x\r\nDate: now\r\nVia: 1.1 steelyard\r\nContent-Length: 5\r\n\r\n"
    );
}
