//! Properties of the readers: chunks never matter, nothing panics, and a slow reader agrees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use genops::provider::{Api, Reading, RequestEdits, Unreadable, UsageReader};
use proptest::prelude::*;
use serde_json::{Map, Value};

#[path = "../fuzz/oracle.rs"]
mod oracle;

use oracle::endpoint;

fn apis() -> impl Strategy<Value = Api> {
    prop::sample::select(oracle::APIS)
}

/// Keys that mean something to some API, some spelt in ways that only nearly do.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(oracle::KEYS).prop_map(str::to_owned),
        1 => "[a-z]{0,3}",
        1 => any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5000_u64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(&["gpt-5", "image", "message_delta", "AUDIO", ""][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A document as some writer might write it: with escapes and white space where JSON allows them.
fn written(value: &Value, style: u8) -> String {
    let plain = match style & 1 {
        0 => value.to_string(),
        _ => serde_json::to_string_pretty(value).unwrap(),
    };
    if style & 2 == 0 {
        return plain;
    }
    // Every letter inside strings as an escape would be legal; every e is enough.
    let mut inside = false;
    let mut escaped = false;
    let mut text = String::new();
    for character in plain.chars() {
        match character {
            '"' if !escaped => inside = !inside,
            'e' if inside && !escaped => {
                text.push_str("\\u0065");
                continue;
            }
            _ => {}
        }
        escaped = inside && character == '\\' && !escaped;
        text.push(character);
    }
    text
}

fn framed(documents: &[Value], framing: u8, style: u8) -> String {
    let lines = documents.iter().map(|document| match framing {
        0 => written(document, style),
        1 => format!("data: {document}\n\n"),
        2 => format!("event: x\r\ndata:{document}\r\n\r\n"),
        3 => format!("{document}\n"),
        4 => format!(": c\rdata: {document}\r\r"),
        _ => format!("{},\n", written(document, style)),
    });
    lines.collect()
}

/// An event as some API streams it.
fn event() -> impl Strategy<Value = (Api, &'static str)> {
    prop::sample::select(
        &[
            (
                Api::ChatCompletions,
                r#"{"id":"c1","created":7,"model":"gpt-5","choices":[{"index":0,"delta":{"content":" a"},
            "finish_reason":null}],"usage":null}"#,
            ),
            (
                Api::ChatCompletions,
                r#"{"id":"c1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#,
            ),
            (
                Api::Responses,
                r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"m","delta":"a","obfuscation":"x"}"#,
            ),
            (
                Api::Messages,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            ),
            (
                Api::Messages,
                r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":15}}"#,
            ),
            (
                Api::GenerateContent,
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],
            "usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1,"totalTokenCount":5},"modelVersion":"g"}"#,
            ),
            (
                Api::ChatCompletions,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"a\":1"}}]}}]}"#,
            ),
        ][..],
    )
}

/// How one event differs from the one before: another leaf at some place.
fn change() -> impl Strategy<Value = (usize, Value)> {
    let texts = ["", " hello", "two\nlines", "\"", "\u{1}", "é", "stop", "error", "gpt-5", "message_stop"];
    let leaf = prop_oneof![
        6 => prop::sample::select(texts.map(Value::from).to_vec()),
        3 => (0..5_000_u64).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<f64>().prop_map(Value::from),
    ];
    (0..10_usize, leaf)
}

/// Replaces the leaf that comes at `change.0` in the document's order, if there is one.
fn vary(value: &mut Value, change: &(usize, Value), seen: &mut usize) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| vary(element, change, seen)),
        Value::Object(members) => members.values_mut().for_each(|member| vary(member, change, seen)),
        leaf => {
            if *seen == change.0 {
                leaf.clone_from(&change.1);
            }
            *seen += 1;
        }
    }
}

