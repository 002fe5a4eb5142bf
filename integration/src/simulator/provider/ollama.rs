//! `POST /api/chat`: a stream of JSON lines unless the request says otherwise.

use super::super::call::Call;
use super::super::shape::Shape;
use super::Reply;
use serde_json::{Value, json};

pub(super) fn answer(call: &Call, reply: &Reply) -> Shape {
    let mut last = line(call, "");
    last["done"] = json!(true);
    last["done_reason"] = json!(reply.stopped("stop", "length"));
    for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
        last[name] = json!(1_000_000);
    }
    last["prompt_eval_count"] = json!(reply.usage.input_tokens);
    last["eval_count"] = json!(reply.usage.output_tokens);
    if call.body["stream"] == false {
        last["message"]["content"] = json!(reply.text);
        return Shape::json(reply.usage, &last);
    }
    let lines = reply.deltas.iter().map(|word| line(call, word)).chain([last]);
    let lines = lines.map(|line| format!("{line}\n").into()).collect();
    Shape::pieces(reply.usage, "application/x-ndjson", lines)
}

fn line(call: &Call, text: &str) -> Value {
    json!({
        "model": call.model(), "created_at": "2026-02-16T12:00:00.000000001Z",
        "message": {"role": "assistant", "content": text}, "done": false,
    })
}
