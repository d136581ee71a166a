//! The Python binding: converts and nothing else.

use pyo3::prelude::*;

#[pymodule(name = "_native")]
mod native {}
