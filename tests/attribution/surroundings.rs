//! A host that knows some properties and remembers what it was asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use genops::attribution::{Resolved, resolve};
use genops::config::{Attributing, parse};
use genops::headers::{HeaderPairs, Headers};
use genops::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;

/// Properties by path, segments joined with `/` as tests write them.
#[derive(Default)]
pub(crate) struct Surroundings {
    known: RefCell<BTreeMap<String, Vec<u8>>>,
    asked: RefCell<Vec<String>>,
    store: MemoryStore,
}

impl Surroundings {
    pub(crate) fn knowing(known: &[(&str, &str)]) -> Self {
        let surroundings = Self::default();
        known.iter().for_each(|(path, value)| surroundings.learn(path, value.as_bytes()));
        surroundings
    }

    pub(crate) fn learn(&self, path: &str, value: &[u8]) {
        self.known.borrow_mut().insert(path.to_owned(), value.to_vec());
    }

    pub(crate) fn forget(&self, path: &str) {
        self.known.borrow_mut().remove(path);
    }

    /// What was asked for since the last time.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        self.asked.take()
    }

    /// What these headers resolve to here.
    pub(crate) fn resolve(&self, rules: &Attributing, headers: &[(&str, &str)]) -> Resolved {
        let pairs: Vec<(&[u8], &[u8])> = headers.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())).collect();
        resolve(rules, Headers::of(&HeaderPairs::new(&pairs)), self)
    }
}

impl Properties for Surroundings {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join("\0").replace('\0', "/");
        self.asked.borrow_mut().push(path.clone());
        self.known.borrow().get(&path).cloned()
    }
}

impl Store for Surroundings {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.store.get(key)
    }
    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.store.compare_and_set(key, bytes, expected)
    }
}

impl Clock for Surroundings {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_771_243_200)
    }
}

impl Random for Surroundings {
    fn bits128(&self) -> Option<u128> {
        Some(7)
    }
}

/// The rules of a configuration in which the team has these sources and nothing else is needed.
pub(crate) fn team_rules(sources: &str) -> Attributing {
    let text = format!(
        r#"{{"attribution": {{
            "team": {{"sources": {sources}}},
            "project": {{"sources": [], "on_missing": {{"constant": "p"}}}},
            "environment": {{"sources": [], "on_missing": {{"constant": "e"}}}},
            "customer_id": {{"sources": []}}, "feature": {{"sources": []}},
            "session_id": {{"sources": []}}, "cost_center": {{"sources": []}}}},
          "api_keys": [{{"sha256": "{SHA256_OF_SK_ONE}", "attributes": {{"team": "one", "feature": "f"}}}}]}}"#
    );
    parse(&text).unwrap_or_else(|invalid| panic!("{invalid}")).attribution
}

/// `printf %s sk-one | sha256sum`.
pub(crate) const SHA256_OF_SK_ONE: &str = "456f1612bd25c6c8455039437bf441f43aa3b7d1c0b0047c712d5036dfebef0d";
