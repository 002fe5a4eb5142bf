//! `POST /v2/chat`: what is billed is less than what is read, since Cohere's own template is not.

use super::super::call::Call;
use super::super::shape::Shape;
use super::{Reply, named_event};
use serde_json::{Value, json};

const ID: &str = "5f0e4a9c-simulated";
/// Tokens of the template, read and not billed.
const TEMPLATE: u64 = 200;

pub(super) fn answer(call: &Call, reply: &Reply) -> Shape {
    if call.is_stream() {
        let events = events(reply);
        let events = events.iter().map(|event| named_event(event["type"].as_str().expect("a type"), event));
        Shape::events(reply.usage, events.chain(["data: [DONE]\n\n".to_owned()]).collect())
    } else {
        let content = json!([{"type": "text", "text": reply.text}]);
        let body = json!({
            "id": ID, "finish_reason": finish_reason(reply),
            "message": {"role": "assistant", "content": content}, "usage": usage(reply),
        });
        Shape::json(reply.usage, &body)
    }
}

fn events(reply: &Reply) -> Vec<Value> {
    let message =
        json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let text = |text: &str| json!({"message": {"content": {"text": text}}});
    let start = json!({"message": {"content": {"type": "text", "text": ""}}});
    let mut events = vec![
        json!({"type": "message-start", "id": ID, "delta": {"message": message}}),
        json!({"type": "content-start", "index": 0, "delta": start}),
    ];
    let delta = |word: &String| json!({"type": "content-delta", "index": 0, "delta": text(word)});
    events.extend(reply.deltas.iter().map(delta));
    let end = json!({"finish_reason": finish_reason(reply), "usage": usage(reply)});
    events.extend([
        json!({"type": "content-end", "index": 0}),
        json!({"type": "message-end", "id": ID, "delta": end}),
    ]);
    events
}

fn finish_reason(reply: &Reply) -> &'static str {
    reply.stopped("COMPLETE", "MAX_TOKENS")
}

fn usage(reply: &Reply) -> Value {
    let (input, output) = (reply.usage.input_tokens, reply.usage.output_tokens);
    json!({
        "billed_units": {"input_tokens": input, "output_tokens": output},
        "tokens": {"input_tokens": input + TEMPLATE, "output_tokens": output},
        "cached_tokens": reply.usage.cached_tokens,
    })
}
