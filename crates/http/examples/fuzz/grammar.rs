//! Messages that are nearly right: a grammar of tempting parts, then a few mutations.

use steelyard_http::Method;

/// xorshift64*: reproducible from its seed, and good enough to choose with.
pub struct Generator {
    state: u64,
}

const METHODS: &[&str] = &["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "get", "M-SEARCH", "", "G T"];
const TARGETS: &[&str] = &[
    "/",
    "/a?b=c",
    "*",
    "http://b.example/x",
    "http://b.example",
    "http://b.example?q",
    "/a#b",
    "/%00",
    "a.example:443",
    "//x",
    "/a b",
    "http://u@b/",
    "/caf\u{e9}",
    "/..%2f",
];
const VERSIONS: &[&str] =
    &["HTTP/1.1", "HTTP/1.0", "HTTP/1.1", "HTTP/1.1", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1"];
const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 404",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 103 Early Hints",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 500 ",
    "HTTP/2 200 OK",
];
const NAMES: &[&str] = &[
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Content_Length",
    "Transfer_Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "X-Forwarded-For",
    "x-forwarded-proto",
    "Forwarded",
    "X_Forwarded_For",
    "X-Request-Id",
    "Cookie",
    "Set-Cookie",
    "X-A",
    "Keep-Alive",
    "Proxy-Connection",
    "Via",
    "HTTP2-Settings",
    "X-Real-IP",
    "Accept",
    "",
    "X Y",
    "X-Hop",
    "X_Request_Id",
];
const VALUES: &[&str] = &[
    "a.example",
    "a.example:80",
    "5",
    "0",
    "3",
    "+5",
    "5, 5",
    "18446744073709551616",
    "chunked",
    "Chunked",
    "gzip",
    "gzip, chunked",
    "chunked, chunked",
    "close",
    "keep-alive",
    "upgrade, X-Hop",
    "Host, Content-Length, X-Forwarded-For",
    "websocket",
    "h2c",
    "100-continue",
    "trailers",
    "1.2.3.4",
    "",
    "SRV=abc~mark; a=b",
    "SRV=\"x~mark\"",
    "SRV=~mark",
    "SRV=v; Path=/",
    "a=1; SRV=2~mark; SRV=3~nark",
    "\u{b}chunked",
    "x\r\n y",
    "x\ny: z",
    "x\0",
    "\u{a0}5",
    "a\tb",
];
const SEPARATORS: &[&str] = &[": ", ": ", ": ", ": ", ":", ":\t", " : ", ":  ", "", "\r\n: "];
const ENDS: &[&str] = &["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", " \r\n", "\n", "\r", "\r\r\n", "\r\n\r\n"];
const BODIES: &[&str] = &[
    "",
    "hello",
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\"\r\nhello\r\n0\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n",
    "5\nhello\n0\n\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFFF\r\n",
    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nabc",
    "1;\r\na\r\n0\r\n\r\n",
];
const PIECES: &[&[u8]] =
    &[b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b",", b";", b"0", b"\xff", b"\x7f", b"\r\n\r\n"];

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 33) as usize) % bound.max(1)
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }

    /// Mostly the first choice, so that the rest of the message is reached.
    fn mostly(&mut self, choices: &[&'static str]) -> &'static str {
        if self.below(4) > 0 { choices[0] } else { self.one_of(choices) }
    }

    pub fn method(&mut self) -> Method {
        [Method::Get, Method::Get, Method::Head, Method::Post][self.below(4)]
    }

    /// Writes one message; true: a request.
    pub fn write_message(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        let is_request = self.below(2) == 0;
        let framed = self.below(2) == 0;
        if is_request {
            let (method, target, version) = (self.mostly(METHODS), self.mostly(TARGETS), self.mostly(VERSIONS));
            put(out, &[method, " ", target, " ", version, "\r\n"]);
            if self.below(8) > 0 {
                put(out, &["Host: a.example\r\n"]);
            }
        } else {
            put(out, &[self.mostly(STATUS_LINES), "\r\n"]);
        }
        if framed {
            put(out, &[if self.below(2) == 0 { "Transfer-Encoding: chunked\r\n" } else { "Content-Length: 5\r\n" }]);
        }
        for _ in 0..self.below(5) {
            let parts = [self.one_of(NAMES), self.mostly(SEPARATORS), self.one_of(VALUES), self.mostly(ENDS)];
            put(out, &parts);
        }
        put(out, &["\r\n", self.one_of(BODIES)]);
        if self.below(3) == 0 {
            (0..=self.below(3)).for_each(|_| self.mutate(out));
        }
        is_request
    }

    fn mutate(&mut self, out: &mut Vec<u8>) {
        let (at, to) = (self.below(out.len() + 1), self.below(out.len() + 1));
        let (start, end) = (at.min(to), at.max(to));
        match self.below(7) {
            0 => out.truncate(at),
            1 => drop(out.drain(start..end.min(start + 8))),
            2 => {
                let copy = out[start..end.min(start + 64)].to_vec();
                out.splice(at..at, copy);
            }
            3 => {
                let byte = self.next() as u8;
                out.insert(at, byte);
            }
            4 if at < out.len() => out[at] ^= 1 << self.below(8),
            5 => {
                let long = vec![b'a'; self.below(2000)];
                out.splice(at..at, long);
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                out.splice(at..at, piece.iter().copied());
            }
        }
    }

    /// Ascending ends of the pieces in which a message comes; the last is its length.
    pub fn cuts(&mut self, length: usize) -> Vec<usize> {
        let mut cuts: Vec<usize> = (0..self.below(4)).map(|_| self.below(length + 1)).collect();
        if self.below(16) == 0 {
            cuts.extend(0..length);
        }
        cuts.push(length);
        cuts.sort_unstable();
        cuts
    }

    /// A beginning of the input, not empty.
    pub fn piece<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        &input[..1 + self.below(input.len())]
    }
}

/// Text as latin-1.
fn put(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().flat_map(|part| part.chars()).for_each(|character| out.push(character as u32 as u8));
}
