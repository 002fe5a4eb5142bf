//! `POST /v1/chat/completions`, whole and streamed.

use super::behaviour::Behaviour;
use super::call::Call;
use super::figures::{Figures, Usage};
use super::shape::Shape;
use serde_json::{Value, json};

const ID: &str = "chatcmpl-simulated";
const CREATED: u64 = 1_770_000_000;
/// One token of what the model writes.
pub(super) const WORD: &str = "word ";

pub(super) fn answer(call: &Call, behaviour: &Behaviour) -> Shape {
    let figures = Figures::writing(call, behaviour);
    if call.is_stream() {
        Shape::events(figures.usage, events(call, behaviour, &figures))
    } else {
        Shape::json(figures.usage, &whole(call, behaviour, &figures))
    }
}

fn whole(call: &Call, behaviour: &Behaviour, figures: &Figures) -> Value {
    let text = text(behaviour, figures);
    let choice = |index: u64| {
        json!({
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": finish_reason(figures),
        })
    };
    let mut body = json!({
        "id": ID, "object": "chat.completion", "created": CREATED, "model": call.model(),
        "choices": (0..figures.choices).map(choice).collect::<Vec<_>>(),
        "service_tier": "default", "system_fingerprint": "fp_simulated",
    });
    if !behaviour.omit_usage {
        body["usage"] = usage(&figures.usage);
    }
    body
}

fn events(call: &Call, behaviour: &Behaviour, figures: &Figures) -> Vec<String> {
    let tells_usage = call.wants_stream_usage() && !behaviour.omit_usage;
    let event = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": call.model(),
            "service_tier": "default", "system_fingerprint": "fp_simulated", "choices": choices,
        });
        if tells_usage {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n")
    };
    let delta = |index: u64, delta: Value, finish: Value| {
        event(
            json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]),
            Value::Null,
        )
    };
    let mut events = Vec::new();
    for index in 0..figures.choices {
        events.push(delta(index, json!({"role": "assistant", "content": ""}), Value::Null));
        if behaviour.padding > 0 {
            events.push(delta(index, json!({"content": "x".repeat(behaviour.padding)}), Value::Null));
        }
        events.extend((0..figures.per_choice).map(|_| delta(index, json!({"content": WORD}), Value::Null)));
        events.push(delta(index, json!({}), finish_reason(figures).into()));
    }
    if tells_usage {
        events.push(event(json!([]), usage(&figures.usage)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// What one choice says.
pub(super) fn text(behaviour: &Behaviour, figures: &Figures) -> String {
    let words = usize::try_from(figures.per_choice).expect("a sane number of tokens");
    "x".repeat(behaviour.padding) + &WORD.repeat(words)
}

fn finish_reason(figures: &Figures) -> &'static str {
    if figures.capped { "length" } else { "stop" }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
