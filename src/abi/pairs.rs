//! The wire form of a header map: `count`, then `count` pairs of sizes, then keys and values, each followed by NUL.
//!
//! Little-endian 32-bit figures (proxy-wasm ABI 0.2.1, "Serialized map"). Pure; reads only what is inside the buffer.

/// Splits a serialised map into borrowed pairs; a truncated map gives the pairs that are whole.
pub(super) fn parse(map: &[u8]) -> Vec<(&[u8], &[u8])> {
    let Some((count, mut sizes)) = figure(map) else { return Vec::new() };
    let Some(mut text) = sizes.get(count.saturating_mul(8)..) else { return Vec::new() };
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let Some((key_size, rest)) = figure(sizes) else { break };
        let Some((value_size, rest)) = figure(rest) else { break };
        sizes = rest;
        let Some((key, rest)) = terminated(text, key_size) else { break };
        let Some((value, rest)) = terminated(rest, value_size) else { break };
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

fn figure(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (figure, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*figure)).ok()?, rest))
}

fn terminated(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.get(1..)?))
}