fn read(api: Api, body: &[u8], cuts: &[usize], ended: bool) -> Reading {
    oracle::read(&endpoint(api), body, cuts, ended)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_read_alike_however_they_are_cut(
        api in apis(), documents in prop::collection::vec(json(), 0..5), framing in 0..6_u8, style in 0..4_u8,
        cuts in prop::collection::vec(1..40_usize, 1..8), ended in any::<bool>(),
    ) {
        let body = framed(&documents, framing, style);
        let whole = read(api, body.as_bytes(), &[], ended);
        prop_assert_eq!(&whole, &read(api, body.as_bytes(), &[1], ended), "{}", body);
        prop_assert_eq!(&whole, &read(api, body.as_bytes(), &cuts, ended), "{}", body);
    }

    #[test]
    fn events_that_resemble_each_other_are_read_as_if_each_were_alone(
        (api, first) in event(), changes in prop::collection::vec(change(), 1..20), ended in any::<bool>(),
    ) {
        let first: Value = serde_json::from_str(first).unwrap();
        let mut documents = vec![first.clone(), first];
        for change in changes {
            let mut next = documents[documents.len() - 1].clone();
            vary(&mut next, &change, &mut 0);
            documents.push(next);
        }
        let body = framed(&documents, 1, 0);
        let whole = read(api, body.as_bytes(), &[], ended);
        // A byte at a time nothing is ever whole, so that nothing is read by comparison.
        prop_assert_eq!(&whole, &read(api, body.as_bytes(), &[1], ended), "{}", body);
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        api in apis(), body in prop::collection::vec(any::<u8>(), 0..400), first in prop::sample::select(b"{[d:\0 e"),
        cuts in prop::collection::vec(1..20_usize, 1..5),
    ) {
        let mut body = body;
        body.insert(0, first);
        prop_assert_eq!(read(api, &body, &[], true), read(api, &body, &cuts, true));
    }

    #[test]
    fn requests_are_read_as_a_slow_reader_reads_them(value in json(), style in 0..4_u8) {
        let body = written(&value, style);
        oracle::compare_request(body.as_bytes());
    }

    #[test]
    fn a_chat_answer_is_read_as_a_slow_reader_reads_it(mut value in json(), usage in json(), style in 0..4_u8) {
        if let Value::Object(members) = &mut value {
            members.insert("usage".to_owned(), usage);
        }
        oracle::compare_chat_answer(written(&value, style).as_bytes());
    }

    #[test]
    fn an_edit_changes_what_it_is_asked_to_and_nothing_else(value in json(), style in 0..4_u8, cap in prop::option::of(1..5000_u64)) {
        let endpoint = endpoint(Api::ChatCompletions);
        let body = written(&value, style);
        let Ok(facts) = endpoint.read_request(None, body.as_bytes()) else { return Ok(()) };
        let edits = RequestEdits { include_usage: true, output_cap: cap };
        let edited = endpoint.edit_request(body.as_bytes(), &facts, &edits);
        // As serde_json reads it back: its floats are not exact.
        let Value::Object(mut wanted) = serde_json::from_str(&body).unwrap() else { panic!("only objects are readable") };
        if facts.stream && !facts.include_usage {
            let options = wanted.entry("stream_options").or_insert(Value::Null);
            if options.is_null() {
                *options = Value::Object(Map::new());
            }
            options["include_usage"] = true.into();
        }
        let present: Vec<_> =
            ["max_completion_tokens", "max_tokens"].into_iter().filter(|key| wanted.contains_key(*key)).collect();
        let is_negative = |key: &&str| wanted[*key].to_string().trim_start_matches('"').starts_with('-');
        let is_unlimited = facts.max_output_tokens.is_none() || present.iter().any(is_negative);
        if let Some(cap) = cap.filter(|cap| is_unlimited || facts.max_output_tokens.is_some_and(|own| own > *cap)) {
            // `null` states nothing: where a figure stands under the other name, it stays.
            let figures: Vec<_> = present.iter().copied().filter(|key| !wanted[*key].is_null()).collect();
            let first = present.first().copied().unwrap_or("max_tokens");
            for key in if figures.is_empty() { vec![first] } else { figures } {
                wanted.insert(key.to_owned(), cap.into());
            }
        }
        let edited = edited.map(|edited| edited.body);
        let seen: Value = serde_json::from_slice(edited.as_deref().unwrap_or(body.as_bytes())).unwrap();
        prop_assert_eq!(seen, Value::Object(wanted), "{}", body);
    }

    #[test]
    fn a_truncated_request_is_never_readable(value in json(), cut in any::<prop::sample::Index>()) {
        let body = Value::Object(Map::from_iter([("model".to_owned(), "m".into()), ("messages".to_owned(), value)])).to_string();
        let cut = &body.as_bytes()[..=cut.index(body.len() - 1)];
        let read = endpoint(Api::ChatCompletions).read_request(None, cut);
        prop_assert!(cut.len() == body.len() || matches!(read, Err(Unreadable::Malformed(_))), "{:?}", read);
    }
}

#[test]
fn a_reader_keeps_no_content() {
    // Beside itself a reader owns the names of a model and an error, bounded, and what its Debug shows.
    assert!(std::mem::size_of::<UsageReader>() <= 2048, "{}", std::mem::size_of::<UsageReader>());
    let mut reader = UsageReader::new(&endpoint(Api::ChatCompletions), 200);
    let chunk = format!(
        "data: {{\"model\":\"m\",\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "secret ".repeat(100)
    );
    for _ in 0..2000 {
        reader.feed(chunk.as_bytes());
    }
    // In the middle of a string, where a buffering reader would hold its beginning.
    reader.feed(&chunk.as_bytes()[..300]);
    assert!(reader.output_text_bytes() > 2000 * 700);
    let shown = format!("{reader:?}");
    assert!(!shown.contains("secret") && shown.len() < 4096, "{shown}");
}

#[test]
fn what_the_fuzzer_found_stays_found() {
    for body in [
        &b"\t\0\0\0\x09\0\0\0\0\0H\x01\0\0\0\0\0"[..],
        b"{\"choices\": [{\"delta\": {\"content\": \"ab\\jc\"}}]}",
        b"event: x\ndata{longer than any field name: {\"usage\":{}}\r\r\ndatax: {\r\n\r\n",
        b"[{\"candidates\": [{\"content\": {\"parts\"event: x\r\rdata: {\"\r\n",
    ] {
        for api in oracle::APIS {
            oracle::compare_chunks(*api, body, &[2, 3], true);
        }
    }
}
