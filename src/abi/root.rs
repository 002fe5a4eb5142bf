//! The root context: one per worker and configuration. Parses the configuration, ships events on each tick.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::http::Http;
use super::perform::Outlets;
use super::ports::Ids;
use super::raw;
use super::shared::Shared;
use crate::config::{self, Otlp};
use crate::recall::Recall;
use crate::telemetry::metric::Metric;
use crate::telemetry::queue::{Outcome, Queue};

/// Milliseconds between two flushes of the counters where no events set the pace.
const COUNTS_FLUSH_MS: u64 = 1_000;

/// One configuration on one worker.
#[derive(Default)]
pub(super) struct Root {
    shared: Option<Rc<Shared>>,
    /// Whether Envoy wants it gone: no stream and no tick comes any more, only the ends of exports.
    ending: bool,
}

impl Root {
    /// Replaces the configuration; on a problem the one before stays.
    fn configure(&mut self) -> Result<(), String> {
        let bytes = raw::buffer(raw::Buffer::PluginConfiguration, raw::WHOLE)
            .map_err(|error| format!("the configuration cannot be read: host status {}", error.0))?;
        let config = config::parse_bytes(&bytes).map_err(|invalid| invalid.to_string())?;
        let otlp = config.telemetry.otlp.as_ref();
        let period_ms = otlp.map_or(COUNTS_FLUSH_MS, |otlp| otlp.flush_interval_ms);
        raw::set_tick_period(u32::try_from(period_ms).unwrap_or(u32::MAX))
            .map_err(|error| format!("no tick, so no counters and no events: host status {}", error.0))?;
        let queue = otlp.map(|otlp| Queue::new(&config.telemetry.service_name, otlp));
        let outlets = Outlets::new(queue);
        let ids = Ids::new().ok_or("the host gives no random bytes for AWU ids")?;
        let (recall, worker) = (Recall::default(), Rc::default());
        self.shared = Some(Rc::new(Shared { config: Rc::new(config), outlets, ids, recall, worker }));
        Ok(())
    }

    fn with_queue(&self, act: impl FnOnce(&Otlp, &RefCell<Option<Queue>>)) {
        if let Some(shared) = &self.shared
            && let Some(otlp) = &shared.config.telemetry.otlp
        {
            act(otlp, &shared.outlets.queue);
            shared.outlets.count(Metric::EventsDropped, shared.outlets.take_dropped());
        }
    }
}

impl Root {
    /// Hands over to Envoy what has gathered.
    fn flush(&self) {
        self.with_queue(|otlp, queue| {
            if let Some(queue) = queue.borrow_mut().as_mut() {
                while queue.next_export(|body| dispatch(otlp, body)) {}
                if self.ending && !queue.is_exporting() {
                    queue.give_up();
                }
            }
        });
        if let Some(shared) = &self.shared {
            shared.outlets.flush_counts();
        }
    }

    /// Whether an export is under way, whose end decides what becomes of its events.
    fn is_exporting(&self) -> bool {
        let queue = self.shared.as_ref().map(|shared| shared.outlets.queue.borrow());
        queue.is_some_and(|queue| queue.as_ref().is_some_and(Queue::is_exporting))
    }
}

impl Context for Root {
    /// Asks for the time that the last exports take; each ends, by its timeout at the latest.
    fn on_done(&mut self) -> bool {
        self.ending = true;
        self.flush();
        !self.is_exporting()
    }

    fn on_http_call_response(&mut self, token: u32, _headers: usize, _body: usize, _trailers: usize) {
        let status = raw::with_headers(raw::Map::HttpCallResponse, |headers| {
            headers.unique(":status").and_then(|status| status.parse().ok())
        });
        self.with_queue(|_, queue| {
            if let Some(queue) = queue.borrow_mut().as_mut() {
                queue.ended(token, Outcome::from_status(status));
            }
        });
        if self.ending {
            self.flush();
            if !self.is_exporting()
                && let Err(error) = raw::done()
            {
                log::warn!("genops: the host keeps a configuration that has ended: host status {}", error.0);
            }
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        super::follow_log_level();
        match self.configure() {
            Ok(()) => true,
            Err(problem) => {
                log::error!("genops: configuration refused: {problem}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        super::follow_log_level();
        self.flush();
        if let Some(shared) = &self.shared {
            shared.recall.rest();
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Sends one export; `None` when Envoy does not take it (unknown cluster, circuit breaker open).
fn dispatch(otlp: &Otlp, body: &[u8]) -> Option<u32> {
    let headers = vec![
        (":method", "POST"),
        (":path", otlp.path.as_str()),
        (":authority", otlp.authority.as_str()),
        (":scheme", "http"),
        ("content-type", "application/x-protobuf"),
    ];
    let timeout = Duration::from_millis(otlp.timeout_ms);
    let call = hostcalls::dispatch_http_call(&otlp.cluster, headers, Some(body), vec![], timeout);
    call.map_err(|status| log::warn!("genops: events not sent to cluster {}: {status:?}", otlp.cluster)).ok()
}
