//! A request for the server: hop-by-hop fields go (RFC 9110 §7.6.1), what the server should know of the client comes.

use super::{Rewrite, Run, write_field, write_framing};
use crate::field::{FieldId, Kind};
use crate::framing::Framing;
use crate::head::is_named;
use crate::message::{Span, Version};
use crate::peer::Peer;
use crate::request::RequestHead;
use crate::target::TargetForm;

/// What changes from request to request.
#[derive(Clone, Copy, Debug)]
pub struct RequestOut<'a> {
    pub rewrite: &'a Rewrite,
    pub peer: &'a Peer,
    /// How the body will be sent; normally `head.framing`.
    pub framing: Framing,
    /// Send `Expect: 100-continue`; normally `head.expect_continue`.
    pub expect_continue: bool,
    /// Ask the server to close the connection afterwards.
    pub close: bool,
    /// The Host of a request that has none (HTTP/1.0).
    pub default_host: &'a [u8],
    /// Sent in the field that the service names: [`Rewrite::kept_request_id`] of a trusted peer, or a new one.
    pub request_id: &'a [u8],
}

/// Writes the head of the request, with the empty line. `buffer` and `head` are those of `parse_request`.
pub fn write_request(buffer: &[u8], head: &RequestHead, with: &RequestOut, out: &mut Vec<u8>) {
    out.reserve(head.length + 384);
    let mut run = Run::new(buffer);
    write_request_line(buffer, head, with, &mut run, out);
    for field in &head.fields {
        match field.id {
            FieldId::Other if is_named(buffer, field.name, &head.connection) => {}
            FieldId::Other if is_request_id(field.name.of(buffer), with) => {}
            FieldId::MaxForwards if head.max_forwards.is_some() => {
                run.flush(out);
                let left = head.max_forwards.unwrap_or_default().saturating_sub(1);
                write_field(b"Max-Forwards", itoa::Buffer::new().format(left).as_bytes(), out);
            }
            FieldId::Host if head.form == TargetForm::Absolute => {}
            FieldId::Cookie => match &with.rewrite.cookie {
                None => run.add_field(field, out),
                Some(cookie) => {
                    run.flush(out);
                    if !cookie.write_unmarked(field.value.of(buffer), out) {
                        run.add_field(field, out);
                    }
                }
            },
            FieldId::Trailer if with.framing == Framing::Chunked => run.add_field(field, out),
            FieldId::XRealIp | FieldId::XForwardedOther if with.peer.trusted => run.add_field(field, out),
            FieldId::Forwarded if with.peer.trusted && !with.rewrite.forwarded => run.add_field(field, out),
            id if id.kind() == Kind::EndToEnd => run.add_field(field, out),
            _ => {}
        }
    }
    run.flush(out);
    write_client(buffer, head, with, out);
    with.rewrite.write_via(head.version, out);
    if !with.rewrite.request_id.is_empty() && !with.request_id.is_empty() {
        write_field(&with.rewrite.request_id, with.request_id, out);
    }
    write_framing(with.framing, out);
    write_connection(buffer, head, with, out);
    out.extend_from_slice(b"\r\n");
}

