//! `DataPlane`: the engine behind JSON.

use crate::error::{detached, parse, render};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;
use steelyard_dataplane::Engine;

/// Threads that move traffic. Methods that wait release the GIL; none is called on the path of a request.
#[pyclass(module = "steelyard._native", frozen)]
pub struct DataPlane(Engine);

#[pymethods]
impl DataPlane {
    #[new]
    fn new(py: Python<'_>, options: &[u8]) -> PyResult<Self> {
        with_signals_blocked(py, || {
            detached(py, || Engine::start(parse("options", options)?).map(Self).map_err(|error| error.to_string()))
        })
    }

    /// Bind new listeners, close those gone, swap the snapshot. On NativeError the old one stays whole in force.
    fn apply(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        detached(py, || self.0.apply(parse("snapshot", snapshot)?).map_err(|error| error.to_string()))
    }

    /// Service name to the address bound, with the real port.
    fn addresses(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        detached(py, || Ok::<_, Infallible>(self.0.addresses()))
    }

    /// All counters since the start (``Report``).
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        detached(py, || render(&self.0.report())).map(|json| PyBytes::new(py, &json))
    }

    /// The counters of one server, as in ``report``; null when it is unknown.
    fn server_report<'py>(&self, py: Python<'py>, pool: &str, server: &str) -> PyResult<Bound<'py, PyBytes>> {
        detached(py, || render(&self.0.server_report(pool, server))).map(|json| PyBytes::new(py, &json))
    }

    /// What was refused since the start: {service: {reason: count}}.
    fn rejections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        detached(py, || render(&self.0.rejections())).map(|json| PyBytes::new(py, &json))
    }

    /// The servers with failures or 5xx since the last call.
    fn failures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        detached(py, || render(&self.0.failures().take())).map(|json| PyBytes::new(py, &json))
    }

    /// A descriptor (eventfd) that is readable when ``failures`` has news; reading it is the caller's task.
    fn failures_fd(&self) -> i32 {
        self.0.failures().fd()
    }

    /// {"server": id | null, "reason": str}: whom this client would get now; changes nothing.
    fn explain<'py>(&self, py: Python<'py>, pool: &str, client: &str, cookie: &str) -> PyResult<Bound<'py, PyBytes>> {
        detached(py, || render(&self.0.explain(pool, address(client)?, cookie))).map(|json| PyBytes::new(py, &json))
    }

    /// Requests or connections that the server has now, counted exactly; 0 when it is unknown.
    fn active(&self, py: Python<'_>, pool: &str, server: &str) -> PyResult<u32> {
        detached(py, || Ok::<_, Infallible>(self.0.active(pool, server)))
    }

    /// Close the listeners; connections go on, keep-alive ends with the running request.
    fn stop_accepting(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.0.stop_accepting();
            Ok::<_, Infallible>(())
        })
    }

    /// Client connections that are open.
    fn connections(&self) -> usize {
        self.0.connections()
    }

    /// Open the access log's path again (log rotation).
    fn reopen_log(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.0.reopen_log())
    }

    /// Wait until the connections have ended, then end the rest and the threads. Returns how many were cut.
    fn close(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<usize> {
        detached(py, || Ok::<_, Infallible>(self.0.close(Duration::from_millis(timeout_ms))))
    }
}

/// The client's address; empty where there is none.
fn address(text: &str) -> Result<Option<IpAddr>, String> {
    let expected = || format!("client: expected an IPv4 or IPv6 address or \"\", found {text:?}; give one");
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| expected()) }
}

/// All signals are blocked in this thread while the engine's threads are born, so that they inherit it: signals are
/// Python's (its main thread is woken), and a write to a closed pipe is an error there, not the end of the process.
fn with_signals_blocked<T>(py: Python<'_>, start: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let signal = py.import("signal")?;
    let mask = |how: &str, signals: Bound<'_, PyAny>| {
        signal.call_method1("pthread_sigmask", (signal.getattr(how)?, signals)).map(Bound::unbind)
    };
    let before = mask("SIG_BLOCK", signal.call_method0("valid_signals")?)?;
    let started = start();
    mask("SIG_SETMASK", before.into_bound(py))?;
    started
}
