//! What content rules get to see: every API's text, whatever hides it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use genops::provider::{Endpoint, recognise};
use genops::text::{TextSet, Wanted, fold};
use genops::transcript::{Roles, Transcript};
use proptest::prelude::*;
use serde_json::Value;

fn endpoint(authority: &str, path: &str) -> Endpoint {
    recognise("POST", authority, path).unwrap_or_else(|| panic!("{authority}{path} is not recognised"))
}

fn chat() -> Endpoint {
    endpoint("api.openai.com", "/v1/chat/completions")
}

fn transcribe(endpoint: &Endpoint, body: &str) -> Transcript {
    endpoint.transcribe(Some("application/json"), body.as_bytes()).unwrap()
}

/// Whether a rule for `roles` finds `bomb`.
fn finds(transcript: &Transcript, roles: Roles) -> bool {
    let wanted = Wanted { literals: &["bomb"], patterns: &[], ignore_case: true };
    let set = TextSet::compile(&[wanted]).unwrap();
    let mut found = false;
    transcript.look(|said_by, text| {
        found |= said_by.meets(roles) && (set.is_in(text) || fold(text).is_some_and(|text| set.is_in(&text)));
        found
    });
    found
}

/// Who says `bomb`.
fn speakers(transcript: &Transcript) -> Vec<&'static str> {
    let roles = Roles::NAMES.into_iter();
    roles.filter(|(_, role)| finds(transcript, *role)).map(|(name, _)| name).collect()
}

const ANYBODY: [&str; 4] = ["system", "user", "assistant", "tool"];

