//! Where a call is answered, as far as authority and path say.

use super::host::Host;
use crate::provider::endpoint::Provider;

/// The region, `None` where nothing names one.
pub(super) fn of(provider: Provider, host: &Host, segments: &[&str]) -> Option<String> {
    let region = match provider {
        Provider::Bedrock | Provider::BedrockMantle => aws(&host.name),
        Provider::VertexAi => after(segments, "locations").or_else(|| vertex(&host.name)),
        Provider::Watsonx => host.name.split('.').next().filter(|_| host.name.ends_with(".ml.cloud.ibm.com")),
        Provider::OpenAi => host.name.strip_suffix(".api.openai.com"),
        _ => None,
    };
    region.filter(|region| !region.is_empty()).map(str::to_owned)
}

/// The region in the scope of an AWS signature for Bedrock.
pub(super) fn of_signature(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?;
    let scope = credential.split([',', ' ']).next()?;
    let mut parts = scope.rsplit('/');
    match (parts.next()?, parts.next()?, parts.next()?) {
        ("aws4_request", service, region) if service.starts_with("bedrock") => Some(region),
        _ => None,
    }
}

/// The label after the service's: `bedrock-runtime.eu-west-1.amazonaws.com`.
fn aws(name: &str) -> Option<&str> {
    let mut labels = name.split('.').skip_while(|label| !label.starts_with("bedrock"));
    labels.nth(1).filter(|label| label.contains('-'))
}

/// `europe-west4-aiplatform.googleapis.com`, `aiplatform.eu.rep.googleapis.com`; the bare host is global.
fn vertex(name: &str) -> Option<&str> {
    let first = name.split('.').next().unwrap_or_default();
    match first.strip_suffix("-aiplatform") {
        Some(region) => Some(region),
        None if name.ends_with(".rep.googleapis.com") => name.split('.').nth(1),
        None => (name == "aiplatform.googleapis.com").then_some("global"),
    }
}

/// The segment after `key`.
fn after<'a>(segments: &[&'a str], key: &str) -> Option<&'a str> {
    segments.iter().skip_while(|segment| **segment != key).nth(1).copied()
}
