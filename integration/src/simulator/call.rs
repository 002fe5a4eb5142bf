//! What the provider understands of a request: just enough to answer it.

use serde_json::Value;

/// A call as the provider sees it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The JSON body; `null` if it is not JSON.
    pub(super) body: Value,
}

impl Call {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self { body: serde_json::from_slice(body).unwrap_or(Value::Null) }
    }

    pub(super) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("gpt-4o-mini")
    }

    pub(super) fn is_stream(&self) -> bool {
        self.body["stream"] == true
    }

    pub(super) fn wants_stream_usage(&self) -> bool {
        self.body["stream_options"]["include_usage"] == true
    }

    pub(super) fn choices(&self) -> u64 {
        self.body["n"].as_u64().unwrap_or(1).max(1)
    }

    /// The request's own cap on the output of one choice.
    pub(super) fn output_cap(&self) -> Option<u64> {
        let of = |object: &Value, names: &[&str]| names.iter().find_map(|name| object[*name].as_u64());
        of(&self.body, &["max_completion_tokens", "max_tokens", "max_output_tokens"])
            .or_else(|| of(&self.body["inferenceConfig"], &["maxTokens"]))
            .or_else(|| of(&self.body["generationConfig"], &["maxOutputTokens"]))
            .or_else(|| of(&self.body["options"], &["num_predict"]))
    }

    /// Bytes of text that the model has to read.
    pub(super) fn text_bytes(&self) -> usize {
        ["messages", "input", "instructions", "contents"]
            .into_iter()
            .map(|name| text_bytes(&self.body[name]))
            .sum()
    }
}

/// The decoded text below `value`, not counting what only structures it.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(fields) => ["content", "text", "input_text", "parts"]
            .into_iter()
            .filter_map(|name| fields.get(name))
            .map(text_bytes)
            .sum(),
        // Token arrays: four bytes make a token.
        Value::Number(_) => 4,
        Value::Null | Value::Bool(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn the_text_is_counted_wherever_openai_allows_it() {
        let bytes = |body: &str| Call::parse(body.as_bytes()).text_bytes();
        assert_eq!(bytes(r#"{"messages":[{"role":"user","content":"abcd"}]}"#), 4);
        assert_eq!(bytes(r#"{"messages":[{"content":[{"type":"text","text":"abcdef"}]}]}"#), 6);
        assert_eq!(bytes(r#"{"input":"abc","instructions":"de"}"#), 5);
        assert_eq!(bytes(r#"{"input":[[1,2],[3]]}"#), 12);
        assert_eq!(bytes(r#"{"contents":[{"role":"user","parts":[{"text":"abc"}]}]}"#), 3);
        assert_eq!(bytes("not json"), 0);
    }
}
