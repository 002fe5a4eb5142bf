//! A configuration of any bytes, as the host hands it over: it is taken or refused with problems, and always the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let first = genops::config::parse_bytes(bytes);
    match (&first, genops::config::parse_bytes(bytes)) {
        (Ok(_), Ok(_)) => {}
        (Err(first), Err(second)) => {
            assert_eq!(*first, second);
            assert!(!first.0.is_empty(), "refused without a problem");
            // What is told to the operator has a bound of its own.
            assert!(first.to_string().len() < 1_000 + 400 * bytes.len());
        }
        _ => panic!("taken once, refused once"),
    }
});
