//! What edits cost natively: asking for usage, and taking it out of a stream.
//!
//! `cargo bench --bench edits`.

#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use genops::provider::{RequestEdits, UsageChunkRemover, recognise};

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

fn body(size: usize) -> Vec<u8> {
    let head = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":""#;
    format!("{head}{}\"}}]}}", "x".repeat(size - head.len() - 4)).into_bytes()
}

/// A stream as OpenAI sends it once usage is asked for: so many words, then the usage, then the end.
fn stream(words: usize) -> Vec<String> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-9f6b0b3e7c1f\",\"object\":\"chat.completion.chunk\",\"created\":1771286400,\
             \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_34a54ae93c\",\
             \"choices\":[{choices}],\"usage\":{usage}}}\n\n"
        )
    };
    let word = r#"{"index":0,"delta":{"content":"word "},"logprobs":null,"finish_reason":null}"#;
    let usage = r#"{"prompt_tokens":10,"completion_tokens":200,"total_tokens":210}"#;
    let last = [chunk("", usage), "data: [DONE]\n\n".to_owned()];
    (0..words).map(|_| chunk(word, "null")).chain(last).collect()
}

fn main() {
    let endpoint = recognise("POST", "api.openai.com", "/v1/chat/completions").unwrap();
    for size in [1 << 10, 16 << 10, 128 << 10] {
        let body = body(size);
        let facts = endpoint.read_request(None, &body).unwrap();
        for (name, edits) in [
            ("usage", RequestEdits { include_usage: true, output_cap: None }),
            ("usage and cap", RequestEdits { include_usage: true, output_cap: Some(100) }),
        ] {
            let time = fastest(|| {
                black_box(endpoint.edit_request(black_box(&body), &facts, &edits).unwrap());
            });
            println!("asking for {name:<14} in {size:>6} bytes: {:>6} ns", time.as_nanos());
        }
    }
    const WORDS: usize = 200;
    let events = stream(WORDS);
    let whole = events.concat();
    for (name, size) in [("an event", 0), ("1,400 bytes", 1_400), ("16 KiB", 16 << 10)] {
        let chunks: Vec<&[u8]> = match size {
            0 => events.iter().map(String::as_bytes).collect(),
            size => whole.as_bytes().chunks(size).collect(),
        };
        let time = fastest(|| {
            let mut remover = UsageChunkRemover::new();
            for chunk in &chunks {
                black_box(remover.feed(black_box(chunk)));
            }
            black_box(remover.finish());
        });
        let per_event = time.as_nanos() / (WORDS as u128 + 2);
        let total = time.as_micros();
        println!(
            "taking usage out of {WORDS} words, {name:<12} a chunk: {total:>6} us, {per_event:>5} ns an event"
        );
    }
}
