//! JSON in which no member stands twice.
//!
//! A second `budgets` would silently take the place of the first, and two readers of one token must not see two
//! different grants (RFC 7515 §4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The members of an object.
pub type Object = Map<String, Value>;

/// Reads exactly one object, without members that stand twice at any depth.
pub fn object(bytes: &[u8]) -> Option<Object> {
    match serde_json::from_slice(bytes).ok()? {
        Strict(Value::Object(object)) => Some(object),
        Strict(_) => None,
    }
}

/// Reads exactly one value, without members that stand twice at any depth.
///
/// # Errors
/// What is no JSON, and where; or which member stands twice.
pub fn value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the key {name:?} stands twice in one object")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_named_with_its_place() {
        let problem = value("{\"budgets\": [],\n \"budgets\": []}").unwrap_err().to_string();
        assert_eq!(problem, "the key \"budgets\" stands twice in one object at line 2 column 15");
        let text = r#"{"a": {"b": 1}, "b": [1, -2, 2.5, null, true, "x", 18446744073709551615]}"#;
        assert_eq!(value(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn only_one_object_without_repetition_is_read() {
        assert!(object(br#" {"a":1,"b":{"a":[null,true,-1,1.5,"x"]}} "#).is_some());
        let bad: [&[u8]; 8] = [
            b"",
            b"[]",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":1}"#,
            br#"{"b":[{"a":1,"a":2}]}"#,
            br#"{"a":1} {}"#,
            br#"{"a":1}x"#,
            b"{\"a\":\"\xff\"}",
        ];
        for bytes in bad {
            assert_eq!(object(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(object("[".repeat(4_000).as_bytes()), None, "nesting is bounded");
    }
}
