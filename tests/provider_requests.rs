//! What the filter reads of requests: governed facts strictly, sizes without content.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use genops::call::{InputSize, RequestFacts};
use genops::provider::{Endpoint, Malformed, Unreadable, recognise};
use serde_json::json;

fn endpoint(path: &str) -> Endpoint {
    recognise("POST", "llm.internal", path).unwrap_or_else(|| panic!("{path} is not recognised"))
}

fn read(path: &str, body: &str) -> Result<RequestFacts, Unreadable> {
    endpoint(path).read_request(Some("application/json"), body.as_bytes())
}

fn chat(body: &str) -> Result<RequestFacts, Unreadable> {
    read("/v1/chat/completions", body)
}

fn size(path: &str, body: serde_json::Value) -> InputSize {
    read(path, &body.to_string()).unwrap().input
}

#[test]
fn escapes_in_governed_keys_and_values_are_decoded() {
    let facts =
        chat(r#"{"mod\u0065l":"gpt\u002d5 \ud83d\ude00\/","stre\u0061m":true,"max_t\u006fkens":7}"#).unwrap();
    assert_eq!(facts.model.as_deref(), Some("gpt-5 😀/"));
    assert!(facts.stream);
    assert_eq!(facts.max_output_tokens, Some(7));
}

#[test]
fn only_the_top_level_governs() {
    let body = r#"{"metadata":{"model":"evil","stream":true,"max_tokens":1},"messages":[{"model":"evil","n":9}],"model":"m"}"#;
    let facts = chat(body).unwrap();
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("m"), false));
    assert_eq!((facts.max_output_tokens, facts.choices), (None, None));
}

