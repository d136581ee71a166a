//! Where the log goes, and how that place is opened.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Combined,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Stdout,
    Stderr,
    File(PathBuf),
}

/// The log cannot be opened or started.
#[derive(Debug)]
pub struct LogError {
    target: String,
    action: &'static str,
    cause: io::Error,
}

impl Target {
    /// `stdout`, `stderr` or a path.
    pub fn parse(text: &str) -> Self {
        match text {
            "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            path => Self::File(PathBuf::from(path)),
        }
    }

    pub(super) fn open(&self) -> Result<File, LogError> {
        let opened = match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned().map(File::from),
            Self::File(path) => {
                // Opening a FIFO for writing waits for its reader; for reading too it does not (fifo(7)).
                let fifo = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
                OpenOptions::new().read(fifo).append(true).create(!fifo).open(path)
            }
        };
        opened.map_err(|cause| LogError::new(self, "open it", cause))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl LogError {
    pub(super) fn new(target: &Target, action: &'static str, cause: io::Error) -> Self {
        Self { target: target.to_string(), action, cause }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { target, action, cause } = self;
        let cure = match cause.kind() {
            io::ErrorKind::NotFound => "make the directory, or name another path in log.access",
            io::ErrorKind::PermissionDenied => "let this user write there, or name another path in log.access",
            _ => "name another path in log.access",
        };
        write!(f, "access log {target}: cannot {action}: {cause}; {cure}")
    }
}

impl std::error::Error for LogError {}
