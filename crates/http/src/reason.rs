//! Why a message is refused: a stable name for metrics, a status, a sentence for the client.

/// A request we do not forward. The connection is closed after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    pub reason: Reason,
}

/// A reply of a server we do not forward: 502 for the client, and the connection to the server is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReply {
    pub reason: Reason,
}

impl From<Reason> for Reject {
    fn from(reason: Reason) -> Self {
        Self { status: reason.status(), reason }
    }
}

impl From<Reason> for BadReply {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

macro_rules! reasons {
    ($($variant:ident $status:literal $name:literal $sentence:literal;)*) => {
        /// Each has a stable kebab-case [`name`](Reason::name), used in metrics and logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($variant,)* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status of our reply when a request has this fault. (In a server's reply every fault is a 502.)
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// For the body of our reply.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

reasons! {
    BadRequestLine 400 "bad-request-line" "The request line is not METHOD SP TARGET SP HTTP/1.x CRLF.";
    BadMethod 400 "bad-method" "The method is not a token.";
    BadTarget 400 "bad-target" "The request target holds a character or a form that is not allowed.";
    BadVersion 400 "bad-version" "The protocol version is not HTTP/1.0 or HTTP/1.1.";
    UnsupportedVersion 505 "unsupported-version" "This protocol version is not supported; use HTTP/1.1.";
    UriTooLong 414 "uri-too-long" "The request line is too long.";
    HeaderTooLarge 431 "header-too-large" "The header is too large.";
    TooManyFields 431 "too-many-fields" "The header has too many fields.";
    BareLineFeed 400 "bare-line-feed" "A line ends with LF alone; it must end with CRLF.";
    BareCarriageReturn 400 "bare-carriage-return" "A CR is not followed by LF.";
    FoldedField 400 "folded-field" "A field value is continued on a second line, or the header begins with a blank.";
    BadFieldName 400 "bad-field-name" "A field name is empty, has no colon after it or holds a character that is not allowed.";
    BadFieldValue 400 "bad-field-value" "A field value holds a control character.";
    MissingHost 400 "missing-host" "An HTTP/1.1 request needs one Host field.";
    RepeatedHost 400 "repeated-host" "The request has more than one Host field.";
    BadHost 400 "bad-host" "The host is not a name or address with an optional port.";
    BadContentLength 400 "bad-content-length" "Content-Length is not one decimal number.";
    RepeatedContentLength 400 "repeated-content-length" "Content-Length is given more than once.";
    LengthAndChunked 400 "length-and-chunked" "Content-Length and Transfer-Encoding contradict each other.";
    BadTransferEncoding 400 "bad-transfer-encoding" "Transfer-Encoding is not exactly chunked.";
    UnknownTransferEncoding 501 "unknown-transfer-encoding" "Only the transfer coding chunked is supported.";
    ChunkedInHttp10 400 "chunked-in-http10" "HTTP/1.0 has no Transfer-Encoding.";
    BadConnection 400 "bad-connection" "The Connection field is not a list of tokens.";
    BadExpectation 417 "bad-expectation" "Only the expectation 100-continue is supported.";
    ConnectRefused 405 "connect-refused" "CONNECT is not offered here.";
    TraceRefused 405 "trace-refused" "TRACE is not offered here.";
    BadMaxForwards 400 "bad-max-forwards" "Max-Forwards is not one decimal number.";
    BadChunkSize 400 "bad-chunk-size" "A chunk size is not a hexadecimal number of at most 16 digits.";
    BadChunkExtension 400 "bad-chunk-extension" "A chunk extension is malformed or too long.";
    BadChunkEnd 400 "bad-chunk-end" "A chunk does not end with CRLF.";
    BadTrailer 400 "bad-trailer" "The trailer section is malformed.";
    TrailerTooLarge 431 "trailer-too-large" "The trailer section is too large.";
    BadStatusLine 502 "bad-status-line" "The server's status line is malformed.";
    BadSwitch 502 "bad-switch" "The server switched protocols in a way that was not asked for.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_kebab_case_and_sentences_end() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(reason.sentence().ends_with('.'), "{reason:?}");
            assert!((400..=505).contains(&reason.status()), "{reason:?}");
        }
    }
}
