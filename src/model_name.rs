//! When two names of a model are one: the case of ASCII letters, and blanks around the name, make no difference.
//!
//! Some providers take a model's name in more than one spelling, so no spelling may lead out of a rule, or to an account
//! of its own. Rules compare names as they come ([`bare`], then in any case of letters) and allocate nothing; accounts are
//! kept under one spelling for all ([`fold`]). Dates, regions and aliases make other names: what differs in price may.

use std::borrow::Cow;

/// The name without blanks around it.
pub fn bare(name: &str) -> &str {
    name.trim()
}

/// The spelling that stands for all spellings of the name; allocates where it is another than the name's.
pub fn fold(name: &str) -> Cow<'_, str> {
    let name = bare(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_stands_for_all_of_a_name() {
        for name in ["gpt-4o", "GPT-4o", " gPT-4O\t", "\u{a0}gpt-4o"] {
            assert_eq!(fold(name), "gpt-4o", "{name:?}");
        }
        for (name, folded) in [("", ""), (" ", ""), ("GPT 4o", "gpt 4o"), ("ÄÖ-Modell", "ÄÖ-modell")] {
            assert_eq!(fold(name), folded);
        }
        assert!(matches!(fold(" gpt-4o"), Cow::Borrowed("gpt-4o")), "as most names are written");
    }
}
