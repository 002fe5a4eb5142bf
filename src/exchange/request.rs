//! From the request's first header to its whole body: recognise, attribute, read.

use std::rc::Rc;

use super::admission;
use super::admission::contradiction;
use super::call::{Brought, Call};
use super::editable::Editable;
use super::effects::{Effects, Flow, HeaderEdit};
use super::ground::Ground;
use super::names;
use super::refusal;
use super::state::State;
use super::upgrade;
use super::worker::Worker;
use crate::attribution::{self};
use crate::awu::{Awu, AwuId, SpanContext};
use crate::config::{Config, FailMode, Upgrade};
use crate::headers::Headers;
use crate::ports::Ports;
use crate::provider::{self, Endpoint};
use crate::telemetry::metric::Metric;
use crate::upstream::{self, IncludeUsage, Place, Upstream};

/// Nothing that could be governed came, whether the headers said so or an empty body did.
pub(super) const NO_BODY: &str = "it has no body";
/// It is compressed, and nothing here inflates.
pub(super) const ENCODED: &str = "its body has a content-encoding";

/// Takes the request's headers.
#[inline(never)]
pub(super) fn begin(
    config: &Config,
    worker: &Worker,
    headers: Headers<'_>,
    end_of_stream: bool,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    let Recognised { endpoint, include_usage, upgrade } = match recognise(config, worker, headers, ports) {
        Some(known) if !known.endpoint.billable => return clean(headers, Metric::FreeCall, effects),
        Some(known) if known.upgrade && config.failure.upgrade == Upgrade::Pass => {
            return clean(headers, Metric::Ungoverned, effects);
        }
        Some(known) => known,
        None => {
            return match config.failure.unrecognised {
                FailMode::Pass => clean(headers, Metric::Ungoverned, effects),
                FailMode::Refuse => refusal::unrecognised(effects),
            };
        }
    };
    let resolved = attribution::resolve(&config.attribution, headers, ports);
    let trace = headers.unique(names::TRACE);
    let span = trace.and_then(|value| SpanContext::parse(value.as_bytes()));
    let id = || AwuId::from_random(ports.bits128().unwrap_or_default());
    let mut edits = Vec::new();
    names::request(config, headers, &resolved.attribution, &mut edits);
    narrow_encoding(headers, &mut edits);
    let awu = Rc::new(Awu::new(span, id, resolved.attribution, endpoint.operation));
    log::debug!("genops: AWU {} is attributed", awu.id().as_str());
    let call = Box::new(Call {
        awu,
        endpoint,
        has_span: trace != Some(names::NOT_TRACED) || config.telemetry.attributes_without_span,
        content_type: headers.unique("content-type").filter(|it| provider::is_form(it)).map(str::to_owned),
        edits,
        include_usage,
        editable: Editable::of(config, headers),
        conflicts: resolved.conflicts,
        grant: Brought::of(config, headers),
        upgrade,
    });
    let contradictions = u64::try_from(call.conflicts.len()).unwrap_or(u64::MAX);
    if contradictions > 0 {
        effects.counts.push((Metric::AttributionConflict, contradictions));
    }
    let missing = resolved.missing.map(|missing| Ground::attribution_missing(&missing));
    match missing.or_else(|| contradiction::refuses(&call.conflicts)) {
        Some(ground) => refusal::refuse_early(&call, config, ground, ports.now(), effects),
        None => collect(config, call, headers, end_of_stream, ports, effects),
    }
}

/// Waits for the body of a call that is attributed, if one will come that can be read.
fn collect(
    config: &Config,
    call: Box<Call>,
    headers: Headers<'_>,
    end_of_stream: bool,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    if call.upgrade {
        return upgrade::open(config, call, ports, effects);
    }
    if encoded(headers) {
        return unreadable(config, *call, ENCODED, ports, effects);
    }
    if end_of_stream {
        return unreadable(config, *call, NO_BODY, ports, effects);
    }
    effects.flow = Flow::Hold;
    State::Collecting(call)
}

