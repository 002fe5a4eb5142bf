//! Properties of output caps in each API's own place: the edited body parses, says the cap, and is otherwise the same
//! bytes, whatever stands around it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use genops::provider::{RequestEdits, recognise};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One API: where its calls go, the object in which its cap stands, and the cap's names.
#[derive(Clone, Copy, Debug)]
struct Shape {
    authority: &'static str,
    path: &'static str,
    parent: Option<&'static str>,
    keys: &'static [&'static str],
    /// Whether a cap can be inserted, and under which name.
    inserted: Option<&'static str>,
}

const fn shape(
    authority: &'static str,
    path: &'static str,
    parent: Option<&'static str>,
    keys: &'static [&'static str],
    inserted: Option<&'static str>,
) -> Shape {
    Shape { authority, path, parent, keys, inserted }
}

const BEDROCK: &str = "bedrock-runtime.us-east-1.amazonaws.com";
const GEMINI: &str = "generativelanguage.googleapis.com";

/// Every API that generates, and paths that serve several shapes.
const SHAPES: &[Shape] = &[
    shape(
        "api.openai.com",
        "/v1/chat/completions",
        None,
        &["max_completion_tokens", "max_tokens"],
        Some("max_completion_tokens"),
    ),
    shape("vllm", "/v1/chat/completions", None, &["max_tokens", "max_completion_tokens"], Some("max_tokens")),
    shape("api.openai.com", "/v1/completions", None, &["max_tokens"], Some("max_tokens")),
    shape("api.openai.com", "/v1/responses", None, &["max_output_tokens"], Some("max_output_tokens")),
    shape("api.anthropic.com", "/v1/messages", None, &["max_tokens"], Some("max_tokens")),
    shape("api.anthropic.com", "/v1/complete", None, &["max_tokens_to_sample"], Some("max_tokens_to_sample")),
    shape(BEDROCK, "/model/m/converse", Some("inferenceConfig"), &["maxTokens"], Some("maxTokens")),
    shape(BEDROCK, "/model/anthropic.claude/invoke", None, &["max_tokens"], None),
    shape(BEDROCK, "/model/meta.llama/invoke", None, &["max_gen_len"], None),
    shape(BEDROCK, "/model/ai21.j2/invoke", None, &["maxTokens"], None),
    shape(BEDROCK, "/model/amazon.titan/invoke", Some("textGenerationConfig"), &["maxTokenCount"], None),
    shape(
        BEDROCK,
        "/model/amazon.nova/invoke",
        Some("inferenceConfig"),
        &["maxTokens", "max_new_tokens"],
        None,
    ),
    shape(
        GEMINI,
        "/v1beta/models/g:generateContent",
        Some("generationConfig"),
        &["maxOutputTokens", "max_output_tokens"],
        Some("maxOutputTokens"),
    ),
    shape(
        GEMINI,
        "/v1beta/models/g:streamGenerateContent",
        Some("generation_config"),
        &["max_output_tokens"],
        // Where there is no object yet, under the name of the other spelling.
        Some("maxOutputTokens"),
    ),
    shape(
        GEMINI,
        "/v1beta/interactions",
        Some("generation_config"),
        &["max_output_tokens"],
        Some("max_output_tokens"),
    ),
    shape("api.cohere.com", "/v2/chat", None, &["max_tokens"], Some("max_tokens")),
    shape("ollama:11434", "/api/chat", Some("options"), &["num_predict"], Some("num_predict")),
    shape("tgi", "/generate", Some("parameters"), &["max_new_tokens"], Some("max_new_tokens")),
    shape("us-south.ml.cloud.ibm.com", "/ml/v1/text/chat", None, &["max_tokens"], Some("max_tokens")),
    shape(
        "us-south.ml.cloud.ibm.com",
        "/ml/v1/text/generation",
        Some("parameters"),
        &["max_new_tokens"],
        Some("max_new_tokens"),
    ),
    shape("x.cloud.databricks.com", "/serving-endpoints/e/invocations", None, &["max_tokens"], None),
    shape("api.mistral.ai", "/v1/conversations", Some("completion_args"), &["max_tokens"], None),
    shape("api.cloudflare.com", "/client/v4/accounts/a/ai/run/@cf/m", None, &["max_tokens"], None),
    shape("sagemaker", "/endpoints/e/invocations", Some("parameters"), &["max_new_tokens"], None),
];

