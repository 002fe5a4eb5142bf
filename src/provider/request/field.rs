//! The governed fields of requests, and the shape of an API's requests.

use crate::provider::json::Node;

/// A governed field of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestField {
    /// The body itself.
    Root,
    /// The model's name.
    Model,
    /// A list of models of which one will answer.
    FallbackModels,
    /// Whether the answer streams.
    Stream,
    /// The cap on output tokens; APIs that know two names for it have a second.
    Cap,
    /// The cap under its older name.
    OlderCap,
    /// Answers asked for.
    Choices,
    /// Answers generated to choose from.
    BestOf,
    /// The options of the stream.
    StreamOptions,
    /// Whether the stream is to state its usage.
    IncludeUsage,
}

/// How an API's requests are read.
#[derive(Debug)]
pub(crate) struct RequestShape {
    /// The paths of the governed fields.
    pub(crate) root: Node<RequestField>,
    /// A request that does not state it is streamed.
    pub(crate) streams_by_default: bool,
    /// The body may ask for a stream although the path does not.
    pub(crate) body_can_stream: bool,
}

impl RequestShape {
    pub(crate) const fn new(children: &'static [Node<RequestField>]) -> Self {
        Self {
            root: crate::provider::json::node("", children).announced(RequestField::Root),
            streams_by_default: false,
            body_can_stream: false,
        }
    }
}
