//! What the readers are compared with: themselves on whole bodies, and a slow reader that builds trees.
//!
//! Shared by the fuzz targets and by the property tests of the ordinary suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

use genops::provider::{Api, Endpoint, Reading, Unreadable, UsageReader, recognise_at};
use genops::upstream::Upstream;
use serde_json::Value;

/// Every API.
pub const APIS: &[Api] = &[
    Api::ChatCompletions,
    Api::Completions,
    Api::Responses,
    Api::Embeddings,
    Api::Images,
    Api::Audio,
    Api::OpenAiOther,
    Api::Messages,
    Api::AnthropicComplete,
    Api::Converse,
    Api::Invoke,
    Api::GenerateContent,
    Api::Interactions,
    Api::Predict,
    Api::Cohere,
    Api::Ollama,
    Api::Tgi,
    Api::Watsonx,
    Api::Replicate,
    Api::Unread,
];

/// A call of an API of which nothing else is known.
pub fn endpoint(api: Api) -> Endpoint {
    let upstream = Upstream { api: Some(api), ..Upstream::default() };
    recognise_at(Some(&upstream), "POST", "", "/").expect("a stated API is recognised")
}

/// Keys that mean something to some API.
pub const KEYS: &[&str] = &[
    "model",
    "Model",
    "models",
    "stream",
    "stream_options",
    "include_usage",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "messages",
    "content",
    "text",
    "type",
    "tools",
    "input",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "cached_tokens",
    "completion_tokens_details",
    "reasoning_tokens",
    "input_tokens",
    "output_tokens",
    "choices",
    "delta",
    "message",
    "error",
    "code",
    "response",
    "usageMetadata",
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "promptTokensDetails",
    "modality",
    "tokenCount",
    "iterations",
    "bytes",
    "done",
    "eval_count",
    "results",
    "image_url",
    "data",
    "source",
    "x_groq",
    "meta",
    "billed_units",
    "inputTokens",
    "outputTokens",
    "amazon-bedrock-invocationMetrics",
];

/// Reads an answer in chunks of these lengths, over and over; whole when there are none.
pub fn read(endpoint: &Endpoint, body: &[u8], cuts: &[usize], ended: bool) -> Reading {
    let mut reader = UsageReader::new(endpoint, 200);
    let mut rest = body;
    let mut cuts = cuts.iter().copied().cycle();
    while !rest.is_empty() {
        let length = cuts.next().unwrap_or(rest.len()).clamp(1, rest.len());
        reader.feed(&rest[..length]);
        _ = reader.best_known();
        rest = &rest[length..];
    }
    reader.finish(ended)
}

/// Reads an answer whole and in chunks: both must agree.
pub fn compare_chunks(api: Api, body: &[u8], cuts: &[usize], ended: bool) {
    let endpoint = endpoint(api);
    let whole = read(&endpoint, body, &[], ended);
    assert_eq!(whole, read(&endpoint, body, cuts, ended));
    assert_eq!(whole, read(&endpoint, body, &[1], ended));
}

/// Reads a chat request; where a tree can be built, what is read must be what stands in it.
pub fn compare_request(body: &[u8]) {
    let endpoint = endpoint(Api::ChatCompletions);
    let read = endpoint.read_request(None, body);
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    let Value::Object(members) = value else {
        assert!(read.is_err(), "{read:?}");
        return;
    };
    match read {
        Ok(facts) => {
            let model = members.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
            assert_eq!(facts.model.as_deref(), model);
            assert_eq!(facts.stream, members.get("stream") == Some(&Value::Bool(true)));
            let cap = |key| members.get(key).and_then(figure);
            // Mistral's conversations state theirs one step down. Arrays are transparent to the reader.
            let arguments = members.get("completion_args");
            if !arguments.is_some_and(Value::is_array) {
                let theirs = arguments.and_then(|arguments| arguments.get("max_tokens")).and_then(figure);
                let own = cap("max_tokens").max(cap("max_completion_tokens"));
                assert_eq!(facts.max_output_tokens, own.max(theirs));
            }
            assert_eq!(facts.choices, cap("n"));
            let include = members.get("stream_options").and_then(|options| options.get("include_usage"));
            assert_eq!(facts.include_usage, include == Some(&Value::Bool(true)));
            let (start, end) = facts.edits.stream_options.unwrap_or_default();
            if let Some(options) = members.get("stream_options").filter(|options| options.is_object()) {
                assert_eq!(serde_json::from_slice::<Value>(&body[start..end]).unwrap(), *options);
            }
        }
        // The tree keeps the last of two equal keys and knows no other case; these the reader refuses.
        Err(Unreadable::Ambiguous(_) | Unreadable::WrongType(_)) => {}
        Err(problem) => panic!("serde_json reads it: {problem:?}"),
    }
}

fn figure(value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let number: f64 = text.parse().ok()?;
    text.parse().ok().or((number >= 0.0 && number.fract() == 0.0).then_some(number as u64))
}

/// Reads a chat answer; where a tree can be built without a key twice, the figures must be those in it.
pub fn compare_chat_answer(body: &[u8]) {
    let endpoint = endpoint(Api::ChatCompletions);
    let reading = read(&endpoint, body, &[3], true);
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else { return };
    // Arrays are transparent to the reader.
    if has_twice(body)
        || members.get("usage").is_some_and(Value::is_array)
        || members.contains_key("x_groq")
        || members.contains_key("result")
    {
        return;
    }
    let usage = members.get("usage").filter(|usage| usage.is_object());
    let stated = |key: &str| usage.and_then(|usage| usage.get(key)).and_then(Value::as_u64);
    // Beyond this no answer is believed: it counts as if nothing were stated.
    const MOST: u64 = 1_000_000_000;
    let believed = |figure: &u64| *figure <= MOST;
    // With one name alone, and no total to correct it, a figure is what it says.
    if stated("input_tokens").is_none()
        && stated("output_tokens").is_none()
        && stated("total_tokens").is_none()
    {
        assert_eq!(reading.usage.input_tokens, stated("prompt_tokens").filter(believed));
        assert_eq!(reading.usage.output_tokens, stated("completion_tokens").filter(believed));
    }
    let total = stated("total_tokens").or(float(usage, "total_tokens"));
    assert_eq!(reading.usage.total_tokens, total.filter(believed));
}

fn float(usage: Option<&Value>, key: &str) -> Option<u64> {
    usage
        .and_then(|usage| usage.get(key))
        .and_then(figure)
        .filter(|_| usage.is_some_and(|u| u[key].is_number()))
}

/// Whether a text may hold a key twice: the tree forgets that.
fn has_twice(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    KEYS.iter().any(|key| text.matches(&format!("\"{key}\"")).count() > 1) || text.contains("\\u")
}
