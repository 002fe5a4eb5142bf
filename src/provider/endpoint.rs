//! What was recognised: a provider, one of its APIs, and what the path already says.
//!
//! How an API's requests and answers are read is its adapter's business.

use super::dialect::Dialect;
use crate::call::Operation;
pub use crate::catalogue::{Api, Provider};

/// One recognised call, from its method, authority and path, and from what the configuration says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Who answers.
    pub provider: Provider,
    /// The shape of requests and answers.
    pub api: Api,
    /// What the call does.
    pub operation: Operation,
    /// How refusals are spelt.
    pub dialect: Dialect,
    /// The model, where the path names it, percent-decoded, or the configuration does.
    pub path_model: Option<String>,
    /// Whether the answer streams, where the path says so.
    pub path_stream: Option<bool>,
    /// Whether a stream of this call is one JSON array, as Gemini sends it unless asked for events.
    pub streams_array: bool,
    /// The region, where configuration, authority, path or signature names it.
    pub region: Option<String>,
    /// Whether the path settles the shape of the request. Only then may an edit insert a field that it does not have.
    pub shape_is_certain: bool,
    /// Whether the call can consume anything: counting tokens and fetching earlier answers cannot.
    pub billable: bool,
}
