//! The wire form of a header map: `count`, then `count` pairs of sizes, then keys and values, each followed by NUL.
//!
//! Little-endian 32-bit figures (proxy-wasm ABI 0.2.1, "Serialized map"). Pure; reads only what is inside the buffer.

/// Splits a serialised map into borrowed pairs; a truncated map gives the pairs that are whole.
pub(super) fn parse(map: &[u8]) -> Vec<(&[u8], &[u8])> {
    let Some((count, rest)) = map.split_first_chunk() else { return Vec::new() };
    let sizes = size(*count).saturating_mul(8);
    let Some((sizes, mut text)) = rest.split_at_checked(sizes) else { return Vec::new() };
    let mut pairs = Vec::with_capacity(sizes.len() / 8);
    for [key, value] in sizes.as_chunks::<4>().0.as_chunks().0 {
        let Some((key, rest)) = terminated(text, size(*key)) else { break };
        let Some((value, rest)) = terminated(rest, size(*value)) else { break };
        text = rest;
        pairs.push((key, value));
    }
    pairs
}

/// Serialises pairs.
pub(super) fn serialize(pairs: &[(&str, &str)]) -> Vec<u8> {
    let size = pairs.iter().fold(4_usize, |sum, (key, value)| {
        sum.saturating_add(10).saturating_add(key.len()).saturating_add(value.len())
    });
    let mut map = Vec::with_capacity(size);
    map.extend_from_slice(&(pairs.len() as u32).to_le_bytes());
    for (key, value) in pairs {
        map.extend_from_slice(&(key.len() as u32).to_le_bytes());
        map.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for (key, value) in pairs {
        for text in [key, value] {
            map.extend_from_slice(text.as_bytes());
            map.push(0);
        }
    }
    map
}

fn size(figure: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(figure)).unwrap_or(usize::MAX)
}

fn terminated(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.get(1..)?))
}
