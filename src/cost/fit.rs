//! How much output still fits: the largest cap whose amount a budget can hold.
//!
//! Searches with the very function that makes amounts, so that what is reserved is never above what was found to fit,
//! whatever prices do. Needs that function to grow with the output and nothing else of it.

/// The largest cap from `least` to `most` that `fits`, which must hold for every cap below one that it holds for.
///
/// ```
/// assert_eq!(genops::cost::largest_fitting(16, 500, |cap| cap * 2 <= 75), Some(37));
/// assert_eq!(genops::cost::largest_fitting(16, 500, |cap| cap * 2 <= 30), None);
/// ```
pub fn largest_fitting(least: u64, most: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
    if least > most || !fits(least) {
        return None;
    }
    // `low` fits, `high` is the first of which that is not known to be false.
    let (mut low, mut high) = (least, most);
    while low < high {
        let middle = low.saturating_add(high.saturating_sub(low).div_ceil(2));
        if fits(middle) { low = middle } else { high = middle.saturating_sub(1) }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_larger_fits_and_what_is_found_does(least in 0..300_u64, most in 0..300_u64, edge in 0..300_u64) {
            let found = largest_fitting(least, most, |cap| cap < edge);
            let expected = (least..=most).rev().find(|cap| *cap < edge);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_ends_of_the_range_are_searched_too() {
        assert_eq!(largest_fitting(0, u64::MAX, |_| true), Some(u64::MAX));
        assert_eq!(largest_fitting(u64::MAX, u64::MAX, |_| true), Some(u64::MAX));
        assert_eq!(largest_fitting(1, u64::MAX, |cap| cap <= 1), Some(1));
        assert_eq!(largest_fitting(2, 1, |_| true), None);
    }
}
