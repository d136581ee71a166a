//! What a line says. The fields are documented in docs/logging.md.

/// One request or, in mode `tcp`, one connection. Everything is borrowed. What came from outside may be hostile;
/// `client`, `version` and `end` are ours and written as they are.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Unix time in microseconds at which the request or connection began.
    pub time_us: u64,
    pub service: &'a str,
    /// The client's address as text, the one believed after `trusted_proxies`.
    pub client: &'a [u8],
    /// None: mode `tcp`.
    pub request: Option<Request<'a>>,
    /// Body bytes (mode `tcp`: all) from the client.
    pub bytes_in: u64,
    /// Body bytes (mode `tcp`: all) to the client.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the response.
    pub duration_us: u64,
    /// Waiting for a server below its `max_connections`; None: it did not wait.
    pub queue_us: Option<u64>,
    /// Opening the connection to the server; None: it was open already, or never came to be.
    pub connect_us: Option<u64>,
    /// From the request sent to the server's response header.
    pub upstream_us: Option<u64>,
    pub pool: &'a str,
    /// Empty: no server was reached.
    pub server: &'a str,
    pub retries: u32,
    /// How it ended: `ok`, or the reason of the refusal or failure.
    pub end: &'a str,
}

/// The parts of a record that only HTTP has.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Empty (as are target and version) when the request line could not be read.
    pub method: &'a [u8],
    pub target: &'a [u8],
    /// `HTTP/1.1`
    pub version: &'a str,
    /// 0: no response was sent.
    pub status: u16,
    pub id: &'a [u8],
    pub referer: &'a [u8],
    pub user_agent: &'a [u8],
}
