//! `POST /v1/messages`: cached input is not part of `input_tokens`, and a stream tells usage at both its ends.

use super::super::call::Call;
use super::super::shape::Shape;
use super::{Reply, named_event};
use serde_json::{Value, json};

pub(super) fn answer(call: &Call, reply: &Reply) -> Shape {
    if call.is_stream() {
        let events = events(call.model(), reply);
        let events = events.iter().map(|event| named_event(event["type"].as_str().expect("a type"), event));
        Shape::events(reply.usage, events.collect())
    } else {
        Shape::json(reply.usage, &message(call.model(), reply))
    }
}

/// A whole message.
pub(super) fn message(model: &str, reply: &Reply) -> Value {
    let mut message = head(model, usage(reply, reply.usage.output_tokens));
    message["content"] = json!([{"type": "text", "text": reply.text}]);
    message["stop_reason"] = json!(reply.stopped("end_turn", "max_tokens"));
    message
}

/// The same as a stream's events.
pub(super) fn events(model: &str, reply: &Reply) -> Vec<Value> {
    let delta = |text: &String| {
        let delta = json!({"type": "text_delta", "text": text});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    };
    let mut events = vec![
        json!({"type": "message_start", "message": head(model, usage(reply, 1))}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(reply.deltas.iter().map(delta));
    let stop = json!({"stop_reason": reply.stopped("end_turn", "max_tokens"), "stop_sequence": null});
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta", "delta": stop, "usage": {"output_tokens": reply.usage.output_tokens},
        }),
        json!({"type": "message_stop"}),
    ]);
    events
}

fn head(model: &str, usage: Value) -> Value {
    json!({
        "id": "msg_simulated", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    })
}

fn usage(reply: &Reply, output_tokens: u64) -> Value {
    json!({
        "input_tokens": reply.uncached_tokens(),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.usage.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}
