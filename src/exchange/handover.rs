//! Calls between two streams: those whose request Envoy redirects by itself, until it comes back.
//!
//! The streams of one configuration and worker share a [`Handover`]; the request's id says whose a call is. Bounded in
//! number and in time. What becomes of a call that goes on, or goes on nowhere, is [`super::answer::redirect`]'s.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::execution::{Answer, Execution};
use crate::ports::Ports;
use crate::timestamp::Timestamp;

/// What `%RESPONSE_CODE_DETAILS%` says of a stream whose request goes on in another one.
const INTERNAL_REDIRECT: &[u8] = b"internal_redirect";

/// How many calls may be on their way between two streams at once.
const MOST: usize = 64;

/// How long one may be on its way: longer than a filter before this one keeps a request waiting. After that its second
/// stream is taken to have gone past this filter.
const LONGEST_MS: u64 = 60_000;

/// The calls on their way from one stream to the next, the one that is longest on its way first.
#[derive(Debug, Default)]
pub(super) struct Handover(RefCell<VecDeque<Redirected>>);

#[derive(Debug)]
struct Redirected {
    request_id: Vec<u8>,
    since: Timestamp,
    execution: Box<Execution>,
}

impl Handover {
    /// Takes a call over whose stream is over; gives it back where its request does not go on in another one.
    pub(super) fn put(&self, execution: Box<Execution>, ports: &dyn Ports) -> Result<(), Box<Execution>> {
        let awaited = matches!(execution.answer, Answer::Awaited);
        if !awaited || ports.property(&["response", "code_details"]).as_deref() != Some(INTERNAL_REDIRECT) {
            return Err(execution);
        }
        let mut under_way = self.0.borrow_mut();
        match request_id(ports) {
            Some(request_id) if under_way.len() < MOST => {
                under_way.push_back(Redirected { request_id, since: ports.now(), execution });
                Ok(())
            }
            _ => Err(execution),
        }
    }

    /// A stream begins or, if an earlier filter answered it, ends: the call that goes on in it.
    pub(super) fn claim(&self, ports: &dyn Ports) -> Option<Box<Execution>> {
        let mut under_way = self.0.borrow_mut();
        // All that most streams ever ask.
        if under_way.is_empty() {
            return None;
        }
        let own = request_id(ports)?;
        let at = under_way.iter().position(|redirected| redirected.request_id == own)?;
        under_way.remove(at).map(|redirected| redirected.execution)
    }

    /// A call that was on its way for so long that it goes on nowhere.
    pub(super) fn lost(&self, ports: &dyn Ports) -> Option<Box<Execution>> {
        let mut under_way = self.0.borrow_mut();
        let since = under_way.front()?.since;
        if ports.now().millis_since(since) < LONGEST_MS {
            return None;
        }
        under_way.pop_front().map(|redirected| redirected.execution)
    }
}

fn request_id(ports: &dyn Ports) -> Option<Vec<u8>> {
    ports.property(&["request", "id"]).filter(|id| !id.is_empty())
}
