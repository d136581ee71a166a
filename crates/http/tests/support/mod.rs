//! One message in, what we would do with it out: shared by the tests of this crate.
#![allow(dead_code)] // Each test file uses its part.

use steelyard_http::forward::client_framing;
use steelyard_http::*;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Head as forwarded, body as decoded, trailers as forwarded.
    Forwarded {
        head: Vec<u8>,
        framing: Framing,
        body: Vec<u8>,
        trailers: Vec<u8>,
        used: usize,
    },
    Rejected(u16, Reason),
    Partial,
}

pub fn rewrite() -> Rewrite {
    Rewrite::new("steelyard", "X-Request-Id", false, None)
}

pub fn peer() -> Peer {
    Peer::new("127.0.0.1".parse().unwrap(), false, false)
}

/// Reads a request that comes in pieces which end at `cuts`, and forwards it.
pub fn take_request(message: &[u8], cuts: impl Iterator<Item = usize>) -> Outcome {
    let (limits, mut head) = (Limits::default(), RequestHead::default());
    let mut parsed = Ok(Parsed::Partial);
    for end in cuts.chain([message.len()]) {
        parsed = parse_request(&message[..end], &limits, &mut head);
        if parsed != Ok(Parsed::Partial) {
            break;
        }
    }
    match parsed {
        Err(reject) => return Outcome::Rejected(reject.status, reject.reason),
        Ok(Parsed::Partial) => return Outcome::Partial,
        Ok(Parsed::Complete) => {}
    }
    let (rewrite, peer) = (rewrite(), peer());
    let with = RequestOut {
        rewrite: &rewrite,
        peer: &peer,
        framing: head.framing,
        expect_continue: head.expect_continue,
        close: false,
        default_host: b"origin.example",
        request_id: b"0123456789abcdef0123456789abcdef",
    };
    let mut out = Vec::new();
    write_request(message, &head, &with, &mut out);
    match take_body(&message[head.length..], head.framing) {
        Ok(None) => Outcome::Partial,
        Ok(Some((body, trailers, used))) => {
            Outcome::Forwarded { head: out, framing: head.framing, body, trailers, used: head.length + used }
        }
        Err(error) => {
            let reject = Reject::from(error);
            Outcome::Rejected(reject.status, reject.reason)
        }
    }
}

pub type Body = (Vec<u8>, Vec<u8>, usize);

/// Body, trailers and bytes used; none when bytes are missing.
pub fn take_body(input: &[u8], framing: Framing) -> Result<Option<Body>, ChunkError> {
    match framing {
        Framing::None => Ok(Some((Vec::new(), Vec::new(), 0))),
        Framing::UntilClose => Ok(Some((input.to_vec(), Vec::new(), input.len()))),
        Framing::Length(length) => {
            let end = usize::try_from(length).unwrap_or(usize::MAX);
            Ok(input.get(..end).map(|body| (body.to_vec(), Vec::new(), end)))
        }
        Framing::Chunked => {
            let (mut decoder, mut body, mut at) = (ChunkedDecoder::new(Limits::default()), Vec::new(), 0);
            while at < input.len() && !decoder.is_done() {
                let step = decoder.decode(&input[at..])?;
                body.extend_from_slice(&input[at..][step.data.clone()]);
                at += step.consumed;
            }
            Ok(decoder.is_done().then(|| (body, decoder.trailers().to_vec(), at)))
        }
    }
}

/// Reads a reply and writes its head for an HTTP/1.1 client.
pub fn take_reply(message: &[u8], method: Method) -> Result<Option<(ResponseHead, Vec<u8>)>, BadReply> {
    let mut head = ResponseHead::default();
    if parse_response(message, method, &Limits::default(), &mut head)? == Parsed::Partial {
        return Ok(None);
    }
    if head.status == 101 {
        upgrade::check_switch(None, message, &head)?;
    }
    let rewrite = rewrite();
    let with = ResponseOut {
        rewrite: &rewrite,
        client_version: Version::Http11,
        framing: client_framing(head.framing, Version::Http11),
        keep_alive: true,
        mark: None,
        remark: None,
        secure: false,
    };
    let mut out = Vec::new();
    write_response(message, &head, &with, &mut out);
    Ok(Some((head, out)))
}

/// Bytes of a text in which every character stands for the byte of its number.
pub fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("a latin-1 character")).collect()
}
