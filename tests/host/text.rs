//! Bytes as readable text and back: `\n`, `\r`, `\t`, `\\`, `\xff`, and `{{1000*text}}` for long bodies.

/// The bytes that a script's text means.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(repeated) = rest.strip_prefix("{{") {
            let (inner, after) = repeated.split_once("}}").expect("{{ needs }}");
            let (times, what) = inner.split_once('*').expect("{{N*text}}");
            bytes.extend(unescape(what).repeat(times.parse().expect("{{N*text}}")));
            rest = after;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next().expect("an escape after \\");
        rest = &rest[escape.len_utf8()..];
        match escape {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            's' => bytes.push(b' '),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).expect("two hex digits after \\x"));
                rest = &rest[2..];
            }
            other => panic!("unknown escape \\{other}"),
        }
    }
    bytes
}

/// Bytes as one readable line.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                control if control.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(control))),
                plain => text.push(plain),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}
