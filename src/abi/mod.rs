//! The edge towards Envoy: callbacks become events, effects become host calls.
//!
//! Exists in the WebAssembly build alone and is the only place that names the host. Contains no policy: what happens is
//! decided by [`crate::exchange`], here it is done. Nothing here may panic; a failed host call is logged and lived with.

#[cfg(feature = "fault-injection")]
mod fault;
mod http;
#[cfg(feature = "ledger-bench")]
mod ledger_bench;
mod pairs;
mod perform;
mod ports;
mod raw;
mod root;
mod shared;

/// Logs what Envoy wants logged and makes no text of anything else: `/logging?wasm=debug` takes effect with the next tick.
fn follow_log_level() {
    use proxy_wasm::types::LogLevel;
    let level = match raw::log_level() {
        Ok(0) => LogLevel::Trace,
        Ok(1) => LogLevel::Debug,
        Ok(3) => LogLevel::Warn,
        Ok(4) => LogLevel::Error,
        Ok(5) => LogLevel::Critical,
        Ok(_) | Err(_) => LogLevel::Info,
    };
    proxy_wasm::set_log_level(level);
}

/// Called once per VM by the module's initialiser (`raw`).
fn start() {
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    #[cfg(not(feature = "ledger-bench"))]
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
    #[cfg(feature = "ledger-bench")]
    proxy_wasm::set_root_context(|_| Box::new(ledger_bench::Root::default()));
}
