//! The journeys of `tests/journeys`, through the filter as it is shipped: compiled, in interpreted VMs.
//!
//! Needs `make build`; says so where the filter is missing.

#![allow(missing_docs)]

mod host;
#[path = "host/wasm/mod.rs"]
mod wasm;

#[test]
fn the_compiled_filter_goes_every_journey_as_it_is_written() {
    let filter = wasm::Filter::load();
    host::golden::check_all(&|world| filter.start(world), false);
}

#[test]
fn the_compiled_filter_goes_every_journey_byte_by_byte() {
    let filter = wasm::Filter::load();
    for path in host::golden::journeys() {
        let text = std::fs::read_to_string(&path).expect("a readable journey");
        host::resplit::check(&path.display().to_string(), &text, &|world| filter.start(world), |_| 1);
    }
}
