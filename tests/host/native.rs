//! The native stage: the core itself, with this world as its ports.
//!
//! Turns callbacks into events and performs effects on the world, as `src/abi` does over host calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use genops::config::{self, Config};
use genops::exchange::{Effects, Event, Exchange, Flow, HeaderEdit, Worker};
use genops::headers::{HeaderPairs, Headers};
use genops::recall::Recall;
use genops::telemetry::Value;
use genops::telemetry::event::span_attributes;
use genops::telemetry::metric::Metric;
use genops::telemetry::queue::{Outcome, Queue};

use super::capture;
use super::headers::HeaderMap;
use super::ports::Host;
use super::stage::{Action, Stage, Trap};
use super::world::{Map, Reply, SharedWorld, World};

/// The core over a world.
pub struct Native {
    world: SharedWorld,
    roots: BTreeMap<usize, Vec<Root>>,
    exchanges: BTreeMap<u32, (Root, Exchange)>,
}

/// One configuration on one worker.
#[derive(Clone)]
struct Root {
    config: Rc<Config>,
    queue: Rc<RefCell<Option<Queue>>>,
    /// What was counted since the last tick, in the order in which each counter was first raised.
    counts: Rc<RefCell<Vec<(Metric, u64)>>>,
    ids_given: Rc<Cell<u128>>,
    recall: Rc<Recall>,
    worker: Rc<Worker>,
}

impl Root {
    fn count(&self, metric: Metric, by: u64) {
        let mut counts = self.counts.borrow_mut();
        match counts.iter_mut().find(|(counted, _)| *counted == metric) {
            Some((_, pending)) => *pending = pending.saturating_add(by),
            None if by == 0 => {}
            None => counts.push((metric, by)),
        }
    }

    fn flush_counts(&self, world: &mut World) {
        for (metric, pending) in self.counts.borrow_mut().iter_mut().filter(|(_, pending)| *pending > 0) {
            let name = metric.stat_name();
            // The ABI's offset is signed.
            let counted = world.count(&name, std::mem::take(pending).min(i64::MAX.cast_unsigned()));
            complain(world, "count", name, counted);
        }
    }
}

impl Native {
    /// The stage on a world.
    pub fn start(world: SharedWorld) -> Box<dyn Stage> {
        capture::install();
        Box::new(Self { world, roots: BTreeMap::new(), exchanges: BTreeMap::new() })
    }

    fn step(&mut self, stream: u32, event: Event<'_>) -> Action {
        let (root, exchange) = self.exchanges.get_mut(&stream).expect("the stream lives");
        let (world, ids_given) = (self.world.clone(), root.ids_given.clone());
        let effects = exchange.step(event, &Host { world, stream, ids_given, recall: root.recall.clone() });
        capture::drain(&self.world);
        let (request, response) = perform(&self.world, stream, &effects, root);
        if !response {
            exchange.give_up_editing_the_answer();
        }
        if !request {
            let mut headers = HeaderMap::default();
            headers.add("content-type", b"application/json");
            let body =
                br#"{"error":{"message":"GenOps: the request could not be edited.","type":"server_error"}}"#;
            let reply = Reply {
                status: 500,
                details: "genops_request_not_edited".to_owned(),
                headers,
                body: body.to_vec(),
            };
            let mut world = self.world.borrow_mut();
            let sent = world.reply(stream, reply);
            complain(&mut world, "reply", 500, sent);
            return Action::Pause;
        }
        match effects.flow {
            Flow::Continue => Action::Continue,
            Flow::Hold => Action::Pause,
            Flow::Reply(reply) => {
                let mut headers = HeaderMap::default();
                reply.headers.iter().for_each(|(name, value)| headers.add(name, value.as_bytes()));
                let (status, details) = (u32::from(reply.status), reply.details.to_owned());
                let mut world = self.world.borrow_mut();
                let sent = world.reply(stream, Reply { status, details, headers, body: reply.body });
                complain(&mut world, "reply", status, sent);
                Action::Pause
            }
        }
    }

    fn exchange(&self, stream: u32) -> &Exchange {
        &self.exchanges[&stream].1
    }

    fn rest_of_request(&self, stream: u32) -> Action {
        if self.exchange(stream).refused() { Action::Pause } else { Action::Continue }
    }

    fn whole_request_body(&mut self, stream: u32) -> Action {
        let body = self.body(stream, Map::Request).unwrap_or_default();
        self.step(stream, Event::RequestBody { body: &body })
    }

