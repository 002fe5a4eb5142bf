//! JSON as it streams past: one push tokenizer, and a matcher that picks the governed fields out of it.
//!
//! Knows syntax and paths, no provider. Invariants: nothing is buffered beyond small bounded scratch space, whatever
//! the document's size; the events of a document do not depend on how it was cut into chunks; what one parser could
//! read differently from another (duplicate governed keys, byte order marks, trailing bytes) is left to no chance.

mod event;
pub(crate) mod matcher;
mod members;
pub(crate) mod meter;
mod scalar;
pub(crate) mod scratch;
mod search;
pub(crate) mod tokenizer;

pub use event::Malformed;
pub(crate) use event::{Container, Sink, Span, Want};
pub(crate) use matcher::{Matcher, Node, Visitor, folds_to, leaf, measure, node};
pub(crate) use scalar::{Scalar, whole_number};
pub(crate) use scratch::Scratch;
pub(crate) use search::measured;
pub(crate) use tokenizer::Tokenizer;
