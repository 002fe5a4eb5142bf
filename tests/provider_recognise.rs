//! Which calls are recognised, as whose, and where they are answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use genops::provider::{Api, Endpoint, Provider, RefusalKind, recognise, recognise_at};
use genops::upstream::Upstream;

type Call = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

/// Method, authority, path → provider, operation, model in the path, region.
const CALLS: &[Call] = &[
    ("POST", "API.OpenAI.com:443", "/v1/chat/completions?x=1", "openai", "chat", None, None),
    ("POST", "eu.api.openai.com", "/v1/responses", "openai", "chat", None, Some("eu")),
    ("POST", "api.openai.com", "/v1/moderations", "openai", "moderation", None, None),
    ("POST", "api.openai.com", "/v1/threads/t/runs", "openai", "run", None, None),
    ("GET", "api.openai.com", "/v1/threads/t/runs/r", "openai", "fetch_run", None, None),
    ("POST", "api.openai.com", "/v1/batches", "openai", "batch", None, None),
    (
        "POST",
        "a.openai.azure.com",
        "/openai/deployments/my%20dep/embeddings",
        "azure_openai",
        "embeddings",
        Some("my dep"),
        None,
    ),
    (
        "POST",
        "bedrock-runtime.eu-west-3.amazonaws.com",
        "/model/a%2Fb%3A0/invoke",
        "aws_bedrock",
        "chat",
        Some("a/b:0"),
        Some("eu-west-3"),
    ),
    (
        "POST",
        "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
        "/model/a/b/converse",
        "aws_bedrock",
        "chat",
        Some("a/b"),
        Some("us-east-1"),
    ),
    ("POST", "gw.internal", "/bedrock/model/x/converse-stream", "aws_bedrock", "chat", Some("x"), None),
    (
        "POST",
        "europe-west4-aiplatform.googleapis.com",
        "/v1/projects/p/locations/europe-west4/publishers/google/models/g:generateContent",
        "vertex_ai",
        "generate_content",
        Some("g"),
        Some("europe-west4"),
    ),
    (
        "POST",
        "aiplatform.googleapis.com",
        "/v1beta1/publishers/google/models/g:generateContent",
        "vertex_ai",
        "generate_content",
        Some("g"),
        Some("global"),
    ),
    (
        "POST",
        "aiplatform.googleapis.com",
        "/v1/projects/p/locations/us/endpoints/openapi/chat/completions",
        "vertex_ai",
        "chat",
        None,
        Some("us"),
    ),
    (
        "POST",
        "gw.internal",
        "/v1beta/models/gemini-3:generateContent",
        "gemini",
        "generate_content",
        Some("gemini-3"),
        None,
    ),
    (
        "POST",
        "eu-de.ml.cloud.ibm.com",
        "/ml/v1/deployments/d/text/chat_stream",
        "watsonx",
        "chat",
        Some("d"),
        Some("eu-de"),
    ),
    ("POST", "ollama.default.svc.cluster.local", "/api/chat", "ollama", "chat", None, None),
    ("POST", "127.0.0.1:11434", "/v1/chat/completions", "ollama", "chat", None, None),
    ("POST", "gw.internal", "/groq/openai/v1/chat/completions", "groq", "chat", None, None),
    ("POST", "gw.internal", "/openai/v1/chat/completions", "openai", "chat", None, None),
    ("POST", "10.1.2.3:8000", "/v1/embeddings", "unknown", "embeddings", None, None),
    (
        "POST",
        "api.cloudflare.com",
        "/client/v4/accounts/a/ai/run/@cf/meta/llama-3",
        "cloudflare",
        "chat",
        Some("@cf/meta/llama-3"),
        None,
    ),
    ("POST", "api.mistral.ai", "/v1/conversations", "mistral", "chat", None, None),
    ("POST", "api.x.ai", "/v1/images/generations", "xai", "image", None, None),
    ("GET", "api.openai.com", "/v1/realtime?model=gpt-realtime", "openai", "realtime", None, None),
];

#[test]
fn calls_are_recognised_by_host_and_path() {
    for (method, authority, path, provider, operation, model, region) in CALLS {
        let endpoint = recognise(method, authority, path).unwrap_or_else(|| panic!("{authority}{path}"));
        assert_eq!(endpoint.provider.slug(), *provider, "{authority}{path}");
        assert_eq!(endpoint.operation.as_str(), *operation, "{authority}{path}");
        assert_eq!(endpoint.path_model.as_deref(), *model, "{authority}{path}");
        assert_eq!(endpoint.region.as_deref(), *region, "{authority}{path}");
    }
}

