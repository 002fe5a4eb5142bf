//! The fields of answers that matter, and the shape of an API's answers.

use super::figures::{Figure, Figures};
use crate::provider::endpoint::Provider;
use crate::provider::json::Node;
use crate::usage::Usage;

/// A field of an answer, or of one event of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerField {
    /// A figure.
    Figure(Figure),
    /// A figure that is summed over the elements of an array.
    Sum(Figure),
    /// A figure that is the number of values that stand here.
    Count(Figure),
    /// The model that answered.
    Model,
    /// The service tier that is billed.
    ServiceTier,
    /// The event's type.
    Event,
    /// A flag or reason that says the answer is complete.
    Finished,
    /// An error: an object, or its message alone.
    Error,
    /// The error's type.
    ErrorKind,
    /// The error's code.
    ErrorCode,
    /// An element that states input of one modality.
    InputModality,
    /// An element that states output of one modality.
    OutputModality,
    /// The element's modality.
    Modality,
    /// The element's tokens.
    ModalityTokens,
    /// Top-level `code`, `type` or `status` of errors that are flat.
    FlatErrorKind,
}

/// How the usage of an answer's events becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Each statement is complete and replaces the one before.
    Replace,
    /// Each figure's last statement counts.
    LastOfEach,
    /// Each figure's largest statement counts.
    LargestOfEach,
}

/// How an API's answers are read.
#[derive(Debug)]
pub(crate) struct AnswerShape {
    /// The paths of the fields.
    pub(crate) root: Node<AnswerField>,
    /// How events combine.
    pub(crate) merge: Merge,
    /// What the figures mean.
    pub(crate) normalise: fn(&Figures, Provider) -> Usage,
    /// Events of which one must come before a stream's figures are final; empty when any statement is.
    pub(crate) final_events: &'static [&'static str],
}
