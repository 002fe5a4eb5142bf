//! Validated policies: what [`crate::policy`] judges by.
//!
//! Plain data with everything compiled that can be. Made by [`super::parse`] alone.

use crate::amount::{Amount, Currency};
use crate::budget::Enforcement;
use crate::glob::Glob;
use crate::selector::Selector;
use crate::text::TextSet;
use crate::transcript::Roles;
use crate::window::Weekday;

/// All policies, in the order in which they judge.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The policies.
    pub list: Vec<Policy>,
    /// Whatever any content rule looks for, where there are several: a text without it needs no second look.
    pub gate: Option<TextSet>,
    /// How many content rules there are.
    pub content_rules: usize,
}

/// One policy: to whom it applies, and what it forbids them.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its unique name.
    pub name: Box<str>,
    /// What a violation does.
    pub mode: Enforcement,
    /// The calls that it applies to.
    pub selector: Selector,
    /// Which models may answer.
    pub models: Option<Lists>,
    /// Which providers may.
    pub providers: Option<Lists>,
    /// Where.
    pub regions: Option<Regions>,
    /// What the text may not hold.
    pub content: Vec<ContentRule>,
    /// Which tools may be offered.
    pub tools: Option<ToolLists>,
    /// How large a call may be.
    pub ceilings: Ceilings,
    /// When calls are permitted; always, where there are none.
    pub hours: Vec<Hours>,
    /// Whether a connection that is to be upgraded may pass although what it forbids is not seen there.
    pub passes_upgrades: bool,
}

/// What is permitted: whatever `deny` does not match, and, where `allow` is not empty, only what it matches.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Patterns of which one must match; none where everything is allowed.
    pub allow: Vec<Glob>,
    /// Patterns of which none may match.
    pub deny: Vec<Glob>,
}

/// Where a call may be answered.
#[derive(Clone, Debug)]
pub struct Regions {
    /// The regions.
    pub lists: Lists,
    /// Whether a call is refused whose region nothing names.
    pub refuses_unknown: bool,
}

/// Which tools may be offered.
#[derive(Clone, Debug, Default)]
pub struct ToolLists {
    /// By name.
    pub names: Lists,
    /// By what they are.
    pub types: Lists,
}

/// What the text of a request may not hold.
#[derive(Clone, Debug)]
pub struct ContentRule {
    /// Its name, which is all that is ever told of what was found.
    pub name: Box<str>,
    /// Its place among all content rules.
    pub index: usize,
    /// What it looks for.
    pub set: TextSet,
    /// In whose text.
    pub roles: Roles,
    /// Whether a prompt is refused that is stated as tokens, and cannot be read here.
    pub refuses_tokens: bool,
}

/// The most that a call may be.
#[derive(Clone, Debug, Default)]
pub struct Ceilings {
    /// Estimated input tokens.
    pub max_input_tokens: Option<u64>,
    /// Output tokens that it may write, all choices together.
    pub max_output_tokens: Option<u64>,
    /// Both.
    pub max_total_tokens: Option<u64>,
    /// What it may cost.
    pub max_cost: Option<(Amount, Currency)>,
    /// Bytes of the request's body.
    pub max_request_bytes: Option<u64>,
    /// Choices asked for, or generated to choose from.
    pub max_choices: Option<u64>,
}

/// A stretch of the day on some days of the week, in local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// The first minute of the day.
    pub from_minute: u16,
    /// The minute of the day at which it is over; on the next day where it is not after the first.
    pub to_minute: u16,
    /// Local time minus UTC.
    pub utc_offset_minutes: i16,
}