#[test]
fn other_traffic_is_not_recognised() {
    for (method, authority, path) in [
        ("GET", "shop.internal", "/models"),
        ("GET", "shop.internal", "/catalogue/models/m"),
        ("GET", "shop.internal", "/v1/batches/b"),
        ("POST", "shop.internal", "/catalogue/images"),
        ("DELETE", "api.openai.com", "/v1/models/m"),
        ("POST", "api.openai.com", "/v1/threads"),
        ("POST", "api.openai.com", "/v1/threads/t/messages"),
        ("DELETE", "api.openai.com", "/v1/responses/r"),
        ("POST", "api.openai.com", "/v1/files"),
        ("POST", "shop.internal", "/survey/responses"),
        ("POST", "shop.internal", "/catalogue/search"),
        ("POST", "shop.internal", "/"),
        ("GET", "shop.internal", "/v1/chat/completions"),
        ("OPTIONS", "api.openai.com", "/v1/chat/completions"),
        ("POST", "shop.internal", "/v1/model"),
        ("POST", "shop.internal", "/v1/things/a:generateContent"),
    ] {
        assert_eq!(recognise(method, authority, path), None, "{method} {authority}{path}");
    }
}

/// What a server behind Envoy may read as a chat completion, whatever the filter sees.
#[test]
fn a_call_is_recognised_however_its_path_is_spelt() {
    for path in [
        "//v1//chat/completions/",
        "/v1/chat%2Fcompletions",
        "/v1/chat%2fcompletions?x=1",
        "/v1/chat/complet%69ons",
        "/v1/chat/%2563ompletions",
        "/v1/chat/./completions",
        "/v1/chat/x/../completions",
        "/v1/chat/x/%2e%2e/completions",
        "/v1/chat\\completions",
        "/v1/chat;a=b/completions;c=d",
        "/v1/messages/../chat/completions",
    ] {
        let endpoint = recognise("POST", "10.1.2.3:8000", path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((endpoint.api, endpoint.billable), (Api::ChatCompletions, true), "{path}");
    }
    // A path that ends in a call that costs nothing, and is another one once its dots are resolved.
    let endpoint = recognise("POST", "api.anthropic.com", "/v1/messages/count_tokens/..").unwrap();
    assert_eq!((endpoint.api, endpoint.billable), (Api::Messages, true));
    let azure = "/openai/deployments/prod/CHAT/Completions";
    let endpoint = recognise("POST", "a.openai.azure.com", azure).unwrap();
    assert_eq!((endpoint.api, endpoint.path_model.as_deref()), (Api::ChatCompletions, Some("prod")));
    assert_eq!(recognise("POST", "shop.internal", "/Api/Chat"), None, "another application's");
    assert!(recognise("post", "api.openai.com", "/v1/chat/completions").is_some());
    assert_eq!(recognise("POST", "shop.internal", "/a%20b/../c;d"), None);
}

#[test]
fn domains_match_at_labels_only() {
    for (authority, provider) in [
        ("notapi.openai.com.evil.example", Provider::Unknown),
        ("evilx.ai", Provider::Unknown),
        ("api.x.ai", Provider::XAi),
        ("fakegroq.com", Provider::Unknown),
        ("api.groq.com.", Provider::Groq),
        ("api.groq.com:", Provider::Groq),
        ("api.groq.com.:443", Provider::Groq),
    ] {
        let endpoint = recognise("POST", authority, "/v1/chat/completions").unwrap();
        assert_eq!(endpoint.provider, provider, "{authority}");
    }
}

#[test]
fn token_counts_and_fetches_consume_nothing() {
    for (method, authority, path) in [
        ("POST", "api.anthropic.com", "/v1/messages/count_tokens"),
        ("POST", "api.openai.com", "/v1/responses/input_tokens"),
        ("POST", "generativelanguage.googleapis.com", "/v1beta/models/g:countTokens"),
        ("POST", "bedrock-runtime.us-east-1.amazonaws.com", "/model/m/count-tokens"),
        (
            "POST",
            "aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
        ),
        ("GET", "api.openai.com", "/v1/responses/r"),
        ("GET", "api.openai.com", "/v1/models"),
        ("GET", "api.openai.com", "/v1/batches/b"),
        ("GET", "api.anthropic.com", "/v1/messages/batches/b/results"),
        ("GET", "api.openai.com", "/v1/threads/t/runs/r/steps"),
        ("POST", "api.x.ai", "/v1/tokenize-text"),
        ("GET", "gateway", "/anthropic/v1/models/claude-sonnet-4"),
        ("GET", "generativelanguage.googleapis.com", "/v1beta/models"),
        ("GET", "ollama.internal", "/api/tags"),
        ("GET", "api.replicate.com", "/v1/predictions/p"),
    ] {
        assert!(!recognise(method, authority, path).unwrap().billable, "{authority}{path}");
    }
}

#[test]
fn a_signature_names_the_region_where_nothing_else_does() {
    let mut endpoint = recognise("POST", "bedrock.internal", "/model/m/converse").unwrap();
    let signature = "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-central-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
    endpoint.locate(|| Some(signature));
    assert_eq!(endpoint.region.as_deref(), Some("eu-central-1"));
    endpoint.locate(|| panic!("what is known stays"));
    let mut elsewhere = recognise("POST", "api.openai.com", "/v1/responses").unwrap();
    elsewhere.locate(|| panic!("no other provider's calls are signed so"));
    for foreign in [
        "Bearer eu-central-1/bedrock/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/s3/aws4_request",
    ] {
        let mut endpoint = recognise("POST", "bedrock.internal", "/model/m/converse").unwrap();
        endpoint.locate(|| Some(foreign));
        assert_eq!(endpoint.region, None, "{foreign}");
    }
}

fn at(upstream: &Upstream, path: &str) -> Endpoint {
    recognise_at(Some(upstream), "POST", "llm.corp", path)
        .unwrap_or_else(|| panic!("{path} is not recognised"))
}

#[test]
fn a_stated_provider_counts_as_if_the_host_were_its_own() {
    let groq = Upstream { provider: Some(Provider::Groq), ..Upstream::default() };
    for path in
        ["/v1/chat/completions", "/groq/openai/v1/chat/completions?a=b", "//openai/v1/chat/completions"]
    {
        let endpoint = at(&groq, path);
        assert_eq!((endpoint.provider, endpoint.api), (Provider::Groq, Api::ChatCompletions), "{path}");
    }
    // Words that end other paths too are telling once the provider is known.
    assert!(recognise("POST", "llm.corp", "/apps/responses").is_none());
    assert_eq!(at(&groq, "/apps/responses").api, Api::Responses);
    // The refusal is spelt as that provider spells it.
    let azure = Upstream { provider: Some(Provider::AzureOpenAi), ..Upstream::default() };
    let body =
        at(&azure, "/v1/chat/completions").dialect.refusal(RefusalKind::Forbidden, "m", "c", None).body;
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"error":{"code":"403","innererror":{"code":"c"},"message":"m"}}"#
    );
    // It outranks what the authority says, and what is no AI call stays none.
    assert_eq!(
        recognise_at(Some(&groq), "POST", "api.mistral.ai", "/v1/ocr").unwrap().provider,
        Provider::Groq
    );
    assert!(recognise_at(Some(&groq), "POST", "llm.corp", "/upload").is_none());
    assert!(!recognise_at(Some(&groq), "GET", "llm.corp", "/v1/models").unwrap().billable);
}

