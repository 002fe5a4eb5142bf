//! `POST /model/{id}/{verb}`: Converse, and Claude by InvokeModel; cached input is not part of the input.

use super::super::shape::Shape;
use super::event_stream::{base64, event};
use super::{Reply, anthropic};
use serde_json::{Value, json};

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// `None` for a verb that it does not know.
pub(super) fn answer(verb: &str, reply: &Reply) -> Option<Shape> {
    let id = vec![("x-amzn-requestid", "5f0e4a9c-simulated".to_owned())];
    Some(match verb {
        "converse" => Shape::json(reply.usage, &converse(reply)).with_headers(id),
        "converse-stream" => {
            let events = converse_events(reply).into_iter().map(|(name, payload)| event(name, &payload));
            Shape::pieces(reply.usage, EVENT_STREAM, events.collect()).with_headers(id)
        }
        "invoke" => {
            let message = anthropic::message("claude-simulated", reply);
            Shape::json(reply.usage, &message).with_headers(counts(reply).into_iter().chain(id).collect())
        }
        "invoke-with-response-stream" => {
            let mut events = anthropic::events("claude-simulated", reply);
            if let Some(last) = events.last_mut() {
                last["amazon-bedrock-invocationMetrics"] = metrics(reply);
            }
            let chunk = |inner: &Value| json!({"bytes": base64(inner.to_string().as_bytes()), "p": "abcd"});
            let events = events.iter().map(|inner| event("chunk", &chunk(inner)));
            Shape::pieces(reply.usage, EVENT_STREAM, events.collect()).with_headers(id)
        }
        _ => return None,
    })
}

fn converse(reply: &Reply) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": reply.text}]}},
        "stopReason": stop_reason(reply), "usage": usage(reply), "metrics": {"latencyMs": 7},
    })
}

fn converse_events(reply: &Reply) -> Vec<(&'static str, Value)> {
    let delta = |word: &String| json!({"contentBlockIndex": 0, "delta": {"text": word}, "p": "abcdefgh"});
    let mut events = vec![("messageStart", json!({"role": "assistant", "p": "abc"}))];
    events.extend(reply.deltas.iter().map(|word| ("contentBlockDelta", delta(word))));
    events.extend([
        ("contentBlockStop", json!({"contentBlockIndex": 0, "p": "ab"})),
        ("messageStop", json!({"stopReason": stop_reason(reply), "p": "abcdef"})),
        ("metadata", json!({"usage": usage(reply), "metrics": {"latencyMs": 7}, "p": "a"})),
    ]);
    events
}

fn stop_reason(reply: &Reply) -> &'static str {
    reply.stopped("end_turn", "max_tokens")
}

fn usage(reply: &Reply) -> Value {
    json!({
        "inputTokens": reply.uncached_tokens(), "outputTokens": reply.usage.output_tokens,
        "totalTokens": reply.usage.total_tokens(), "cacheReadInputTokens": reply.usage.cached_tokens,
        "cacheWriteInputTokens": 0,
    })
}

fn counts(reply: &Reply) -> Vec<(&'static str, String)> {
    vec![
        ("x-amzn-bedrock-input-token-count", reply.uncached_tokens().to_string()),
        ("x-amzn-bedrock-output-token-count", reply.usage.output_tokens.to_string()),
        ("x-amzn-bedrock-cache-read-input-token-count", reply.usage.cached_tokens.to_string()),
        ("x-amzn-bedrock-cache-write-input-token-count", "0".to_owned()),
        ("x-amzn-bedrock-invocation-latency", "7".to_owned()),
    ]
}

fn metrics(reply: &Reply) -> Value {
    json!({
        "inputTokenCount": reply.uncached_tokens(), "outputTokenCount": reply.usage.output_tokens,
        "cacheReadInputTokenCount": reply.usage.cached_tokens, "cacheWriteInputTokenCount": 0,
        "invocationLatency": 7, "firstByteLatency": 5,
    })
}
