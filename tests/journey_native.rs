//! The journeys of `tests/journeys`, through the core as it is compiled natively.

#![allow(missing_docs)]

mod host;

use host::native::Native;

#[test]
fn every_journey_goes_as_it_is_written() {
    host::golden::check_all(&Native::start, true);
}
