//! The little of HTTP/1.1's head that both ends of the load read.

/// Where the body begins.
pub(crate) fn end_of_head(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|position| position + 4)
}

/// The value of a header whose name is written in lower case, as Envoy writes all.
pub(crate) fn value<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b": ")?;
        Some(value.trim_ascii_end())
    })
}

/// Decimal digits.
pub(crate) fn number(digits: &[u8]) -> usize {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).expect("a number")
}
