//! The request target (RFC 9112 §3.2) and the host (RFC 9110 §7.2).
//!
//! A path is forwarded as it came: nothing here decides by path yet, so there is nothing to normalise for
//! (docs/decisions/0020). What no server should ever see is refused: `#`, controls, raw non-ASCII and `%00`.

use crate::message::{Method, Span};
use crate::reason::Reason;

/// The four forms of RFC 9112 §3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `*`, only for OPTIONS.
    Asterisk,
}

/// A target taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub form: TargetForm,
    /// The authority of the absolute form; empty otherwise.
    pub authority: Span,
    /// Path and query; may be empty, or begin with `?`, in absolute form.
    pub path: Span,
}

/// Takes apart the target at `span`, whose bytes are already visible ASCII without `#`.
#[inline]
pub(crate) fn parse(buffer: &[u8], span: Span, method: Method) -> Result<Target, Reason> {
    let target = span.of(buffer);
    match method {
        Method::Connect => {
            let has_port = target.iter().rposition(|&b| b == b':').is_some_and(|colon| colon + 1 < target.len());
            return Err(if has_port && is_host(target) { Reason::ConnectRefused } else { Reason::BadTarget });
        }
        // An echo would show what we add, and to a script what only servers should see (decision 0151).
        Method::Trace => return Err(Reason::TraceRefused),
        _ => {}
    }
    if holds_nul(target) {
        return Err(Reason::BadTarget);
    }
    match target {
        [b'/', ..] => Ok(Target { form: TargetForm::Origin, authority: Span::default(), path: span }),
        b"*" if method == Method::Options => {
            Ok(Target { form: TargetForm::Asterisk, authority: Span::default(), path: span })
        }
        _ => parse_absolute(target, span),
    }
}

fn parse_absolute(target: &[u8], span: Span) -> Result<Target, Reason> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .ok_or(Reason::BadTarget)?;
    let start = span.start as usize + scheme.len();
    let rest = &target[scheme.len()..];
    let length = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    if !is_host(&rest[..length]) {
        return Err(Reason::BadHost);
    }
    let authority = Span::new(start, start + length);
    Ok(Target { form: TargetForm::Absolute, authority, path: Span { start: authority.end, end: span.end } })
}

/// `%00` anywhere: many servers end a string there.
fn holds_nul(target: &[u8]) -> bool {
    memchr::memchr_iter(b'%', target).any(|at| target[at..].starts_with(b"%00"))
}

const HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// `uri-host [ ":" port ]`, narrower than RFC 3986: unreserved characters or a bracketed IPv6 address, not empty, and a
/// port from 0 to 65535. Sub-delimiters and percent-encoding are legal in a reg-name, and no name in DNS has them.
#[inline]
pub fn is_host(host: &[u8]) -> bool {
    let (name_end, bracketed) = match host {
        [b'[', rest @ ..] => match rest.iter().position(|&b| b == b']') {
            Some(end) if is_ipv6(&rest[..end]) => (end + 2, true),
            _ => return false,
        },
        _ => (host.iter().position(|&b| !HOST[b as usize]).unwrap_or(host.len()), false),
    };
    if name_end == 0 && !bracketed {
        return false;
    }
    match &host[name_end..] {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

fn is_ipv6(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
}

fn is_port(text: &[u8]) -> bool {
    (1..=5).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit)
        && text.iter().fold(0u32, |port, digit| port * 10 + u32::from(digit - b'0')) <= 65535
}
