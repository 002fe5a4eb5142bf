//! An OpenTelemetry collector: takes OTLP/HTTP protobuf and keeps what it was told.
//!
//! Decoding uses the official message types, so whoever encodes is checked by somebody else's code. Types
//! survive: an OTLP int is a JSON integer, a double a JSON float, a string a JSON string.
//! A collector that is down is played by [`Collector`].

mod decode;

pub use decode::{Attributes, LogRecord, Span};

use crate::serve::{BoxError, Server};
use crate::wait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How the collector treats an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collector {
    /// Takes it.
    #[default]
    Up,
    /// Answers with this status and keeps nothing.
    Refuse(u16),
    /// Takes the bytes and never answers.
    Hang,
    /// Closes the connection.
    Reset,
}

/// A running collector.
#[derive(Debug)]
pub struct OtlpReceiver {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    collector: Collector,
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    /// Exports that were asked for, whatever became of them.
    exports: Vec<Export>,
}

/// One export request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// `/v1/traces` or `/v1/logs`.
    pub path: String,
    /// The `content-type` it came with.
    pub content_type: String,
    /// Bytes of its body.
    pub bytes: usize,
}

impl OtlpReceiver {
    /// Starts on a free loopback port.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        Self { server: Server::start(move |request| receive(Arc::clone(&shared), request)).await, state }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Goes down, or comes back.
    pub fn set(&self, collector: Collector) {
        self.with(|state| state.collector = collector);
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.with(|state| state.spans.clone())
    }

    /// All log records so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.with(|state| state.logs.clone())
    }

    /// The log records since the last such call; they are not kept.
    pub fn take_logs(&self) -> Vec<LogRecord> {
        self.with(|state| std::mem::take(&mut state.logs))
    }

    /// All export requests so far, taken or not.
    pub fn exports(&self) -> Vec<Export> {
        self.with(|state| state.exports.clone())
    }

    /// Forgets everything received so far.
    pub fn clear(&self) {
        self.with(|state| {
            state.spans.clear();
            state.logs.clear();
            state.exports.clear();
        });
    }

    /// Waits until `enough` holds of all spans and log records; panics at the deadline with what there is.
    pub async fn wait_for(&self, deadline: Duration, enough: impl Fn(&[Span], &[LogRecord]) -> bool) {
        let holds = async || self.with(|state| enough(&state.spans, &state.logs)).then_some(());
        if wait::until(deadline, holds).await.is_none() {
            panic!("telemetry did not come in {deadline:?}; received: {}", self.summary());
        }
    }

    /// Waits for the first span that `is_it`.
    pub async fn span(&self, is_it: impl Fn(&Span) -> bool) -> Span {
        self.wait_for(wait::DEADLINE, |spans, _| spans.iter().any(&is_it)).await;
        self.spans().into_iter().find(|span| is_it(span)).expect("it was there a moment ago")
    }

    /// Waits for `count` log records of that event name, and returns all of that name.
    pub async fn events(&self, name: &str, count: usize) -> Vec<LogRecord> {
        let named = |logs: &[LogRecord]| logs.iter().filter(|log| log.event_name == name).count();
        self.wait_for(wait::DEADLINE, |_, logs| named(logs) >= count).await;
        self.logs().into_iter().filter(|log| log.event_name == name).collect()
    }

    fn summary(&self) -> String {
        self.with(|state| {
            let spans: Vec<_> = state.spans.iter().map(|span| (&span.name, &span.attributes)).collect();
            let logs: Vec<_> = state.logs.iter().map(|log| (&log.event_name, &log.attributes)).collect();
            format!("{} exports, spans {spans:#?}, logs {logs:#?}", state.exports.len())
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        with(&self.state, act)
    }
}

fn with<T>(state: &Mutex<State>, act: impl FnOnce(&mut State) -> T) -> T {
    act(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn receive(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>>, BoxError> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().to_owned();
    let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
    let export = Export {
        path: path.clone(),
        content_type: content_type.unwrap_or_default().to_owned(),
        bytes: body.len(),
    };
    let collector = with(&state, |state| {
        state.exports.push(export);
        state.collector
    });
    let status = match collector {
        Collector::Refuse(status) => status,
        Collector::Hang => std::future::pending().await,
        Collector::Reset => return Err("the collector closes".into()),
        Collector::Up => with(&state, |state| state.keep(&path, &body)),
    };
    // An empty protobuf message is the answer to a successful export.
    let empty = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    Ok(Response::builder().status(status).header("content-type", "application/x-protobuf").body(empty)?)
}

impl State {
    /// The status for an export, which is kept if it can be read.
    fn keep(&mut self, path: &str, body: &Bytes) -> u16 {
        match path {
            "/v1/traces" => decode::spans(body).map_or(400, |spans| {
                self.spans.extend(spans);
                200
            }),
            "/v1/logs" => decode::logs(body).map_or(400, |logs| {
                self.logs.extend(logs);
                200
            }),
            _ => 404,
        }
    }
}
