//! What policies cost natively: judging a call, and searching its text.
//!
//! `cargo bench --bench policies`. Bounds: 1 µs for ten policies that do not look at content, 1 ns per byte of what people
//! and programs write for each kind of rule, whatever the script. The last rows are texts made to be slow, whose bound is
//! that they stay in proportion.

#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use genops::awu::{Attribute, Attribution};
use genops::catalogue::Provider;
use genops::config::{Policies, Policy, parse};
use genops::policy::{Case, Evidence, judge, needs, search};
use genops::provider::recognise;
use genops::selector::Subject;
use genops::timestamp::Timestamp;
use genops::transcript::Transcript;
use genops::usage::Usage;

/// Ten policies with two conditions each, of which half apply, and effects of every kind but content.
const TEN: &str = r#"{"policies": [
  {"name": "p0", "match": {"team": "search", "environment": "prod*"}, "models": {"allow": ["gpt-4o*", "o1"]}},
  {"name": "p1", "match": {"team": "ads-*", "operation": "chat"}, "models": {"deny": "*preview*"}},
  {"name": "p2", "match": {"team": ["ads", "search"], "operation": "chat"}, "providers": {"allow": ["openai", "anthropic"]}},
  {"name": "p3", "match": {"project": "x*", "provider": "openai"}, "regions": {"allow": "eu-*", "unknown": "pass"}},
  {"name": "p4", "match": {"environment": "production", "model": "gpt-*"}, "ceilings": {"max_output_tokens": 100000, "max_choices": 8}},
  {"name": "p5", "match": {"team": "batch"}, "hours": [{"from": "22:00", "to": "06:00"}]},
  {"name": "p6", "match": {"team": "s*h", "provider": "openai"}, "hours": [{"from": "00:00", "to": "24:00"}]},
  {"name": "p7", "match": {"model": ["o1", "o3"], "team": "search"}, "models": {"deny": "*"}},
  {"name": "p8", "match": {"operation": "chat", "team": "search"}, "models": {"deny": ["*-preview", "*-beta", "ft:*"]}},
  {"name": "p9", "match": {"team": "sales", "feature": "crm"}, "providers": {"deny": "*"}}
]}"#;

/// What people write, in several scripts; each is repeated.
const TEXTS: [(&str, &str); 12] = [
    (
        "prose",
        "The quick brown fox jumps over the lazy dog near the old warehouse, and nobody says a word. Then, in 1984, \
         Mr. Smith (aged 42) paid $3,500 for it. ",
    ),
    (
        "German",
        "Übermäßige Größe zählt nicht: Der schnelle braune Fuchs springt über den faulen Hund, und die Äpfel fallen \
         früh vom Baum. „Schön“, sagte Jürgen – müde und hungrig. ",
    ),
    (
        "Russian",
        "Съешь же ещё этих мягких французских булок, да выпей чаю. В чащах юга жил бы цитрус? Да, но фальшивый \
         экземпляр! «Хорошо», — сказал Иван Петрович. ",
    ),
    (
        "Chinese",
        "敏捷的棕色狐狸跳过懒狗在旧仓库附近，没有人说一句话。然后，在1984年，史密斯先生（四十二岁）为此支付了三千五百美元。",
    ),
    ("Japanese", "素早い茶色の狐がのろまな犬を飛び越える。「すごい」と彼は言った。プログラムを書きます。"),
    ("emoji", "I love this ❤️ so much 😂😂😂! Let's meet 👩‍💻 at 5pm… it’s great 🎉 don’t you think? 👍🏽 "),
    (
        "chat",
        "haha yes 😂 that's exactly what I meant, see you tomorrow at the usual place? I'll bring the cake 🎂 and you bring \
         coffee ☕️ ok? 👍 Also — don't forget: “no phones”! ",
    ),
    (
        "Polish",
        "Zażółć gęślą jaźń: szybki brązowy lis przeskakuje nad leniwym psem, a żółte liście spadają cicho z drzew. Łódź, \
         środa, godzina ósma. ",
    ),
    (
        "code",
        "fn main() { let total: usize = items.iter().map(|item| item.size_bytes() * 2).sum(); if total >= 0x1F_40 && \
         !name.is_empty() { println!('{total:>8} of {}', config.limits[3]); } } // 42 ",
    ),
    (
        "JSON",
        "{'id': 'a1f93c', 'created': 1732212345, 'items': [{'sku': 'X-100-22', 'price': 12.50, 'tags': ['new', 'sale'], \
         'email': null}], 'ok': true}, ",
    ),
    ("capitals", "СЪЕШЬ ЖЕ ЕЩЁ ЭТИХ МЯГКИХ ФРАНЦУЗСКИХ БУЛОК "),
    ("marks", "z\u{336}\u{301}a\u{323}\u{301}l\u{336}g\u{334}o "),
];

