//! Upgrade (RFC 9110 §7.8): which request may switch protocols, and which 101 is an answer to it.
//!
//! A valid upgrade request is HTTP/1.1, names `upgrade` in Connection, has one Upgrade field with well-formed protocol
//! names and no body (a body would have to be read between the request and the tunnel, and no client in use sends one).
//! `h2c` is not among what we forward: it would carry requests past us unread (RFC 9113 §3.1 has dropped it).
//! Anything else is an ordinary request, forwarded without its Upgrade field.

use crate::message::Span;
use crate::reason::{BadReply, Reason};
use crate::response::ResponseHead;
use crate::scan;

/// The Upgrade value to forward: as it came, or none if it is malformed or names `h2c`.
pub(crate) fn wanted(buffer: &[u8], value: Span) -> Option<Span> {
    let mut protocols = value.of(buffer).split(|&b| b == b',').map(scan::trim);
    protocols.all(|protocol| is_protocol(protocol) && !is_h2c(protocol)).then_some(value)
}

/// `protocol = protocol-name [ "/" protocol-version ]`.
fn is_protocol(protocol: &[u8]) -> bool {
    let mut parts = protocol.splitn(2, |&b| b == b'/');
    parts.all(scan::is_token)
}

fn is_h2c(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"h2c")
}

/// Checks a 101: `asked` is the Upgrade value that was forwarded (none: the request was not an upgrade). Every protocol
/// it switches to must be one that was asked for.
pub fn check_switch(asked: Option<&[u8]>, buffer: &[u8], reply: &ResponseHead) -> Result<(), BadReply> {
    let (Some(asked), Some(chosen)) = (asked, reply.upgrade) else {
        return Err(Reason::BadSwitch.into());
    };
    let offered = |protocol: &[u8]| asked.split(|&b| b == b',').any(|o| scan::trim(o).eq_ignore_ascii_case(protocol));
    let mut protocols = chosen.of(buffer).split(|&b| b == b',').map(scan::trim);
    if protocols.all(|protocol| is_protocol(protocol) && offered(protocol)) {
        Ok(())
    } else {
        Err(Reason::BadSwitch.into())
    }
}
