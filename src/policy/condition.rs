//! To which calls a policy applies.

use super::Subject;
use crate::config::Condition;
use crate::glob::Glob;

/// The first condition that does not hold of the call; `None` where all do.
pub fn unmet(condition: &Condition, subject: &Subject<'_>) -> Option<&'static str> {
    let any = |patterns: &[Glob], value: &str| patterns.iter().any(|pattern| pattern.matches(value));
    let any_case =
        |patterns: &[Glob], value: &str| patterns.iter().any(|pattern| pattern.matches_in_any_case(value));
    for (attribute, patterns) in &condition.attributes {
        if !subject.attribution.value(*attribute, subject.operation).is_some_and(|value| any(patterns, value))
        {
            return Some(attribute.as_str());
        }
    }
    let Condition { providers, models, operations, routes, .. } = condition;
    let holds = |patterns: &[Glob], met: bool| patterns.is_empty() || met;
    let checks = [
        ("provider", holds(providers, subject.providers().any(|name| any(providers, name)))),
        // A model cannot leave a policy by another spelling, nor by hiding behind the first of several.
        ("model", holds(models, subject.models().any(|name| any_case(models, name)))),
        ("operation", holds(operations, any(operations, subject.operation))),
        ("route", holds(routes, subject.route.is_some_and(|name| any(routes, name)))),
    ];
    checks.into_iter().find(|(_, met)| !met).map(|(name, _)| name)
}
