//! §2.3: from the moment an AWU exists, its attribution never changes, whatever its surroundings come to say.

use std::rc::Rc;

use genops::awu::{Attribute, Awu};
use genops::config::parse;
use genops::exchange::{Effects, Event, Exchange};
use genops::headers::{HeaderPairs, Headers};

use crate::surroundings::Surroundings;

const CONFIG: &str = r#"{
  "attribution": {
    "team": {"sources": [{"jwt_claim": "team"}, {"header": "x-genops-team"}]},
    "project": {"sources": [{"route_metadata": ["genops", "project"]}]},
    "environment": {"sources": [{"node_metadata": "ENVIRONMENT"}]}
  },
  "budgets": [{"name": "b", "per": ["team"], "unit": "tokens", "limit": 1000, "window": "day"}],
  "estimation": {"overhead_tokens": 0},
  "telemetry": {"otlp": {"cluster": "otel"}}
}"#;

const CLAIM: &str = "metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/team";
const ROUTE: &str = "xds/route_metadata/filter_metadata/genops/project";
const NODE: &str = "xds/node/metadata/ENVIRONMENT";

/// Every AWU that effects name.
fn awus(effects: &Effects) -> Vec<Rc<Awu>> {
    effects.awu.iter().cloned().chain(effects.events.iter().filter_map(|event| event.awu.clone())).collect()
}

#[test]
fn s2_3_nothing_that_changes_later_changes_an_awu() {
    let host = Surroundings::knowing(&[(CLAIM, "search"), (ROUTE, "chatbot"), (NODE, "production")]);
    let mut exchange = Exchange::new(Rc::new(parse(CONFIG).unwrap()));
    let request: [(&[u8], &[u8]); 4] = [
        (b":method", b"POST"),
        (b":authority", b"api.openai.com"),
        (b":path", b"/v1/chat/completions"),
        (b"content-type", b"application/json"),
    ];
    let first = exchange.step(
        Event::RequestHeaders { headers: Headers::of(&HeaderPairs::new(&request)), end_of_stream: false },
        &host,
    );
    assert_eq!(host.take_asked().len(), 3);
    // Filters behind this one, a route that is chosen anew, and answers that call themselves something else.
    host.learn(CLAIM, b"ads");
    host.learn(ROUTE, b"other");
    host.forget(NODE);
    let body = br#"{"model": "gpt-4o-mini", "max_tokens": 5, "messages": []}"#;
    let answer: [(&[u8], &[u8]); 3] =
        [(b":status", b"200"), (b"x-genops-team", b"ads"), (b"content-type", b"application/json")];
    let usage = br#"{"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}"#;
    let later = [
        exchange.step(Event::RequestBody { body }, &host),
        exchange.step(
            Event::ResponseHeaders { headers: Headers::of(&HeaderPairs::new(&answer)), end_of_stream: false },
            &host,
        ),
        exchange.step(Event::ResponseBody { chunk: usage, end_of_stream: true }, &host),
        exchange.step(Event::Done, &host),
    ];
    let mut seen = 0;
    for awu in std::iter::once(&first).chain(&later).flat_map(awus) {
        let of = |attribute| awu.attribution().get(attribute).map(str::to_owned);
        let values = [Attribute::Team, Attribute::Project, Attribute::Environment].map(of);
        assert_eq!(values, ["search", "chatbot", "production"].map(|value| Some(value.to_owned())));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} AWUs were told of");
    let asked = host.take_asked();
    assert!(!asked.iter().any(|path| [CLAIM, ROUTE, NODE].contains(&path.as_str())), "{asked:?}");
}
