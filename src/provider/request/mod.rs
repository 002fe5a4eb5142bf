//! Reads the governed facts of a request body.
//!
//! One pass, no tree, no content kept. Strict where reading and meaning could part: a governed key that appears twice,
//! or in another case (which Go's decoder accepts), or with a value of another type makes the request unreadable.

mod edit;
pub(crate) mod field;
mod multipart;
mod reader;
mod said;
mod tool_kind;
mod tools;
mod transcribe;

pub use edit::{EditedRequest, RequestEdits};
pub use multipart::is_form;
pub use reader::Unreadable;

use super::endpoint::Endpoint;
use crate::call::{Operation, RequestFacts};

impl Endpoint {
    /// Reads a request's whole body. An empty body has no facts but the path's.
    pub fn read_request(&self, content_type: Option<&str>, body: &[u8]) -> Result<RequestFacts, Unreadable> {
        let shape = self.api.request();
        let mut facts = match content_type.and_then(multipart::boundary) {
            _ if body.is_empty() => RequestFacts::default(),
            Some(boundary) => multipart::read(&boundary, body)?,
            None => reader::read(shape, body)?,
        };
        if self.path_model.is_some() {
            facts.model.clone_from(&self.path_model);
        }
        facts.stream = match self.path_stream {
            Some(stream) => stream || (facts.stream && shape.body_can_stream),
            None => facts.stream || (self.streams_unless_told() && !facts.edits.states_stream),
        };
        Ok(facts)
    }

    /// Whether a request that does not say so is streamed.
    fn streams_unless_told(&self) -> bool {
        self.api.request().streams_by_default
            && matches!(self.operation, Operation::Chat | Operation::TextCompletion)
    }
}
