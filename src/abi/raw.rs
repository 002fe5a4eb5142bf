//! The proxy-wasm host calls, as total functions: every status is a value, none is a panic.
//!
//! The SDK's own wrappers panic on a status they do not expect, and a panic kills the VM with every call in flight. So
//! the calls that run per request are declared here, with the status as a plain integer (a status outside the SDK's
//! enum would be undefined behaviour there). This is the only file in which `unsafe` is allowed; it contains no policy.

#![allow(unsafe_code, reason = "the host ABI is raw pointers; this file is the wall around it")]

use std::ptr;

use crate::headers::{HeaderPairs, Headers};

/// A status other than success, as the host gave it (proxy-wasm ABI 0.2.1, "proxy_status_t").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostError(pub(super) u32);

/// `NOT_FOUND`.
pub(super) const NOT_FOUND: HostError = HostError(1);
/// `CAS_MISMATCH`.
pub(super) const CAS_MISMATCH: HostError = HostError(8);

/// Header maps (`proxy_header_map_type_t`).
#[allow(clippy::enum_variant_names, reason = "the names are the ABI's")]
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Map {
    Request = 0,
    Response = 2,
    HttpCallResponse = 6,
}

/// Body buffers (`proxy_buffer_type_t`).
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    PluginConfiguration = 7,
}

/// A size that means: everything there is.
pub(super) const WHOLE: usize = i32::MAX as usize;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_current_time_nanoseconds(nanos: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, max: usize, data: *const u8, size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, size: usize, cas: u32)
    -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_done() -> u32;
}

/// Bytes that the host allocated in this VM for us; empty when it gave none.
fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host obtained `data` from this module's own allocator export with exactly `size` bytes, filled them,
    // and hands over ownership (ABI 0.2.1, "proxy_on_memory_allocate").
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Runs a call that returns bytes.
fn bytes(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    let status = call(&mut data, &mut size);
    let bytes = take(data, size);
    check(status).map(|()| bytes)
}

fn check(status: u32) -> Result<(), HostError> {
    if status == 0 { Ok(()) } else { Err(HostError(status)) }
}

/// Nanoseconds since the epoch by Envoy's clock.
pub(super) fn now_nanos() -> Result<u64, HostError> {
    let mut nanos = 0;
    // SAFETY: the host writes eight bytes to a live local.
    check(unsafe { proxy_get_current_time_nanoseconds(&mut nanos) }).map(|()| nanos)
}

/// Calls `read` with every pair of a header map, none when the map is not there.
pub(super) fn with_headers<T>(map: Map, read: impl FnOnce(Headers<'_>) -> T) -> T {
    // SAFETY: both out-pointers are live locals.
    let map =
        bytes(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) }).unwrap_or_default();
    read(Headers::of(&HeaderPairs::new(&super::pairs::parse(&map))))
}

/// Sets a header, replacing every earlier value.
pub(super) fn set_header(map: Map, key: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host only reads the two slices during the call.
    check(unsafe {
        proxy_replace_header_map_value(map as u32, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    })
}

/// Adds a header where none of this name stands: Envoy need not look for one.
pub(super) fn add_header(map: Map, key: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host only reads the two slices during the call.
    check(unsafe {
        proxy_add_header_map_value(map as u32, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    })
}

/// Removes every value of a header.
pub(super) fn remove_header(map: Map, key: &str) -> Result<(), HostError> {
    // SAFETY: the host only reads the slice during the call.
    check(unsafe { proxy_remove_header_map_value(map as u32, key.as_ptr(), key.len()) })
}

/// The first `max` bytes of a buffer; empty when there is none.
pub(super) fn buffer(buffer: Buffer, max: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: both out-pointers are live locals.
    let result = bytes(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, max, data, size) });
    match result {
        Err(error) if error == NOT_FOUND => Ok(Vec::new()),
        other => other,
    }
}

/// Puts `bytes` in the place of everything that a buffer holds. Envoy does not correct `content-length`.
pub(super) fn replace_buffer(buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host only reads the slice during the call.
    check(unsafe { proxy_set_buffer_bytes(buffer as u32, 0, WHOLE, bytes.as_ptr(), bytes.len()) })
}

/// A property; the path's segments are joined with NUL.
pub(super) fn property(path: &str) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host reads the path during the call; both out-pointers are live locals.
    bytes(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Sets a property, which Envoy keeps as filter state `wasm.<path>`.
pub(super) fn set_property(path: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host only reads the two slices during the call.
    check(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// A shared record and its CAS number.
pub(super) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), HostError> {
    let mut cas = 0;
    // SAFETY: the host reads the key during the call; the out-pointers are live locals.
    let value =
        bytes(|data, size| unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut cas) })?;
    Ok((value, cas))
}

/// Writes a shared record if its CAS number is still `cas`.
pub(super) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), HostError> {
    // SAFETY: the host only reads the two slices during the call.
    check(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

/// Answers the request in the upstream's stead. `headers` is a serialised map (see [`super::pairs`]).
pub(super) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[u8],
    body: &[u8],
) -> Result<(), HostError> {
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: the host only reads the three slices during the call.
    check(unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Defines a counter, or finds it.
pub(super) fn define_counter(name: &str) -> Result<u32, HostError> {
    const COUNTER: u32 = 0;
    let mut id = 0;
    // SAFETY: the host reads the name during the call and writes the id to a live local.
    check(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &mut id) }).map(|()| id)
}

/// Raises a counter.
pub(super) fn increment(id: u32, offset: i64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_increment_metric(id, offset) })
}

/// Asks for a tick every `period_ms` milliseconds.
pub(super) fn set_tick_period(period_ms: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_tick_period_milliseconds(period_ms) })
}

/// Lets the host delete a context that asked for time in `on_done`.
pub(super) fn done() -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_done() })
}

/// The level of Envoy's log for this filter (`proxy_log_level_t`).
pub(super) fn log_level() -> Result<u32, HostError> {
    let mut level = 0;
    // SAFETY: the out-pointer is a live local.
    check(unsafe { proxy_get_log_level(&mut level) }).map(|()| level)
}

proxy_wasm::main! {{
    super::start();
}}
