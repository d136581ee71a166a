//! What must hold of any bytes, and of any way to cut them.

mod support;

use proptest::prelude::*;
use steelyard_http::*;
use support::{Outcome, take_reply, take_request};

/// Lines that often make a whole message, and sometimes do not.
fn message(starts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        4 => "[A-Za-z-]{1,12}: [ -~]{0,24}",
        1 => Just("Host: a.example".to_owned()),
        1 => Just("Content-Length: 5".to_owned()),
        1 => Just("Transfer-Encoding: chunked".to_owned()),
        1 => Just("Connection: close, X-Hop".to_owned()),
        1 => Just("Cookie: a=b; SRV=mark; c=\"d~e\"".to_owned()),
        1 => "[ -~\t\r\n]{0,20}",
    ];
    let parts =
        (prop::sample::select(starts), prop::collection::vec(field, 0..8), prop::collection::vec(any::<u8>(), 0..40));
    parts.prop_map(|(start, fields, body)| {
        let mut bytes = format!("{start}\r\nHost: x.example\r\n{}\r\n\r\n", fields.join("\r\n")).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    message(&[
        "GET / HTTP/1.1",
        "POST /a?b HTTP/1.1",
        "GET http://b.example/x HTTP/1.1",
        "OPTIONS * HTTP/1.0",
        "GET  /",
    ])
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    message(&["HTTP/1.1 200 OK", "HTTP/1.0 404", "HTTP/1.1 204 No Content", "HTTP/1.1 101 x", "HTTP/1.1 20"])
}

fn chunks_of(body: &[u8], sizes: &[usize], trailers: &[u8]) -> Vec<u8> {
    let (mut encoded, mut rest, mut sizes) = (Vec::new(), body, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*sizes.next().expect("sizes are not empty")).min(rest.len()));
        write_chunk(piece, &mut encoded);
        rest = after;
    }
    last_chunk(trailers, &mut encoded);
    encoded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        take_request(&bytes, 0..0);
        let _ = take_reply(&bytes, Method::Get);
        let _ = proxy_protocol::parse(&bytes);
        let mut decoder = ChunkedDecoder::new(Limits::default());
        let _ = decoder.decode(&bytes);
    }

    #[test]
    fn any_cookies_are_survived(cookie in "[ -~\t]{0,60}", set in "[ -~\t]{0,60}", length in 0usize..8, insert: bool) {
        let form = if insert { CookieForm::Insert } else { CookieForm::Append };
        let affinity =
            CookieAffinity { name: b"S".to_vec(), form, same_site: "Lax".to_owned(), mark_length: length };
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nCookie: S={set}\r\n\r\n").into_bytes();
        let mut head = RequestHead::default();
        prop_assert_eq!(parse_request(&bytes, &Limits::default(), &mut head), Ok(Parsed::Complete));
        let _ = affinity.find_mark(&bytes, &head.fields);
        let rewrite = Rewrite::new("", "", false, Some(affinity));
        let peer = support::peer();
        let with = RequestOut {
            rewrite: &rewrite, peer: &peer, framing: head.framing, expect_continue: false, close: false,
            default_host: b"", request_id: b"",
        };
        let mut out = Vec::new();
        write_request(&bytes, &head, &with, &mut out);
        let mut again = RequestHead::default();
        prop_assert_eq!(parse_request(&out, &Limits::default(), &mut again), Ok(Parsed::Complete));
    }

    #[test]
    fn a_request_in_pieces_is_the_same_request(bytes in request(), cuts in prop::collection::vec(0usize..300, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(take_request(&bytes, cuts.into_iter()), take_request(&bytes, 0..0));
    }

    #[test]
    fn what_is_forwarded_means_the_same_and_forwards_to_the_same(bytes in request()) {
        let Outcome::Forwarded { head, framing, .. } = take_request(&bytes, 0..0) else { return Ok(()) };
        let mut again = RequestHead::default();
        prop_assert_eq!(parse_request(&head, &Limits::default(), &mut again), Ok(Parsed::Complete));
        prop_assert_eq!((again.framing, again.length), (framing, head.len()));
        prop_assert_eq!(again.version, Version::Http11);
        // Forwarded once more, only Via grows.
        let Outcome::Forwarded { head: twice, .. } = take_request(&with_empty_body(&head, framing), 0..0) else {
            return Err(TestCaseError::fail("what we forward is refused by us"));
        };
        let via: &[u8] = b"Via: 1.1 steelyard\r\n";
        let grown = [via, head.as_slice()].concat();
        prop_assert_eq!(sorted_lines(&twice), sorted_lines(&grown));
    }

    #[test]
    fn a_reply_that_is_forwarded_reads_the_same(bytes in reply()) {
        let Ok(Some((head, out))) = take_reply(&bytes, Method::Get) else { return Ok(()) };
        let mut again = ResponseHead::default();
        prop_assert_eq!(parse_response(&out, Method::Get, &Limits::default(), &mut again), Ok(Parsed::Complete));
        prop_assert_eq!(again.status, head.status);
        prop_assert_eq!(again.framing, forward::client_framing(head.framing, Version::Http11));
        prop_assert_eq!(again.reason.of(&out), head.reason.of(&bytes));
    }

    #[test]
    fn chunks_come_back_whole(
        body in prop::collection::vec(any::<u8>(), 0..300),
        sizes in prop::collection::vec(1usize..70, 1..4),
        pieces in prop::collection::vec(1usize..50, 1..6),
    ) {
        let encoded = chunks_of(&body, &sizes, b"X-Sum: 1\r\n");
        let next = b"GET / HTTP/1.1\r\n";
        let input = [&encoded[..], next].concat();
        let (mut decoder, mut decoded, mut at) = (ChunkedDecoder::new(Limits::default()), Vec::new(), 0);
        let mut pieces = pieces.iter().cycle();
        while !decoder.is_done() {
            let end = input.len().min(at + pieces.next().expect("pieces are not empty"));
            let step = decoder.decode(&input[at..end]).expect("well-formed chunks");
            decoded.extend_from_slice(&input[at..end][step.data.clone()]);
            at += step.consumed;
            prop_assert_eq!(step.done, decoder.is_done());
        }
        prop_assert_eq!(decoded, body);
        prop_assert_eq!(decoder.trailers(), b"X-Sum: 1\r\n");
        prop_assert_eq!(&input[at..], next);
    }

    /// An oracle by others: what we accept, httparse accepts, and reads the same.
    #[test]
    fn httparse_agrees_with_what_we_accept(bytes in request()) {
        let mut ours = RequestHead::default();
        if parse_request(&bytes, &Limits::default(), &mut ours) != Ok(Parsed::Complete) {
            return Ok(());
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut theirs = httparse::Request::new(&mut fields);
        prop_assert_eq!(theirs.parse(&bytes), Ok(httparse::Status::Complete(ours.length)));
        prop_assert_eq!(theirs.method.map(str::as_bytes), Some(ours.method_span.of(&bytes)));
        prop_assert_eq!(theirs.path.map(str::as_bytes), Some(ours.target.of(&bytes)));
        prop_assert_eq!(theirs.headers.len(), ours.fields.len());
        for (their, our) in theirs.headers.iter().zip(&ours.fields) {
            prop_assert_eq!((their.name.as_bytes(), their.value), (our.name.of(&bytes), our.value.of(&bytes)));
        }
    }

    #[test]
    fn httparse_agrees_with_the_replies_we_accept(bytes in reply()) {
        let mut ours = ResponseHead::default();
        if parse_response(&bytes, Method::Get, &Limits::default(), &mut ours) != Ok(Parsed::Complete) {
            return Ok(());
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut theirs = httparse::Response::new(&mut fields);
        prop_assert_eq!(theirs.parse(&bytes), Ok(httparse::Status::Complete(ours.length)));
        prop_assert_eq!(theirs.code, Some(ours.status));
        prop_assert_eq!(theirs.headers.len(), ours.fields.len());
    }

    #[test]
    fn proxy_headers_come_back(a: [u8; 16], b: [u8; 16], ports: (u16, u16), v4: bool, binary: bool, cut in 0usize..60) {
        let address = |bytes: [u8; 16]| if v4 {
            std::net::IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]])
        } else {
            std::net::IpAddr::from(bytes)
        };
        let source = std::net::SocketAddr::new(address(a), ports.0);
        let destination = std::net::SocketAddr::new(address(b), ports.1);
        let mut out = Vec::new();
        let write = if binary { proxy_protocol::write_v2 } else { proxy_protocol::write_v1 };
        write(source, destination, &mut out);
        let length = out.len();
        out.extend_from_slice(b"payload");
        let expected = proxy_protocol::Header { source: Some(source), destination: Some(destination), length };
        prop_assert_eq!(proxy_protocol::parse(&out), Ok(proxy_protocol::ProxyParsed::Complete(expected)));
        prop_assert_eq!(proxy_protocol::parse(&out[..cut.min(length - 1)]), Ok(proxy_protocol::ProxyParsed::Partial));
    }
}

fn sorted_lines(head: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = head.split(|&b| b == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn with_empty_body(head: &[u8], framing: Framing) -> Vec<u8> {
    let mut message = head.to_vec();
    match framing {
        Framing::Chunked => message.extend_from_slice(b"0\r\n\r\n"),
        Framing::Length(length) => message.extend(std::iter::repeat_n(b'x', length as usize)),
        Framing::None | Framing::UntilClose => {}
    }
    message
}
