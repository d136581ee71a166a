//! HTTP/1 messages: parsing, framing, fields, rewriting. Pure: bytes in, bytes out; no socket, clock or runtime.
//!
//! Terms are those of RFC 9110 and RFC 9112. The way of a message:
//!
//! 1. [`parse_request`] and [`parse_response`] read a head strictly into indexes of the caller's buffer and decide its
//!    [`Framing`], in one place ([`framing`]). Anything ambiguous is a [`Reject`] or a [`BadReply`] with a [`Reason`].
//! 2. [`forward`] writes the head anew: hop-by-hop fields go, ours come, the framing is written by us.
//! 3. [`ChunkedDecoder`] takes a chunked body apart; [`chunk_header`] and [`last_chunk`] frame it anew.
//!
//! Nothing here allocates per message once warm: heads are reused through their `clear`, output goes into a caller's
//! `Vec<u8>`.

pub mod chunked;
pub mod cookie;
pub mod field;
pub mod forward;
pub mod framing;
mod head;
pub mod message;
pub mod peer;
pub mod proxy_protocol;
pub mod reason;
pub mod reply;
pub mod request;
pub mod response;
mod scan;
pub mod target;
pub mod upgrade;

pub use chunked::{ChunkError, ChunkedDecoder, Step, chunk_header, last_chunk, write_chunk};
pub use cookie::{CookieAffinity, CookieForm};
pub use field::FieldId;
pub use forward::{RequestOut, ResponseOut, Rewrite, write_request, write_response};
pub use framing::Framing;
pub use message::{Field, Limits, Method, Parsed, Span, Version};
pub use peer::Peer;
pub use reason::{BadReply, Reason, Reject};
pub use reply::Reply;
pub use request::{RequestHead, parse_request};
pub use response::{ResponseHead, parse_response};
pub use target::TargetForm;
