//! Which calls an entry of the configuration is about: the `match` of policies, gates, budgets, limits, SLAs, breakers.
//!
//! Compiled once by the configuration, asked on every call: it allocates nothing, an empty selector costs one branch, and
//! a name without a star costs one comparison. Knows no entry, and nothing of a call but its names.
//!
//! Every condition that is stated has to hold, each by one of its patterns; without conditions every call is selected.

use crate::awu::{Attribute, Attribution};
use crate::catalogue::Provider;
use crate::glob::Glob;
use crate::model_name;

/// A call as selectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose work it is.
    pub attribution: &'a Attribution,
    /// Who answers.
    pub provider: Provider,
    /// The model as requested.
    pub model: Option<&'a str>,
    /// Models that may answer instead.
    pub fallback_models: &'a [String],
    /// The operation's name.
    pub operation: &'a str,
    /// Envoy's route, where it was asked for.
    pub route: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// Every model that may answer.
    pub fn models(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.model.into_iter().chain(self.fallback_models.iter().map(String::as_str)).map(model_name::bare)
    }

    /// Both names of the provider, this project's first; none where nobody is known.
    pub fn providers(&self) -> impl Iterator<Item = &'static str> + use<> {
        let known = Some(self.provider).filter(|provider| *provider != Provider::Unknown);
        known.into_iter().flat_map(|provider| [Some(provider.slug()), provider.otel_name()]).flatten()
    }
}

/// What of a call a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// An attribute of its work.
    Attribute(Attribute),
    /// Who answers, by either name.
    Provider,
    /// A model that may answer, in any case of letters.
    Model,
    /// What it does.
    Operation,
    /// Envoy's route.
    Route,
}

impl Term {
    /// Every term, in the order in which conditions are looked at.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Provider, Self::Model, Self::Operation, Self::Route];
        Attribute::ALL.into_iter().map(Self::Attribute).chain(others)
    }

    /// Its key in a configuration's `match`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attribute(attribute) => attribute.as_str(),
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Operation => "operation",
            Self::Route => "route",
        }
    }
}

/// Which calls; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    conditions: Vec<Condition>,
}

/// What one term of a call has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    term: Term,
    /// One of these; never empty.
    any_of: Vec<Glob>,
}

impl Selector {
    /// The calls whose terms each match one of their patterns; a term without patterns is no condition.
    pub fn new(conditions: impl IntoIterator<Item = (Term, Vec<Glob>)>) -> Self {
        let stated = conditions.into_iter().filter(|(_, any_of)| !any_of.is_empty());
        Self { conditions: stated.map(|(term, any_of)| Condition { term, any_of }).collect() }
    }

    /// Whether the call is one of these.
    pub fn selects(&self, call: &Subject<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(call))
    }

    /// The first condition that does not hold of the call, by its key; `None` where the call is selected.
    pub fn unmet(&self, call: &Subject<'_>) -> Option<&'static str> {
        let unmet = self.conditions.iter().find(|condition| !condition.holds(call));
        unmet.map(|condition| condition.term.as_str())
    }

    /// Whether a condition names routes: to know a call's route is a call to the host.
    pub fn asks_for_route(&self) -> bool {
        self.conditions.iter().any(|condition| condition.term == Term::Route)
    }
}

impl Condition {
    fn holds(&self, call: &Subject<'_>) -> bool {
        let is = |value: &str| self.any_of.iter().any(|pattern| pattern.matches(value));
        match self.term {
            Term::Attribute(attribute) => call.attribution.value(attribute, call.operation).is_some_and(is),
            Term::Provider => call.providers().any(is),
            // A call cannot leave an entry by another spelling, nor by hiding a model behind the first of several.
            Term::Model => call
                .models()
                .any(|model| self.any_of.iter().any(|pattern| pattern.matches_in_any_case(model))),
            Term::Operation => is(call.operation),
            Term::Route => call.route.is_some_and(is),
        }
    }
}