#[test]
fn a_stated_api_counts_whatever_the_path_unless_the_path_says_that_api_itself() {
    let claude = Upstream { api: Some(Api::Messages), ..Upstream::default() };
    let forced = at(&claude, "/assistant");
    assert_eq!((forced.provider, forced.api, forced.billable), (Provider::Anthropic, Api::Messages, true));
    assert_eq!(at(&claude, "/v1/chat/completions").api, Api::Messages);
    assert!(!at(&claude, "/v1/messages/count_tokens").billable, "counting tokens stays what it is");
    assert!(recognise_at(Some(&claude), "GET", "llm.corp", "/assistant").is_none());
    let converse = Upstream { api: Some(Api::Converse), ..Upstream::default() };
    let path = at(&converse, "/model/m/converse-stream");
    assert_eq!((path.path_model.as_deref(), path.path_stream), (Some("m"), Some(true)));
    let exempt = Upstream { api: Some(Api::Unread), ..Upstream::default() };
    assert!(!at(&exempt, "/v1/chat/completions").billable);
}

#[test]
fn a_stated_region_and_model_count_before_those_of_host_path_and_body() {
    let upstream =
        Upstream { region: Some("eu".to_owned()), model: Some("gpt-4o".to_owned()), ..Upstream::default() };
    let path = "/openai/deployments/prod/chat/completions";
    let endpoint = recognise_at(Some(&upstream), "POST", "us.api.openai.com", path).unwrap();
    assert_eq!(endpoint.region.as_deref(), Some("eu"));
    let facts = endpoint.read_request(None, br#"{"model":"prod","messages":[]}"#).unwrap();
    assert_eq!(facts.model.as_deref(), Some("gpt-4o"));
}