#[test]
fn what_parsers_could_read_differently_is_unreadable() {
    for twice in [
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","mod\u0065l":"a"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"STREAM":true}"#,
        "{\"\u{17F}tream\":true}",
        "{\"max_to\u{212A}ens\":5}",
        r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
    ] {
        assert!(matches!(chat(twice), Err(Unreadable::Ambiguous(_))), "{twice}: {:?}", chat(twice));
    }
    let spelt_twice =
        r#"{"generationConfig":{"maxOutputTokens":1},"generation_config":{"max_output_tokens":9}}"#;
    let gemini = read("/v1beta/models/gemini-3:generateContent", spelt_twice);
    assert!(matches!(gemini, Err(Unreadable::Ambiguous(_))), "{gemini:?}");
    // Governed keys with capitals of their own are as ambiguous in another case as those without.
    for key in ["MaxOutputTokens", "maxOutputToken\u{17F}", "MAXOUTPUTTO\u{212A}EN\u{17F}"] {
        let body = format!(r#"{{"generationConfig":{{"maxOutputTokens":1,"{key}":9}}}}"#);
        let gemini = read("/v1beta/models/gemini-3:generateContent", &body);
        assert!(matches!(gemini, Err(Unreadable::Ambiguous(_))), "{body}: {gemini:?}");
    }
}

#[test]
fn values_of_another_type_are_unreadable_where_they_govern() {
    for body in [
        r#"{"model":5}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":{"name":"a"}}"#,
        r#"{"model":true}"#,
        r#"{"stream":"yes"}"#,
        r#"{"stream":1}"#,
        r#"{"max_tokens":1.5}"#,
        r#"{"max_tokens":true}"#,
        r#"{"max_tokens":[5]}"#,
        r#"{"max_tokens":"five"}"#,
        r#"{"n":{}}"#,
        r#"{"stream_options":[]}"#,
        "{\"model\":\"\u{0}\\ud800\",\"n\":\"\"}",
    ] {
        assert!(matches!(chat(body), Err(Unreadable::WrongType(_))), "{body}: {:?}", chat(body));
    }
}

#[test]
fn figures_are_read_as_lenient_servers_read_them() {
    for (body, cap) in [
        (r#"{"max_tokens":256}"#, Some(256)),
        (r#"{"max_tokens":256.0}"#, Some(256)),
        (r#"{"max_tokens":2e2}"#, Some(200)),
        (r#"{"max_tokens":"256"}"#, Some(256)),
        (r#"{"max_tokens":null}"#, None),
        (r#"{"max_tokens":-1}"#, None),
        (r#"{"max_tokens":99999999999999999999}"#, Some(u64::MAX)),
        // Either may be the one that is honoured: the larger is the bound.
        (r#"{"max_tokens":5,"max_completion_tokens":9}"#, Some(9)),
        (r#"{"max_tokens":9,"max_completion_tokens":5}"#, Some(9)),
    ] {
        assert_eq!(chat(body).unwrap().max_output_tokens, cap, "{body}");
    }
}

#[test]
fn what_is_no_json_object_is_unreadable() {
    for body in ["[]", "5", "\"model\"", "null"] {
        assert_eq!(chat(body), Err(Unreadable::NotAnObject), "{body}");
    }
    for body in [
        "\u{FEFF}{}",
        "{} x",
        "{}{}",
        "{",
        "{\"model\":\"a\"",
        "{\"model\"}",
        "{\"model\":}",
        "{,}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\":01}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{'a':1}",
        "{\"a\":1]",
        "{\"a\":\"",
        "// c\n{}",
        " ",
    ] {
        assert!(matches!(chat(body), Err(Unreadable::Malformed(_))), "{body}: {:?}", chat(body));
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert_eq!(chat(&deep), Err(Unreadable::Malformed(Malformed::TooDeep)));
    let utf16: Vec<u8> = "{\"model\":\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let read = endpoint("/v1/chat/completions").read_request(None, &utf16);
    assert!(matches!(read, Err(Unreadable::Malformed(_))), "{read:?}");
}

#[test]
fn an_empty_body_has_the_paths_facts_alone() {
    let facts = read("/model/amazon.nova-micro-v1%3A0/converse-stream", "").unwrap();
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("amazon.nova-micro-v1:0"), true));
}

#[test]
fn text_is_measured_decoded_and_media_are_counted_instead() {
    let text = size("/v1/chat/completions", json!({"messages": [{"role": "user", "content": "a\nb\"é"}]}));
    assert_eq!(text, InputSize { text_bytes: 6, ..InputSize::default() });
    let data = "A".repeat(5000);
    let media = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}"), "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "file", "file": {"file_data": data, "filename": "a.pdf"}},
    ]}]});
    let expected = InputSize { text_bytes: 4, images: 1, audio_parts: 1, tokens: 0 };
    assert_eq!(size("/v1/chat/completions", media), expected);
    let blocks = json!({"max_tokens": 1, "system": "ab", "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"data": "abc", "n": 12}},
        {"type": "thinking", "thinking": "hm", "signature": data},
    ]}]});
    // `f`, the arguments with their keys, the thought and the system prompt.
    let expected = InputSize { text_bytes: 1 + 4 + 3 + 1 + 2 + 2 + 2, images: 1, ..InputSize::default() };
    assert_eq!(size("/v1/messages", blocks), expected);
    let parts = json!({"contents": [{"role": "user", "parts": [{"text": "abc"},
        {"inlineData": {"mimeType": "image/png", "data": data}}, {"inline_data": {"mime_type": "audio/wav", "data": data}}]}]});
    let expected = InputSize { text_bytes: 3, images: 1, audio_parts: 1, tokens: 0 };
    assert_eq!(size("/v1beta/models/gemini-3:generateContent", parts), expected);
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "abc"}, {"image": {"format": "png", "source": {"bytes": data}}}]}]});
    let expected = InputSize { text_bytes: 3, images: 1, ..InputSize::default() };
    assert_eq!(size("/model/x/converse", converse), expected);
    let ollama =
        json!({"model": "m", "messages": [{"role": "user", "content": "abc", "images": [data, data]}]});
    let expected = InputSize { text_bytes: 3, images: 2, ..InputSize::default() };
    assert_eq!(size("/api/chat", ollama), expected);
}

#[test]
fn tools_are_text_with_their_keys() {
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "maximum": 10}}}]});
    let keys = "typefunctionnameparameterstypemaximum".len();
    let values = "functionfobject10".len();
    assert_eq!(size("/v1/chat/completions", tools).text_bytes, (keys + values) as u64);
}

#[test]
fn token_arrays_are_exact() {
    for (input, tokens) in [(json!([1, 2, 3]), 3), (json!([[1, 2], [3, 4, 5]]), 5)] {
        let expected = InputSize { tokens, ..InputSize::default() };
        assert_eq!(size("/v1/embeddings", json!({"input": input})), expected);
        assert_eq!(size("/v1/completions", json!({"prompt": input})), expected);
    }
}

