//! Searching text for what a rule forbids, in time that grows with the text alone.
//!
//! Knows nothing of requests or policies. A [`TextSet`] is built once, with the configuration; [`fold`] brings text into
//! one spelling first. Neither keeps, copies out or tells what was found.

mod beginnings;
mod changes;
mod characters;
mod definition;
mod escapes;
mod expressions;
mod fold;
mod fuel;
mod lazy;
mod literals;
mod lookout;
mod required;
mod scout;
mod set;
mod sieve;
mod skim;
mod spelling;

pub use changes::Folded;
pub use fold::fold;
pub use set::{BadPattern, TextSet, Wanted};
