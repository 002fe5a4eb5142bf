//! Names of models in lists of which the most specific entry counts: prices, aliases, caps, grants.
//!
//! A whole name, or the beginning of one: of two beginnings one is always the longer, so that there is a most specific one.
//! Which calls an entry is about is another question, for [`crate::selector`] and any [`crate::glob`].

/// A model name, or the beginning of one (`gpt-4o*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelPattern {
    /// This name.
    Exact(String),
    /// Any name that begins so.
    Prefix(String),
}

impl ModelPattern {
    /// Reads `gpt-4o` or `gpt-4o*`; `None` when a `*` stands anywhere but at the end.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        let valid = !prefix.contains('*') && (is_prefix || !prefix.is_empty());
        valid
            .then(|| if is_prefix { Self::Prefix(prefix.to_owned()) } else { Self::Exact(prefix.to_owned()) })
    }

    /// How specifically this matches `model`, higher is better; `None` when it does not.
    pub fn specificity(&self, model: &str) -> Option<usize> {
        match self {
            Self::Exact(name) => (name == model).then_some(usize::MAX),
            Self::Prefix(prefix) => model.starts_with(prefix.as_str()).then_some(prefix.len()),
        }
    }
}

/// The most specific of `entries` for `model`; the earlier one on a tie.
pub fn best_match<'a, T>(
    entries: impl IntoIterator<Item = &'a T>,
    model: &str,
    pattern: impl Fn(&T) -> &ModelPattern,
) -> Option<&'a T> {
    let mut best: Option<(usize, &T)> = None;
    for entry in entries {
        if let Some(specificity) = pattern(entry).specificity(model)
            && best.is_none_or(|(so_far, _)| specificity > so_far)
        {
            best = Some((specificity, entry));
        }
    }
    best.map(|(_, entry)| entry)
}
