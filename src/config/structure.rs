//! A `google.protobuf.Struct` on the wire, as the JSON value that it stands for.
//!
//! Envoy hands a `StringValue` over as its text, but a `Struct` as it came: serialised protobuf, not JSON. Knows the
//! wire format of `struct.proto` and nothing of configurations. A field that it does not know makes the bytes no
//! `Struct`, so that nothing is silently left out; a number that JSON cannot express becomes null.

use serde_json::{Map, Value};

/// Deeper than any configuration; a decoder must end somewhere.
const MAX_DEPTH: u8 = 32;

/// Reads `fields` (`map<string, Value>`, field 1); `None` for anything that is no `Struct`.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    object(bytes, MAX_DEPTH).map(Value::Object)
}

/// One field of a message: its number and its payload.
enum Payload<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

fn object(mut bytes: &[u8], depth: u8) -> Option<Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    let mut members = Map::new();
    while !bytes.is_empty() {
        let (1, Payload::Bytes(entry)) = field(&mut bytes)? else { return None };
        let (name, value) = member(entry, depth)?;
        members.insert(name, value);
    }
    Some(members)
}

fn member(mut entry: &[u8], depth: u8) -> Option<(String, Value)> {
    let (mut name, mut member) = (String::new(), Value::Null);
    while !entry.is_empty() {
        match field(&mut entry)? {
            (1, Payload::Bytes(text)) => name = std::str::from_utf8(text).ok()?.to_owned(),
            (2, Payload::Bytes(bytes)) => member = value(bytes, depth)?,
            _ => return None,
        }
    }
    Some((name, member))
}

/// A `Value`: one of its six kinds; the last one counts.
fn value(mut bytes: &[u8], depth: u8) -> Option<Value> {
    let mut last = Value::Null;
    while !bytes.is_empty() {
        last = match field(&mut bytes)? {
            (1, Payload::Varint(_)) => Value::Null,
            (2, Payload::Fixed64(number)) => Value::from(f64::from_le_bytes(number)),
            (3, Payload::Bytes(text)) => Value::from(std::str::from_utf8(text).ok()?),
            (4, Payload::Varint(truth)) => Value::Bool(truth != 0),
            (5, Payload::Bytes(members)) => Value::Object(object(members, depth)?),
            (6, Payload::Bytes(items)) => Value::Array(list(items, depth)?),
            _ => return None,
        };
    }
    Some(last)
}

fn list(mut bytes: &[u8], depth: u8) -> Option<Vec<Value>> {
    let depth = depth.checked_sub(1)?;
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (1, Payload::Bytes(item)) = field(&mut bytes)? else { return None };
        items.push(value(item, depth)?);
    }
    Some(items)
}

/// Takes the next field off `bytes`.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Payload<'a>)> {
    let key = varint(bytes)?;
    let payload = match key & 7 {
        0 => Payload::Varint(varint(bytes)?),
        1 => {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Payload::Fixed64(*number)
        }
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (payload, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Payload::Bytes(payload)
        }
        _ => return None,
    };
    Some((key >> 3, payload))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A field with a length before its payload.
    fn delimited(number: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length < 0x80, "one byte of length is enough here");
        [&[number << 3 | 2, length], payload].concat()
    }

    fn number(number: f64) -> Vec<u8> {
        [&[2 << 3 | 1], &number.to_le_bytes()[..]].concat()
    }

    fn member(name: &str, value: &[u8]) -> Vec<u8> {
        delimited(1, &[delimited(1, name.as_bytes()), delimited(2, value)].concat())
    }

    #[test]
    fn every_kind_of_value_becomes_its_json() {
        let list = delimited(6, &[delimited(1, &number(1.5)), delimited(1, &[4 << 3, 1])].concat());
        let bytes = [
            member("text", &delimited(3, "Zürich".as_bytes())),
            member("number", &number(1000.0)),
            member("nothing", &[1 << 3, 0]),
            member("list", &list),
            member("object", &delimited(5, &member("inner", &number(-1.0)))),
        ];
        let expected = json!({
            "text": "Zürich", "number": 1000.0, "nothing": null, "list": [1.5, true], "object": {"inner": -1.0},
        });
        assert_eq!(read(&bytes.concat()), Some(expected));
        assert_eq!(read(&[]), Some(json!({})));
    }

    #[test]
    fn what_is_no_struct_is_refused_wherever_it_breaks_off() {
        let whole = member("object", &delimited(5, &member("inner", &number(1.0))));
        for end in 1..whole.len() {
            assert_eq!(read(&whole[..end]), None, "the first {end} bytes");
        }
        let deep = (0..MAX_DEPTH).fold(number(1.0), |inner, _| delimited_long(5, &member_long(&inner)));
        assert_eq!(read(&member_long(&deep)), None, "nested without end");
        for bad in [&b"{\"budgets\": []}"[..], b"\n\xff", &delimited(9, b"unknown field"), &[0xff; 16]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    /// As [`delimited`], with two bytes of length.
    fn delimited_long(number: u8, payload: &[u8]) -> Vec<u8> {
        let (low, high) = (payload.len() & 0x7f | 0x80, payload.len() >> 7);
        [&[number << 3 | 2, u8::try_from(low).unwrap(), u8::try_from(high).unwrap()], payload].concat()
    }

    fn member_long(value: &[u8]) -> Vec<u8> {
        delimited_long(1, &[delimited(1, b"a"), delimited_long(2, value)].concat())
    }
}
