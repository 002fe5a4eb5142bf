//! Authorities and paths: whatever they hold, recognition answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (authority, path, authorization) = input;
    for method in ["POST", "GET"] {
        if let Some(mut endpoint) = genops::provider::recognise(method, authority, path) {
            endpoint.locate(|| Some(authorization));
        }
    }
});
