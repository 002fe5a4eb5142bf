//! What holds of policies whatever they are and whatever comes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::rc::Rc;

use genops::config::parse;
use genops::exchange::{Effects, Event, Exchange, Flow};
use genops::headers::{HeaderPairs, Headers};
use genops::telemetry::metric::Metric;
use genops::testing::{MemoryStore, Still};
use genops::timestamp::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const HEADERS: &[(&[u8], &[u8])] = &[
    (b":method", b"POST"),
    (b":path", b"/v1/chat/completions"),
    (b":authority", b"api.openai.com"),
    (b"content-type", b"application/json"),
    (b"x-genops-team", b"search"),
    (b"x-genops-project", b"chatbot"),
    (b"x-genops-environment", b"production"),
];

/// What a whole request comes to under these policies.
fn govern(policies: &[Value], body: &str) -> Effects {
    let config = json!({
        "policies": policies,
        "budgets": [{"name": "b", "unit": "tokens", "limit": 1_000_000, "window": "day"}],
        "telemetry": {"otlp": {"cluster": "otel"}},
    });
    let config = Rc::new(parse(&config.to_string()).unwrap());
    let (mut exchange, host) = (
        Exchange::new(config),
        Still { store: MemoryStore::default(), now: Timestamp::from_seconds(1_771_243_200) },
    );
    exchange.step(
        Event::RequestHeaders { headers: Headers::of(&HeaderPairs::new(HEADERS)), end_of_stream: false },
        &host,
    );
    exchange.step(Event::RequestBody { body: body.as_bytes() }, &host)
}

/// What is decided, and what the caller gets to see of it.
fn outcome(effects: &Effects) -> String {
    let decided = effects.counts.iter().filter(|(metric, _)| matches!(metric, Metric::PolicyEvaluation(_)));
    format!("{:?} {:?}", decided.collect::<Vec<_>>(), effects.flow)
}

/// One of a few policies, of which most say something of the request below.
fn policy() -> impl Strategy<Value = Value> {
    let effects = prop::sample::select(vec![
        json!({"models": {"deny": "gpt-4o"}}),
        json!({"models": {"allow": "o*"}}),
        json!({"providers": {"deny": "openai"}}),
        json!({"regions": {"allow": "eu-*"}}),
        json!({"tools": {"types": {"deny": "web_search"}}}),
        json!({"ceilings": {"max_choices": 1}}),
        json!({"content": [{"name": "rule", "literals": ["warehouse"]}]}),
        json!({"hours": [{"from": "00:00", "to": "01:00"}]}),
        json!({"match": {"team": "ads"}, "models": {"deny": "*"}}),
    ]);
    let modes = prop::sample::select(vec!["enforce", "warn", "shadow"]);
    (effects, modes).prop_map(|(mut policy, mode)| {
        policy["mode"] = json!(mode);
        policy
    })
}

fn policies() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(policy(), 0..6).prop_map(named)
}

fn named(mut policies: Vec<Value>) -> Vec<Value> {
    for (index, policy) in policies.iter_mut().enumerate() {
        policy["name"] = json!(format!("p{index}"));
    }
    policies
}

fn request() -> impl Strategy<Value = Value> {
    let model = prop::sample::select(vec!["gpt-4o", "o1", "other"]);
    (model, 1..3_u64, any::<bool>(), any::<bool>()).prop_map(|(model, n, tool, secret)| {
        let text = if secret { "of the warehouse" } else { "of nothing" };
        let mut body = json!({"model": model, "n": n, "messages": [{"role": "user", "content": text}]});
        if tool {
            body["tools"] = json!([{"type": "web_search"}]);
        }
        body
    })
}

/// A string of JSON in which each character is written as it is, or escaped, as `escapes` say.
fn written(text: &str, escapes: &[bool]) -> String {
    text.chars()
        .zip(escapes.iter().cycle())
        .flat_map(|(letter, escape)| {
            let mut units = [0; 2];
            let escaped: String =
                letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect();
            if *escape { escaped } else { letter.to_string() }.chars().collect::<Vec<_>>()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_same_call_under_the_same_policies_comes_to_the_same(policies in policies(), body in request()) {
        let body = body.to_string();
        prop_assert_eq!(
            format!("{:?}", govern(&policies, &body)),
            format!("{:?}", govern(&policies, &body))
        );
    }

    #[test]
    fn policies_in_shadow_mode_never_change_what_happens(policies in policies(), shadows in policies(), body in request(), at in 0..6_usize) {
        let body = body.to_string();
        let mut more = policies.clone();
        for mut shadow in shadows {
            shadow["mode"] = json!("shadow");
            shadow["name"] = json!(format!("shadow-{}", shadow["name"]));
            more.insert(at.min(more.len()), shadow);
        }
        let (without, with) = (govern(&policies, &body), govern(&more, &body));
        prop_assert_eq!(outcome(&without), outcome(&with));
        prop_assert_eq!(without.request_headers, with.request_headers);
    }

    #[test]
    fn the_first_refusal_in_order_is_the_one_that_the_caller_gets(policies in policies(), body in request()) {
        let body = body.to_string();
        let refuses = |policy: &Value| matches!(govern(std::slice::from_ref(policy), &body).flow, Flow::Reply(_));
        let first = policies.iter().find(|policy| refuses(policy));
        let together = govern(&policies, &body);
        match first {
            Some(first) => prop_assert_eq!(outcome(&together), outcome(&govern(std::slice::from_ref(first), &body))),
            None => prop_assert!(!matches!(together.flow, Flow::Reply(_))),
        }
    }

    #[test]
    fn a_literal_is_found_however_it_is_cut_and_escaped_and_told_nowhere(
        secret in "[a-z]{4,8}qzx[a-z]{2,6}",
        before in "[ -!#-\\[\\]-~äß]{0,20}",
        cut in 0..20_usize,
        escapes in prop::collection::vec(any::<bool>(), 1..12),
        order in any::<bool>(),
    ) {
        let policies = named(vec![json!({"content": [{"name": "rule", "literals": [secret]}]})]);
        let text = format!("{before}{secret}");
        let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(0);
        let parts: Vec<String> = [&text[..cut], &text[cut..]]
            .iter()
            .map(|part| {
                let text = written(part, &escapes);
                if order { format!(r#"{{"type":"text","text":"{text}"}}"#) } else { format!(r#"{{"text":"{text}","type":"text"}}"#) }
            })
            .collect();
        let body = format!(r#"{{"model":"m","messages":[{{"content":[{}],"role":"user"}}]}}"#, parts.join(","));
        let effects = govern(&policies, &body);
        let Flow::Reply(reply) = &effects.flow else { panic!("{body} passes") };
        prop_assert_eq!(reply.status, 403);
        let told = format!("{effects:?}{}", String::from_utf8_lossy(&reply.body));
        prop_assert!(!told.contains(&secret), "{}", told);
    }

    #[test]
    fn a_rule_finds_exactly_what_the_text_holds_in_either_spelling(body in ".{0,200}") {
        let policies = named(vec![json!({"content": [{"name": "rule", "literals": ["x"]}]})]);
        let wrapped = json!({"model": "m", "messages": [{"role": "user", "content": body}]}).to_string();
        let holds = |text: &[u8]| text.to_ascii_lowercase().contains(&b'x');
        let expected = holds(body.as_bytes()) || genops::text::fold(body.as_bytes()).is_some_and(|text| holds(&text));
        prop_assert_eq!(matches!(govern(&policies, &wrapped).flow, Flow::Reply(_)), expected);
    }
}
