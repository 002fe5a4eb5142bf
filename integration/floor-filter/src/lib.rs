//! The host calls of one governed call, and nothing between them: what they cost whoever makes them.
//!
//! What `genops` asks of Envoy for an untraced call under one budget, in the same callbacks and order and with the same
//! sizes as for a call by itself, on a worker that remembers the account because no other has written it:
//!
//! | callback | host calls |
//! |---|---|
//! | request headers | take all of them; hold them |
//! | request body, whole | take it; clock; set the account; remove three headers; go on |
//! | answer's headers | take all of them; add six |
//! | answer's body, each piece | take it, unless it is empty |
//! | its end | clock; set the account |
//! | log | none |
//!
//! Knows nothing of what it takes: it parses, decides and limits nothing, and sends no telemetry, so that no filter which
//! makes these calls can cost less. One that makes fewer can. `integration/tests/envoy_floor.rs` compares them with the
//! real filter's, one by one, in real Envoy.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MapType, Status};

/// As long as the name of a record of the ledger.
const ACCOUNT: &str = "genops/budget/team-tokens/000";
/// The account while a call is under way, and after it.
const RESERVED: [u8; 80] = [1; 80];
const SETTLED: [u8; 59] = [1; 59];

/// Whatever a client sends under the filter's names, and the span's identity.
const REMOVED: [&str; 3] = ["x-genops-project", "x-genops-team", "x-genops-trace"];
/// What the real filter tells the client, in values of the same lengths.
const ADDED: [(&str, &str); 6] = [
    ("x-genops-policy-result", "ALLOWED"),
    ("x-genops-awu-id", "00000000000000000000000000000000"),
    ("x-genops-reserved", "511"),
    ("x-genops-unit", "tokens"),
    ("x-genops-budget-name", "team-tokens"),
    ("x-genops-budget-remaining", "899999489"),
];

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange))
    }
}

struct Exchange;

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let taken = take_headers(MapType::HttpRequestHeaders);
        then(if end_of_stream { Action::Continue } else { Action::Pause }, taken)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream { then(Action::Continue, request_body(size)) } else { Action::Pause }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        then(Action::Continue, answer_headers())
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        then(Action::Continue, answer_body(size, end_of_stream))
    }
}

fn request_body(size: usize) -> Result<(), Status> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size)?;
    hostcalls::get_current_time()?;
    write_account(&RESERVED)?;
    REMOVED.iter().try_for_each(|name| hostcalls::remove_map_value(MapType::HttpRequestHeaders, name))
}

fn answer_headers() -> Result<(), Status> {
    take_headers(MapType::HttpResponseHeaders)?;
    let mut added = ADDED.iter();
    added.try_for_each(|(name, value)| hostcalls::add_map_value(MapType::HttpResponseHeaders, name, value))
}

fn answer_body(size: usize, end_of_stream: bool) -> Result<(), Status> {
    if size > 0 {
        hostcalls::get_buffer(BufferType::HttpResponseBody, 0, size)?;
    }
    if end_of_stream {
        hostcalls::get_current_time()?;
        write_account(&SETTLED)?;
    }
    Ok(())
}

/// Whatever the account holds, which costs the host what a write does whose CAS number is known.
fn write_account(record: &[u8]) -> Result<(), Status> {
    hostcalls::set_shared_data(ACCOUNT, Some(record), None)
}

/// Takes a header map as the host gives it. The SDK's own call makes a string of each name and value.
fn take_headers(map: MapType) -> Result<(), Status> {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    }
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: both out-pointers are live locals.
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &mut data, &mut size) };
    if !data.is_null() {
        // SAFETY: the host obtained these bytes from this module's own allocator, filled them, and hands them over.
        drop(unsafe { Vec::from_raw_parts(data, size, size) });
    }
    if status == 0 { Ok(()) } else { Err(Status::InternalFailure) }
}

/// What failed was cheap and measured nothing: the call must not look as if it had succeeded.
fn then(action: Action, made: Result<(), Status>) -> Action {
    let Err(status) = made else { return action };
    // Whoever sent the call sees that it failed, whether or not the log takes the reason.
    let _logged = hostcalls::log(LogLevel::Error, &format!("floor: a host call failed: {status:?}"));
    let _replied = hostcalls::send_http_response(500, Vec::new(), None);
    Action::Pause
}
