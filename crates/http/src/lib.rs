//! HTTP/1 messages: parsing, framing, fields, rewriting. Pure: bytes in, bytes out; no socket, clock or runtime.
//!
//! Terms are those of RFC 9110 and RFC 9112.
