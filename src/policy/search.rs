//! Looks for what content rules forbid.
//!
//! Each piece of text is searched as it was written and, where that differs, in one spelling ([`Folded`]).

use super::{Evidence, Violation};
use crate::config::{ContentRule, Policy};
use crate::semconv::ReasonCode;
use crate::text::{Folded, TextSet};
use crate::transcript::{Roles, Transcript};

/// Which content rules found something, by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits(u64);

impl Hits {
    fn bit(rule: &ContentRule) -> u64 {
        u32::try_from(rule.index).ok().and_then(|index| 1_u64.checked_shl(index)).unwrap_or(0)
    }

    fn has(self, rule: &ContentRule) -> bool {
        self.0 & Self::bit(rule) != 0
    }
}

/// Searches a request's text for what the policies that apply to it forbid; `gate` finds what any rule of any does.
pub fn search<'p>(
    applying: impl IntoIterator<Item = &'p Policy>,
    gate: Option<&TextSet>,
    transcript: &Transcript,
) -> Hits {
    let rules: Vec<&ContentRule> = applying.into_iter().flat_map(|policy| &policy.content).collect();
    let gate = gate.filter(|_| rules.len() > 1);
    let mut hits = Hits::default();
    transcript.look(|roles, text| {
        let may_hit = |rule: &&&ContentRule| rule.roles.meets(roles);
        if rules.iter().any(|rule| may_hit(&rule)) {
            let folded = Folded::of(text);
            let is_in = |set: &TextSet| set.is_in_either(text, folded.as_ref());
            if gate.is_none_or(is_in) {
                for rule in rules.iter().filter(may_hit) {
                    if !hits.has(rule) && is_in(&rule.set) {
                        hits.0 |= Hits::bit(rule);
                    }
                }
            }
        }
        rules.iter().all(|rule| hits.has(rule))
    });
    hits
}

/// What a rule has to say of the call.
pub(super) fn violation(policy: &Policy, rule: &ContentRule, evidence: &Evidence) -> Option<Violation> {
    let what = if evidence.hits.has(rule) {
        "finds something in the request's text"
    } else if rule.refuses_tokens && rule.roles.meets(Roles::USER) && evidence.stated_tokens > 0 {
        "cannot read a prompt that is stated as tokens"
    } else {
        return None;
    };
    Some(Violation {
        code: ReasonCode::PolicyDenyContent,
        message: format!("GenOps: policy {:?}: rule {:?} {what}.", policy.name, rule.name),
    })
}
