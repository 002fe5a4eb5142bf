//! Requests: every API must survive them, and chat must be read as a tree reads it.
#![no_main]

#[path = "../oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for api in oracle::APIS {
        let endpoint = oracle::endpoint(*api);
        _ = endpoint.read_request(None, body);
        _ = endpoint.read_request(Some("multipart/form-data; boundary=b"), body);
    }
    oracle::compare_request(body);
});