    /// A body as the host hands it over; a refusal is logged.
    fn body(&self, stream: u32, map: Map) -> Option<Vec<u8>> {
        let mut world = self.world.borrow_mut();
        let which = if map == Map::Request { "request" } else { "response" };
        let body = world.body(stream, map);
        let complaint =
            |status| format!("error: genops: the {which} body cannot be read: host status {status}");
        body.map_err(|status| world.log.push(complaint(status))).ok()
    }

    fn headers(&self, stream: u32, map: Map) -> HeaderMap {
        self.world.borrow_mut().headers(stream, map).unwrap_or_default()
    }

    /// Acts on the queue of each of a worker's roots that has one.
    fn with_queues(&self, worker: usize, mut act: impl FnMut(&Config, &mut Queue)) {
        for root in self.roots.get(&worker).into_iter().flatten() {
            let mut queue = root.queue.borrow_mut();
            let Some(queue) = queue.as_mut() else { continue };
            act(&root.config, queue);
            root.count(Metric::EventsDropped, queue.take_dropped());
        }
    }
}

/// Says whether the request's body and the answer's are as they are to be.
fn perform(world: &SharedWorld, stream: u32, effects: &Effects, root: &Root) -> (bool, bool) {
    let world = &mut *world.borrow_mut();
    let mut edit = |map, edits: &[HeaderEdit]| {
        edits.iter().filter(|edit| !perform_edit(world, stream, map, edit)).count() == 0
    };
    let request_edited = edit(Map::Request, &effects.request_headers);
    edit(Map::Response, &effects.response_headers);
    let mut replace = |map, which: &str, body: &[u8]| {
        let replaced = world.replace_body(stream, map, body);
        complain(world, "replace body", which, replaced);
        replaced.is_ok()
    };
    let (request, response) = (effects.request_body.as_ref(), effects.response_body.as_ref());
    let request = request.is_none_or(|body| request_edited && replace(Map::Request, "request", body));
    let response = response.is_none_or(|body| replace(Map::Response, "response", body));
    let of_the_awu = effects.awu.iter().flat_map(|awu| span_attributes(awu));
    let of_the_awu = of_the_awu.map(|(name, text)| (name, text.to_owned()));
    let others = effects.attributes.iter().map(|(name, value)| {
        let text = if let Value::Text(text) = value { text.to_string() } else { value.to_string() };
        (*name, text)
    });
    for (name, text) in of_the_awu.chain(others) {
        let set = world.set_filter_state(stream, name, text.as_bytes());
        complain(world, "set attribute", name, set);
    }
    if let Some(queue) = root.queue.borrow_mut().as_mut() {
        effects.events.iter().for_each(|event| queue.push(event));
    }
    effects.counts.iter().for_each(|(metric, by)| root.count(*metric, *by));
    (request, response)
}

fn perform_edit(world: &mut World, stream: u32, map: Map, edit: &HeaderEdit) -> bool {
    let (what, name) = match edit {
        HeaderEdit::Set(name, _) => ("set header", *name),
        HeaderEdit::Add(name, _) => ("add header", *name),
        HeaderEdit::Remove(name) => ("remove header", &**name),
    };
    let edited = world.editable(stream, map).map(|map| match edit {
        HeaderEdit::Set(_, value) => map.set(name.as_bytes(), value.as_bytes()),
        HeaderEdit::Add(_, value) => map.add_new(name.as_bytes(), value.as_bytes()),
        HeaderEdit::Remove(_) => map.remove(name.as_bytes()),
    });
    complain(world, what, name, edited);
    edited.is_ok()
}

fn complain(world: &mut World, what: &str, subject: impl std::fmt::Display, done: Result<(), u32>) {
    if let Err(status) = done {
        world.log.push(format!("warn: genops: cannot {what} {subject}: host status {status}"));
    }
}

impl Stage for Native {
    fn configure(&mut self, worker: usize) -> Result<bool, Trap> {
        let text = self.world.borrow().configuration.clone();
        let parsed = std::str::from_utf8(&text)
            .map_err(|_| "the configuration is not UTF-8".to_owned())
            .and_then(|text| config::parse(text).map_err(|invalid| invalid.to_string()));
        match parsed {
            Ok(config) => {
                let queue = config.telemetry.otlp.as_ref().map(|otlp| {
                    let period_ms = u32::try_from(otlp.flush_interval_ms).unwrap();
                    self.world.borrow_mut().tick_period_ms.insert(worker, period_ms);
                    Queue::new(&config.telemetry.service_name, otlp)
                });
                let root = Root {
                    config: Rc::new(config),
                    queue: Rc::new(RefCell::new(queue)),
                    counts: Rc::default(),
                    ids_given: Rc::default(),
                    recall: Rc::default(),
                    worker: Rc::default(),
                };
                self.roots.entry(worker).or_default().push(root);
                Ok(true)
            }
            Err(problem) => {
                let line = format!("error: genops: configuration refused: {problem}");
                self.world.borrow_mut().log.push(line);
                Ok(false)
            }
        }
    }

