//! A header map as Envoy keeps it: ordered, lower-case names, several values for a name, values of any bytes.

use genops::headers::OWN_PREFIX;

use super::text::escape;

/// Name and value pairs in wire order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap(pub Vec<(Vec<u8>, Vec<u8>)>);

impl HeaderMap {
    /// Adds a pair, beside others of the name.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.as_bytes().to_vec(), value.to_vec()));
    }

    /// Sets a pair instead of every other of the name, in the first one's place.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, first)) => {
                *first = value.to_vec();
                let mut seen = false;
                self.0.retain(|(key, _)| key != name || !std::mem::replace(&mut seen, true));
            }
            None => self.0.push((name.to_vec(), value.to_vec())),
        }
    }

    /// Adds a value of a name of which none is there: the filter adds nothing twice.
    pub fn add_new(&mut self, name: &[u8], value: &[u8]) {
        let name_text = String::from_utf8_lossy(name);
        assert!(self.0.iter().all(|(key, _)| key != name), "{name_text} is added, and stands there already");
        self.0.push((name.to_vec(), value.to_vec()));
    }

    /// Removes every value of a name.
    pub fn remove(&mut self, name: &[u8]) {
        self.0.retain(|(key, _)| key != name);
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// Borrowed pairs, as the core takes them.
    pub fn pairs(&self) -> Vec<(&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
    }

    /// What must be taken away and added to get from `before` to this map, as `-name: value` and `+name: value`; names
    /// alone, in one line, for own names that are gone.
    pub fn edits_since(&self, before: &Self) -> Vec<String> {
        let lost = missing(&before.0, &self.0);
        let (own, others): (Vec<_>, Vec<_>) = lost.into_iter().partition(|(name, _)| {
            name.starts_with(OWN_PREFIX.as_bytes()) && self.0.iter().all(|(other, _)| other != name)
        });
        let mut lines = Vec::new();
        if !own.is_empty() {
            let names: Vec<String> = own.iter().map(|(name, _)| escape(name)).collect();
            lines.push(format!("-{}", names.join(" -")));
        }
        lines.extend(others.iter().map(|pair| show('-', pair)));
        lines.extend(missing(&self.0, &before.0).iter().map(|pair| show('+', pair)));
        lines
    }
}

type Pair = (Vec<u8>, Vec<u8>);

/// The pairs that are not, or not as often, among others.
fn missing(pairs: &[Pair], others: &[Pair]) -> Vec<Pair> {
    let mut others = others.to_vec();
    let mut found = |pair: &Pair| others.iter().position(|other| other == pair).map(|at| others.remove(at));
    pairs.iter().filter(|pair| found(pair).is_none()).cloned().collect()
}

fn show(sign: char, (name, value): &Pair) -> String {
    format!("{sign}{}: {}", escape(name), escape(value))
}
