//! What a budget is: whose consumption it counts, in which unit and window, and what happens at its edges.
//!
//! Validated data; the configuration builds it and [`crate::ledger`] keeps its accounts. Nothing here does I/O.
//! A budget is known by its name: everything else can be edited without losing what its accounts hold, except the unit
//! and the window's definition, which start new accounts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::amount::{Amount, Unit};
use crate::awu::Attribute;
use crate::model_name;
use crate::selector::Selector;
use crate::window::Window;

/// A value that splits a budget into one account for each customer, model …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// An attribute of the AWU.
    Attribute(Attribute),
    /// The requested model.
    Model,
    /// The provider.
    Provider,
}

impl Key {
    /// The spelling of a value that accounts are kept under: models are alike in any case of letters, all else is not.
    pub fn fold(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::Model => model_name::fold(value),
            Self::Attribute(_) | Self::Provider => Cow::Borrowed(value),
        }
    }
}

/// What a shortage does to the AWU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Enforcement {
    /// It is refused.
    #[default]
    Enforce,
    /// It proceeds with a warning.
    Warn,
    /// It proceeds; what would have happened is reported.
    Shadow,
}

/// What becomes of a reservation that nobody settled in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnExpiry {
    /// It counts as spent.
    #[default]
    Consume,
    /// It is given back.
    Release,
}

/// What becomes of consumption above the limit when the window ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Debt {
    /// The next window begins with it.
    Carry,
    /// It is forgotten.
    #[default]
    Forgive,
}

/// What happens to a key for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// Its reservation fails.
    #[default]
    Refuse,
    /// All such keys share one account, with the budget's default limit.
    SharedAccount,
}

/// Who keeps accounts in the ledger; names are unique in each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Budgets.
    #[default]
    Budget,
    /// Limits on calls in flight: each call is one, until it ends.
    Concurrency,
}

impl Family {
    /// What the names of its records begin with; stable for ever.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "ledger",
            Self::Concurrency => "slots",
        }
    }
}

/// One budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Whose accounts these are.
    pub family: Family,
    /// Unique in its family; names the accounts in the store.
    pub name: Box<str>,
    /// Which calls it counts.
    pub selector: Selector,
    /// What splits it into accounts; one account for all when empty.
    pub per: Vec<Key>,
    /// What it counts.
    pub unit: Unit,
    /// How much each account may hold in one window.
    pub limit: Amount,
    /// Other limits for some keys, each as [`key`] makes it of its values.
    pub limits: BTreeMap<Box<str>, Amount>,
    /// When accounts start anew.
    pub window: Window,
    /// What a shortage does.
    pub enforcement: Enforcement,
    /// How long a reservation is held, at least (up to an eighth more); 0 counts as 1.
    pub ttl_ms: u64,
    /// What becomes of a reservation after that.
    pub on_expiry: OnExpiry,
    /// What becomes of consumption above the limit at the window's end.
    pub debt: Debt,
    /// Per mille of the limit at which consumption is worth an alert.
    pub alert_at: Vec<u16>,
    /// How many keys it must hold at once; memory is bounded in proportion.
    pub capacity: u32,
    /// What happens beyond that.
    pub on_full: OnFull,
}

impl Budget {
    /// The time a reservation is held unless configured otherwise.
    pub const DEFAULT_TTL_MS: u64 = 600_000;
    /// The number of keys a budget holds unless configured otherwise.
    pub const DEFAULT_CAPACITY: u32 = 10_000;

    /// A budget of one enforced account, everything else at its default.
    pub fn new(name: &str, unit: Unit, limit: Amount, window: Window) -> Self {
        Self {
            family: Family::default(),
            name: name.into(),
            selector: Selector::default(),
            per: Vec::new(),
            unit,
            limit,
            limits: BTreeMap::new(),
            window,
            enforcement: Enforcement::default(),
            ttl_ms: Self::DEFAULT_TTL_MS,
            on_expiry: OnExpiry::default(),
            debt: Debt::default(),
            alert_at: Vec::new(),
            capacity: Self::DEFAULT_CAPACITY,
            on_full: OnFull::default(),
        }
    }

    /// The limit of the account with this key.
    pub fn limit_of(&self, key: &str) -> Amount {
        self.limits.get(key).copied().unwrap_or(self.limit)
    }

    /// The key of the account that a call with these values belongs to; `None` when a value is absent, so that the
    /// budget does not apply.
    pub fn key<'v>(&self, value: impl FnMut(Key) -> Option<&'v str>) -> Option<String> {
        key(&self.per, value)
    }
}

/// The key for the values of `per`, `None` when one is absent: each [`Key::fold`]ed, and joined so that different values
/// never give the same key. One value stands as it is, several are separated by `|`, with `|` and `\` inside them escaped
/// by `\`.
pub fn key<'v>(per: &[Key], mut value: impl FnMut(Key) -> Option<&'v str>) -> Option<String> {
    let mut joined = String::new();
    for (position, key) in per.iter().enumerate() {
        let value = key.fold(value(*key)?);
        if per.len() == 1 {
            joined.push_str(&value);
        } else {
            append(&mut joined, position, &value);
        }
    }
    Some(joined)
}

fn append(joined: &mut String, position: usize, value: &str) {
    if position > 0 {
        joined.push('|');
    }
    for letter in value.chars() {
        if matches!(letter, '|' | '\\') {
            joined.push('\\');
        }
        joined.push(letter);
    }
}

/// What [`key`] makes of a key that somebody wrote: its values joined, and not yet folded.
pub fn fold(per: &[Key], written: &str) -> String {
    if let [key] = per {
        return key.fold(written).into_owned();
    }
    let mut escaped = false;
    let values = written.split(|letter| {
        let separates = letter == '|' && !escaped;
        escaped = letter == '\\' && !escaped;
        separates
    });
    let mut folded = String::with_capacity(written.len());
    for (position, value) in values.enumerate() {
        if position > 0 {
            folded.push('|');
        }
        // Folding knows no bar and no backslash, so what is escaped stays escaped.
        match per.get(position) {
            Some(key) => folded.push_str(&key.fold(value)),
            None => folded.push_str(value),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_keys_are_equal_only_for_equal_values() {
        let team_and_feature = [Attribute::Team, Attribute::Feature].map(Key::Attribute);
        let join = |values: &[&'static str]| {
            let mut rest = values.iter().copied();
            key(&team_and_feature[..values.len()], |_| rest.next()).unwrap()
        };
        let lists: [&[&str]; 9] = [
            &["a", "b"],
            &["a|b", ""],
            &["a", "|b"],
            &["a|", "b"],
            &["a\\", "b"],
            &["a", "\\b"],
            &["a\\|", "b"],
            &["", ""],
            &["", "a|b"],
        ];
        for (i, one) in lists.iter().enumerate() {
            for (j, other) in lists.iter().enumerate() {
                assert_eq!(join(one) == join(other), i == j, "{one:?} {other:?}");
            }
        }
        assert_eq!((join(&["one|alone"]), join(&[])), ("one|alone".to_owned(), String::new()));
    }
}
