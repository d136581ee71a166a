//! The cost of one message on the hot path, in nanoseconds: `cargo bench -p steelyard-http`.
//!
//! Each figure is the best of many short rounds: on shared cores the best is what the code costs, the rest is the
//! neighbours. What one keep-alive request costs us is the sum of the four lines of its kind.

use std::hint::black_box;
use std::time::Instant;

use steelyard_http::{
    ChunkedDecoder, CookieAffinity, CookieForm, Limits, Method, Peer, RequestHead, RequestOut, ResponseHead,
    ResponseOut, Rewrite, Version, parse_request, parse_response, write_chunk, write_request, write_response,
};

const TOOL_REQUEST: &[u8] =
    b"GET /small?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\
    Accept-Encoding: gzip\r\nX-Trace: 0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";

const BROWSER_REQUEST: &[u8] = b"GET /articles/2026/11/a-steelyard?page=2 HTTP/1.1\r\nHost: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://www.example.org/articles/\r\n\
    Cookie: theme=dark; session=0123456789abcdef0123456789abcdef; SRV=0123456789abcdef\r\n\
    Connection: keep-alive\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: origin/1.0\r\nDate: Sun, 22 Nov 2026 06:00:00 GMT\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 34\r\nETag: \"5f3-62c1a\"\r\n\
    Cache-Control: max-age=60\r\nConnection: keep-alive\r\n\r\n";

fn main() {
    let (limits, peer) = (Limits::default(), Peer::new("192.0.2.17".parse().unwrap(), false, false));
    let plain = Rewrite::new("steelyard", "X-Request-Id", false, None);
    let affinity = CookieAffinity {
        name: b"SRV".to_vec(),
        form: CookieForm::Insert,
        same_site: "Lax".to_owned(),
        mark_length: 16,
    };
    let marked = Rewrite::new("steelyard", "X-Request-Id", false, Some(affinity));
    println!("{:<44} {:>8} {:>8}", "message", "bytes", "ns");
    let mut sum = 0.0;
    sum += request("request of a tool, 6 fields", TOOL_REQUEST, &limits, &plain, &peer);
    sum += response("response, 7 fields", &limits, &plain);
    println!("{:<44} {:>8} {sum:>8.1}", "= one request and its response", "");
    request("request of a browser, 8 fields", BROWSER_REQUEST, &limits, &plain, &peer);
    request("the same, a mark taken out", BROWSER_REQUEST, &limits, &marked, &peer);
    chunks();
}

fn request(name: &str, bytes: &[u8], limits: &Limits, rewrite: &Rewrite, peer: &Peer) -> f64 {
    let mut head = RequestHead::default();
    let parse = best(|| {
        head.clear();
        parse_request(black_box(bytes), limits, &mut head).unwrap();
    });
    let with = RequestOut {
        rewrite,
        peer,
        framing: head.framing,
        expect_continue: false,
        close: false,
        default_host: b"",
        request_id: b"0123456789abcdef0123456789abcdef",
    };
    let mut out = Vec::new();
    let write = best(|| {
        out.clear();
        write_request(black_box(bytes), &head, &with, &mut out);
    });
    line(name, bytes, parse, write)
}

fn response(name: &str, limits: &Limits, rewrite: &Rewrite) -> f64 {
    let mut head = ResponseHead::default();
    let parse = best(|| {
        head.clear();
        parse_response(black_box(RESPONSE), Method::Get, limits, &mut head).unwrap();
    });
    let with = ResponseOut {
        rewrite,
        client_version: Version::Http11,
        framing: head.framing,
        keep_alive: true,
        mark: None,
        remark: None,
        secure: false,
    };
    let mut out = Vec::new();
    let write = best(|| {
        out.clear();
        write_response(black_box(RESPONSE), &head, &with, &mut out);
    });
    line(name, RESPONSE, parse, write)
}

fn chunks() {
    let mut body = Vec::new();
    (0..8).for_each(|_| write_chunk(&[b'x'; 1024], &mut body));
    steelyard_http::last_chunk(b"", &mut body);
    let mut decoder = ChunkedDecoder::new(Limits::default());
    let decode = best(|| {
        decoder.clear();
        let mut rest = black_box(body.as_slice());
        while !decoder.is_done() {
            let step = decoder.decode(rest).unwrap();
            rest = &rest[step.consumed..];
        }
    });
    println!("{:<44} {:>8} {decode:>8.1}", "8 chunks of 1 KiB: decode", body.len());
}

fn line(name: &str, bytes: &[u8], parse: f64, write: f64) -> f64 {
    println!("{:<44} {:>8} {parse:>8.1}", format!("{name}: parse"), bytes.len());
    println!("{:<44} {:>8} {write:>8.1}", format!("{name}: write"), "");
    parse + write
}

/// Nanoseconds of one call, the best of 200 rounds.
fn best(mut work: impl FnMut()) -> f64 {
    const CALLS: u32 = 2_000;
    let round = |_| {
        let start = Instant::now();
        (0..CALLS).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..200).map(round).fold(f64::INFINITY, f64::min)
}
