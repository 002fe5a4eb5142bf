//! The validated configuration: what the rest of the core reads.
//!
//! Plain data without defaults to resolve and without anything left to check. Made by [`super::parse`] alone.

use std::sync::Arc;

use super::attribution::Attributing;
use super::breaker::Breaker;
use super::edits::{OutputCaps, Streams};
use super::policy::Policies;
use super::rate_limits::ConcurrencyLimit;
use super::sla::Sla;
use crate::budget::Budget;
use crate::gate::Approvals;
use crate::model_pattern::ModelPattern;
use crate::price::PriceList;
use crate::rate_limit::RateLimit;
use crate::upstream::{IncludeUsage, Upstream};

/// A complete, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// How attributes are resolved.
    pub attribution: Attributing,
    /// Whether the provider is told what was resolved.
    pub forward_attribution: bool,
    /// What models cost.
    pub prices: PriceList,
    /// The budgets every call is reserved against.
    pub budgets: Vec<Arc<Budget>>,
    /// The rates every call is held to.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// Whether answers say in `x-ratelimit-*` what is left of them, instead of the provider's own.
    pub rate_limit_headers: bool,
    /// How many calls may be in flight at once.
    pub concurrency_limits: Vec<ConcurrencyLimit>,
    /// Which calls need somebody's approval, and whose signature gives it.
    pub approvals: Approvals,
    /// What calls are forbidden.
    pub policies: Policies,
    /// The largest request body that is held and read, in bytes; beyond, the request is unreadable.
    pub max_request_bytes: usize,
    /// How consumption is estimated before a call.
    pub estimation: Estimation,
    /// What happens to the output caps that estimates rest on.
    pub output_caps: OutputCaps,
    /// How streams are treated.
    pub streams: Streams,
    /// What happens where governance itself cannot be done.
    pub failure: Failure,
    /// Where telemetry goes.
    pub telemetry: Telemetry,
    /// What is known of upstreams beside their hosts and paths; the first that matches counts.
    pub upstreams: Vec<Upstream>,
    /// How fast calls have to be; the first entry that is about a call counts.
    pub sla: Vec<Arc<Sla>>,
    /// When providers that fail are left alone; the first entry that is about a call counts.
    pub breakers: Vec<Arc<Breaker>>,
    /// Whether any entry is about single routes: to know a call's route is a call to the host.
    pub asks_for_route: bool,
}

impl Config {
    /// Whether any request body is ever edited.
    pub fn edits_requests(&self) -> bool {
        let asks = |upstream: &Upstream| upstream.include_usage == Some(IncludeUsage::Inject);
        self.streams.include_usage == IncludeUsage::Inject
            || self.upstreams.iter().any(asks)
            || self.output_caps.any_is_edited()
    }
}

/// How many tokens a call is assumed to consume before it has (an upper bound by design).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimation {
    /// Thousandths of a byte of text per token: 3000 means that 3 bytes make a token.
    pub milli_bytes_per_token: u64,
    /// Input tokens assumed beside the text, for the provider's own framing.
    pub overhead_tokens: u64,
    /// Tokens assumed per image.
    pub tokens_per_image: u64,
    /// Tokens assumed per audio part.
    pub tokens_per_audio_part: u64,
    /// Output tokens assumed when the request states no cap and no model rule applies; absent when the catalogue is to
    /// be asked.
    pub default_output_tokens: Option<u64>,
    /// Seconds of audio assumed where seconds are what is billed.
    pub audio_seconds: u64,
    /// Milliseconds that a call is assumed to take.
    pub compute_ms: u64,
    /// The most output tokens a model can produce; caps the request's own figure.
    pub models: Vec<ModelLimit>,
}

/// The most output that a model can produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelLimit {
    /// Which models.
    pub model: ModelPattern,
    /// Output tokens of one answer.
    pub max_output_tokens: u64,
}

/// The fail modes: each says what happens to a call that cannot be governed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A request to a recognised AI endpoint whose body cannot be read.
    pub unreadable_request: FailMode,
    /// The ledger cannot answer.
    pub ledger_unavailable: FailMode,
    /// A money budget, and no price for the model, not even one that is assumed ([`PriceList::fallback`]).
    pub unpriced_model: FailMode,
    /// Traffic that is not recognised as an AI call.
    pub unrecognised: FailMode,
    /// A connection to a provider that is to be upgraded to another protocol, which is not read.
    pub upgrade: Upgrade,
}

/// What happens to a connection that is to be upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// It is refused.
    Refuse,
    /// It proceeds ungoverned.
    Pass,
    /// It proceeds against this many tokens, whatever it consumes.
    Reserve(u64),
}

/// Refuse or let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailMode {
    /// The call is refused with a reason code.
    Refuse,
    /// The call proceeds.
    Pass,
}

/// Where telemetry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Typed OTLP events, when a cluster takes them.
    pub otlp: Option<Otlp>,
    /// Whether attributes are set also for a request that Envoy says it does not trace, for access logs.
    pub attributes_without_span: bool,
    /// `service.name` of the events' resource.
    pub service_name: String,
}

/// An OTLP/HTTP receiver behind an Envoy cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The Envoy cluster.
    pub cluster: String,
    /// The `:authority` to send.
    pub authority: String,
    /// The path, `/v1/logs` by default.
    pub path: String,
    /// Milliseconds between two exports.
    pub flush_interval_ms: u64,
    /// Milliseconds until an export counts as failed.
    pub timeout_ms: u64,
    /// Bytes that may wait per worker; beyond, events are dropped and counted.
    pub max_queue_bytes: usize,
}
