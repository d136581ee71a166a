//! A response for the client: hop-by-hop fields go (RFC 9110 §7.6.1), the framing is ours, the mark is put in.

use super::{Rewrite, Run, write_framing, write_length};
use crate::cookie::CookieForm;
use crate::field::{FieldId, Kind};
use crate::framing::Framing;
use crate::head::is_named;
use crate::message::Version;
use crate::response::ResponseHead;

/// What changes from response to response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseOut<'a> {
    pub rewrite: &'a Rewrite,
    /// The version of the request.
    pub client_version: Version,
    /// How the body will be sent: [`client_framing`].
    pub framing: Framing,
    /// The client's connection stays open afterwards.
    pub keep_alive: bool,
    /// The mark to put in, when affinity is by cookie and the client needs one: `append` puts it into every Set-Cookie
    /// of that name, `insert` adds a field.
    pub mark: Option<&'a [u8]>,
    /// Form `append`, and the client's mark is unknown or of another server: [`CookieAffinity::find_value`] of its
    /// request, given back with the new mark unless the server sets the cookie itself.
    ///
    /// [`CookieAffinity::find_value`]: crate::CookieAffinity::find_value
    pub remark: Option<&'a [u8]>,
    /// The client used TLS: an inserted cookie is Secure.
    pub secure: bool,
}

/// How a body that comes as `server` goes to a client: HTTP/1.1 gets chunks where the end would be the connection's,
/// HTTP/1.0 knows no chunks.
pub fn client_framing(server: Framing, client: Version) -> Framing {
    match (server, client) {
        (Framing::UntilClose, Version::Http11) => Framing::Chunked,
        (Framing::Chunked, Version::Http10) => Framing::UntilClose,
        (framing, _) => framing,
    }
}

/// Writes the head of the response, with the empty line. `buffer` and `head` are those of `parse_response`.
pub fn write_response(buffer: &[u8], head: &ResponseHead, with: &ResponseOut, out: &mut Vec<u8>) {
    out.reserve(head.length + 256);
    let mut run = Run::new(buffer);
    write_status_line(buffer, head, &mut run, out);
    let final_response = head.status >= 200;
    let append = match (&with.rewrite.cookie, with.mark) {
        (Some(cookie), Some(mark)) if cookie.form == CookieForm::Append && final_response => Some((cookie, mark)),
        _ => None,
    };
    let mut is_set = false;
    for field in &head.fields {
        match field.id {
            FieldId::Other if is_named(buffer, field.name, &head.connection) => {}
            FieldId::SetCookie if append.is_some() => {
                run.flush(out);
                is_set |= append.is_some_and(|(cookie, _)| cookie.is_set_by(field.value.of(buffer)));
                if !append.is_some_and(|(cookie, mark)| cookie.write_marked(field.value.of(buffer), mark, out)) {
                    run.add_field(field, out);
                }
            }
            FieldId::Trailer if with.framing == Framing::Chunked => run.add_field(field, out),
            id if id.kind() != Kind::HopByHop => run.add_field(field, out),
            _ => {}
        }
    }
    run.flush(out);
    with.rewrite.write_via(head.version, out);
    if let (Some((cookie, mark)), Some(value), false) = (append, with.remark, is_set) {
        cookie.write_inserted(Some(value), mark, with.secure, out);
    }
    if final_response {
        write_final(head, with, out);
    } else if let Some(protocols) = head.upgrade.filter(|_| head.status == 101) {
        super::request::write_upgrade(buffer, protocols, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Always HTTP/1.1 (RFC 9112 §2.3).
#[inline]
fn write_status_line(buffer: &[u8], head: &ResponseHead, run: &mut Run, out: &mut Vec<u8>) {
    let end = head.reason.end as usize + 2;
    // RFC 9112 §4: the SP before an empty reason must be sent.
    let has_reason_space = buffer.get(12) == Some(&b' ');
    if has_reason_space && buffer.starts_with(b"HTTP/1.1") {
        run.add(0, end, out);
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&buffer[9..12]);
    out.push(b' ');
    out.extend_from_slice(head.reason.of(buffer));
    out.extend_from_slice(b"\r\n");
}

/// What only a final response says: cookie, framing, connection.
fn write_final(head: &ResponseHead, with: &ResponseOut, out: &mut Vec<u8>) {
    if let (Some(cookie), Some(mark)) = (&with.rewrite.cookie, with.mark)
        && cookie.form == CookieForm::Insert
    {
        cookie.write_inserted(None, mark, with.secure, out);
    }
    write_framing(with.framing, out);
    // HEAD and 304 tell the length that a body would have (RFC 9110 §8.6); 204 has none to tell.
    if let (Framing::None, Some(length)) = (with.framing, head.content_length)
        && head.status != 204
    {
        write_length(length, out);
    }
    if !with.keep_alive || with.framing == Framing::UntilClose {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if with.client_version == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
}
