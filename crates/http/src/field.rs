//! The field names we know, and what each kind of field means to an intermediary.
//!
//! A name is resolved while the head is parsed, through a table built at compile time; everything later works on
//! [`FieldId`]. An underscore alias (`Content_Length`) of a known name gets [`FieldId::Alias`]: gateway interfaces such
//! as CGI and WSGI fold `-` and `_` together, so such a field would stand in for the real one behind us.

/// What an intermediary does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For all recipients; Connection may not name it (RFC 9110 §7.6.1).
    EndToEnd,
    /// For this connection only: never forwarded as it came.
    HopByHop,
    /// Written by us: the client's own is replaced, or added to when the peer is trusted.
    Ours,
}

macro_rules! fields {
    ($($variant:ident $kind:ident $name:literal;)*) => {
        /// A name we know. The order means nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum FieldId {
            /// A name we do not know.
            Other,
            /// A name that becomes a known one when `_` is read as `-`. Dropped.
            Alias,
            /// Any other `X-Forwarded-…`.
            XForwardedOther,
            $($variant,)*
        }

        const IDS: &[FieldId] = &[$(FieldId::$variant,)*];
        const NAMES: &[&[u8]] = &[$($name.as_bytes(),)*];
        const KINDS: &[Kind] = &[Kind::EndToEnd, Kind::HopByHop, Kind::Ours, $(Kind::$kind,)*];
    };
}

fields! {
    Accept EndToEnd "accept";
    AcceptCharset EndToEnd "accept-charset";
    AcceptEncoding EndToEnd "accept-encoding";
    AcceptLanguage EndToEnd "accept-language";
    AcceptRanges EndToEnd "accept-ranges";
    Age EndToEnd "age";
    Allow EndToEnd "allow";
    AltSvc EndToEnd "alt-svc";
    Authorization EndToEnd "authorization";
    CacheControl EndToEnd "cache-control";
    Connection HopByHop "connection";
    ContentDisposition EndToEnd "content-disposition";
    ContentEncoding EndToEnd "content-encoding";
    ContentLanguage EndToEnd "content-language";
    ContentLength HopByHop "content-length";
    ContentLocation EndToEnd "content-location";
    ContentRange EndToEnd "content-range";
    ContentSecurityPolicy EndToEnd "content-security-policy";
    ContentType EndToEnd "content-type";
    Cookie EndToEnd "cookie";
    Date EndToEnd "date";
    Etag EndToEnd "etag";
    Expect HopByHop "expect";
    Expires EndToEnd "expires";
    Forwarded Ours "forwarded";
    From EndToEnd "from";
    Host EndToEnd "host";
    Http2Settings HopByHop "http2-settings";
    IfMatch EndToEnd "if-match";
    IfModifiedSince EndToEnd "if-modified-since";
    IfNoneMatch EndToEnd "if-none-match";
    IfRange EndToEnd "if-range";
    IfUnmodifiedSince EndToEnd "if-unmodified-since";
    KeepAlive HopByHop "keep-alive";
    LastModified EndToEnd "last-modified";
    Location EndToEnd "location";
    MaxForwards EndToEnd "max-forwards";
    Origin EndToEnd "origin";
    Pragma EndToEnd "pragma";
    ProxyAuthenticate HopByHop "proxy-authenticate";
    ProxyAuthorization HopByHop "proxy-authorization";
    ProxyConnection HopByHop "proxy-connection";
    Range EndToEnd "range";
    Referer EndToEnd "referer";
    RetryAfter EndToEnd "retry-after";
    SecFetchDest EndToEnd "sec-fetch-dest";
    SecFetchMode EndToEnd "sec-fetch-mode";
    SecFetchSite EndToEnd "sec-fetch-site";
    Server EndToEnd "server";
    SetCookie EndToEnd "set-cookie";
    StrictTransportSecurity EndToEnd "strict-transport-security";
    Te HopByHop "te";
    Trailer HopByHop "trailer";
    TransferEncoding HopByHop "transfer-encoding";
    Upgrade HopByHop "upgrade";
    UserAgent EndToEnd "user-agent";
    Vary EndToEnd "vary";
    Via EndToEnd "via";
    WwwAuthenticate EndToEnd "www-authenticate";
    XForwardedFor Ours "x-forwarded-for";
    XForwardedHost Ours "x-forwarded-host";
    XForwardedProto Ours "x-forwarded-proto";
    XRealIp Ours "x-real-ip";
}

const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
const LONGEST_ALIAS: usize = 32;

/// Open addressing; a slot holds an index into `NAMES`.
const TABLE: [u8; SLOTS] = build_table();

