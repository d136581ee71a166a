//! The mark of cookie affinity: found in a request, taken out before the server sees it, put into a response.
//!
//! Form `insert` is a cookie of ours (`NAME=mark`); form `append` adds the mark to the application's own
//! (`NAME=value~mark`). `~` is legal in a cookie value (RFC 6265 §4.1.1), and the last one counts, so a value may hold it.
//! Cookies come from anyone: whatever is in them, the worst that happens is that no mark is found.

use crate::field::FieldId;
use crate::message::Field;
use crate::scan;

/// Which cookie carries the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieForm {
    /// A cookie of ours.
    Insert,
    /// The application's own, with the mark appended.
    Append,
}

/// What a service knows of its affinity cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieAffinity {
    pub name: Vec<u8>,
    pub form: CookieForm,
    /// `Lax`, `Strict` or `None`.
    pub same_site: String,
    /// Every mark of a pool has this length; with `append`, only a suffix of this length is a mark.
    pub mark_length: usize,
}

const SEPARATOR: u8 = b'~';

impl CookieAffinity {
    /// The mark that the request carries, if any: of the first cookie with our name. Not yet known to be a server's.
    pub fn find_mark<'a>(&self, buffer: &'a [u8], fields: &[Field]) -> Option<&'a [u8]> {
        fields
            .iter()
            .filter(|field| field.id == FieldId::Cookie)
            .flat_map(|field| pairs(field.value.of(buffer)))
            .find_map(|pair| self.mark_of(pair))
    }

    fn mark_of<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let value = self.value_of(pair)?;
        match self.form {
            CookieForm::Insert => (value.len() == self.mark_length).then_some(value),
            CookieForm::Append => self.split_mark(value).map(|(_, mark)| mark),
        }
    }

    /// The value of the application's cookie that the request carries, without a mark: what can be given back to the
    /// client with a new one. None when it is empty, long, or has bytes that no cookie value may have
    /// (RFC 6265 §4.1.1).
    pub fn find_value<'a>(&self, buffer: &'a [u8], fields: &[Field]) -> Option<&'a [u8]> {
        const LONGEST: usize = 2048;
        let value = fields
            .iter()
            .filter(|field| field.id == FieldId::Cookie)
            .flat_map(|field| pairs(field.value.of(buffer)))
            .find_map(|pair| self.value_of(pair))?;
        let plain = self.split_mark(value).map_or(value, |(plain, _)| plain);
        let is_sane = (1..=LONGEST).contains(&plain.len()) && plain.iter().all(|&byte| is_cookie_octet(byte));
        is_sane.then_some(plain)
    }

    /// Whether a Set-Cookie field of the server is about the cookie of our name, be it to delete it.
    pub(crate) fn is_set_by(&self, value: &[u8]) -> bool {
        value.split(|&byte| byte == b';').next().is_some_and(|pair| self.value_of(scan::trim(pair)).is_some())
    }

    /// The value of a pair that has our name, without quotes.
    fn value_of<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let value = scan::trim(pair.strip_prefix(self.name.as_slice())?.strip_prefix(b"=")?);
        Some(unquote(value))
    }

    /// Value and mark of `value~mark`.
    fn split_mark<'a>(&self, value: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let separator = value.len().checked_sub(self.mark_length + 1)?;
        let mark = &value[separator + 1..];
        let shaped = value[separator] == SEPARATOR && !mark.contains(&SEPARATOR) && !mark.is_empty();
        shaped.then_some((&value[..separator], mark))
    }

    /// Writes a Cookie field for the server, without our mark. False: nothing to take out, and nothing was written.
    pub(crate) fn write_unmarked(&self, value: &[u8], out: &mut Vec<u8>) -> bool {
        if !pairs(value).any(|pair| self.value_of(pair).is_some()) {
            return false;
        }
        let start = out.len();
        let mut separator: &[u8] = b"Cookie: ";
        for pair in pairs(value) {
            let quoted = pair.ends_with(b"\"");
            let parts = match (self.value_of(pair), self.form) {
                (None, _) => [separator, pair, b""],
                (Some(_), CookieForm::Insert) => continue,
                (Some(value), CookieForm::Append) => match self.split_mark(value) {
                    None => [separator, pair, b""],
                    Some((_, mark)) => {
                        let cut = pair.len() - usize::from(quoted) - mark.len() - 1;
                        [separator, &pair[..cut], if quoted { b"\"" } else { b"" }]
                    }
                },
            };
            parts.iter().for_each(|part| out.extend_from_slice(part));
            separator = b"; ";
        }
        if out.len() > start {
            out.extend_from_slice(b"\r\n");
        }
        true
    }

    /// Writes a Set-Cookie field of the server with the mark appended. False: it is another cookie, or it has no value
    /// (it is being deleted); nothing was written.
    pub(crate) fn write_marked(&self, value: &[u8], mark: &[u8], out: &mut Vec<u8>) -> bool {
        let pair_end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
        let pair = scan::trim(&value[..pair_end]);
        if self.value_of(pair).is_none_or(<[u8]>::is_empty) {
            return false;
        }
        let (plain, quote) = match pair.strip_suffix(b"\"") {
            Some(plain) => (plain, &b"\""[..]),
            None => (pair, &b""[..]),
        };
        for part in [b"Set-Cookie: ", plain, &[SEPARATOR], mark, quote, &value[pair_end..], b"\r\n"] {
            out.extend_from_slice(part);
        }
        true
    }

    /// Writes a whole Set-Cookie field: of form `insert`, or of form `append` with the value that the client has.
    pub(crate) fn write_inserted(&self, value: Option<&[u8]>, mark: &[u8], secure: bool, out: &mut Vec<u8>) {
        let attributes = b"; Path=/; HttpOnly; SameSite=";
        let secure: &[u8] = if secure { b"; Secure" } else { b"" };
        let (value, separator): (&[u8], &[u8]) = value.map_or((b"", b""), |value| (value, &[SEPARATOR]));
        let same_site = self.same_site.as_bytes();
        let set: [&[u8]; 6] = [b"Set-Cookie: ", &self.name, b"=", value, separator, mark];
        let parts = set.into_iter().chain([attributes, same_site, secure, b"\r\n"]);
        parts.for_each(|part| out.extend_from_slice(part));
    }
}

/// The pairs of a Cookie value; empty ones are skipped.
fn pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b';').map(scan::trim).filter(|pair| !pair.is_empty())
}

/// RFC 6265 §4.1.1: visible ASCII without quote, comma, semicolon and backslash.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}
