//! `POST …/models/{model}:generateContent` and `:streamGenerateContent`: usage in every piece, the last counts; a stream is
//! one JSON array unless events are asked for.

use super::super::shape::Shape;
use super::Reply;
use bytes::Bytes;
use serde_json::{Value, json};

/// `None` for a verb that it does not know.
pub(super) fn answer(target: &str, query: &str, reply: &Reply) -> Option<Shape> {
    let (model, verb) = target.rsplit_once(':')?;
    match verb {
        "generateContent" => {
            let whole = piece(model, reply, &reply.text, reply.usage.output_tokens, true);
            Some(Shape::json(reply.usage, &whole))
        }
        "streamGenerateContent" => Some(stream(model, query, reply)),
        _ => None,
    }
}

fn stream(model: &str, query: &str, reply: &Reply) -> Shape {
    let last = reply.deltas.len() - 1;
    let pieces = reply.deltas.iter().enumerate().map(|(index, text)| {
        let output = if index == last { reply.usage.output_tokens } else { index as u64 + 1 };
        piece(model, reply, text, output, index == last)
    });
    if query.split('&').any(|parameter| parameter == "alt=sse") {
        let events = pieces.map(|piece| format!("data: {piece}\r\n\r\n")).collect();
        return Shape::events(reply.usage, events);
    }
    let pieces = pieces.enumerate().map(|(index, piece)| match index {
        0 if last == 0 => format!("[{piece}\n]\n"),
        0 => format!("[{piece}"),
        _ if index == last => format!("\n,\r\n{piece}\n]\n"),
        _ => format!("\n,\r\n{piece}"),
    });
    Shape::pieces(reply.usage, "application/json; charset=UTF-8", pieces.map(Bytes::from).collect())
}

fn piece(model: &str, reply: &Reply, text: &str, output: u64, last: bool) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    if last {
        candidate["finishReason"] = json!(reply.stopped("STOP", "MAX_TOKENS"));
    }
    let input = reply.usage.input_tokens;
    let mut usage = json!({
        "promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": input}],
    });
    if reply.usage.cached_tokens > 0 {
        usage["cachedContentTokenCount"] = json!(reply.usage.cached_tokens);
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage, "modelVersion": model,
        "responseId": "resp-simulated",
    })
}
