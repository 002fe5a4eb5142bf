//! The edge towards Envoy: callbacks become events, effects become host calls.
//!
//! Exists in the WebAssembly build alone and is the only place that names the host. Contains no policy: what happens is
//! decided by [`crate::exchange`], here it is done. Nothing here may panic; a failed host call is logged and lived with.

#[cfg(feature = "fault-injection")]
mod fault;
mod http;
mod pairs;
mod perform;
mod ports;
mod raw;
mod root;

/// Called once per VM by the module's initialiser (`raw`).
fn start() {
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}