/// Members that govern nothing, anywhere.
fn members() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\"\\\\]{0,12}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("zz[a-z]{0,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("zz[a-z]{0,3}", value, 0..5).prop_map(|members| members.into_iter().collect())
}

/// How a request states its cap.
fn stated() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        (0..3_000_u64).prop_map(|cap| Some(cap.into())),
        (0..3_000_u64).prop_map(|cap| Some(cap.to_string().into())),
        Just(Some(Value::from(-1))),
    ]
}

/// The document as some writer writes it.
fn written(value: &Value, pretty: bool) -> String {
    let text = if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() };
    if pretty { format!(" {text}\n") } else { text }
}

/// What of `edited` is new, and what of `body` it stands for.
fn difference<'a>(body: &'a str, edited: &'a str) -> (&'a str, &'a str) {
    let before = body.bytes().zip(edited.bytes()).take_while(|(a, b)| a == b).count();
    let most = body.len().min(edited.len()) - before;
    let after = body.bytes().rev().zip(edited.bytes().rev()).take_while(|(a, b)| a == b).count().min(most);
    (&body[before..body.len() - after], &edited[before..edited.len() - after])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn a_cap_is_written_in_its_place_and_every_other_byte_stays(
        shape in prop::sample::select(SHAPES), around in members(), inside in members(), stated in stated(),
        which in any::<prop::sample::Index>(), has_parent in any::<bool>(), pretty in any::<bool>(), cap in 1..2_000_u64,
    ) {
        let endpoint = recognise("POST", shape.authority, shape.path).unwrap();
        let key = shape.keys[which.index(shape.keys.len())];
        let mut body = around;
        let mut holder = inside;
        if let Some(stated) = &stated {
            holder.insert(key.to_owned(), stated.clone());
        }
        match shape.parent {
            Some(parent) if stated.is_some() || has_parent => _ = body.insert(parent.to_owned(), holder.into()),
            Some(_) => {}
            None => body.extend(holder),
        }
        let body = written(&Value::Object(body), pretty);
        let facts = endpoint.read_request(None, body.as_bytes()).unwrap();
        let edits = RequestEdits { include_usage: false, output_cap: Some(cap) };
        let edited = endpoint.edit_request(body.as_bytes(), &facts, &edits);
        let own = stated.as_ref().and_then(|own| own.as_u64().or_else(|| own.as_str()?.parse().ok()));
        let can = stated.is_some() || shape.inserted.is_some();
        prop_assert_eq!(endpoint.can_cap_output(body.as_bytes(), &facts), can, "{:?} {}", shape, body);
        let Some(edited) = edited else {
            prop_assert!(!can || own.is_some_and(|own| own <= cap), "{:?} {}", shape, body);
            return Ok(());
        };
        prop_assert!(own.is_none_or(|own| own > cap), "a cap within is the client's own");
        let text = String::from_utf8(edited.body).unwrap();
        let after = endpoint.read_request(None, text.as_bytes()).unwrap();
        prop_assert_eq!(after.max_output_tokens, Some(cap), "{} became {}", body, text);
        let (old, new) = difference(&body, &text);
        prop_assert!(old.len() <= 22 && new.len() <= 100, "{:?} became {:?}", old, new);
        // Without the cap, and without an object that only holds it, both are the same document.
        let mut before: Value = serde_json::from_str(&body).unwrap();
        let mut after: Value = serde_json::from_str(&text).unwrap();
        for document in [&mut before, &mut after] {
            strip(document, &shape);
        }
        prop_assert_eq!(before, after);
    }
}

