//! What providers bill beside tokens, and what decides on the price: service tiers, reasoning budgets, images, seconds;
//! and figures that no call can have.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use genops::call::{Reasoning, RequestFacts, ServiceTier};
use genops::provider::{Endpoint, Reading, Shortfall, UsageReader, recognise};
use serde_json::{Value, json};

fn endpoint(url: &str) -> Endpoint {
    let (authority, path) = url.split_once('/').unwrap();
    recognise("POST", authority, &format!("/{path}")).unwrap_or_else(|| panic!("{url}"))
}

fn request(url: &str, body: &Value) -> RequestFacts {
    endpoint(url).read_request(Some("application/json"), body.to_string().as_bytes()).unwrap()
}

fn answer(url: &str, body: &str) -> Reading {
    let mut reader = UsageReader::new(&endpoint(url), 200);
    for piece in body.as_bytes().chunks(7) {
        reader.feed(piece);
    }
    reader.finish(true)
}

const CHAT: &str = "api.openai.com/v1/chat/completions";
const RESPONSES: &str = "api.openai.com/v1/responses";
const MESSAGES: &str = "api.anthropic.com/v1/messages";
const CONVERSE: &str = "bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1:0/converse";
const GEMINI: &str = "generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent";

#[test]
fn the_service_tier_is_read_of_requests() {
    let rows = [
        (CHAT, json!({"service_tier": "priority"}), Some(ServiceTier::Priority)),
        (CHAT, json!({"service_tier": "flex"}), Some(ServiceTier::Flex)),
        (CHAT, json!({"service_tier": "auto"}), Some(ServiceTier::Standard)),
        (CHAT, json!({"service_tier": null}), None),
        (CHAT, json!({}), None),
        (RESPONSES, json!({"service_tier": "flex"}), Some(ServiceTier::Flex)),
        (MESSAGES, json!({"service_tier": "standard_only"}), Some(ServiceTier::Standard)),
        (CONVERSE, json!({"serviceTier": {"type": "priority"}}), Some(ServiceTier::Priority)),
    ];
    for (url, body, expected) in rows {
        assert_eq!(request(url, &body).service_tier, expected, "{url} {body}");
    }
}

#[test]
fn a_budget_of_reasoning_is_read_with_whether_the_cap_covers_it() {
    let covered = |tokens| Some(Reasoning { tokens, is_in_cap: true });
    let beside = |tokens| Some(Reasoning { tokens, is_in_cap: false });
    let thinking = json!({"type": "enabled", "budget_tokens": 2_000});
    let gemini = |budget: i64| json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": budget}}});
    let rows = [
        (MESSAGES, json!({"max_tokens": 4_000, "thinking": thinking}), covered(2_000)),
        (CONVERSE, json!({"additionalModelRequestFields": {"thinking": thinking}}), covered(2_000)),
        (GEMINI, gemini(512), covered(512)),
        (GEMINI, gemini(-1), None),
        (CHAT, json!({"reasoning": {"max_tokens": 300}}), covered(300)),
        (CHAT, json!({"thinking_budget": 300}), beside(300)),
        ("api.cohere.com/v2/chat", json!({"thinking": {"token_budget": 70}}), beside(70)),
        (CHAT, json!({"reasoning_effort": "high"}), None),
        (RESPONSES, json!({"reasoning": {"effort": "high"}}), None),
    ];
    for (url, body, expected) in rows {
        assert_eq!(request(url, &body).reasoning, expected, "{url} {body}");
    }
}

#[test]
fn the_service_tier_that_is_billed_is_the_last_that_the_answer_names() {
    let chat = r#"{"service_tier":"priority","usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    assert_eq!(answer(CHAT, chat).service_tier, Some(ServiceTier::Priority));
    let unnamed = r#"{"service_tier":null,"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    assert_eq!(answer(CHAT, unnamed).service_tier, None);
    let stream = concat!(
        "data: {\"type\":\"response.created\",\"response\":{\"service_tier\":\"auto\",\"usage\":null}}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"b\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"service_tier\":\"flex\",",
        "\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3}}}\n\n",
    );
    assert_eq!(answer(RESPONSES, stream).service_tier, Some(ServiceTier::Flex));
    let messages = r#"{"usage":{"input_tokens":1,"output_tokens":1,"service_tier":"batch"}}"#;
    assert_eq!(answer(MESSAGES, messages).service_tier, Some(ServiceTier::Batch));
    let converse = r#"{"usage":{"inputTokens":1,"outputTokens":1},"serviceTier":{"type":"flex"}}"#;
    assert_eq!(answer(CONVERSE, converse).service_tier, Some(ServiceTier::Flex));
}

