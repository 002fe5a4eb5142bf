//! How each reason code comes about: one row for each code and result that `docs/reason-codes.md` names.
//!
//! A row's call is of a project of its own, so that rows whose causes can be told apart by it share one Envoy.

pub(crate) mod documented;
mod own;
pub(crate) mod sdk;
mod shared;

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// One Envoy: sections of its configuration, and the rows that are proven with it.
pub(crate) struct Group {
    pub(crate) config: Value,
    pub(crate) rows: Vec<Row>,
}

/// What leads to a code: calls before, and the call.
pub(crate) struct Row {
    pub(crate) code: &'static str,
    pub(crate) result: &'static str,
    /// Calls of a plain client, each with a header of its own.
    pub(crate) before: Vec<(&'static str, String)>,
    pub(crate) caller: Caller,
    /// Whether there is an AWU, and so an event (§4.4).
    pub(crate) has_awu: bool,
}

/// Who makes the call that the row is about.
pub(crate) enum Caller {
    /// The official SDK: what its call has beside the usual, see `sdk/reason_codes.py`.
    Sdk(Value),
    /// A socket, with these bytes, for the reason that is given: no SDK sends such a request.
    Socket { why: &'static str, request: String },
}

impl Row {
    /// The official SDK's usual call.
    fn new(code: &'static str, result: &'static str) -> Self {
        Self { code, result, before: Vec::new(), caller: Caller::Sdk(json!({})), has_awu: true }
    }

    /// The project of its calls.
    pub(crate) fn project(&self) -> String {
        format!("{}-{}", self.code, self.result).to_lowercase()
    }

    /// With an Envoy of its own.
    fn alone(self, config: Value) -> Group {
        Group { config, rows: vec![self] }
    }
}

/// Rows of many causes: policies, gates, budgets, limits, breakers.
pub(crate) fn shared() -> [Group; 3] {
    [shared::policies(), shared::approvals(), shared::limits()]
}

/// Rows whose cause is a setting of the whole.
pub(crate) fn own() -> Vec<Group> {
    own::groups()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
