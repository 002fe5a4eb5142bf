//! The calls that the suites make.

use lab::Answer;
use serde_json::{Value, json};

/// 40 bytes: ten tokens, estimated and billed.
pub(crate) const TEXT: &str = "Which report mentions the new warehouse?";
/// What [`TEXT`] makes.
pub(crate) const INPUT: u64 = 10;
/// What the simulator writes unless it is told or capped otherwise.
pub(crate) const OUTPUT: u64 = 16;
/// A usual call's actual.
pub(crate) const ACTUAL: u64 = INPUT + OUTPUT;

/// The output cap of the usual call.
pub(crate) const CAP: u64 = 50;
/// What a call with that cap reserves.
pub(crate) const RESERVED: u64 = INPUT + CAP;
/// Where chat completions are.
pub(crate) const PATH: &str = "/v1/chat/completions";

/// The application's team.
pub(crate) const SEARCH: [(&str, &str); 1] = [("x-genops-team", "search")];

/// A chat completion with an output cap: reserves `INPUT + cap`.
pub(crate) fn chat(cap: u64) -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": TEXT}],
        "max_completion_tokens": cap,
    })
}

/// The same, streamed, with usage at the end.
pub(crate) fn chat_streamed(cap: u64) -> Value {
    let mut body = chat(cap);
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body
}

/// The Responses API.
pub(crate) fn responses(cap: u64, stream: bool) -> Value {
    json!({"model": "gpt-4o-mini", "input": TEXT, "max_output_tokens": cap, "stream": stream})
}

/// Embeddings: reserves and consumes `INPUT`.
pub(crate) fn embeddings() -> Value {
    json!({"model": "text-embedding-3-small", "input": TEXT})
}

/// Headers of a call by `search`, and more.
pub(crate) fn headers<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    SEARCH.iter().chain(more).copied().collect()
}

/// The decision's headers.
pub(crate) const RESULT: [&str; 2] = ["x-genops-policy-result", "x-genops-reason-code"];

/// The values of headers, `None` for one that is not there.
pub(crate) fn seen<'a>(answer: &'a Answer, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| answer.header(name)).collect()
}
