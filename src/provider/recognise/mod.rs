//! Recognises an AI call from its method, authority and path alone.
//!
//! The host says who answers; the path's suffix says which API it is, behind any prefix a gateway adds and on any host.

mod host;
mod path;
mod region;

use super::dialect::Dialect;
use super::endpoint::{Api, Endpoint, Provider};

/// The endpoint that a request is for, or `None` when it is no AI call.
pub fn recognise(method: &str, authority: &str, path: &str) -> Option<Endpoint> {
    let host = host::Host::parse(authority);
    let by_host = host.provider();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let route = path::route(method, by_host, &segments)?;
    let provider = by_host.or_else(|| path::provider(&segments, route.api)).unwrap_or(Provider::Unknown);
    Some(Endpoint {
        provider,
        api: route.api,
        operation: route.operation,
        dialect: Dialect::of(provider, route.shape),
        region: region::of(provider, &host, &segments),
        path_model: route.model,
        streams_array: route.api == Api::GenerateContent
            && route.stream == Some(true)
            && !query.split('&').any(|parameter| parameter == "alt=sse"),
        path_stream: route.stream,
        billable: route.api != Api::Unread,
    })
}

impl Endpoint {
    /// Learns the region from an AWS signature, where neither authority nor path names it:
    /// `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/bedrock/aws4_request, …`.
    pub fn locate(&mut self, authorization: &str) {
        if self.region.is_none() {
            self.region = region::of_signature(authorization).map(str::to_owned);
        }
    }
}
