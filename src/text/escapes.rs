//! JSON's escapes in text: JSON was quoted in it.

/// Resolves `\uXXXX` where JSON was quoted in JSON (the arguments of tool calls); halves of pairs find each other.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"\\u") {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let (character, length) = escaped(escape).unwrap_or(('\\', 1));
        plain.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The character that an escape stands for, and the escape's length.
fn escaped(escape: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let escape = escape.get(from..)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape.get(..4)?, 16).ok()
    };
    let first = unit(0)?;
    if let Ok(character) = char::try_from(u32::from(first)) {
        return Some((character, 6));
    }
    char::decode_utf16([first, unit(6)?]).next()?.ok().map(|character| (character, 12))
}