#[test]
fn forms_are_read_by_their_parts() {
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nmodel=\"x\"\r\n";
    let read = |body: String| {
        endpoint("/v1/audio/transcriptions")
            .read_request(Some("multipart/form-data; charset=x; boundary=\"b\""), body.as_bytes())
    };
    let facts =
        read(format!("{file}{}{}--b--\r\n", part("model", "whisper-1"), part("stream", "true"))).unwrap();
    assert_eq!((facts.model.as_deref(), facts.stream, facts.input.audio_parts), (Some("whisper-1"), true, 1));
    let twice = format!("{}{}--b--\r\n", part("model", "a"), part("model", "b"));
    assert!(matches!(read(twice), Err(Unreadable::Ambiguous(_))));
    for bad in ["{\"model\":\"a\"}".to_owned(), part("model", "a"), "--b\r\nno head\r\n--b--".to_owned()] {
        assert_eq!(read(bad.clone()), Err(Unreadable::BadForm), "{bad}");
    }
}

#[test]
fn a_form_names_its_parts_in_every_way_that_servers_read() {
    let read = |head: &str| {
        let body = format!("--b\r\n{head}\r\n\r\nwhisper-1\r\n--b--\r\n");
        endpoint("/v1/audio/transcriptions")
            .read_request(Some("Multipart/Form-Data; boundary=b"), body.as_bytes())
    };
    for head in [
        "Content-Disposition: form-data; name=model",
        "content-disposition:form-data;name=\"model\"",
        "Content-Type: text/plain; name=\"other\"\r\nCONTENT-DISPOSITION: form-data; NAME=\"model\"",
        "Content-Disposition: form-data;\r\n name=\"model\"\r\nContent-Length: 9",
        "Content-Disposition: form-data; filename=\"a; name=b\"; name = model ; x",
    ] {
        assert_eq!(read(head).unwrap().model.as_deref(), Some("whisper-1"), "{head}");
    }
    for head in [
        "Content-Disposition: form-data; filename=\"; name=model\"; name=file",
        "Content-Disposition: form-data; filename=model",
        "Content-Type: text/plain; name=model",
        "X: content-disposition: form-data; name=model",
    ] {
        assert_eq!(read(head).unwrap().model, None, "{head}");
    }
    let escaped = "Content-Disposition: form-data; name=\"mo\\del\"";
    assert_eq!(read(escaped), Err(Unreadable::BadForm), "with the backslash or without it?");
}

#[test]
fn of_several_budgets_of_reasoning_the_one_that_needs_most_counts() {
    let budget = |body: &str| chat(body).unwrap().reasoning.map(|budget| (budget.tokens, budget.is_in_cap));
    for (body, expected) in [
        (r#"{"thinking":{"budget_tokens":5},"reasoning":{"max_tokens":9}}"#, Some((9, true))),
        (r#"{"reasoning":{"max_tokens":9},"thinking":{"budget_tokens":5}}"#, Some((9, true))),
        (r#"{"thinking_budget":3,"thinking":{"budget_tokens":5}}"#, Some((3, false))),
        (r#"{"thinking":{"budget_tokens":5},"thinking_budget":3}"#, Some((3, false))),
        (r#"{"thinking":{"budget_tokens":null},"reasoning":{"max_tokens":null}}"#, None),
        (r#"{"thinking":{"type":"adaptive"},"reasoning":{"effort":"low"}}"#, None),
    ] {
        assert_eq!(budget(body), expected, "{body}");
    }
}

#[test]
fn fallback_models_are_bounded_since_each_is_judged_and_priced() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
        chat(&serde_json::json!({"model": "a", "models": names}).to_string())
    };
    assert_eq!(names(32).unwrap().fallback_models.len(), 32);
    for count in [33, 100_000] {
        assert_eq!(names(count), Err(Unreadable::TooManyModels));
    }
}

#[test]
fn a_conversation_that_is_prepared_names_its_model() {
    let body = r#"{"session":{"type":"realtime","model":"gpt-realtime"},"expires_after":{"seconds":60}}"#;
    assert_eq!(read("/v1/realtime/client_secrets", body).unwrap().model.as_deref(), Some("gpt-realtime"));
}

#[test]
fn fallback_models_are_facts_too() {
    let facts = chat(r#"{"model":"a","models":["b","c"]}"#).unwrap();
    assert_eq!(facts.fallback_models, ["b", "c"]);
}
