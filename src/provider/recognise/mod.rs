//! Recognises an AI call from its method, authority and path, and from what the configuration says of its upstream.
//!
//! The host says who answers; the path's suffix says which API it is, behind any prefix a gateway adds and on any host.
//! What is configured counts before both.

mod by_model;
mod host;
mod path;
mod region;
mod spelling;
mod upgrade;

pub use upgrade::recognise_upgrade;

use super::dialect::Dialect;
use super::endpoint::{Api, Endpoint, Provider};
use crate::upstream::Upstream;
use path::Route;

/// The endpoint that a request is for, or `None` when it is no AI call.
pub fn recognise(method: &str, authority: &str, path: &str) -> Option<Endpoint> {
    recognise_at(None, method, authority, path)
}

/// The endpoint that a request to an upstream of which something is known is for.
///
/// A stated provider counts as if the host were its own. A stated API counts for every `POST` whose path does not say
/// that API by itself, so that a path of that API still tells its model, and that it counts tokens. A path is
/// read as a lenient server reads it, or policies would look at another API's fields than the server does. That letter
/// case does not matter is believed of known upstreams alone: elsewhere other applications' paths would be AI calls.
pub fn recognise_at(
    upstream: Option<&Upstream>,
    method: &str,
    authority: &str,
    path: &str,
) -> Option<Endpoint> {
    // HTTP/2 carries a method in any case, and some servers read it in any.
    let method = if method.eq_ignore_ascii_case("POST") { "POST" } else { method };
    let plain = spelling::plain(path);
    let of_plain = plain.as_deref().and_then(|plain| endpoint(upstream, method, authority, plain));
    of_plain.or_else(|| endpoint(upstream, method, authority, path)).or_else(|| {
        let case_may_not_matter = || upstream.is_some() || host::Host::parse(authority).provider().is_some();
        let lower = spelling::lower(plain.as_deref().unwrap_or(path)).filter(|_| case_may_not_matter())?;
        endpoint(upstream, method, authority, &lower)
    })
}

fn endpoint(upstream: Option<&Upstream>, method: &str, authority: &str, path: &str) -> Option<Endpoint> {
    let host = host::Host::parse(authority);
    let by_host = upstream.and_then(|upstream| upstream.provider).or_else(|| host.provider());
    // Some clients send a fragment along, which is no part of what is asked for.
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let route = path::route(method, by_host, &segments);
    let route = match upstream.and_then(|upstream| upstream.api).filter(|_| method == "POST") {
        Some(api) => {
            let route = route.filter(|route| route.shape == api).unwrap_or_else(|| Route::stated(api));
            Route { is_certain: true, ..route }
        }
        None => route?,
    };
    let region = upstream.and_then(|upstream| upstream.region.clone());
    let model = upstream.and_then(|upstream| upstream.model.clone());
    let provider = by_host.or_else(|| path::provider(&segments, route.api)).unwrap_or(Provider::Unknown);
    Some(Endpoint {
        provider,
        api: route.api,
        operation: route.operation,
        dialect: Dialect::of(provider, route.shape),
        region: region.or_else(|| region::of(provider, &host, &segments)),
        path_model: model.or(route.model),
        streams_array: route.api == Api::GenerateContent
            && route.stream == Some(true)
            && !query.split('&').any(|parameter| parameter == "alt=sse"),
        path_stream: route.stream,
        shape_is_certain: route.is_certain,
        billable: route.api != Api::Unread,
    })
}

impl Endpoint {
    /// Learns the region of an AWS call from its signature, where nothing else names it:
    /// `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/bedrock/aws4_request, …`.
    pub fn locate<'h>(&mut self, authorization: impl FnOnce() -> Option<&'h str>) {
        let is_aws = matches!(self.provider, Provider::Bedrock | Provider::BedrockMantle);
        if is_aws && self.region.is_none() {
            self.region = authorization().and_then(region::of_signature).map(str::to_owned);
        }
    }
}
