//! A cursor over one object of the configuration that collects every problem instead of stopping at the first.
//!
//! Each problem carries its path (`budgets[2].limit`). Keys nobody asked for are problems too, with a suggestion.

use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `budgets[2].limit`.
    pub path: String,
    /// What is expected, and what was found.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Collects problems while sections are read.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { path: path.into(), message: message.into() });
    }

    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// One object being read. [`Section::finish`] reports the keys that were never asked for.
pub(super) struct Section<'a> {
    path: String,
    map: &'a Map<String, Value>,
    problems: &'a Problems,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// A section over `value`, or a problem and `None` when it is no object.
    pub(super) fn open(path: String, value: &'a Value, problems: &'a Problems) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { path, map, problems, asked: RefCell::default() }),
            other => {
                problems.add(path, format!("expected an object, got {}", describe(other)));
                None
            }
        }
    }

    /// Where this section is.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where `key` of this section is.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The collector, for values that are read by hand.
    pub(super) fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// Reports a problem with `key`.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.path_of(key), message);
    }

    /// The value at `key`; `null` counts as absent.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Reads `key` with `read`; a value it does not take is a problem that says what was `expected`.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.problem(key, format!("expected {expected}, got {}", describe(value)));
        }
        read
    }

    /// A string that is not blank.
    pub(super) fn string(&self, key: &'static str) -> Option<&'a str> {
        self.read(key, "a string that is not empty", |value| {
            value.as_str().filter(|text| !text.trim().is_empty())
        })
    }

    /// Like [`Section::string`], and its absence is a problem.
    pub(super) fn required_string(&self, key: &'static str) -> Option<&'a str> {
        self.require(key);
        self.string(key)
    }

    /// A whole number between `min` and `max`.
    pub(super) fn integer(&self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let expected = format!("a whole number from {min} to {max}");
        self.read(key, &expected, |value| whole_number(value).filter(|n| (min..=max).contains(n)))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// One of a closed set of words.
    pub(super) fn one_of<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let value = self.get(key)?;
        let found = value.as_str().and_then(|text| choices.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let hint = value.as_str().map(|text| suggestion(text, words.iter().copied())).unwrap_or_default();
            let expected = format!("expected one of {}, got {}{hint}", words.join(", "), describe(value));
            self.problem(key, expected);
        }
        found.map(|(_, choice)| *choice)
    }

    /// A section below this one.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        Section::open(self.path_of(key), self.get(key)?, self.problems)
    }

    /// The elements of a list, each with its path; an absent list is empty.
    pub(super) fn list(&self, key: &'static str) -> Vec<(String, &'a Value)> {
        let elements = self.read(key, "a list", Value::as_array);
        let path = self.path_of(key);
        elements
            .map(|values| {
                values.iter().enumerate().map(|(i, value)| (format!("{path}[{i}]"), value)).collect()
            })
            .unwrap_or_default()
    }

    /// The elements of a list of objects.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let list = self.list(key);
        list.into_iter().filter_map(|(path, value)| Section::open(path, value, self.problems)).collect()
    }

    /// Makes the absence of `key` a problem.
    pub(super) fn require(&self, key: &'static str) {
        if self.get(key).is_none() {
            self.problem(key, "is required");
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        for key in self.map.keys().filter(|key| !asked.contains(&key.as_str())) {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let hint = suggestion(key, asked.iter().copied());
            let mut known = asked.clone();
            known.sort_unstable();
            known.dedup();
            self.problems.add(path, format!("unknown key{hint}; known keys here: {}", known.join(", ")));
        }
    }
}

/// A whole number, also when it was written as `1e6` or came through a protobuf `Struct` as a double.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    const EXACT_DOUBLES: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let double = value.as_f64()?;
        (double.fract() == 0.0 && (0.0..=EXACT_DOUBLES).contains(&double)).then_some(double as u64)
    })
}

/// What a value is, for a message.
pub(super) fn describe(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => {
            let text = scalar.to_string();
            if text.chars().count() <= LONGEST {
                return text;
            }
            let start: String = text.chars().take(LONGEST).collect();
            format!("{start}…")
        }
    }
}

/// `, did you mean "limit"?`, or nothing when no known word is near.
pub(super) fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> String {
    const NEAR: f64 = 0.6;
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(nearness, _)| *nearness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(", did you mean \"{candidate}\"?"))
        .unwrap_or_default()
}
