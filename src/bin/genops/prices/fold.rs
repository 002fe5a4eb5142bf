//! Leaves out what the filter finds without: entries that another one answers for, with the same figures.
//!
//! The other may have more of them: lists often state the figures of service tiers for one of a model's names alone.

use std::collections::BTreeMap;

use genops::price::readings;

use super::entry::Model;

type Folded<'m> = BTreeMap<(&'m str, &'m str), &'m Model>;

/// The models without those whose figures are found under another name or another provider.
pub(crate) fn fold(models: Vec<Model>) -> Vec<Model> {
    let mut kept: Folded<'_> = models.iter().map(|model| (key(model), model)).collect();
    let mut longest_first: Vec<&Model> = models.iter().collect();
    longest_first.sort_by_key(|model| std::cmp::Reverse(model.name.len()));
    loop {
        let before = kept.len();
        for model in &longest_first {
            if kept.remove(&key(model)).is_some() && !answers_for(&kept, model) {
                kept.insert(key(model), model);
            }
        }
        // Each round can clear the way for a shorter name.
        if kept.len() == before {
            break;
        }
    }
    // What stood in between may be gone as well: whoever is not found any more comes back, until all are.
    while let Some(lost) = models.iter().find(|model| !answers_for(&kept, model)) {
        kept.insert(key(lost), lost);
    }
    kept.into_values().cloned().collect()
}

fn key(model: &Model) -> (&str, &str) {
    (model.provider, &model.name)
}

/// Whether the filter would find all these figures for the model.
fn answers_for(kept: &Folded<'_>, model: &Model) -> bool {
    let found = readings(model.provider, &model.name, false).find_map(|reading| kept.get(&reading));
    let Some(found) = found else { return false };
    let knows_length =
        model.max_output_tokens.is_none() || found.max_output_tokens == model.max_output_tokens;
    knows_length && model.rates.iter().all(|rate| found.rates.contains(rate))
}
