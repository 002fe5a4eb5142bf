//! What the world is told: span attributes, typed events, counters.
//!
//! Turns decisions, reservations and reconciliations into values with the specification's names and types. Nothing that
//! it can express holds a prompt, a completion or a credential. Sending is the edge's business; [`otlp`] only encodes.

pub mod event;
pub mod metric;
pub mod otlp;
pub mod queue;

use std::borrow::Cow;
use std::fmt;

/// An attribute value with its type; Envoy's spans can carry only its text, OTLP events carry it as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
    /// A double.
    Double(f64),
    /// A truth value.
    Bool(bool),
}

impl Value {
    /// Text that was made at run time.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// A count; figures beyond `i64` saturate.
    pub fn count(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
        }
    }
}

/// One attribute: its name and value.
pub type Attribute = (&'static str, Value);
