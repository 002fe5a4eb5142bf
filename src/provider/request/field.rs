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
    /// How the answer is sent: `sse` streams (speech).
    StreamFormat,
    /// The cap on output tokens; APIs that know two names for it have a second.
    Cap,
    /// The cap under its older name.
    OlderCap,
    /// The object in which the cap stands.
    CapParent,
    /// Answers asked for.
    Choices,
    /// Answers generated to choose from.
    BestOf,
    /// The service tier.
    ServiceTier,
    /// The budget of reasoning that the output cap covers.
    Reasoning,
    /// The budget of reasoning beside the output cap.
    ReasoningBeside,
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
    /// Where a cap goes that the request does not state: the object's key, if it is not the body, and the cap's.
    pub(crate) cap: Option<(Option<&'static str>, &'static str)>,
    /// A request that does not state it is streamed.
    pub(crate) streams_by_default: bool,
    /// The body may ask for a stream although the path does not.
    pub(crate) body_can_stream: bool,
}

impl RequestShape {
    pub(crate) const fn new(children: &'static [Node<RequestField>]) -> Self {
        Self {
            root: crate::provider::json::node("", children).announced(RequestField::Root),
            cap: None,
            streams_by_default: false,
            body_can_stream: false,
        }
    }

    /// The same, with a cap of this name at the top level.
    pub(crate) const fn capped(self, key: &'static str) -> Self {
        Self { cap: Some((None, key)), ..self }
    }

    /// The same, with a cap of this name in the object of that.
    pub(crate) const fn capped_in(self, parent: &'static str, key: &'static str) -> Self {
        Self { cap: Some((Some(parent), key)), ..self }
    }
}
