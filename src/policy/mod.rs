//! Judges a call by the configured policies: which apply, and what each forbids it.
//!
//! Pure: a [`Case`] and its [`Evidence`] in, [`Violation`]s out, the same for the same. Knows no provider, no budget
//! and no host; reads neither bodies nor clocks. What it says of content is the name of a rule, never what was found.

mod effects;
mod hours;
mod search;
mod unseen;

pub use search::{Hits, search};

use crate::amount::{Amount, Currency};
use crate::config::Policy;
use crate::selector::Subject;
use crate::semconv::ReasonCode;
use crate::timestamp::Timestamp;
use crate::tool::Tool;
use crate::usage::Usage;

/// What is known of a call when policies judge it.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Its names, by which policies apply.
    pub call: Subject<'a>,
    /// Where the call is answered, as far as host and path say.
    pub region: Option<&'a str>,
    /// What it may consume.
    pub estimate: &'a Usage,
    /// What that costs; `None` where the model has no price in the currency.
    pub cost: &'a dyn Fn(Currency) -> Option<Amount>,
    /// Whether a cost that is not known is over every ceiling.
    pub refuses_unpriced: bool,
    /// The size of the request's body.
    pub body_bytes: u64,
    /// Answers asked for, or generated to choose from.
    pub choices: u64,
    /// Whether it asks for another protocol, and nothing will be seen of what passes.
    pub upgrade: bool,
    /// Now.
    pub now: Timestamp,
}

/// What was looked up in the request's body, where a policy that applies asks for it.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The tools that it offers.
    pub tools: Vec<Tool>,
    /// Which content rules found something.
    pub hits: Hits,
    /// Tokens of prompts that are stated as numbers.
    pub stated_tokens: u64,
}

/// What has to be looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The offered tools.
    pub tools: bool,
    /// The text.
    pub text: bool,
}

/// One thing that a policy forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The reason code.
    pub code: ReasonCode,
    /// For people: what is forbidden, and what would not be. Names, never content.
    pub message: String,
}

/// What policies that apply to a call have to know of its body.
pub fn needs<'p>(applying: impl IntoIterator<Item = &'p Policy>) -> Needs {
    applying.into_iter().fold(Needs::default(), |needs, policy| Needs {
        tools: needs.tools || policy.tools.is_some(),
        text: needs.text || !policy.content.is_empty(),
    })
}

/// Everything that a policy forbids a call to which it applies, in a fixed order.
pub fn judge(policy: &Policy, case: &Case<'_>, evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(hours::violation(policy, case.now));
    violations.extend(effects::provider(policy, case));
    violations.extend(effects::region(policy, case));
    violations.extend(effects::model(policy, case));
    if case.upgrade && !policy.passes_upgrades {
        violations.extend(unseen::violations(policy, case));
    }
    violations.extend(effects::tool(policy, &evidence.tools));
    violations.extend(effects::ceilings(policy, case));
    violations.extend(policy.content.iter().filter_map(|rule| search::violation(policy, rule, evidence)));
    violations
}
