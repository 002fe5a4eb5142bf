//! Edits of requests, and what they make necessary in answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use genops::call::RequestFacts;
use genops::provider::{Dialect, Endpoint, RefusalKind, RequestEdits, UsageChunkRemover, recognise};
use serde_json::{Value, json};

fn endpoint(authority: &str, path: &str) -> Endpoint {
    recognise("POST", authority, path).unwrap()
}

fn edit(endpoint: &Endpoint, body: &str, edits: RequestEdits) -> Option<String> {
    let facts = endpoint.read_request(None, body.as_bytes()).unwrap();
    let edited = endpoint.edit_request(body.as_bytes(), &facts, &edits)?.body;
    // Whatever was edited, it is read back, and says what was wanted.
    let after = endpoint.read_request(None, &edited).unwrap();
    let same = |of: &RequestFacts| (of.model.clone(), of.stream, of.choices, of.input);
    assert_eq!(same(&after), same(&facts));
    assert!(!(edits.include_usage && endpoint.can_ask_for_usage(&after)), "{body}");
    if let Some(cap) = edits.output_cap {
        assert!(after.max_output_tokens.is_some_and(|after| after <= cap), "{body}");
    }
    Some(String::from_utf8(edited).unwrap())
}

#[test]
fn usage_is_asked_for_and_merged_into_what_the_client_sent() {
    let openai = endpoint("api.openai.com", "/v1/chat/completions");
    let ask = RequestEdits { include_usage: true, output_cap: None };
    for (body, edited) in [
        (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        (
            r#" { "stream" : true , "model":"é" } "#,
            r#" {"stream_options":{"include_usage":true}, "stream" : true , "model":"é" } "#,
        ),
        (
            r#"{"stream":true,"stream_options":{}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{"include_obfuscation":false},"stream":true}"#,
            r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage": false }}"#,
            r#"{"stream":true,"stream_options":{"include_usage": true }}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(edit(&openai, body, ask).as_deref(), Some(edited));
    }
    for untouched in
        [r#"{"stream":false}"#, r#"{}"#, r#"{"stream":true,"stream_options":{"include_usage":true}}"#]
    {
        assert_eq!(edit(&openai, untouched, ask), None, "{untouched}");
    }
    let mistral = endpoint("api.mistral.ai", "/v1/chat/completions");
    assert_eq!(edit(&mistral, r#"{"stream":true}"#, ask), None, "it refuses fields that it does not know");
    let responses = endpoint("api.openai.com", "/v1/responses");
    assert_eq!(edit(&responses, r#"{"stream":true}"#, ask), None, "it states usage anyway");
}

#[test]
fn caps_are_set_or_lowered_never_raised() {
    let cap = RequestEdits { include_usage: false, output_cap: Some(100) };
    for (authority, path, body, edited) in [
        ("api.openai.com", "/v1/chat/completions", "{}", Some(r#"{"max_completion_tokens":100}"#)),
        ("api.openai.com", "/v1/chat/completions", r#"{"max_tokens":99}"#, None),
        (
            "api.openai.com",
            "/v1/chat/completions",
            r#"{"max_tokens":101,"n":2}"#,
            Some(r#"{"max_tokens":100,"n":2}"#),
        ),
        ("api.openai.com", "/v1/chat/completions", r#"{"max_tokens":"5000"}"#, Some(r#"{"max_tokens":100}"#)),
        ("vllm", "/v1/chat/completions", r#"{"n":2}"#, Some(r#"{"max_tokens":100,"n":2}"#)),
        ("vllm", "/v1/chat/completions", r#"{"max_tokens":null}"#, Some(r#"{"max_tokens":100}"#)),
        ("api.openai.com", "/v1/responses", "{ }", Some(r#"{"max_output_tokens":100 }"#)),
        ("api.anthropic.com", "/v1/messages", r#"{"max_tokens":4096}"#, Some(r#"{"max_tokens":100}"#)),
        (
            "gemini",
            "/v1beta/models/g:generateContent",
            r#"{"contents":[]}"#,
            Some(r#"{"generationConfig":{"maxOutputTokens":100},"contents":[]}"#),
        ),
        (
            "gemini",
            "/v1beta/models/g:generateContent",
            r#"{"generation_config":{"a":1}}"#,
            Some(r#"{"generation_config":{"maxOutputTokens":100,"a":1}}"#),
        ),
        (
            "bedrock",
            "/model/m/converse",
            r#"{"inferenceConfig":{"maxTokens":500}}"#,
            Some(r#"{"inferenceConfig":{"maxTokens":100}}"#),
        ),
        (
            "ollama",
            "/api/chat",
            r#"{"options":{"num_predict":-1}}"#,
            Some(r#"{"options":{"num_predict":100}}"#),
        ),
        ("ollama", "/api/chat", r#"{"options":null}"#, Some(r#"{"options":{"num_predict":100}}"#)),
        ("api.openai.com", "/v1/embeddings", r#"{"input":"a"}"#, None),
    ] {
        assert_eq!(edit(&endpoint(authority, path), body, cap).as_deref(), edited, "{path} {body}");
    }
}

#[test]
fn both_edits_are_made_at_once() {
    let edits = RequestEdits { include_usage: true, output_cap: Some(5) };
    let edited = edit(
        &endpoint("vllm", "/v1/chat/completions"),
        r#"{"stream":true,"max_tokens":9,"stream_options":{}}"#,
        edits,
    );
    assert_eq!(
        edited.as_deref(),
        Some(r#"{"stream":true,"max_tokens":5,"stream_options":{"include_usage":true}}"#)
    );
}

fn removed(stream: &str, cut: usize) -> String {
    let mut remover = UsageChunkRemover::new();
    let mut passed = Vec::new();
    for chunk in stream.as_bytes().chunks(cut) {
        passed.extend(remover.feed(chunk));
    }
    passed.extend(remover.finish());
    String::from_utf8(passed).unwrap()
}

#[test]
fn the_usage_chunk_alone_is_removed_and_every_other_byte_passes() {
    let azure = r#"data: {"choices":[],"model":"","prompt_filter_results":[{"a":"\"usage\""}]}"#;
    let text = r#"data: {"choices":[{"delta":{"content":"\"usage\" é"}}],"usage":null}"#;
    let last = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":5}}"#;
    let usage =
        r#"data: {"id":"1","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}"#;
    let large = format!("data: {{\"choices\":[],\"usage\":{{}},\"x\":\"{}\"}}", "y".repeat(9000));
    for end in ["\n", "\r\n", "\r"] {
        let event = |line: &str| format!("{line}{end}{end}");
        let before =
            format!(": comment{end}{end}{}{}{}{}", event(azure), event(text), event(&large), event(last));
        let after = event("data: [DONE]");
        let stream = format!("{before}{}{after}", event(usage));
        for cut in [1, 2, 3, 7, 64, 1000, 100_000] {
            assert_eq!(removed(&stream, cut), format!("{before}{after}"), "{end:?} cut at {cut}");
            assert_eq!(removed(&format!("{before}{usage}"), cut), before, "unfinished, cut at {cut}");
            assert_eq!(removed(&before, cut), before);
        }
    }
    let json = r#"{"choices":[],"usage":{"total_tokens":5}}"#;
    for cut in [1, 5, 100] {
        assert_eq!(removed(&format!("\n {json}\n\n"), cut), format!("\n {json}\n\n"));
    }
}

#[test]
fn refusals_are_spelt_in_the_callers_dialect() {
    let refuse = |dialect: Dialect, kind, retry| {
        let reply = dialect.refusal(kind, "no \"more\"", "BUDGET_EXCEEDED", retry);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status, reply.headers, body)
    };
    let (status, headers, body) = refuse(Dialect::OpenAi, RefusalKind::Budget, None);
    assert_eq!(status, 429);
    assert_eq!(headers, [("x-should-retry", "false".to_owned())], "waiting does not help");
    assert_eq!(body["error"]["code"], "insufficient_quota");
    assert_eq!(body["error"]["message"], "no \"more\"");
    let (status, headers, body) = refuse(Dialect::OpenAi, RefusalKind::RateLimit, Some(30));
    assert_eq!((status, headers), (429, vec![("retry-after", "30".to_owned())]));
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    let (status, _, body) = refuse(Dialect::Anthropic, RefusalKind::Forbidden, None);
    assert_eq!(
        (status, &body["type"], &body["error"]["type"]),
        (403, &json!("error"), &json!("permission_error"))
    );
    let (status, headers, body) = refuse(Dialect::Bedrock, RefusalKind::Budget, None);
    assert_eq!(status, 400, "botocore retries every 429");
    let quota = ("x-amzn-errortype", "ServiceQuotaExceededException".to_owned());
    assert_eq!(headers, [("x-should-retry", "false".to_owned()), quota]);
    assert_eq!(body, json!({"message": "no \"more\""}));
    let (status, headers, _) = refuse(Dialect::Bedrock, RefusalKind::RateLimit, Some(30));
    let throttled = ("x-amzn-errortype", "ThrottlingException".to_owned());
    let waits = [("retry-after", "30".to_owned()), ("x-amz-retry-after", "30000".to_owned()), throttled];
    assert_eq!((status, headers.as_slice()), (429, waits.as_slice()));
    // Cohere's SDK tries a 429 again after a minute, and knows no header against it.
    assert_eq!(refuse(Dialect::Cohere, RefusalKind::Budget, Some(43_200)).0, 402);
    assert_eq!(refuse(Dialect::Cohere, RefusalKind::RateLimit, Some(30)).0, 429);
    let (status, _, body) = refuse(Dialect::Watsonx, RefusalKind::Budget, None);
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!("token_quota_reached")));
    let (_, _, body) = refuse(Dialect::Google, RefusalKind::RateLimit, Some(34));
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(body["error"]["details"][1]["retryDelay"], "34s");
    for (dialect, pointer) in [
        (Dialect::Cohere, "/message"),
        (Dialect::Mistral, "/message"),
        (Dialect::Ollama, "/error"),
        (Dialect::Tgi, "/error"),
        (Dialect::Watsonx, "/errors/0/message"),
        (Dialect::Databricks, "/message"),
        (Dialect::Detail, "/detail"),
        (Dialect::Azure, "/error/message"),
    ] {
        let (_, _, body) = refuse(dialect, RefusalKind::Forbidden, None);
        assert_eq!(body.pointer(pointer), Some(&json!("no \"more\"")), "{dialect:?}");
    }
}
