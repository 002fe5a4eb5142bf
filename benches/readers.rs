//! What reading costs per byte: request bodies of several kinds and sizes, and streams per chunk.
//!
//! `cargo bench --bench readers`. The comparison is serde_json into a struct that ignores everything else.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use genops::provider::{UsageReader, recognise};
use serde_json::{Value, json};

/// A body of about `size` bytes whose text is cut into messages of `message` bytes, every `escape`th byte a line feed.
fn body(size: usize, message: usize, escape: usize) -> Vec<u8> {
    let text: String = (0..message).map(|i| if i % escape == escape - 1 { '\n' } else { 'x' }).collect();
    let messages: Vec<Value> =
        (0..size / message.max(1)).map(|_| json!({"role": "user", "content": text})).collect();
    json!({"model": "gpt-5", "stream": true, "messages": messages, "max_tokens": 100})
        .to_string()
        .into_bytes()
}

/// The fastest of many rounds: the machine is shared.
fn fastest(mut work: impl FnMut()) -> Duration {
    let until = Instant::now() + Duration::from_millis(300);
    let mut best = Duration::MAX;
    while Instant::now() < until {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    best
}

fn main() {
    let endpoint = recognise("POST", "api.openai.com", "/v1/chat/completions").unwrap();
    println!("{:<44} {:>9} {:>9} {:>12}", "request", "bytes", "ns/byte", "serde_json");
    for (name, size, message, escape) in [
        ("1 KiB, one message", 1024, 900, usize::MAX),
        ("16 KiB, one message", 16 << 10, 16_000, usize::MAX),
        ("128 KiB, one message", 128 << 10, 130_000, usize::MAX),
        ("128 KiB, messages of 2,000 bytes", 128 << 10, 2000, usize::MAX),
        ("128 KiB, a line feed every 60 bytes", 128 << 10, 2000, 60),
        ("128 KiB, an escape every 8 bytes", 128 << 10, 2000, 8),
        ("128 KiB, messages of 40 bytes", 128 << 10, 40, usize::MAX),
    ] {
        if std::env::args().nth(1).is_some_and(|wanted| !wanted.starts_with('-') && !name.contains(&wanted)) {
            continue;
        }
        let body = body(size, message, escape);
        let ours = fastest(|| {
            black_box(endpoint.read_request(None, black_box(&body)).unwrap());
        });
        let ignoring = fastest(|| {
            let mut reader = serde_json::Deserializer::from_slice(black_box(&body));
            let ignored: serde::de::IgnoredAny = serde::Deserialize::deserialize(&mut reader).unwrap();
            black_box(ignored);
        });
        let per_byte = |time: Duration| time.as_nanos() as f64 / body.len() as f64;
        println!("{name:<44} {:>9} {:>9.3} {:>12.3}", body.len(), per_byte(ours), per_byte(ignoring));
    }
    let chunk = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-5-2025-08-07\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hello\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
    let mut reader = UsageReader::new(&endpoint, 200);
    let time = fastest(|| {
        for _ in 0..100 {
            reader.feed(black_box(chunk));
            black_box(reader.best_known());
        }
    });
    println!("one chunk of {} bytes: {} ns", chunk.len(), time.as_nanos() / 100);
}