#[test]
fn images_and_seconds_are_counted() {
    let images = "api.openai.com/v1/images/generations";
    let two = format!(r#"{{"created":1,"data":[{{"url":"u"}},{{"b64_json":"{}"}}]}}"#, "A".repeat(9_000));
    let reading = answer(images, &two);
    assert_eq!((reading.usage.images, reading.shortfall), (Some(2), None));
    let tokens = r#"{"data":[{"b64_json":"A"}],"usage":{"input_tokens":5,"output_tokens":300,"total_tokens":305,
        "output_tokens_details":{"image_tokens":272,"text_tokens":28}}}"#;
    let usage = answer(images, tokens).usage;
    assert_eq!(
        (usage.images, usage.image_output_tokens, usage.output_tokens),
        (Some(1), Some(272), Some(300))
    );
    let candidates = r#"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1290,"totalTokenCount":1295,
        "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}}"#;
    assert_eq!(answer(GEMINI, candidates).usage.image_output_tokens, Some(1_290));
    let vectors = r#"{"data":[{"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    assert_eq!(answer("api.openai.com/v1/embeddings", vectors).usage.images, None);

    let heard = |seconds: &str| {
        let body = format!(r#"{{"text":"a","usage":{{"type":"duration","seconds":{seconds}}}}}"#);
        answer("api.openai.com/v1/audio/transcriptions", &body).usage.audio_seconds
    };
    assert_eq!([heard("7"), heard("7.0"), heard("7.01"), heard("-1")], [Some(7), Some(7), Some(8), None]);
}

#[test]
fn a_figure_that_no_call_can_have_counts_as_not_stated() {
    let chat = |input: &str, output: &str| {
        answer(CHAT, &format!(r#"{{"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#))
    };
    let largest = chat("1000000000", "1000000000");
    assert_eq!((largest.usage.input_tokens, largest.shortfall), (Some(1_000_000_000), None));
    for absurd in ["1000000001", "18446744073709551615", "99999999999999999999999999", "1e300"] {
        let reading = chat(absurd, "7");
        assert_eq!(reading.usage.input_tokens, None, "{absurd}");
        assert_eq!(reading.usage.output_tokens, Some(7), "what can be true is kept");
        assert_eq!(reading.shortfall, Some(Shortfall::Implausible), "{absurd}");
    }
    let sums = r#"{"results":[{"tokenCount":999999999},{"tokenCount":999999999}]}"#;
    let titan = "bedrock-runtime.us-east-1.amazonaws.com/model/amazon.titan-text-lite-v1/invoke";
    let summed = answer(titan, sums);
    assert_eq!(
        (summed.usage.output_tokens, summed.shortfall),
        (None, Some(Shortfall::Implausible)),
        "sums as well"
    );

    let mut metered = UsageReader::new(&endpoint(titan), 200);
    metered.header(b"x-amzn-bedrock-input-token-count", b"18446744073709551615");
    metered.header(b"x-amzn-bedrock-output-token-count", b"3");
    metered.feed(b"{}");
    let reading = metered.finish(true);
    assert_eq!((reading.usage.input_tokens, reading.usage.output_tokens), (None, Some(3)));
    assert_eq!(reading.shortfall, Some(Shortfall::Implausible));
}

/// Whatever a header's bytes are: one that is there and cannot be understood is not taken for one that is not there.
#[test]
fn headers_that_are_no_text_still_say_that_they_are_there() {
    let titan = "bedrock-runtime.us-east-1.amazonaws.com/model/amazon.titan-text-lite-v1/invoke";
    let with = |name: &str, value: &[u8]| {
        let mut reader = UsageReader::new(&endpoint(titan), 200);
        reader.header(name.as_bytes(), value);
        reader.feed(br#"{"inputTextTokenCount":7,"results":[{"tokenCount":2}]}"#);
        reader.finish(true)
    };
    let encoded = with("content-encoding", b"\xFF");
    assert_eq!((encoded.usage.total(), encoded.shortfall), (None, Some(Shortfall::Encoded)));
    assert_eq!(with("content-type", b"image/\xFF").usage.total(), None);
    assert_eq!(with("content-type", b"\xFF").usage.total(), Some(9));
    let failed = with("x-amzn-errortype", b"\xFF:http://").error.unwrap();
    assert_eq!((failed.kind, failed.code), (None, None));
    let named = with("x-amzn-errortype", b"ThrottlingException:\xFF").error.unwrap();
    assert_eq!(named.kind.as_deref(), Some("ThrottlingException"));
    let uncounted = with("x-amzn-bedrock-input-token-count", b"7\xFF");
    assert_eq!((uncounted.usage.total(), uncounted.shortfall), (Some(9), None));
}
