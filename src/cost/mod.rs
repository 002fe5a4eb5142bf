//! What a call may consume, and what it did: tokens to amounts, before and after.
//!
//! The estimate is an upper bound by design; it sees sizes, never content. All arithmetic is on integers and rounds up,
//! once, at the end. Knows prices and estimation settings; knows no provider and no ledger.

mod consumption;
mod estimate;
mod fit;
mod price;

pub use consumption::Consumption;
pub use estimate::{beside_cap, choices, estimate, output_cap, tokens_of_text};
pub use fit::largest_fitting;
pub use price::Unpriced;
