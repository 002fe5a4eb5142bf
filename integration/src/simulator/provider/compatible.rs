//! OpenAI's chat with usage in other places: Mistral tells it in a stream's last piece unasked, Groq under `x_groq`.

use super::super::call::Call;
use super::super::shape::Shape;
use super::Reply;
use serde_json::{Value, json};

pub(super) fn mistral(call: &Call, reply: &Reply) -> Shape {
    let mut usage = usage(reply);
    usage["num_cached_tokens"] = json!(reply.usage.cached_tokens);
    if !call.is_stream() {
        return whole(call, reply, &json!({"usage": usage}));
    }
    stream(call, reply, &json!({}), &json!({"usage": usage}))
}

pub(super) fn groq(call: &Call, reply: &Reply) -> Shape {
    let mut usage = usage(reply);
    usage["prompt_tokens_details"] = json!({"cached_tokens": reply.usage.cached_tokens});
    for name in ["queue_time", "prompt_time", "completion_time", "total_time"] {
        usage[name] = json!(0.01);
    }
    let id = json!({"x_groq": {"id": "req_simulated"}});
    if !call.is_stream() {
        return whole(call, reply, &merged(id, &json!({"usage": usage})));
    }
    stream(call, reply, &id, &json!({"x_groq": {"id": "req_simulated", "usage": usage}}))
}

fn whole(call: &Call, reply: &Reply, more: &Value) -> Shape {
    let message = json!({"role": "assistant", "content": reply.text, "tool_calls": null});
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason(reply)});
    Shape::json(reply.usage, &merged(head(call, "chat.completion", &choice), more))
}

/// The deltas, with `first` in the first chunk and `last` in the one that says why it ended.
fn stream(call: &Call, reply: &Reply, first: &Value, last: &Value) -> Shape {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        head(call, "chat.completion.chunk", &choice)
    };
    let mut chunks = vec![merged(chunk(json!({"role": "assistant", "content": ""}), Value::Null), first)];
    chunks.extend(reply.deltas.iter().map(|word| chunk(json!({"content": word}), Value::Null)));
    chunks.push(merged(chunk(json!({"content": ""}), finish_reason(reply).into()), last));
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    Shape::events(reply.usage, events.chain(["data: [DONE]\n\n".to_owned()]).collect())
}

fn head(call: &Call, object: &str, choice: &Value) -> Value {
    json!({
        "id": "cmpl-simulated", "object": object, "created": 1_770_000_000, "model": call.model(),
        "choices": [choice],
    })
}

fn merged(mut object: Value, more: &Value) -> Value {
    let members = more.as_object().expect("an object").clone();
    object.as_object_mut().expect("an object").extend(members);
    object
}

fn finish_reason(reply: &Reply) -> &'static str {
    reply.stopped("stop", "length")
}

fn usage(reply: &Reply) -> Value {
    json!({
        "prompt_tokens": reply.usage.input_tokens, "completion_tokens": reply.usage.output_tokens,
        "total_tokens": reply.usage.total_tokens(),
    })
}
