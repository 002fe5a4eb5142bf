//! What counts as a meaningful attribute value (§9.1(8)): no null, empty or placeholder values.
//!
//! One rule for every source, configuration constants included.

/// The longest value, in bytes.
pub const MAX_BYTES: usize = 128;

/// The rule, for error messages.
pub const RULE: &str =
    "1 to 128 bytes without control characters, and no placeholder such as \"unknown\" or \"n/a\"";

/// Words that mean that nobody said anything; the last three lines are those of the earlier GenOps SDK.
const PLACEHOLDERS: [&str; 15] = [
    "-",
    "none",
    "null",
    "nil",
    "undefined",
    "n/a",
    "na",
    "tbd",
    "todo",
    "placeholder",
    "anonymous",
    "unknown",
    "default",
    "default-team",
    "auto-instrumented",
];

/// `text` without surrounding blanks, when it is a meaningful value.
pub fn meaningful(text: &str) -> Option<&str> {
    let value = text.trim();
    let fits = !value.is_empty() && value.len() <= MAX_BYTES && !value.chars().any(char::is_control);
    let placeholder = PLACEHOLDERS.iter().any(|word| value.eq_ignore_ascii_case(word));
    (fits && !placeholder).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_1_8_placeholders_blanks_and_control_characters_are_no_values() {
        let long = "x".repeat(MAX_BYTES + 1);
        for bad in ["", "  ", "unknown", "DEFAULT", "N/A", "default-team", "a\nb", "a\u{0}b", &long] {
            assert_eq!(meaningful(bad), None, "{bad:?}");
        }
        for (raw, value) in
            [(" search ", "search"), ("Zürich-1", "Zürich-1"), ("unknown-things", "unknown-things")]
        {
            assert_eq!(meaningful(raw), Some(value));
        }
    }
}
