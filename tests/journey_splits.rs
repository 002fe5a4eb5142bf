//! Wherever the network cuts bodies, the outcome of every journey is the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod host;

use host::native::Native;
use host::{golden, resplit};
use proptest::prelude::*;

/// The name and text of each journey.
fn journeys() -> Vec<(String, String)> {
    let read =
        |path: std::path::PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
    golden::journeys().into_iter().map(read).collect()
}

#[test]
fn byte_by_byte_every_journey_comes_to_the_same() {
    for (name, text) in journeys() {
        resplit::check(&name, &text, &Native::start, |_| 1);
    }
}

#[test]
fn in_one_piece_every_journey_comes_to_the_same() {
    for (name, text) in journeys() {
        resplit::check(&name, &text, &Native::start, |whole| whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_anywhere_a_journey_comes_to_the_same(
        journey in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(1_usize..200, 1..40),
    ) {
        let journeys = journeys();
        let (name, text) = &journeys[journey.index(journeys.len())];
        let mut cuts = cuts.iter().cycle();
        resplit::check(name, text, &Native::start, |_| *cuts.next().unwrap());
    }
}
