//! What the plane can refuse, in sentences that name the place, the cause and the cure.

use crate::access_log::LogError;
use std::fmt;
use std::io;
use steelyard_balance::BuildError;

#[derive(Debug)]
pub enum Error {
    /// A listener's address could not be bound.
    Bind { service: String, listen: String, source: io::Error },
    /// A value of the snapshot cannot be used.
    Snapshot { path: String, expected: &'static str, found: String },
    /// A pool of the snapshot cannot be used.
    Pool(BuildError),
    /// No descriptor is left.
    Descriptors(io::Error),
    /// The operating system refused a thread or its event loop.
    Thread(io::Error),
    /// The access log could not be opened.
    Log(LogError),
    /// A worker did not answer.
    Stuck,
    /// The plane was closed before.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bind { service, listen, source } => {
                write!(out, "services.{service}.listen: cannot listen on {listen}: {source}; {}", cure(source))
            }
            Error::Snapshot { path, expected, found } => {
                write!(out, "{path}: expected {expected}, found {found:?}; correct the snapshot")
            }
            Error::Pool(error) => write!(out, "{error}"),
            Error::Descriptors(source) => {
                write!(out, "cannot start the data plane: {source}; raise the limit of open files (ulimit -n)")
            }
            Error::Thread(source) => {
                write!(out, "cannot start a worker thread: {source}; set process.threads lower or raise the limits")
            }
            Error::Log(error) => write!(out, "{error}"),
            Error::Stuck => write!(out, "a worker thread did not answer within 10 s; restart the process"),
            Error::Closed => write!(out, "the data plane is closed; start a new one"),
        }
    }
}

fn cure(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "end the process that holds it or choose another port",
        io::ErrorKind::AddrNotAvailable => "use an address that this machine has",
        io::ErrorKind::PermissionDenied => "use a port from 1024 up, or give the process CAP_NET_BIND_SERVICE",
        _ => "check the address",
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } | Error::Descriptors(source) | Error::Thread(source) => Some(source),
            _ => None,
        }
    }
}