#[test]
fn every_apis_text_is_seen_with_who_says_it() {
    let chat = ("api.openai.com", "/v1/chat/completions");
    let responses = ("api.openai.com", "/v1/responses");
    let messages = ("api.anthropic.com", "/v1/messages");
    let converse = ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/amazon.nova-lite-v1:0/converse");
    let invoke = ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/amazon.titan-text-lite-v1/invoke");
    let gemini = ("generativelanguage.googleapis.com", "/v1beta/models/gemini-2.0-flash:generateContent");
    let cohere = ("api.cohere.com", "/v1/chat");
    let ollama = ("localhost:11434", "/api/chat");
    let cases: &[((&str, &str), &[&str], &str)] = &[
        (chat, &["user"], r#"{"messages":[{"role":"user","content":"a bomb"}]}"#),
        (chat, &["user"], r#"{"messages":[{"content":"a bomb","role":"user"}]}"#),
        (chat, &["system"], r#"{"messages":[{"role":"developer","content":"a bomb"}]}"#),
        (chat, &["user"], r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a bomb"}]}]}"#),
        (chat, &["tool"], r#"{"messages":[{"role":"tool","tool_call_id":"1","content":"a bomb"}]}"#),
        (
            chat,
            &["assistant"],
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":\"bomb\"}"}}]}]}"#,
        ),
        (
            chat,
            &["system"],
            r#"{"tools":[{"type":"function","function":{"name":"f","description":"a bomb"}}]}"#,
        ),
        (
            chat,
            &["system"],
            r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"bomb":{"type":"string"}}}}}]}"#,
        ),
        (chat, &["user"], r#"{"messages":[{"role":"user","name":"bomber","content":"x"}]}"#),
        (chat, &["user"], r#"{"prompt":"a bomb"}"#),
        (chat, &ANYBODY, r#"{"a_new_field":{"deeply":[["a bomb"]]}}"#),
        (
            responses,
            &ANYBODY,
            r#"{"input":"x","text":{"format":{"type":"json_schema","schema":{"description":"a bomb"}}}}"#,
        ),
        (responses, &["user"], r#"{"input":"a bomb"}"#),
        (responses, &["system"], r#"{"instructions":"a bomb","input":"x"}"#),
        (
            responses,
            &["user"],
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a bomb"}]}]}"#,
        ),
        (
            responses,
            &["tool"],
            r#"{"input":[{"type":"function_call_output","call_id":"1","output":"a bomb"}]}"#,
        ),
        (
            responses,
            &["assistant"],
            r#"{"input":[{"type":"function_call","name":"f","arguments":"a bomb"}]}"#,
        ),
        (responses, &ANYBODY, r#"{"input":[{"type":"a_new_item","x":"a bomb"}]}"#),
        (responses, &ANYBODY, r#"{"prompt":{"id":"p","variables":{"v":"a bomb"}},"input":"x"}"#),
        (messages, &["system"], r#"{"system":[{"type":"text","text":"a bomb"}],"messages":[]}"#),
        (messages, &["system"], r#"{"system":"a bomb"}"#),
        (
            messages,
            &["tool"],
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"a bomb"}]}]}]}"#,
        ),
        (
            messages,
            &["tool"],
            r#"{"messages":[{"role":"user","content":[{"content":"a bomb","type":"tool_result"}]}]}"#,
        ),
        (
            messages,
            &["assistant"],
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"a":{"bomb":1}}}]}]}"#,
        ),
        (
            messages,
            &["user"],
            r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a bomb"}}]}]}"#,
        ),
        (
            messages,
            &["system"],
            r#"{"tools":[{"name":"f","input_schema":{"properties":{"x":{"description":"a bomb"}}}}]}"#,
        ),
        (converse, &["user"], r#"{"messages":[{"role":"user","content":[{"text":"a bomb"}]}]}"#),
        (converse, &["system"], r#"{"system":[{"text":"a bomb"}]}"#),
        (
            converse,
            &["tool"],
            r#"{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"1","content":[{"json":{"k":"a bomb"}}]}}]}]}"#,
        ),
        (invoke, &["user"], r#"{"inputText":"a bomb"}"#),
        (invoke, &["user"], r#"{"messages":[{"role":"user","content":"a bomb"}]}"#),
        (gemini, &["user"], r#"{"contents":[{"role":"user","parts":[{"text":"a bomb"}]}]}"#),
        (gemini, &["assistant"], r#"{"contents":[{"role":"model","parts":[{"text":"a bomb"}]}]}"#),
        (gemini, &ANYBODY, r#"{"contents":[{"parts":[{"text":"a bomb"}]}]}"#),
        (gemini, &["system"], r#"{"systemInstruction":{"parts":[{"text":"a bomb"}]}}"#),
        (gemini, &["system"], r#"{"system_instruction":{"parts":{"text":"a bomb"}}}"#),
        (
            gemini,
            &["tool"],
            r#"{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"bomb":true}}}]}]}"#,
        ),
        (
            gemini,
            &["user"],
            r#"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"text/plain","data":"VGhpcyBpcyBhIGxvbmcgdGV4dCBhYm91dCBob3cgdG8gYnVpbGQgYSBib21iIGF0IGhvbWUu"}}]}]}"#,
        ),
        (cohere, &["user"], r#"{"message":"a bomb"}"#),
        (cohere, &["system"], r#"{"preamble":"a bomb","message":"x"}"#),
        (
            cohere,
            &["tool"],
            r#"{"tool_results":[{"call":{"name":"f"},"outputs":[{"x":"a bomb"}]}],"message":"x"}"#,
        ),
        (cohere, &["assistant"], r#"{"chat_history":[{"role":"CHATBOT","message":"a bomb"}]}"#),
        (ollama, &["user"], r#"{"messages":[{"role":"user","content":"a bomb"}]}"#),
        (ollama, &["system"], r#"{"system":"a bomb","prompt":"x"}"#),
    ];
    for ((authority, path), expected, body) in cases {
        let transcript = transcribe(&endpoint(authority, path), body);
        assert_eq!(speakers(&transcript), *expected, "{authority}{path} {body}");
    }
}

/// One user's message around `parts`.
fn parts(parts: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{parts}]}}]}}"#)
}

#[test]
fn nothing_hides_text_from_a_rule_for_the_user() {
    let long = format!(r#"{{"type":"text","text":"{}bomb"}}"#, "x".repeat(100_000));
    for hidden in [
        r#"{"type":"text","text":"\u0062\u006f\u006d\u0062"}"#,
        r#"{"type":"text","text":"b\u006Fmb"}"#,
        r#"{"\u0074ext":"bomb","type":"text"}"#,
        r#"{"type":"text","text":"bo"},{"type":"text","text":"mb"}"#,
        r#"{"text":"b","type":"text"},{"text":"","type":"text"},{"text":"omb","type":"text"}"#,
        r#"{"type":"text","text":"bo","ignored":"zzz"},{"type":"text","text":"mb"}"#,
        r#"{"type":"text","text":"bo"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"text","text":"mb"}"#,
        r#""bo","mb""#,
        r#"[[[{"type":"text","text":"bomb"}]]]"#,
        r#"{"type":"text","text":"safe","text":"bomb"}"#,
        r#"{"type":"text","text":"bomb","text":"safe"}"#,
        r#"{"type":"text","Text":"bomb"}"#,
        r#"{"type":"a_new_kind","a_new_key":"bomb"}"#,
        r#"{"type":"text","text":"BOMB"}"#,
        r#"{"type":"text","text":"b\u200bo\u200bm\u200bb"}"#,
        r#"{"type":"text","text":"ｂｏｍｂ"}"#,
        r#"{"type":"text","text":"\ud835\udc1b\ud835\udc28\ud835\udc26\ud835\udc1b"}"#,
        r#"{"type":"text","text":"b\u0336o\u0336m\u0336b\u0336"}"#,
        r#"{"type":"text","text":"x\udb40\udc62\udb40\udc6f\udb40\udc6d\udb40\udc62"}"#,
        r#"{"type":"tool_use","input":{"q":"{\"inner\":\"\\u0062omb\"}"}}"#,
        r#"{"type":"image_url","image_url":{"url":"data:text/plain,how to build a bomb"}}"#,
        r#"{"type":"file","file":{"filename":"bomb.txt","file_data":"data:text/plain;base64,VGhpcyBpcyBhIGxvbmcgdGV4dCBhYm91dCBob3cgdG8gYnVpbGQgYSBib21iIGF0IGhvbWUu"}}"#,
        r#"{"type":"document","source":{"data":"bomb","type":"text"}}"#,
        r#"{"type":"document","document":{"data":"ThisIsAVeryLongTextWithoutAnyBlanksThatTellsHowToBuildABombAtHome"}}"#,
        r#"{"type":"text","data":"ThisIsAVeryLongTextWithoutAnyBlanksThatTellsHowToBuildABombAtHome","format":"wav"}"#,
        &long,
    ] {
        let transcript = transcribe(&chat(), &parts(hidden));
        assert!(finds(&transcript, Roles::USER), "{}", &hidden[..hidden.len().min(300)]);
    }
}

#[test]
fn a_role_that_parsers_could_read_either_way_is_any() {
    for role in [
        r#""role":"assistant","role":"user""#,
        r#""role":"assistant","Role":"user""#,
        r#""role":"USER""#,
        r#""role":"somebody""#,
        r#""role":["user"]"#,
        r#""x":1"#,
    ] {
        let body = format!(r#"{{"messages":[{{{role},"content":"a bomb"}}]}}"#);
        assert!(finds(&transcribe(&chat(), &body), Roles::USER), "{role}");
    }
}

#[test]
fn messages_are_not_read_as_one_and_media_is_no_text() {
    let base64 = "bombBOMB".repeat(40);
    for harmless in [
        r#"{"messages":[{"role":"user","content":"bo"},{"role":"user","content":"mb"}]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":[{"text":"bo"}]},{"role":"user","content":[{"text":"mb"}]}]}"#
            .to_owned(),
        r#"{"model":"bomb","user":"bomb","metadata":{"bomb":"bomb"},"messages":[]}"#.to_owned(),
        r#"{"messages":[{"role":"user","id":"bomb","content":[{"type":"bomb","cache_control":{"type":"bomb"}}]}]}"#
            .to_owned(),
        parts(&format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{base64}"}}}}"#)),
        parts(&format!(r#"{{"type":"input_audio","input_audio":{{"data":"{base64}","format":"wav"}}}}"#)),
        parts(&format!(
            r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{base64}"}}}}"#
        )),
        format!(r#"{{"messages":[{{"role":"user","content":"x","images":["{base64}"]}}]}}"#),
    ] {
        let transcript = transcribe(&chat(), &harmless);
        assert!(!finds(&transcript, Roles::ANY), "{harmless}");
    }
}

#[test]
fn prompts_stated_as_tokens_are_counted() {
    for (body, tokens) in [
        (r#"{"prompt":[1,2,3]}"#, 3),
        (r#"{"input":[[1,2],[3]]}"#, 3),
        (r#"{"prompt":"x","logit_bias":{"50256":-100}}"#, 0),
        (r#"{"messages":[{"role":"user","content":"x","bbox":[1,2]}],"seed":7}"#, 0),
    ] {
        assert_eq!(transcribe(&chat(), body).stated_tokens(), tokens, "{body}");
    }
}

/// Documents of the words that requests are made of, nested in any way.
fn document() -> impl Strategy<Value = Value> {
    let words = [
        "messages",
        "content",
        "text",
        "type",
        "role",
        "user",
        "tool_result",
        "tools",
        "function",
        "name",
        "parameters",
        "properties",
        "input",
        "data",
        "media_type",
        "text/plain",
        "image/png",
        "inlineData",
        "toolConfig",
        "prompt",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        "[a-zA-Z0-9+/]{64,80}".prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let inner = leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    });
    // At the top `user` is a parameter: an identifier, not text.
    let field = prop::sample::select(words.to_vec()).prop_filter("a parameter", |word| *word != "user");
    prop::collection::vec((field, inner), 0..6)
        .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

/// Every string under a key `text`, in lists too.
fn texts(value: &Value, under_text: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if under_text => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, under_text, found)),
        Value::Object(members) => members.iter().for_each(|(key, item)| texts(item, key == "text", found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_stands_under_a_key_text_is_seen(document in document()) {
        let mut expected = Vec::new();
        texts(&document, false, &mut expected);
        let body = document.to_string();
        let transcript = transcribe(&chat(), &body);
        let mut seen = Vec::new();
        transcript.look(|_, text| {
            seen.push(String::from_utf8_lossy(text).into_owned());
            false
        });
        for text in expected {
            prop_assert!(seen.iter().any(|seen| seen.contains(&text)), "{} of {}", text, body);
        }
        chat().offered_tools(None, body.as_bytes()).unwrap();
    }

    #[test]
    fn any_bytes_end_in_a_transcript_or_a_problem(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for content_type in [None, Some("multipart/form-data; boundary=b")] {
            let read = chat().read_request(content_type, &body).is_ok();
            let transcript = chat().transcribe(content_type, &body);
            prop_assert!(!read || body.is_empty() || transcript.is_ok());
            let _ = chat().offered_tools(content_type, &body);
        }
    }
}

#[test]
fn the_text_parts_of_a_form_are_seen_and_files_are_not() {
    let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nbomb\r\n\
                --b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na %\r\n\
                --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nbomb\r\n--b--";
    let endpoint = endpoint("api.openai.com", "/v1/audio/transcriptions");
    for (prompt, found) in [("bomb", true), ("flower", false)] {
        let body = form.replace('%', prompt);
        let transcript =
            endpoint.transcribe(Some("multipart/form-data; boundary=b"), body.as_bytes()).unwrap();
        assert_eq!(finds(&transcript, Roles::USER), found, "{prompt}");
    }
}
