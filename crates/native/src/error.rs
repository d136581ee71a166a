//! `NativeError`, and the door through which every call goes: without the GIL, and with a net under it.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

pyo3::create_exception!(
    steelyard._native,
    NativeError,
    PyException,
    "The native side refused something; the message names the place, the cause and the cure."
);

/// Run `call` without the GIL. Its error and even its panic become `NativeError`.
pub fn detached<T: Send, E: Display>(py: Python<'_>, call: impl FnOnce() -> Result<T, E> + Send) -> PyResult<T> {
    py.detach(|| match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done.map_err(|error| NativeError::new_err(error.to_string())),
        Err(panic) => {
            let what = panic.downcast_ref::<&str>().copied();
            let what = what.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            Err(NativeError::new_err(format!(
                "the native side panicked: {what}; this is a fault of Steelyard: report it with the lines on stderr"
            )))
        }
    })
}

/// What `json` says, or an error that names `place`.
pub fn parse<'a, T: serde::Deserialize<'a>>(place: &str, json: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(json)
        .map_err(|error| format!("{place}: {error}; its shape is written in docs/reference/native.md"))
}

/// As JSON. The shapes that Python reads have no map with keys that JSON cannot say.
pub fn render(value: &impl serde::Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| format!("cannot be written as JSON: {error}"))
}
