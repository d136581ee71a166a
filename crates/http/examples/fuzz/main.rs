//! Generated hostile bytes against the parser: `cargo run --release --example fuzz -p steelyard-http -- SECONDS [SEED]`.
//!
//! Messages come from a small grammar, then are mutated. What must hold of each: no panic; the verdict does not depend on
//! how the bytes were cut into pieces; and what we would forward is read the same by [`reader`], a second reader written
//! for this purpose alone, slow and by the letter, which shares no code with the crate.

mod grammar;
mod reader;

use std::time::{Duration, Instant};

use grammar::Generator;
use steelyard_http::forward::client_framing;
use steelyard_http::*;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().expect("SECONDS is a number"));
    let seed: u64 = arguments.next().map_or(0x5eed, |text| text.parse().expect("SEED is a number"));
    let (started, limit) = (Instant::now(), Duration::from_secs(seconds));
    let mut fuzz = Fuzz::new(seed);
    while started.elapsed() < limit {
        (0..1000).for_each(|_| fuzz.once());
    }
    let rate = fuzz.runs as f64 / started.elapsed().as_secs_f64();
    println!(
        "fuzz: {} messages in {seconds} s, {rate:.0}/s, seed {seed}: {} requests and {} replies forwarded, {} refused, \
         {} unfinished; no panic, nothing ambiguous",
        fuzz.runs, fuzz.requests, fuzz.replies, fuzz.refused, fuzz.unfinished
    );
    assert!(fuzz.requests > 0 && fuzz.replies > 0 && fuzz.refused > 0 || seconds == 0, "the grammar reaches every end");
}

