//! A walk through `envoy/genops.schema.json`: every section and every key with its path.

use serde_json::{Map, Value, json};

use crate::tree::read;

/// One step of a path into a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Element,
}

/// Where something is: `budgets[].window.period`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) Vec<Step>);

impl Place {
    pub(crate) fn join(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// As documentation spells it.
    pub(crate) fn text(&self) -> String {
        self.spelt("[]")
    }

    /// As the parser spells it when each list has one element.
    pub(crate) fn parsed(&self) -> String {
        self.spelt("[0]")
    }

    fn spelt(&self, element: &str) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Element => text += element,
                Step::Key(key) if text.is_empty() => text += key,
                Step::Key(key) => text += &format!(".{key}"),
            }
        }
        text
    }
}

/// An object of the configuration with its keys.
pub(crate) struct Section {
    pub(crate) place: Place,
    pub(crate) keys: Vec<Key>,
    required: Vec<String>,
    /// Keys of which it needs exactly one.
    one_of: Vec<String>,
}

/// One key of a section.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) rule: Value,
}

impl Key {
    pub(crate) fn place(&self, section: &Section) -> Place {
        section.place.join(Step::Key(self.name.clone()))
    }
}

/// The schema.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn load() -> Self {
        Self(serde_json::from_str(&read("envoy/genops.schema.json")).expect("the schema is JSON"))
    }

    /// A rule with its `$ref` followed; what stands beside the `$ref` wins.
    fn resolve(&self, rule: &Value) -> Value {
        let Some(reference) = rule.get("$ref").and_then(Value::as_str) else { return rule.clone() };
        let target = self.0.pointer(reference.trim_start_matches('#')).expect(reference);
        let mut merged = self.resolve(target).as_object().cloned().unwrap();
        merged.extend(rule.as_object().unwrap().clone().into_iter().filter(|(key, _)| key != "$ref"));
        Value::Object(merged)
    }

    /// Every section, the root first.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        self.collect(&Place::default(), &self.0, &mut sections);
        sections
    }

    fn collect(&self, place: &Place, rule: &Value, sections: &mut Vec<Section>) {
        let rule = self.resolve(rule);
        if let Some(items) = rule.get("items") {
            self.collect(&place.join(Step::Element), items, sections);
        }
        for choice in rule.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(place, choice, sections);
        }
        let Some(properties) = rule.get("properties").and_then(Value::as_object) else { return };
        assert_eq!(rule["additionalProperties"], false, "{} takes unknown keys", place.text());
        let keys = properties.iter().map(|(name, rule)| Key { name: name.clone(), rule: self.resolve(rule) });
        let required = rule.get("required").and_then(Value::as_array).into_iter().flatten();
        let required = required.map(|name| name.as_str().unwrap().to_owned()).collect();
        let choices = rule.get("oneOf").or_else(|| rule.get("anyOf"));
        let choices = choices.and_then(Value::as_array).into_iter().flatten();
        let one_of = choices.filter_map(|choice| choice["required"][0].as_str().map(str::to_owned)).collect();
        sections.push(Section { place: place.clone(), keys: keys.collect(), required, one_of });
        for (name, rule) in properties {
            self.collect(&place.join(Step::Key(name.clone())), rule, sections);
        }
    }
}

/// A whole configuration that is valid but for `inner`, which stands at `section`.
pub(crate) fn around(section: &Section, all: &[Section], inner: Map<String, Value>) -> Value {
    let mut value = Value::Object(with_required(section, inner));
    let mut steps = section.place.0.clone();
    while let Some(step) = steps.pop() {
        value = match step {
            Step::Element => json!([value]),
            Step::Key(key) => {
                let inner = Map::from_iter([(key, value)]);
                let parent = all.iter().find(|other| other.place.0 == steps);
                Value::Object(parent.map_or(inner.clone(), |parent| with_required(parent, inner)))
            }
        };
    }
    // A source that knows the holders of keys needs a key.
    let key = json!({"sha256": "1".repeat(64), "attributes": {"team": "sample"}});
    value.as_object_mut().unwrap().entry("api_keys").or_insert_with(|| json!([key]));
    // Some keys have an effect on budgets alone.
    let budget = json!({"name": "sample", "unit": "tokens", "limit": 1, "window": "day"});
    value.as_object_mut().unwrap().entry("budgets").or_insert_with(|| json!([budget]));
    // Whatever counts money needs a price.
    let price = json!({"model": "m", "currency": "USD", "input_per_million": 1, "output_per_million": 1});
    value.as_object_mut().unwrap().entry("prices").or_insert_with(|| json!([price]));
    value
}

/// `inner` and the keys that its section cannot do without.
fn with_required(section: &Section, mut inner: Map<String, Value>) -> Map<String, Value> {
    let chosen = section.one_of.iter().any(|name| inner.contains_key(name));
    for name in section.required.iter().chain(section.one_of.first().filter(|_| !chosen)) {
        if !inner.contains_key(name) {
            inner.insert(name.clone(), sample(section, name));
        }
    }
    inner
}

fn sample(section: &Section, name: &str) -> Value {
    match name {
        "tokens" => json!({"input": 1, "output": 1}),
        "limit" | "above" | "amount" | "max" | "input" | "output" | "input_per_million"
        | "output_per_million" | "max_output_tokens" => {
            json!(1)
        }
        "window" => json!("day"),
        "unit" => json!("tokens"),
        "period" if section.place.text().starts_with("rate_limits") => json!("minute"),
        "currency" => json!("USD"),
        // The anchor of a week has no effect on another period.
        "period" => json!("week"),
        "sha256" => json!("0".repeat(64)),
        "attributes" => json!({"team": "sample"}),
        "algorithm" => json!("EdDSA"),
        // A point of the curve, which also has the length of a secret.
        "key" => json!("ZJUSxvWYWfJW2TIInKkQYqcaafK/RRjIVztldLb+lx0="),
        "from" | "to" => json!("12:00"),
        "models" | "names" => json!({"deny": "sample"}),
        "literals" => json!(["sample"]),
        "max_input_tokens" => json!(1),
        "allow" => json!("sample"),
        "reserve" | "percent" | "latency_target_ms" => json!(1),
        "kid" | "name" | "tier" | "model" | "cluster" | "header" | "constant" => json!("sample"),
        _ => panic!("what is a sample of {} {name}?", section.place.text()),
    }
}
