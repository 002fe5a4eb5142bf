//! A call as selectors see it: built of what the exchange knows, for whoever is asked whether it is about the call.

use crate::awu::Attribution;
use crate::call::RequestFacts;
use crate::config::Config;
use crate::ports::Ports;
use crate::provider::Endpoint;
use crate::selector::Subject;

/// The names of a call.
pub(crate) fn of<'a>(
    attribution: &'a Attribution,
    endpoint: &Endpoint,
    facts: &'a RequestFacts,
    route: Option<&'a str>,
) -> Subject<'a> {
    Subject {
        attribution,
        provider: endpoint.provider,
        model: facts.model.as_deref(),
        fallback_models: &facts.fallback_models,
        operation: endpoint.operation.as_str(),
        route,
    }
}

/// Envoy's route, where any entry of the configuration is about single ones: that is a call to the host.
pub(crate) fn route(config: &Config, ports: &dyn Ports) -> Option<String> {
    if !config.asks_for_route {
        return None;
    }
    let name = ports.property(&["xds", "route_name"])?;
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}
