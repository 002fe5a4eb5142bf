//! What a refusal tells programs beside its code: one more member where the dialect has a place for it.

use super::{Dialect, ReplyBody};
use serde_json::Value;

impl ReplyBody {
    /// Adds `detail` under `name` to the error; Google's errors have their details in a list, everyone else's take members
    /// that an SDK does not know.
    pub fn add(&mut self, dialect: Dialect, name: &str, detail: Value) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else { return };
        let error = match body.get_mut("error") {
            Some(error) if error.is_object() => error,
            _ => &mut body,
        };
        let Some(members) = error.as_object_mut() else { return };
        match (dialect, members.get_mut("details").and_then(Value::as_array_mut)) {
            (Dialect::Google, Some(details)) => details.push(google(name, detail)),
            _ => _ = members.insert(name.to_owned(), detail),
        }
        self.body = body.to_string().into_bytes();
    }
}

/// `google.protobuf.Struct`, which holds any object and which every reader of `google.rpc.Status` knows.
fn google(name: &str, detail: Value) -> Value {
    serde_json::json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": {name: detail}})
}