    fn tick(&mut self, worker: usize) -> Result<(), Trap> {
        self.with_queues(worker, |config, queue| {
            let otlp = config.telemetry.otlp.as_ref().expect("a queue has a collector");
            let mut headers = HeaderMap::default();
            for (name, value) in [
                (":method", "POST"),
                (":path", &otlp.path),
                (":authority", &otlp.authority),
                (":scheme", "http"),
                ("content-type", "application/x-protobuf"),
            ] {
                headers.add(name, value.as_bytes());
            }
            let timeout_ms = u32::try_from(otlp.timeout_ms).unwrap();
            let send = |body: &[u8]| {
                let mut world = self.world.borrow_mut();
                let sent = world.call(worker, &otlp.cluster, headers.clone(), body, timeout_ms);
                if sent.is_err() {
                    let cluster = &otlp.cluster;
                    world
                        .log
                        .push(format!("warn: genops: events not sent to cluster {cluster}: BadArgument"));
                }
                sent.ok()
            };
            while queue.next_export(send) {}
        });
        for root in self.roots.get(&worker).into_iter().flatten() {
            root.flush_counts(&mut self.world.borrow_mut());
            root.recall.rest();
        }
        Ok(())
    }

    fn call_answered(&mut self, worker: usize, token: u32, _headers: usize) -> Result<(), Trap> {
        let status = {
            let world = self.world.borrow();
            let headers = world.call_answer.as_ref().expect("an answer is being delivered");
            headers.get(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok())
        };
        self.with_queues(worker, |_, queue| queue.ended(token, Outcome::from_status(status)));
        Ok(())
    }

    fn create(&mut self, stream: u32) -> Result<(), Trap> {
        let worker = self.world.borrow_mut().stream(stream).worker;
        let root = self.roots[&worker].last().expect("the worker is configured").clone();
        let exchange = Exchange::among(root.config.clone(), root.worker.clone());
        self.exchanges.insert(stream, (root, exchange));
        Ok(())
    }

    fn request_headers(&mut self, stream: u32, _count: usize, end_of_stream: bool) -> Result<Action, Trap> {
        let headers = self.headers(stream, Map::Request);
        let headers = &headers.pairs();
        Ok(self.step(
            stream,
            Event::RequestHeaders { headers: Headers::of(&HeaderPairs::new(headers)), end_of_stream },
        ))
    }

    fn request_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap> {
        Ok(match self.exchange(stream).awaited_body_bytes() {
            None => self.rest_of_request(stream),
            Some(most) if size > most => self.step(stream, Event::RequestTooLarge { bytes: size }),
            Some(_) if !end_of_stream => Action::Pause,
            Some(_) => self.whole_request_body(stream),
        })
    }

    fn request_trailers(&mut self, stream: u32) -> Result<Action, Trap> {
        Ok(match self.exchange(stream).awaited_body_bytes() {
            None => self.rest_of_request(stream),
            Some(_) => self.whole_request_body(stream),
        })
    }

    fn response_headers(&mut self, stream: u32, _count: usize, end_of_stream: bool) -> Result<Action, Trap> {
        if !self.exchange(stream).reads_response_headers() {
            return Ok(Action::Continue);
        }
        let headers = self.headers(stream, Map::Response);
        let headers = &headers.pairs();
        Ok(self.step(
            stream,
            Event::ResponseHeaders { headers: Headers::of(&HeaderPairs::new(headers)), end_of_stream },
        ))
    }

    fn response_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap> {
        if !self.exchange(stream).reads_response_body() {
            return Ok(Action::Continue);
        }
        // Of an empty piece there is nothing to ask for.
        let chunk = if size == 0 { Some(Vec::new()) } else { self.body(stream, Map::Response) };
        Ok(match chunk {
            Some(chunk) => self.step(stream, Event::ResponseBody { chunk: &chunk, end_of_stream }),
            None => self.step(stream, Event::ResponseBodyLost),
        })
    }

    fn response_trailers(&mut self, stream: u32) -> Result<Action, Trap> {
        Ok(self.step(stream, Event::ResponseBody { chunk: &[], end_of_stream: true }))
    }

    fn log(&mut self, stream: u32) -> Result<(), Trap> {
        self.step(stream, Event::Done);
        Ok(())
    }

    fn end(&mut self, stream: u32) -> Result<(), Trap> {
        self.exchanges.remove(&stream);
        Ok(())
    }
}
