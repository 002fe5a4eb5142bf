//! Searching text for what a rule forbids, in time that grows with the text alone.
//!
//! Knows nothing of requests or policies. A [`TextSet`] is built once, with the configuration; [`fold`] brings text into
//! one spelling first. Neither keeps, copies out or tells what was found.

mod fold;
mod set;

pub use fold::fold;
pub use set::{BadPattern, TextSet, Wanted};
