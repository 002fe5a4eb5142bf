//! Recognises a connection that is to be upgraded to a conversation with a provider: OpenAI's realtime, Gemini's live.

use super::path::percent_decode;
use super::{host, recognise_at};
use crate::call::Operation;
use crate::provider::dialect::Dialect;
use crate::provider::endpoint::{Api, Endpoint, Provider};
use crate::upstream::Upstream;

/// The endpoint that an upgrade is for, or `None` when it has nothing to do with AI. What is said over the connection is
/// not read, so whatever is asked of a known provider counts.
pub fn recognise_upgrade(upstream: Option<&Upstream>, authority: &str, path: &str) -> Option<Endpoint> {
    let of_path = |method| recognise_at(upstream, method, authority, path).map(|endpoint| endpoint.provider);
    let stated = || upstream.and_then(|upstream| upstream.provider);
    let of_host = || host::Host::parse(authority).provider();
    let provider = of_path("GET").or_else(|| of_path("POST")).or_else(stated);
    let provider = provider.or_else(|| live(path)).or_else(of_host)?;
    let api = Api::OpenAiOther;
    Some(Endpoint {
        provider,
        api,
        operation: Operation::Other("realtime"),
        dialect: Dialect::of(provider, api),
        path_model: upstream.and_then(|upstream| upstream.model.clone()).or_else(|| model(path)),
        path_stream: None,
        streams_array: false,
        shape_is_certain: false,
        region: upstream.and_then(|upstream| upstream.region.clone()),
        billable: true,
    })
}

/// Google's bidirectional service, whose path names its method.
fn live(path: &str) -> Option<Provider> {
    let path = path.split('?').next().unwrap_or_default();
    path.ends_with("BidiGenerateContent")
        .then(|| if path.contains("aiplatform") { Provider::VertexAi } else { Provider::Gemini })
}

/// `?model=` of OpenAI and those who follow it, `?deployment=` of Azure.
fn model(path: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value("model").or_else(|| value("deployment")).filter(|text| !text.is_empty()).map(percent_decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_to_a_provider_is_recognised_with_its_model() {
        let cases = [
            ("api.openai.com", "/v1/realtime?model=gpt-realtime", Provider::OpenAi, Some("gpt-realtime")),
            (
                "gateway",
                "/openai/v1/realtime?a=b&model=gpt%2Drealtime",
                Provider::OpenAi,
                Some("gpt-realtime"),
            ),
            ("x.openai.azure.com", "/openai/realtime?deployment=live", Provider::AzureOpenAi, Some("live")),
            ("api.openai.com", "/v1/responses", Provider::OpenAi, None),
            (
                "gateway",
                "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k",
                Provider::Gemini,
                None,
            ),
            ("api.x.ai", "/v2/something-new", Provider::XAi, None),
        ];
        for (authority, path, provider, model) in cases {
            let endpoint = recognise_upgrade(None, authority, path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((endpoint.provider, endpoint.path_model.as_deref()), (provider, model), "{path}");
            assert!(endpoint.billable);
        }
        assert_eq!(recognise_upgrade(None, "chat.example.com", "/socket"), None);
        let ours =
            Upstream { provider: Some(Provider::Vllm), model: Some("m".into()), ..Upstream::default() };
        let endpoint = recognise_upgrade(Some(&ours), "chat.example.com", "/socket").unwrap();
        assert_eq!((endpoint.provider, endpoint.path_model.as_deref()), (Provider::Vllm, Some("m")));
    }
}
