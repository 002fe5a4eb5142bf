//! Properties of taking the usage chunk out of a stream: nothing else goes missing, whatever the boundaries and wherever
//! the stream breaks off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use genops::provider::UsageChunkRemover;
use proptest::prelude::*;

/// One event without its end, and whether it is what has to go.
fn event() -> impl Strategy<Value = (String, bool)> {
    let text = "[ -~é]{0,20}";
    prop_oneof![
        6 => text.prop_map(|text| {
            let content = serde_json::Value::from(text);
            (format!(r#"data: {{"choices":[{{"delta":{{"content":{content}}}}}],"usage":null}}"#), false)
        }),
        2 => (0..999_u64).prop_map(|n| (format!(r#"data: {{"choices":[],"usage":{{"total_tokens":{n}}}}}"#), true)),
        1 => (0..999_u64).prop_map(|n| (format!(r#"data:{{"usage":{{"total_tokens":{n}}},"choices":[]}}"#), true)),
        1 => Just((r#"data: {"choices":[{"index":0}],"usage":{"total_tokens":5}}"#.to_owned(), false)),
        1 => Just((r#"data: {"choices":[],"prompt_filter_results":[{"a":"\"usage\""}]}"#.to_owned(), false)),
        1 => Just((r#"data: {"choices":[],"usage":null}"#.to_owned(), false)),
        1 => Just((format!(r#"data: {{"choices":[],"usage":{{}},"x":"{}"}}"#, "y".repeat(5_000)), false)),
        1 => Just(("data: [DONE]".to_owned(), false)),
        1 => Just((": \"usage\" comment".to_owned(), false)),
        1 => Just(("event: x\ndata: {\"choices\":\ndata: [],\"usage\":{}}".to_owned(), true)),
        1 => Just((String::new(), false)),
        1 => "[a-z]{1,6}: ?[ -~]{0,12}".prop_map(|line| (line, false)),
    ]
}

/// Feeds `stream` in pieces of these lengths, over and over.
fn fed(remover: &mut UsageChunkRemover, stream: &str, cuts: &[usize]) -> String {
    let mut rest = stream.as_bytes();
    let mut passed = Vec::new();
    let mut cuts = cuts.iter().copied().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
        passed.extend(remover.feed(piece));
        rest = after;
    }
    String::from_utf8_lossy(&passed).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn all_but_the_usage_passes(
        events in prop::collection::vec(event(), 0..12), end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        cuts in prop::collection::vec(1..50_usize, 1..6), broken_at in any::<prop::sample::Index>(),
    ) {
        // What is no event stream from its first letter is none at all, so this one begins as one.
        let whole: Vec<(String, bool)> =
            events.iter().map(|(text, goes)| (format!("{}{end}{end}", text.replace('\n', end)), *goes)).collect();
        let start = format!(": start{end}{end}");
        let stream: String = std::iter::once(start.as_str()).chain(whole.iter().map(|(text, _)| text.as_str())).collect();
        let kept = |until: usize| {
            let mut at = start.len();
            let mut kept = start.clone();
            for (text, goes) in &whole {
                at += text.len();
                if at <= until && !goes {
                    kept.push_str(text);
                }
            }
            kept
        };
        let mut remover = UsageChunkRemover::new();
        let mut passed = fed(&mut remover, &stream, &cuts);
        passed.push_str(&String::from_utf8(remover.finish()).unwrap());
        prop_assert_eq!(&passed, &kept(stream.len()), "{:?} cut as {:?}", stream, cuts);

        // It breaks off: every whole event has passed, nothing of the usage, and nothing that the whole would not have.
        let mut until = broken_at.index(stream.len() + 1);
        while !stream.is_char_boundary(until) {
            until += 1;
        }
        let broken = fed(&mut UsageChunkRemover::new(), &stream[..until], &cuts);
        let expected = kept(stream.len());
        prop_assert!(expected.starts_with(&broken), "{:?} of {:?}", broken, expected);
        if until >= start.len() {
            // A line feed after a carriage return may still be on its way.
            let whole_events = kept(until);
            let least = whole_events.trim_end_matches('\n');
            prop_assert!(broken.starts_with(least), "{:?} lacks of {:?}", broken, whole_events);
            // Of an event that broke off, all has passed once it has a choice.
            let until_now = &stream[..until];
            let last = until_now.rfind(&format!("{end}{end}")).map_or("", |at| &until_now[at + 2 * end.len()..]);
            if last.starts_with("data: {\"choices\":[{") {
                prop_assert!(broken.ends_with(last), "{:?} lacks {:?}", broken, last);
            }
        }
    }
}
