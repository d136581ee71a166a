//! One request and its response: read the head, choose a server, ask it, deliver its answer. Each step is a file of its
//! own; what they share is [`Exchange`], which a worker reuses, so that a request allocates nothing.

mod answer;
mod ask;
pub mod attempt;
pub mod choose;
mod client;
mod head;
pub mod record;
pub mod refuse;
mod vigil;

use crate::body::Relay;
use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::counters::FailureKind;
use record::Trip;
use steelyard_balance::ServerIndex;
use steelyard_http::{Reason, RequestHead, ResponseHead};

/// What happens to the client's connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    KeepAlive,
    /// The client may still be sending: closing at once could destroy the response on its way.
    Linger,
    Close,
}

/// The memory of one exchange.
#[derive(Default)]
pub struct Exchange {
    /// What the client sent: the head, pinned while the exchange lasts, then what is not used yet.
    pub client_in: Buffer,
    request_head: RequestHead,
    /// To the server.
    request: Relay,
    /// What the server sent.
    server_in: Buffer,
    response_head: ResponseHead,
    /// To the client.
    response: Relay,
    /// Servers of the current pool that this request was tried on.
    pub tried: Vec<ServerIndex>,
    pub trip: Trip,
}

/// Why an attempt failed, and what it means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server could not be reached, or went away before it had a byte of the request.
    Unsent(FailureKind),
    /// A change has taken the server away before anything was sent.
    Withdrawn,
    /// No descriptor was left: not the server's fault.
    Exhausted,
    /// A connection that had been idle was closed by the server, which is its right; nothing of a response came.
    Stale { sent: bool },
    /// The server failed after it had a part of the request; nothing of a response was forwarded.
    Sent(FailureKind),
    /// The client is gone, or stopped speaking sense: nothing is left to be done for it.
    ClientGone,
    /// The client's body is malformed.
    BadBody(Reason),
    /// The client's body does not arrive as it should.
    SlowBody(&'static str),
}

impl Exchange {
    /// Ready for another connection: nothing of this one is held, and no more memory than most need.
    pub fn clear(&mut self) {
        self.client_in.shrink();
        self.server_in.shrink();
        self.trip.server = None;
    }

    /// Ready for another request. The response's head is cleared when a server is asked.
    pub fn begin(&mut self) {
        self.request_head.clear();
        self.request.clear();
        self.response.clear();
        self.tried.clear();
        self.server_in.clear();
    }
}

/// Serve one request from its first byte on.
pub async fn serve(connection: &mut Connection, exchange: &mut Exchange) -> After {
    exchange.begin();
    let after = match head::read(connection, exchange).await {
        head::Read::Complete => attempt::run(connection, exchange).await,
        head::Read::Nothing => return After::KeepAlive,
        head::Read::Gone => return After::Close,
        head::Read::Rejected { status, reason, sentence } => {
            refuse::reject(connection, exchange, status, reason, sentence).await
        }
    };
    record::write(connection, exchange);
    exchange.client_in.unpin();
    if after == After::Linger {
        Box::pin(refuse::linger(connection, exchange)).await;
    }
    after
}
