//! A recognised call between its headers and its body: what the request's headers said, for all that comes after.

use std::rc::Rc;

use super::editable::Editable;
use super::effects::HeaderEdit;
use super::names;
use crate::attribution::Conflict;
use crate::awu::Awu;
use crate::config::Config;
use crate::headers::Headers;
use crate::provider::Endpoint;
use crate::upstream::IncludeUsage;

/// A recognised AI call whose body is awaited. Its AWU exists and no longer changes.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) awu: Rc<Awu>,
    pub(super) endpoint: Endpoint,
    /// Whether a span is there that attributes would reach.
    pub(super) has_span: bool,
    /// Where it is a form: what else it can be, the body is read as JSON.
    pub(super) content_type: Option<String>,
    pub(super) edits: Vec<HeaderEdit>,
    /// Whether a stream's usage is to be asked for.
    pub(super) include_usage: IncludeUsage,
    /// Whether its body may be edited.
    pub(super) editable: Editable,
    /// Where an untrusted source contradicts a trusted one.
    pub(super) conflicts: Vec<Conflict>,
    pub(super) grant: Brought,
    /// Whether another protocol is asked for.
    pub(super) upgrade: bool,
}

/// What a request brought as its grant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// Nothing, or nobody would look at it.
    Nothing,
    /// One token, unverified.
    Token(String),
    /// Several headers, or bytes that are no text.
    Ambiguous,
}

impl Brought {
    /// Keeps the grant that the request's headers bring, where a gate may ask for it.
    pub(super) fn of(config: &Config, headers: Headers<'_>) -> Self {
        if config.approvals.is_empty() {
            return Self::Nothing;
        }
        match (headers.unique(names::GRANT), headers.all(names::GRANT).next()) {
            (Some(token), _) => Self::Token(token.to_owned()),
            (None, Some(_)) => Self::Ambiguous,
            (None, None) => Self::Nothing,
        }
    }
}
