//! AWS event streams: messages with headers and a payload, framed by lengths and checksums.

use bytes::Bytes;
use flate2::Crc;

/// Headers of type string.
const STRING: u8 = 7;

/// One event with a JSON payload.
pub(super) fn event(name: &str, payload: &serde_json::Value) -> Bytes {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.to_string().as_bytes())
}

/// Total and header length, their checksum, headers, payload, the checksum of all.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).expect("a short name"));
        block.extend_from_slice(name.as_bytes());
        block.push(STRING);
        block.extend_from_slice(&u16::try_from(value.len()).expect("a short value").to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).expect("a short message").to_be_bytes();
    let mut message = Vec::new();
    message.extend_from_slice(&length(block.len() + payload.len() + 16));
    message.extend_from_slice(&length(block.len()));
    message.extend_from_slice(&checksum(&message));
    message.extend_from_slice(&block);
    message.extend_from_slice(payload);
    message.extend_from_slice(&checksum(&message));
    message.into()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = [0, 0, 0, 0];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= group.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{base64, message};

    #[test]
    fn a_message_is_framed_as_the_format_says() {
        // The empty message, and one with a payload, of the format's own test vectors.
        let empty = [0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255];
        assert_eq!(message(&[], b"")[..], empty);
        let payload = message(&[], b"{'foo':'bar'}");
        assert_eq!(payload[..12], [0, 0, 0, 29, 0, 0, 0, 0, 253, 82, 140, 90]);
        assert_eq!(payload[25..], [195, 101, 57, 54]);
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