/// Takes the whole body.
#[inline(never)]
pub(super) fn read(
    config: &Config,
    worker: &Worker,
    call: Box<Call>,
    body: &[u8],
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    if body.is_empty() {
        return unreadable(config, *call, NO_BODY, ports, effects);
    }
    match call.endpoint.read_request(call.content_type.as_deref(), body) {
        Ok(facts) => admission::admit(config, worker, call, facts, body, ports, effects),
        Err(problem) => unreadable(config, *call, &problem.to_string(), ports, effects),
    }
}

/// The body is larger than the configuration lets the filter hold.
#[cold]
pub(super) fn too_large(
    config: &Config,
    call: Call,
    bytes: usize,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    unreadable(config, call, &exceeds(bytes, config.max_request_bytes), ports, effects)
}

/// What is wrong with so large a body.
pub(super) fn exceeds(bytes: usize, most: usize) -> String {
    format!("its body of {bytes} bytes or more exceeds max_request_bytes {most}")
}

/// The AI call that can cost something.
pub(super) fn governed(
    config: &Config,
    headers: Headers<'_>,
    ports: &dyn Ports,
) -> Option<(Endpoint, IncludeUsage)> {
    let known = recognise(config, &Worker::default(), headers, ports)?;
    (known.endpoint.billable && !known.upgrade).then_some((known.endpoint, known.include_usage))
}

/// What is known of a call from its headers alone.
struct Recognised {
    endpoint: Endpoint,
    /// Whether its streams are to be asked for their usage.
    include_usage: IncludeUsage,
    /// Whether another protocol is asked for.
    upgrade: bool,
}

fn recognise(
    config: &Config,
    worker: &Worker,
    headers: Headers<'_>,
    ports: &dyn Ports,
) -> Option<Recognised> {
    let method = headers.unique(":method")?;
    let authority = headers.unique(":authority").unwrap_or_default();
    let path = headers.unique(":path")?;
    let upstream = upstream(config, &upstream::Request { authority, path }, ports);
    if upgrade::is_asked(headers, method) {
        let endpoint = provider::recognise_upgrade(upstream, authority, path)?;
        return Some(Recognised { endpoint, include_usage: IncludeUsage::Keep, upgrade: true });
    }
    let mut endpoint = worker.recognise(upstream, method, authority, path)?;
    endpoint.locate(|| headers.unique("authorization"));
    let own = upstream.and_then(|upstream| upstream.include_usage);
    Some(Recognised { endpoint, include_usage: own.unwrap_or(config.streams.include_usage), upgrade: false })
}

/// What the configuration knows of where the request goes.
fn upstream<'c>(
    config: &'c Config,
    request: &upstream::Request<'_>,
    ports: &dyn Ports,
) -> Option<&'c Upstream> {
    upstream::find(&config.upstreams, request, |place| {
        ports.property(match place {
            Place::Route => &["xds", "route_name"],
            Place::Cluster => &["xds", "cluster_name"],
        })
    })
}

#[cold]
fn unreadable(config: &Config, call: Call, problem: &str, ports: &dyn Ports, effects: &mut Effects) -> State {
    match config.failure.unreadable_request {
        FailMode::Refuse => {
            refusal::refuse_early(&call, config, Ground::unreadable(problem), ports.now(), effects)
        }
        FailMode::Pass => {
            effects.request_headers = call.edits;
            effects.count(Metric::Ungoverned);
            State::Ungoverned
        }
    }
}

/// Lets a request pass of which nothing but its own names matters.
fn clean(headers: Headers<'_>, metric: Metric, effects: &mut Effects) -> State {
    names::clean(headers, &mut effects.request_headers);
    effects.count(metric);
    State::Ungoverned
}

/// The usage is read from plain bytes, so the provider is asked for plain bytes.
fn narrow_encoding(headers: Headers<'_>, edits: &mut Vec<HeaderEdit>) {
    const ACCEPT_ENCODING: &str = "accept-encoding";
    if headers.all(ACCEPT_ENCODING).any(|value| value != b"identity") {
        edits.push(HeaderEdit::Set(ACCEPT_ENCODING, "identity".into()));
    }
}

pub(super) fn encoded(headers: Headers<'_>) -> bool {
    headers.all("content-encoding").any(|value| !value.is_empty() && value != b"identity")
}
