//! A model's name in whatever spelling: one name to rules, one account to everything that is kept for each model.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use genops::awu::{Attribute, Attribution};
use genops::budget::{self, Key};
use genops::catalogue::Provider;
use genops::config::parse;
use genops::glob::Glob;
use genops::model_name;
use genops::selector::{Selector, Subject, Term};
use proptest::prelude::*;
use serde_json::json;

/// Few letters, so that names are often the same but for their spelling; with what keys are joined and escaped by.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(vec!["a", "A", "ä", "Ä", "|", "\\", "-", " "]), 1..5)
        .prop_map(|letters| letters.concat())
}

fn key() -> impl Strategy<Value = Key> {
    let attribute = proptest::sample::select(vec![Attribute::Team, Attribute::CustomerId]);
    prop_oneof![Just(Key::Model), Just(Key::Provider), attribute.prop_map(Key::Attribute)]
}

/// By how many keys, and one value for each in two spellings of one name, or of two.
fn keyed() -> impl Strategy<Value = Vec<(Key, String, String)>> {
    let spelt = |name: &String| [name.to_ascii_uppercase(), format!(" {name} "), name.clone()];
    let value = (key(), name(), name(), 0..4_usize).prop_map(move |(key, one, other, how)| {
        let other = spelt(&one).get(how).cloned().unwrap_or(other);
        (key, one, other)
    });
    proptest::collection::vec(value, 1..4)
}

proptest! {
    /// What a rule on one name forbids and what counts under it are the same calls.
    #[test]
    fn two_names_share_an_account_exactly_where_a_rule_on_one_is_a_rule_on_the_other(one in name(), other in name()) {
        let attribution = Attribution::default();
        let rule = Glob::parse(model_name::bare(&one)).map(|name| Selector::new([(Term::Model, vec![name])]));
        prop_assume!(rule.is_some());
        let call = Subject {
            attribution: &attribution,
            provider: Provider::Unknown,
            model: Some(&other),
            fallback_models: &[],
            operation: "chat",
            route: None,
        };
        let key_of = |name: &str| budget::key(&[Key::Model], |_| Some(name));
        prop_assert_eq!(rule.unwrap().selects(&call), key_of(&one) == key_of(&other));
    }

    /// Accounts are alike where all values are but for a model's spelling, and nowhere else.
    #[test]
    fn a_key_forgets_the_spelling_of_models_and_nothing_else(values in keyed()) {
        let per: Vec<Key> = values.iter().map(|(key, ..)| *key).collect();
        let of = |value: fn(&(Key, String, String)) -> &str| {
            let mut values = values.iter().map(value);
            budget::key(&per, |_| values.next()).unwrap()
        };
        let alike = values.iter().all(|(key, one, other)| match key {
            Key::Model => one.trim().eq_ignore_ascii_case(other.trim()),
            Key::Attribute(_) | Key::Provider => one == other,
        });
        prop_assert_eq!(of(|(_, one, _)| one) == of(|(_, _, other)| other), alike);
    }

    /// A limit that is configured for a key in one spelling is that of every spelling.
    #[test]
    fn a_limit_is_found_by_any_spelling_of_its_model(values in keyed()) {
        let per: Vec<Key> = values.iter().map(|(key, ..)| *key).collect();
        // As somebody writes it down who does not fold: no key is a model then.
        let unfolded = vec![Key::Provider; per.len()];
        let mut as_written = values.iter().map(|(_, one, _)| one.as_str());
        let written = budget::key(&unfolded, |_| as_written.next()).unwrap();
        let spelt = values.iter().map(|(key, one, other)| match key {
            Key::Model if one.trim().eq_ignore_ascii_case(other.trim()) => other.as_str(),
            _ => one,
        });
        let mut spelt = spelt.collect::<Vec<_>>().into_iter();
        prop_assert_eq!(budget::fold(&per, &written), budget::key(&per, |_| spelt.next()).unwrap());
    }
}

/// Every key that the configuration knows: what is kept for each model forgets its spelling, whoever keeps it.
#[test]
fn budgets_rates_and_slots_have_one_account_for_a_model() {
    let text = json!({
        "budgets": [{"name": "b", "per": ["model"], "unit": "tokens", "limit": 1, "window": "day"}],
        "rate_limits": [{"name": "r", "per": ["model"], "unit": "requests", "amount": 1, "period": "day"}],
        "concurrency_limits": [{"name": "c", "per": ["model"], "max": 1}],
    });
    let config = parse(&text.to_string()).unwrap();
    let value = |_| Some(" GPT-4o");
    let keys = [
        config.budgets[0].key(value),
        config.rate_limits[0].key(value),
        config.concurrency_limits[0].slots.key(value),
    ];
    assert_eq!(keys, [(); 3].map(|()| Some("gpt-4o".to_owned())));
}