/// Takes the cap away, and its object if nothing else is in it.
fn strip(document: &mut Value, shape: &Shape) {
    let parents = [shape.parent, Some("generationConfig"), Some("generation_config")];
    let names = shape.keys.iter().copied().chain(shape.inserted);
    let root = document.as_object_mut().unwrap();
    for name in names {
        if shape.parent.is_none() {
            root.remove(name);
        }
        for parent in parents.iter().flatten().filter(|_| shape.parent.is_some()) {
            if let Some(holder) = root.get_mut(*parent).and_then(Value::as_object_mut) {
                holder.remove(name);
            }
        }
    }
    for parent in parents.iter().flatten() {
        if root.get(*parent) == Some(&json!({})) {
            root.remove(*parent);
        }
    }
}

#[test]
fn a_null_beside_a_figure_stays_and_no_limit_under_one_name_is_a_limit_under_both() {
    let openai = recognise("POST", "api.openai.com", "/v1/chat/completions").unwrap();
    for (body, cap, edited) in [
        (
            r#"{"max_tokens":null,"max_completion_tokens":500}"#,
            100,
            Some(r#"{"max_tokens":null,"max_completion_tokens":100}"#),
        ),
        (r#"{"max_tokens":null,"max_completion_tokens":50}"#, 100, None),
        (
            r#"{"max_tokens":null,"max_completion_tokens":null}"#,
            100,
            Some(r#"{"max_tokens":null,"max_completion_tokens":100}"#),
        ),
        (
            r#"{"max_tokens":-1,"max_completion_tokens":50}"#,
            100,
            Some(r#"{"max_tokens":100,"max_completion_tokens":100}"#),
        ),
    ] {
        let facts = openai.read_request(None, body.as_bytes()).unwrap();
        let edits = RequestEdits { include_usage: false, output_cap: Some(cap) };
        let got = openai.edit_request(body.as_bytes(), &facts, &edits);
        let got = got.map(|edited| String::from_utf8(edited.body).unwrap());
        assert_eq!(got.as_deref(), edited, "{body}");
    }
}

#[test]
fn what_writes_no_text_and_forms_have_no_place_for_a_cap() {
    for (authority, path, body) in [
        ("api.openai.com", "/v1/embeddings", r#"{"input":"a","max_tokens":5}"#),
        ("api.openai.com", "/v1/images/generations", r#"{"prompt":"a"}"#),
        ("api.openai.com", "/v1/audio/speech", r#"{"input":"a"}"#),
        ("api.openai.com", "/v1/batches", r#"{}"#),
        ("api.openai.com", "/v1/threads/t/runs", r#"{"max_completion_tokens":5}"#),
        ("api.cohere.com", "/v2/rerank", r#"{"query":"a"}"#),
        (
            "us-aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/publishers/google/models/m:predict",
            r#"{"instances":[]}"#,
        ),
        ("api.replicate.com", "/v1/predictions", r#"{"input":{"max_tokens":5}}"#),
    ] {
        let endpoint = recognise("POST", authority, path).unwrap();
        let facts = endpoint.read_request(None, body.as_bytes()).unwrap();
        assert!(!endpoint.can_cap_output(body.as_bytes(), &facts), "{path}");
        let edits = RequestEdits { include_usage: true, output_cap: Some(1) };
        assert_eq!(endpoint.edit_request(body.as_bytes(), &facts, &edits), None, "{path}");
    }
}

#[test]
fn a_thinking_budget_is_read_where_a_cap_has_to_be_above_it() {
    let thinking = r#""thinking":{"type":"enabled","budget_tokens":2048}"#;
    for (authority, path, body) in [
        ("api.anthropic.com", "/v1/messages", format!("{{{thinking}}}")),
        (BEDROCK, "/model/anthropic.claude/invoke", format!("{{{thinking}}}")),
        (
            BEDROCK,
            "/model/anthropic.claude/converse",
            format!(r#"{{"additionalModelRequestFields":{{{thinking}}}}}"#),
        ),
    ] {
        let endpoint = recognise("POST", authority, path).unwrap();
        let facts = endpoint.read_request(None, body.as_bytes()).unwrap();
        assert_eq!(facts.reasoning.map(|reasoning| reasoning.tokens), Some(2048), "{path}");
    }
}
