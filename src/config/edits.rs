//! What may be edited in requests: the `streams` section, and what `estimation` says of output caps.

use super::section::Section;
use crate::model_pattern::{ModelPattern, best_match};
use crate::upstream::IncludeUsage;

/// What happens to a request's output cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutputCap {
    /// It stays as the client wrote it.
    #[default]
    Keep,
    /// What is reserved for the output is written into the request.
    Inject,
    /// As [`Self::Inject`], and lowered to what the budgets still hold.
    Fit,
}

/// How streams are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// What happens where the client did not ask for usage, unless the upstream's entry says something else.
    pub include_usage: IncludeUsage,
}

/// How output caps are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputCaps {
    /// What happens to them, unless the model's entry says something else.
    pub standard: OnOutputCap,
    /// What happens to those of some models.
    pub models: Vec<(ModelPattern, OnOutputCap)>,
    /// The least that `fit` lowers a cap to, in tokens of one choice.
    pub fit_min_output_tokens: u64,
}

impl Default for OutputCaps {
    fn default() -> Self {
        Self { standard: OnOutputCap::Keep, models: Vec::new(), fit_min_output_tokens: 16 }
    }
}

impl OutputCaps {
    /// Whether any cap is ever edited.
    pub fn any_is_edited(&self) -> bool {
        let edits = |mode: &OnOutputCap| *mode != OnOutputCap::Keep;
        edits(&self.standard) || self.models.iter().any(|(_, mode)| edits(mode))
    }

    /// What happens to the cap of a request for `model`.
    pub fn of(&self, model: Option<&str>) -> OnOutputCap {
        let own = model.and_then(|model| best_match(&self.models, model, |(pattern, _)| pattern));
        own.map_or(self.standard, |(_, mode)| *mode)
    }
}

/// The words for what happens to usage that the client did not ask for.
pub(super) const INCLUDE_USAGE: [(&str, IncludeUsage); 2] =
    [("keep", IncludeUsage::Keep), ("inject", IncludeUsage::Inject)];

/// The words for what happens to caps.
const MODES: [(&str, OnOutputCap); 3] =
    [("keep", OnOutputCap::Keep), ("inject", OnOutputCap::Inject), ("fit", OnOutputCap::Fit)];

/// Reads `streams`.
pub(super) fn streams(section: Option<Section<'_>>) -> Streams {
    let Some(section) = section else { return Streams::default() };
    let include_usage = section.one_of("include_usage", &INCLUDE_USAGE).unwrap_or_default();
    section.finish();
    Streams { include_usage }
}

/// Reads what `estimation` says of caps, but for its models.
pub(super) fn output_caps(estimation: &Section<'_>) -> OutputCaps {
    let standard = OutputCaps::default();
    let least = estimation.integer("fit_min_output_tokens", 1, 10_000_000);
    OutputCaps {
        standard: mode(estimation).unwrap_or_default(),
        fit_min_output_tokens: least.unwrap_or(standard.fit_min_output_tokens),
        ..standard
    }
}

/// `on_output_cap` of the section, or of one of its models.
pub(super) fn mode(section: &Section<'_>) -> Option<OnOutputCap> {
    section.one_of("on_output_cap", &MODES)
}
