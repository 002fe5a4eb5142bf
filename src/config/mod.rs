//! The configuration: JSON text in, a [`Config`] without anything left to check out.
//!
//! Raw JSON (or a protobuf `Struct`) → validated → compiled, and **every** problem at once, each with its path. It knows no host and no other
//! part of the core; what it produces is plain data.
//!
//! ```
//! let problems = genops::config::parse(r#"{"budget": []}"#).unwrap_err();
//! assert!(problems.to_string().contains(r#"did you mean "budgets"?"#));
//! ```

mod approvals;
mod attribution;
mod breaker;
mod budgets;
mod edits;
mod entry;
mod model;
mod policies;
mod policy;
mod prices;
mod rate_limits;
mod section;
mod selector;
mod settings;
mod sla;
mod structure;
mod unit;
mod upstreams;

use std::fmt;

pub use attribution::{
    ApiKey, AttributeRule, Attributing, HostProperty, OnConflict, OnMissing, Part, Place, Source,
};
pub use breaker::{Breaker, Failures, Rate, RateLimited, breaker_of};
pub use edits::{OnOutputCap, OutputCaps, Streams};
pub use model::{Config, Estimation, FailMode, Failure, ModelLimit, Otlp, Telemetry, Upgrade};
pub use policy::{Ceilings, ContentRule, Hours, Lists, Policies, Policy, Regions, ToolLists};
pub use rate_limits::ConcurrencyLimit;
pub use section::Problem;
pub use sla::{OnPredicted, Sla, sla_of};

use crate::strict_json;
use section::{Problems, Section};

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problem(s) in the configuration", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Invalid {}

/// Reads and validates a configuration.
///
/// # Errors
/// Every problem found, with its path. Text that is no JSON is one problem with its line and column.
pub fn parse(text: &str) -> Result<Config, Invalid> {
    let value = strict_json::value(text)
        .map_err(|error| unreadable(format!("the configuration is not JSON: {error}")))?;
    validate(&value)
}

/// Reads and validates a configuration as the host hands it over: JSON text, or a serialised `google.protobuf.Struct`.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes(bytes: &[u8]) -> Result<Config, Invalid> {
    // Text first: no serialised `Struct` is JSON, since its tags are control characters.
    let problem = match std::str::from_utf8(bytes).map(strict_json::value) {
        Ok(Ok(value)) => return validate(&value),
        Ok(Err(error)) => format!("the configuration is not JSON: {error}"),
        Err(_) => "the configuration is neither JSON text nor a protobuf Struct".to_owned(),
    };
    match structure::read(bytes).filter(|_| !bytes.is_empty()) {
        Some(value) => validate(&value),
        None => Err(unreadable(problem)),
    }
}

fn validate(value: &serde_json::Value) -> Result<Config, Invalid> {
    let problems = Problems::default();
    let config = Section::open(String::new(), value, &problems).map(|root| settings::read(root));
    let found = problems.into_inner();
    match config {
        Some(config) if found.is_empty() => Ok(config),
        _ => Err(Invalid(found)),
    }
}

fn unreadable(message: String) -> Invalid {
    Invalid(vec![Problem { path: String::new(), message }])
}
