//! `POST /v1/embeddings`, as numbers or in base64.

use super::behaviour::Behaviour;
use super::call::Call;
use super::figures::Figures;
use super::shape::Shape;
use serde_json::{Value, json};

/// Little-endian f32 of 0.5, -0.25 and 1.0.
const VECTOR_BASE64: &str = "AAAAPwAAgL4AAIA/";

pub(super) fn answer(call: &Call, behaviour: &Behaviour) -> Shape {
    let figures = Figures::reading(call, behaviour);
    let vector = match call.body["encoding_format"].as_str() {
        Some("base64") => json!(VECTOR_BASE64),
        _ => json!([0.5, -0.25, 1.0]),
    };
    let item = |index| json!({"object": "embedding", "index": index, "embedding": vector});
    let mut body = json!({
        "object": "list",
        "data": (0..inputs(&call.body["input"])).map(item).collect::<Vec<_>>(),
        "model": call.model(),
    });
    if !behaviour.omit_usage {
        let tokens = figures.usage.input_tokens;
        body["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    }
    Shape::json(figures.usage, &body)
}

/// A list of numbers is one input, any other list is several.
fn inputs(input: &Value) -> usize {
    match input.as_array() {
        Some(items) if !items.iter().all(Value::is_number) => items.len(),
        _ => 1,
    }
}
