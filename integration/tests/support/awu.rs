//! The captured run, AWU by AWU: what the conformance tests judge.

use super::capture::capture;
use serde_json::{Map, Value};

pub(crate) type Attributes = Map<String, Value>;

/// One AWU: the call as its client saw it, its span and its events in the order of their times.
pub(crate) struct Awu {
    pub(crate) name: String,
    pub(crate) fate: String,
    pub(crate) headers: Value,
    pub(crate) span: Attributes,
    pub(crate) events: Vec<(String, u64, Attributes)>,
}

impl Awu {
    pub(crate) fn events(&self, name: &str) -> Vec<&Attributes> {
        self.events.iter().filter(|event| event.0 == name).map(|event| &event.2).collect()
    }

    /// The only event of that name that concerns the budget that the span reports.
    pub(crate) fn event(&self, name: &str) -> &Attributes {
        let budget = self.span.get("genops.budget.name");
        let mut all = self.events(name);
        all.retain(|event| event.get("genops.budget.name").is_none_or(|name| Some(name) == budget));
        assert_eq!(all.len(), 1, "{}: {name}: {all:#?}", self.name);
        all[0]
    }

    pub(crate) fn is_executed(&self) -> bool {
        self.fate == "executed"
    }

    pub(crate) fn reached_reservation(&self) -> bool {
        self.fate != "refused"
    }

    /// The span and every event.
    pub(crate) fn signals(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        let events = self.events.iter().map(|(name, _, attributes)| (name.as_str(), attributes));
        std::iter::once(("span", &self.span)).chain(events)
    }
}

fn object(value: &Value) -> Attributes {
    value.as_object().cloned().unwrap_or_default()
}

pub(crate) async fn awus() -> Vec<Awu> {
    let all = capture().await;
    let list = |name: &str| all[name].as_array().cloned().unwrap_or_default();
    let (spans, events) = (list("spans"), list("events"));
    let awus = list("calls").into_iter().map(|call| {
        let own = |signal: &&Value| signal["awu"] == call["awu"];
        let server: Vec<_> = spans.iter().filter(own).filter(|span| span["kind"] == 2).collect();
        assert_eq!(server.len(), 1, "{}: an AWU is one server span", call["name"]);
        let event = |event: &Value| {
            let name = event["name"].as_str().expect("a name").to_owned();
            (name, event["at"].as_u64().expect("a time"), object(&event["attributes"]))
        };
        let mut own_events: Vec<_> = events.iter().filter(own).map(event).collect();
        own_events.sort_by_key(|event| event.1);
        Awu {
            name: call["name"].as_str().expect("a name").to_owned(),
            fate: call["fate"].as_str().expect("a fate").to_owned(),
            headers: call["headers"].clone(),
            span: object(&server[0]["attributes"]),
            events: own_events,
        }
    });
    awus.collect()
}

pub(crate) async fn awu(name: &str) -> Awu {
    awus().await.into_iter().find(|awu| awu.name == name).expect("a call of that name")
}

/// A figure, typed on an event or as text on a span.
pub(crate) fn figure(attributes: &Attributes, name: &str) -> Option<f64> {
    let value = attributes.get(name)?;
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_str()
}
