//! Requests: every API must survive them, and chat must be read as a tree reads it.
#![no_main]

#[path = "../oracle.rs"]
mod oracle;

use genops::provider::Unreadable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for api in oracle::APIS {
        let endpoint = oracle::endpoint(*api);
        for content_type in [None, Some("multipart/form-data; boundary=b")] {
            let read = endpoint.read_request(content_type, body).is_ok();
            let (text, tools) =
                (endpoint.transcribe(content_type, body), endpoint.offered_tools(content_type, body));
            // What could be read can be searched; a tool's name that is no text cannot be judged, and says so.
            let tools_are_told = matches!(tools, Ok(_) | Err(Unreadable::BadTools));
            assert!(!read || body.is_empty() || (text.is_ok() && tools_are_told));
            _ = text.map(|text| text.look(|_, text| genops::text::fold(text).is_some()));
        }
    }
    oracle::compare_request(body);
});
