//! The Python binding: converts and nothing else. What it exposes is `python/steelyard/_native.pyi`.
//!
//! Calls release the GIL, and a panic on the native side arrives as `NativeError`, never as the end of the interpreter.

mod dataplane;
mod error;
mod scheduler;

use pyo3::prelude::*;

#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::dataplane::DataPlane;
    #[pymodule_export]
    use crate::error::NativeError;
    #[pymodule_export]
    use crate::scheduler::{Scheduler, algorithm_needs};
}
