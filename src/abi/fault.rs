//! Test builds only (`fault-injection`): panics where a request header asks for it, to show what survives.

#![allow(clippy::panic, reason = "panicking is what this is for")]

use crate::headers::Headers;

/// The place at which this stream is to panic, from its request header `x-fault`.
#[derive(Default)]
pub(super) struct Fault(Option<String>);

impl Fault {
    /// Notes what the request asks for.
    pub(super) fn ask(&mut self, headers: Headers<'_>) {
        self.0 = headers.unique("x-fault").map(str::to_owned);
    }

    /// Panics if this is the place.
    pub(super) fn trip(&self, place: &str) {
        if self.0.as_deref() == Some(place) {
            panic!("fault injected at {place}");
        }
    }
}