/// Texts that begin what the last rules look for at every byte, and never end it.
const HOSTILE: [(&str, &str, &str); 4] = [
    (
        "literal of as",
        "a",
        r#"{"name": "h", "literals": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"]}"#,
    ),
    ("digits", "4111 ", r#"{"name": "h", "patterns": ["\\b(?:\\d[ -]?){200}x"]}"#),
    ("at signs", "a@", r#"{"name": "h", "patterns": ["[\\w.+-]+@[\\w-]+\\.\\w{2,}"]}"#),
    ("many states", "abaabbbabaababbbaabbabaaabbba", r#"{"name": "h", "patterns": ["[ab]*a[ab]{12}c"]}"#),
];

fn case<'a>(attribution: &'a Attribution, estimate: &'a Usage) -> Case<'a> {
    let call = Subject {
        attribution,
        provider: Provider::OpenAi,
        model: Some("gpt-4o-mini"),
        fallback_models: &[],
        operation: "chat",
        route: None,
    };
    Case {
        call,
        region: None,
        estimate,
        cost: &|_| None,
        refuses_unpriced: true,
        body_bytes: 1_024,
        choices: 1,
        upgrade: false,
        now: Timestamp::from_seconds(1_771_286_400),
    }
}

/// The shortest of many runs of `rounds`, in nanoseconds for each: what a machine with other work to do interrupts least.
fn best(rounds: u32, mut act: impl FnMut()) -> f64 {
    let times = (0..200).map(|_| {
        let start = Instant::now();
        (0..rounds).for_each(|_| act());
        start.elapsed().as_nanos() as f64 / f64::from(rounds)
    });
    times.fold(f64::INFINITY, f64::min)
}

/// `count` literals that the text does not hold.
fn literals(count: usize) -> String {
    let word = |seed: usize| -> String {
        (0..5).map(|i| char::from(b'a' + ((seed >> (2 * i)) * 7 % 26) as u8)).collect()
    };
    let words: Vec<String> = (0..count).map(|i| format!("\"{}{}\"", word(i * 7_919), i)).collect();
    words.join(",")
}

const SHORT: &str = r#""password", "secret", "confidential", "internal only", "ssn", "bomb", "attack", "falcon", "eagle",
    "weapon", "kill", "drug""#;

const EIGHT: &str = r#""\\b(?:\\d[ -]?){15}\\d\\b", "\\b\\d{3}-\\d{2}-\\d{4}\\b", "[\\w.+-]+@[\\w-]+\\.\\w{2,}",
    "AKIA[0-9A-Z]{16}", "\\b[A-Z]{2}\\d{2}[A-Z0-9]{11,30}\\b", "\\b[0-9a-f]{40}\\b",
    "ignore\\s+(?:all\\s+)?(?:previous|prior|above)\\s+instructions",
    "(?:password|passwd|secret|token)\\s*[:=]\\s*\\S+""#;

fn rules(name: &str, content: &str) -> (String, Policies) {
    let text = format!(r#"{{"policies": [{{"name": "p", "content": [{content}]}}]}}"#);
    (name.to_owned(), parse(&text).unwrap().policies)
}

fn body(size: usize, text: &str) -> Vec<u8> {
    let text: String = text.chars().cycle().take(size).collect();
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes()
}

fn main() {
    let values = [
        (Attribute::Team, "search"),
        (Attribute::Project, "chatbot"),
        (Attribute::Environment, "production"),
    ];
    let attribution = Attribution::new(values.map(|(attribute, value)| (attribute, value.into())));
    let estimate = Usage { input_tokens: Some(250), output_tokens: Some(100), ..Usage::default() };
    let case = case(&attribution, &estimate);

    let ten = parse(TEN).unwrap().policies;
    let evidence = Evidence::default();
    let nanos = best(500, || {
        let applying: Vec<&Policy> =
            ten.list.iter().filter(|policy| policy.selector.selects(&case.call)).collect();
        black_box(needs(applying.iter().copied()));
        for policy in applying {
            black_box(judge(policy, &case, &evidence));
        }
    });
    println!("ten policies without content: {nanos:>8.0} ns");

    let endpoint = recognise("POST", "api.openai.com", "/v1/chat/completions").unwrap();
    let card = r#"{"name": "cards", "patterns": ["\\b(?:\\d[ -]?){15}\\d\\b"]}"#;
    let cases = [
        rules("1 literal", r#"{"name": "one", "literals": ["project falcon"]}"#),
        rules("1,000 literals", &format!(r#"{{"name": "many", "literals": [{}]}}"#, literals(1_000))),
        rules("12 short literals", &format!(r#"{{"name": "few", "literals": [{SHORT}]}}"#)),
        rules("1 expression", card),
        rules("1 expression around @", r#"{"name": "mail", "patterns": ["[\\w.+-]+@[\\w-]+\\.\\w{2,}"]}"#),
        rules("8 expressions", &format!(r#"{{"name": "eight", "patterns": [{EIGHT}]}}"#)),
        rules(
            "literal, expression",
            &format!(r#"{{"name": "one", "literals": ["project falcon"]}}, {card}"#),
        ),
        rules(
            "12 literals, 8 express.",
            &format!(
                r#"{{"name": "few", "literals": [{SHORT}]}}, {{"name": "eight", "patterns": [{EIGHT}]}}"#
            ),
        ),
    ];
    for (label, text) in TEXTS {
        let body = body(131_072, text);
        let bytes = body.len() as f64;
        let nanos = best(1, || drop(black_box(endpoint.transcribe(None, &body))));
        println!("{label:>8}: transcript {:>6.3} ns/byte", nanos / bytes);
        let transcript = endpoint.transcribe(None, &body).unwrap();
        for (name, policies) in &cases {
            println!("{label:>8}: {name:<23} {:>6.3} ns/byte", searched(policies, &transcript) / bytes);
        }
    }
    for (label, text, rule) in HOSTILE {
        let (_, policies) = rules("", rule);
        let body = body(131_072, text);
        let transcript = endpoint.transcribe(None, &body).unwrap();
        println!(
            " hostile: {label:<23} {:>6.3} ns/byte",
            searched(&policies, &transcript) / body.len() as f64
        );
    }
}

fn searched(policies: &Policies, transcript: &Transcript) -> f64 {
    best(1, || _ = black_box(search(&policies.list, policies.gate.as_ref(), transcript)))
}
