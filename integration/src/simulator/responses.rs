//! `POST /v1/responses`, whole and streamed.

use super::behaviour::Behaviour;
use super::call::Call;
use super::chat::{WORD, text};
use super::figures::{Figures, Usage};
use super::shape::Shape;
use serde_json::{Value, json};

const ID: &str = "resp_simulated";
const ITEM: &str = "msg_simulated";

pub(super) fn answer(call: &Call, behaviour: &Behaviour) -> Shape {
    let figures = Figures::writing(call, behaviour);
    let text = text(behaviour, &figures);
    let done = completed(call, behaviour, &figures, &text);
    if call.is_stream() {
        Shape::events(figures.usage, events(call, behaviour, &figures, &text, done))
    } else {
        Shape::json(figures.usage, &done)
    }
}

fn response(call: &Call, status: &str, output: Value) -> Value {
    json!({
        "id": ID, "object": "response", "created_at": 1_770_000_000, "status": status,
        "error": null, "incomplete_details": null, "instructions": call.body["instructions"],
        "max_output_tokens": call.body["max_output_tokens"], "model": call.model(), "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "store": true, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": null,
        "metadata": {},
    })
}

fn message(status: &str, content: Value) -> Value {
    json!({"id": ITEM, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn completed(call: &Call, behaviour: &Behaviour, figures: &Figures, text: &str) -> Value {
    let status = if figures.capped { "incomplete" } else { "completed" };
    let mut done = response(call, status, json!([message(status, json!([part(text)]))]));
    if figures.capped {
        done["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    if !behaviour.omit_usage {
        done["usage"] = usage(&figures.usage);
    }
    done
}

fn events(call: &Call, behaviour: &Behaviour, figures: &Figures, text: &str, done: Value) -> Vec<String> {
    let place = |mut fields: Value| {
        fields["item_id"] = json!(ITEM);
        fields["output_index"] = json!(0);
        fields["content_index"] = json!(0);
        fields
    };
    let last = if figures.capped { "response.incomplete" } else { "response.completed" };
    let begun = response(call, "in_progress", json!([]));
    let mut deltas =
        vec![WORD.to_owned(); usize::try_from(figures.per_choice).expect("a sane number of tokens")];
    if behaviour.padding > 0 {
        deltas.insert(0, "x".repeat(behaviour.padding));
    }
    let mut all = vec![
        ("response.created", json!({"response": begun})),
        ("response.in_progress", json!({"response": begun})),
        ("response.output_item.added", json!({"output_index": 0, "item": message("in_progress", json!([]))})),
        ("response.content_part.added", place(json!({"part": part("")}))),
    ];
    all.extend(
        deltas.into_iter().map(|delta| ("response.output_text.delta", place(json!({"delta": delta})))),
    );
    all.extend([
        ("response.output_text.done", place(json!({"text": text}))),
        ("response.content_part.done", place(json!({"part": part(text)}))),
        ("response.output_item.done", json!({"output_index": 0, "item": done["output"][0]})),
        (last, json!({"response": done})),
    ]);
    all.into_iter().enumerate().map(|(number, (name, data))| event(number, name, data)).collect()
}

fn event(number: usize, name: &str, mut data: Value) -> String {
    data["type"] = json!(name);
    data["sequence_number"] = json!(number);
    format!("event: {name}\ndata: {data}\n\n")
}

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens(),
    })
}
