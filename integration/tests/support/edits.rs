//! A configuration that edits requests, a request that it edits, and what becomes of it.

use super::calls::{CAP, chat_streamed};
use serde_json::{Value, json};

/// Usage is asked for in the client's stead, and caps are written.
pub(crate) fn editing(mut config: Value) -> Value {
    config["streams"] = json!({"include_usage": "inject"});
    config["estimation"]["on_output_cap"] = json!("inject");
    config["estimation"]["default_output_tokens"] = json!(CAP);
    config
}

/// A stream whose client asks neither for usage nor for a cap.
pub(crate) fn plain() -> Value {
    let mut body = chat_streamed(CAP);
    let members = body.as_object_mut().expect("an object");
    members.remove("stream_options");
    members.remove("max_completion_tokens");
    body
}

/// What the provider is to get instead of `plain`, byte for byte.
pub(crate) fn edited(plain: &str) -> String {
    let rest = plain.strip_prefix('{').expect("an object");
    format!(r#"{{"stream_options":{{"include_usage":true}},"max_tokens":{CAP},{rest}"#)
}
