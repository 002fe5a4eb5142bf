//! Encoded events on their way to the collector: bounded, batched, dropped only with a count.
//!
//! One per worker. Holds bytes and counts, sends nothing: the edge asks for the [next export](Queue::next_export) on
//! each tick and says [how it ended](Queue::ended).

use super::event::Event;
use super::otlp;
use crate::config::Otlp;

/// Exports under way at once, per worker; more wait in the queue.
const MAX_IN_FLIGHT: usize = 4;
/// Times one batch is sent before it is given up.
const MAX_ATTEMPTS: u32 = 3;

/// Events that wait, and exports that are under way.
#[derive(Debug)]
pub struct Queue {
    service_name: String,
    max_bytes: usize,
    waiting: Batch,
    retry: Vec<Batch>,
    in_flight: Vec<(u32, Batch)>,
    dropped: u64,
}

/// Encoded records that travel together.
#[derive(Clone, Debug, Default)]
struct Batch {
    records: Vec<u8>,
    count: u64,
    attempts: u32,
}

/// How an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The collector took it.
    Delivered,
    /// It may work another time: no answer, 429, 502, 503, 504 (OTLP specification, "Failures").
    Retryable,
    /// The collector will never take it.
    Rejected,
}

impl Outcome {
    /// The outcome that an HTTP status means; no status is no answer.
    pub fn from_status(status: Option<u16>) -> Self {
        match status {
            Some(200..=299) => Self::Delivered,
            None | Some(429 | 502..=504) => Self::Retryable,
            Some(_) => Self::Rejected,
        }
    }
}

impl Queue {
    /// An empty queue with the configured bound.
    pub fn new(service_name: &str, otlp: &Otlp) -> Self {
        Self {
            service_name: service_name.to_owned(),
            max_bytes: otlp.max_queue_bytes,
            waiting: Batch::default(),
            retry: Vec::new(),
            in_flight: Vec::new(),
            dropped: 0,
        }
    }

    /// Adds `event`, or drops and counts it when the queue is full.
    pub fn push(&mut self, event: &Event) {
        let before = self.waiting.records.len();
        otlp::encode_record(event, &mut self.waiting.records);
        if self.bytes_held() > self.max_bytes {
            self.waiting.records.truncate(before);
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.waiting.count = self.waiting.count.saturating_add(1);
        }
    }

    /// The body of the next export, if there is something to send and room to send it.
    ///
    /// `send` hands the body to the host and returns the call's token, or `None` when the host refused it.
    pub fn next_export(&mut self, send: impl FnOnce(&[u8]) -> Option<u32>) -> bool {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return false;
        }
        let Some(mut batch) = self.retry.pop().or_else(|| self.take_waiting()) else { return false };
        batch.attempts = batch.attempts.saturating_add(1);
        match send(&otlp::encode_request(&self.service_name, &batch.records)) {
            Some(token) => {
                self.in_flight.push((token, batch));
                true
            }
            None => {
                self.give_back(batch);
                false
            }
        }
    }

    /// Notes how the export with this token ended; tokens of others are ignored.
    pub fn ended(&mut self, token: u32, outcome: Outcome) {
        let Some(position) = self.in_flight.iter().position(|(own, _)| *own == token) else { return };
        let (_, batch) = self.in_flight.swap_remove(position);
        match outcome {
            Outcome::Delivered => {}
            Outcome::Retryable => self.give_back(batch),
            Outcome::Rejected => self.dropped = self.dropped.saturating_add(batch.count),
        }
    }

    /// Whether the end of an export is still to be told.
    pub fn is_exporting(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Drops whatever waits, with a count: there is no next export.
    pub fn give_up(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for batch in std::mem::take(&mut self.retry).into_iter().chain([waiting]) {
            self.dropped = self.dropped.saturating_add(batch.count);
        }
    }

    /// How many events were dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn take_waiting(&mut self) -> Option<Batch> {
        (self.waiting.count > 0).then(|| std::mem::take(&mut self.waiting))
    }

    fn give_back(&mut self, batch: Batch) {
        if batch.attempts >= MAX_ATTEMPTS {
            self.dropped = self.dropped.saturating_add(batch.count);
        } else {
            self.retry.push(batch);
        }
    }

    fn bytes_held(&self) -> usize {
        let others = self.retry.iter().chain(self.in_flight.iter().map(|(_, batch)| batch));
        others.fold(self.waiting.records.len(), |sum, batch| sum.saturating_add(batch.records.len()))
    }
}
