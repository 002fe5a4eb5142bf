//! The threat model of SECURITY.md, row by row.

mod cardinality;
mod claims;
mod disguise;