const fn slot_of(name: &[u8]) -> usize {
    let (first, middle, last) = (name[0] | 0x20, name[name.len() / 2] | 0x20, name[name.len() - 1] | 0x20);
    (name.len() * 31 + first as usize * 5 + middle as usize * 17 + last as usize * 3) % SLOTS
}

const fn build_table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < NAMES.len() {
        let mut slot = slot_of(NAMES[index]);
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
}

impl FieldId {
    #[inline]
    pub fn kind(self) -> Kind {
        KINDS[self as usize]
    }

    /// Resolves a name that holds no control character. `None`: not a known name (it may still be an alias or not a
    /// token at all).
    #[inline]
    pub(crate) fn known(name: &[u8]) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let mut slot = slot_of(name);
        loop {
            let index = TABLE[slot];
            if index == EMPTY {
                return None;
            }
            if same_name(name, NAMES[index as usize]) {
                return Some(IDS[index as usize]);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// Resolves any token.
    pub fn of(name: &[u8]) -> Self {
        Self::known(name).unwrap_or_else(|| Self::unknown(name))
    }

    /// Resolves a token that is not a known name.
    pub(crate) fn unknown(name: &[u8]) -> Self {
        const PREFIX: &[u8] = b"x-forwarded-";
        if name.contains(&b'_') && name.len() <= LONGEST_ALIAS {
            let mut folded = [0; LONGEST_ALIAS];
            let folded = &mut folded[..name.len()];
            for (to, from) in folded.iter_mut().zip(name) {
                *to = if *from == b'_' { b'-' } else { *from };
            }
            if Self::known(folded).is_some() || starts_with_name(folded, PREFIX) {
                return Self::Alias;
            }
        }
        if starts_with_name(name, PREFIX) { Self::XForwardedOther } else { Self::Other }
    }
}

fn starts_with_name(name: &[u8], prefix: &[u8]) -> bool {
    name.len() > prefix.len() && same_name(&name[..prefix.len()], prefix)
}

/// Whether `name` is `lower` but for case. `lower` holds only `a-z`, `0-9` and `-`; of the bytes above 0x1f, only the
/// upper-case letters fall on those when 0x20 is set, so one OR folds the case exactly.
#[inline]
fn same_name(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    // The last word overlaps the one before it, so that no byte is left over.
    if let (Some(a), Some(b)) = (name.last_chunk(), lower.last_chunk()) {
        return same_word(a, b) && name.as_chunks().0.iter().zip(lower.as_chunks().0).all(|(a, b)| same_word(a, b));
    }
    name.iter().zip(lower).all(|(a, b)| a | 0x20 == *b)
}

#[inline]
fn same_word(name: &[u8; 8], lower: &[u8; 8]) -> bool {
    u64::from_le_bytes(*name) | 0x2020_2020_2020_2020 == u64::from_le_bytes(*lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_resolves_in_any_case() {
        for (name, id) in NAMES.iter().zip(IDS) {
            assert_eq!(FieldId::of(name), *id);
            assert_eq!(FieldId::of(&name.to_ascii_uppercase()), *id);
        }
        assert_eq!(KINDS[FieldId::Connection as usize], Kind::HopByHop);
        assert_eq!(FieldId::XForwardedFor.kind(), Kind::Ours);
        assert_eq!(FieldId::Other.kind(), Kind::EndToEnd);
    }

    #[test]
    fn every_byte_of_a_name_counts() {
        for (name, id) in NAMES.iter().zip(IDS) {
            for at in 0..name.len() {
                let mut other = name.to_vec();
                other[at] = b'!';
                assert_ne!(FieldId::known(&other), Some(*id), "{}", other.escape_ascii());
            }
        }
    }

    #[test]
    fn an_alias_is_recognised_and_a_mere_underscore_is_not() {
        for alias in ["Transfer_Encoding", "CONTENT_LENGTH", "x_forwarded_for", "X-Forwarded_Port", "X_Real-IP"] {
            assert_eq!(FieldId::of(alias.as_bytes()), FieldId::Alias, "{alias}");
        }
        for other in ["My_Field", "_", "X-Forwarded", "Hosts", "Hos", "X-Forwarded-"] {
            assert_eq!(FieldId::of(other.as_bytes()), FieldId::Other, "{other}");
        }
        assert_eq!(FieldId::of(b"X-Forwarded-Port"), FieldId::XForwardedOther);
    }

    #[test]
    fn few_names_share_a_slot() {
        let longest =
            NAMES.iter().map(|name| (0..).take_while(|i| TABLE[(slot_of(name) + i) % SLOTS] != EMPTY).count());
        assert!(longest.max().unwrap() <= 6);
    }
}