/// The target in origin form (or `*`), always HTTP/1.1 (RFC 9112 §2.3), and the Host where it is not copied.
#[inline]
fn write_request_line(buffer: &[u8], head: &RequestHead, with: &RequestOut, run: &mut Run, out: &mut Vec<u8>) {
    let method_start = head.method_span.start as usize;
    if head.form != TargetForm::Absolute {
        let target_end = head.target.end as usize;
        const VERSION_LINE: usize = b" HTTP/1.1\r\n".len();
        if buffer[target_end..].starts_with(b" HTTP/1.1\r\n") {
            run.add(method_start, target_end + VERSION_LINE, out);
            return;
        }
        out.extend_from_slice(&buffer[method_start..target_end]);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if head.host.is_empty() {
            write_field(b"Host", with.default_host, out);
        }
        return;
    }
    out.extend_from_slice(head.method_span.of(buffer));
    out.push(b' ');
    match head.path.of(buffer) {
        // RFC 9112 §3.2.4: an OPTIONS request for no path means the server as a whole.
        [] if head.method == crate::message::Method::Options => out.push(b'*'),
        path => {
            if path.first() != Some(&b'/') {
                out.push(b'/');
            }
            out.extend_from_slice(path);
        }
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_field(b"Host", head.host.of(buffer), out);
}

/// The client's own field of that name is replaced, its underscore alias dropped.
fn is_request_id(name: &[u8], with: &RequestOut) -> bool {
    let ours = with.rewrite.request_id.as_slice();
    let fold = |byte: u8| {
        if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
    };
    name.len() == ours.len() && name.iter().zip(ours).all(|(a, b)| fold(*a) == fold(*b))
}

/// X-Forwarded-For, -Proto, -Host and, if wanted, Forwarded (RFC 7239). What a trusted peer said is kept and added to.
fn write_client(buffer: &[u8], head: &RequestHead, with: &RequestOut, out: &mut Vec<u8>) {
    let peer = with.peer;
    out.extend_from_slice(b"X-Forwarded-For: ");
    if peer.trusted {
        write_list(buffer, head, FieldId::XForwardedFor, out);
    }
    out.extend_from_slice(peer.text());
    let kept = |id| {
        if peer.trusted { head.value(buffer, id) } else { None }
    };
    let scheme = kept(FieldId::XForwardedProto).unwrap_or(peer.scheme().as_bytes());
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    out.extend_from_slice(scheme);
    out.extend_from_slice(b"\r\n");
    let host = kept(FieldId::XForwardedHost).unwrap_or(head.host.of(buffer));
    if !host.is_empty() {
        write_field(b"X-Forwarded-Host", host, out);
    }
    if with.rewrite.forwarded {
        write_forwarded(buffer, head, peer, out);
    }
}

/// The values of all fields with `id`, each followed by a comma.
fn write_list(buffer: &[u8], head: &RequestHead, id: FieldId, out: &mut Vec<u8>) {
    for field in head.fields.iter().filter(|field| field.id == id && !field.value.is_empty()) {
        out.extend_from_slice(field.value.of(buffer));
        out.extend_from_slice(b", ");
    }
}

/// `Forwarded: for=192.0.2.1;host="example.org";proto=http`. An IPv6 address is quoted and bracketed (RFC 7239 §6); a
/// host may have a colon, so it is quoted always; neither holds a quote or a backslash.
fn write_forwarded(buffer: &[u8], head: &RequestHead, peer: &Peer, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Forwarded: ");
    if peer.trusted {
        write_list(buffer, head, FieldId::Forwarded, out);
    }
    let (open, close): (&[u8], &[u8]) = if peer.is_v6() { (b"for=\"[", b"]\"") } else { (b"for=", b"") };
    [open, peer.text(), close].iter().for_each(|part| out.extend_from_slice(part));
    if !head.host.is_empty() {
        [b";host=\"", head.host.of(buffer), b"\""].iter().for_each(|part| out.extend_from_slice(part));
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(peer.scheme().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Expect, Upgrade, TE and the Connection field that goes with them.
fn write_connection(buffer: &[u8], head: &RequestHead, with: &RequestOut, out: &mut Vec<u8>) {
    if with.expect_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    if let Some(protocols) = head.upgrade {
        write_upgrade(buffer, protocols, out);
    } else if with.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if head.accepts_trailers && head.version == Version::Http11 {
        out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
}

pub(super) fn write_upgrade(buffer: &[u8], protocols: Span, out: &mut Vec<u8>) {
    write_field(b"Upgrade", protocols.of(buffer), out);
    out.extend_from_slice(b"Connection: Upgrade\r\n");
}