struct Fuzz {
    generator: Generator,
    limits: Limits,
    rewrite: Rewrite,
    peer: Peer,
    message: Vec<u8>,
    out: Vec<u8>,
    runs: u64,
    requests: u64,
    replies: u64,
    refused: u64,
    unfinished: u64,
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let cookie = CookieAffinity {
            name: b"SRV".to_vec(),
            form: CookieForm::Append,
            same_site: "Lax".to_owned(),
            mark_length: 4,
        };
        Self {
            generator: Generator::new(seed),
            limits: Limits { request_line: 300, header_bytes: 1500, header_count: 24 },
            rewrite: Rewrite::new("steelyard", "X-Request-Id", true, Some(cookie)),
            peer: Peer::new("2001:db8::1".parse().expect("an address"), false, true),
            message: Vec::new(),
            out: Vec::new(),
            runs: 0,
            requests: 0,
            replies: 0,
            refused: 0,
            unfinished: 0,
        }
    }

    fn once(&mut self) {
        self.runs += 1;
        let is_request = self.generator.write_message(&mut self.message);
        self.out.clear();
        let message = std::mem::take(&mut self.message);
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if is_request { self.request(&message) } else { self.reply(&message) }
        }));
        match verdict {
            Ok(Ok(())) => self.message = message,
            Ok(Err(fault)) => fail(&message, &self.out, &fault),
            Err(_) => fail(&message, &self.out, "panic"),
        }
    }

    fn request(&mut self, message: &[u8]) -> Result<(), String> {
        let mut head = RequestHead::default();
        let whole = parse_request(message, &self.limits, &mut head);
        let mut pieces_head = RequestHead::default();
        let mut pieces = Ok(Parsed::Partial);
        for end in self.generator.cuts(message.len()) {
            pieces = parse_request(&message[..end], &self.limits, &mut pieces_head);
            if pieces != Ok(Parsed::Partial) {
                break;
            }
        }
        if pieces != whole || head.length != pieces_head.length || head.fields != pieces_head.fields && whole.is_ok() {
            return Err(format!("whole: {whole:?}, in pieces: {pieces:?}"));
        }
        match whole {
            Err(_) => self.refused += 1,
            Ok(Parsed::Partial) => self.unfinished += 1,
            Ok(Parsed::Complete) => return self.forwarded_request(message, &head),
        }
        Ok(())
    }

    /// Forwards a request that was accepted; the second reader judges it.
    fn forwarded_request(&mut self, message: &[u8], head: &RequestHead) -> Result<(), String> {
        let Some((body, used)) = self.body(&message[head.length..], head.framing)? else {
            return Ok(());
        };
        let with = RequestOut {
            rewrite: &self.rewrite,
            peer: &self.peer,
            framing: head.framing,
            expect_continue: head.expect_continue,
            close: false,
            default_host: b"origin.example",
            request_id: b"0123456789abcdef0123456789abcdef",
        };
        write_request(message, head, &with, &mut self.out);
        self.requests += 1;
        self.write_body(head.framing, &body);
        if head.length + used > message.len() {
            return Err(format!("{} and {used} bytes used of {}", head.length, message.len()));
        }
        let seen = reader::read_request(&self.out)?;
        if seen.body != body.0 {
            return Err(format!("the second reader sees the body {:?}, we {:?}", seen.body, body.0));
        }
        for (name, count) in [("host", 1), ("x-forwarded-for", 1), ("x-forwarded-proto", 1), ("x-request-id", 1)] {
            if seen.count(name) != count {
                return Err(format!("{name} stands {} times", seen.count(name)));
            }
        }
        if seen.value("x-forwarded-for") != Some(b"2001:db8::1") {
            return Err("X-Forwarded-For is not ours".to_owned());
        }
        Ok(())
    }

    fn reply(&mut self, message: &[u8]) -> Result<(), String> {
        let method = self.generator.method();
        let mut head = ResponseHead::default();
        let whole = parse_response(message, method, &self.limits, &mut head);
        let mut pieces_head = ResponseHead::default();
        let mut pieces = Ok(Parsed::Partial);
        for end in self.generator.cuts(message.len()) {
            pieces = parse_response(&message[..end], method, &self.limits, &mut pieces_head);
            if pieces != Ok(Parsed::Partial) {
                break;
            }
        }
        if pieces != whole {
            return Err(format!("whole: {whole:?}, in pieces: {pieces:?}"));
        }
        match whole {
            Err(_) => self.refused += 1,
            Ok(Parsed::Partial) => self.unfinished += 1,
            Ok(Parsed::Complete) => return self.forwarded_reply(message, method, &head),
        }
        Ok(())
    }

    /// Forwards a reply that was accepted; the second reader judges it.
    fn forwarded_reply(&mut self, message: &[u8], method: Method, head: &ResponseHead) -> Result<(), String> {
        if head.status == 101 || (head.is_interim()) {
            return Ok(());
        }
        let Some((body, _)) = self.body(&message[head.length..], head.framing)? else {
            return Ok(());
        };
        let framing = client_framing(head.framing, Version::Http11);
        let with = ResponseOut {
            rewrite: &self.rewrite,
            client_version: Version::Http11,
            framing,
            keep_alive: true,
            mark: Some(b"mark"),
            remark: None,
            secure: true,
        };
        write_response(message, head, &with, &mut self.out);
        self.replies += 1;
        self.write_body(framing, &body);
        let seen = reader::read_response(&self.out, method == Method::Head)?;
        if seen.body != body.0 { Err("the second reader sees another body".to_owned()) } else { Ok(()) }
    }

    /// Body and trailers; none when it is refused or unfinished.
    fn body(&mut self, input: &[u8], framing: Framing) -> Result<Option<(Body, usize)>, String> {
        let mut decoder = ChunkedDecoder::new(self.limits);
        let (mut body, mut at) = (Vec::new(), 0);
        match framing {
            Framing::None => {}
            Framing::UntilClose => (body, at) = (input.to_vec(), input.len()),
            Framing::Length(length) => match usize::try_from(length).ok().and_then(|length| input.get(..length)) {
                Some(whole) => (body, at) = (whole.to_vec(), whole.len()),
                None => return Ok(self.unfinished(None)),
            },
            Framing::Chunked => {
                while at < input.len() && !decoder.is_done() {
                    let piece = self.generator.piece(&input[at..]);
                    let Ok(step) = decoder.decode(piece) else {
                        self.refused += 1;
                        return Ok(None);
                    };
                    if step.data.end != step.consumed && !step.data.is_empty() || step.consumed == 0 {
                        return Err(format!("{step:?} of {} bytes", piece.len()));
                    }
                    body.extend_from_slice(&piece[step.data]);
                    at += step.consumed;
                }
                if !decoder.is_done() {
                    return Ok(self.unfinished(None));
                }
            }
        }
        Ok(Some(((body, decoder.trailers().to_vec()), at)))
    }

    fn unfinished<T>(&mut self, nothing: Option<T>) -> Option<T> {
        self.unfinished += 1;
        nothing
    }

    fn write_body(&mut self, framing: Framing, (body, trailers): &Body) {
        if framing == Framing::Chunked {
            body.chunks(7).for_each(|piece| write_chunk(piece, &mut self.out));
            last_chunk(trailers, &mut self.out);
        } else {
            self.out.extend_from_slice(body);
        }
    }
}

type Body = (Vec<u8>, Vec<u8>);

fn fail(message: &[u8], out: &[u8], fault: &str) -> ! {
    eprintln!("fuzz: {fault}\n  received  {}\n  forwarded {}", message.escape_ascii(), out.escape_ascii());
    std::process::exit(1);
}
