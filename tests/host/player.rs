//! Plays a journey: each command drives the proxy, and tells in lines what came of it.

use std::collections::BTreeMap;
use std::rc::Rc;

use genops::ledger;

use super::exports;
use super::ports::Host;
use super::proxy::{Proxy, Redirected, Told};
use super::reading::{headers, nanos};
use super::script::{Script, Step};
use super::stage::{StartStage, Trap};
use super::telling::{logged, readable, tell_call};
use super::text::unescape;
use super::world::World;

/// What a journey's configuration starts from.
const BASE_CONFIG: &str = include_str!("../journeys/base.json");

/// The headers of a caller who does everything right, in a traced request.
const CALLER: &str = "\
:method: POST
:scheme: https
:authority: api.openai.com
:path: /v1/chat/completions
content-type: application/json
x-genops-team: search
x-genops-project: chatbot
x-genops-environment: production";

/// The trace of every exchange; each has its own span.
const TRACE: &str = "x-genops-trace: 6d8b83eb3f8d3c0d8628f078df7ab76f";

/// A journey under way.
pub struct Player {
    proxy: Proxy,
    config: serde_json::Value,
    workers: usize,
    worker: usize,
    streams: BTreeMap<String, u32>,
    /// Requests that an earlier filter holds on their second way.
    redirected: BTreeMap<String, Redirected>,
    streams_begun: u64,
    counters: BTreeMap<String, u64>,
    /// Whether the journey says when ticks come.
    ticks_by_itself: bool,
}

/// Plays a whole journey: what came of each step.
pub fn play(script: &Script, start: StartStage<'_>) -> Vec<Vec<String>> {
    let mut player = Player::new(start);
    player.ticks_by_itself = script.steps().any(|step| step.command == "tick");
    let mut dead = false;
    let steps = script.steps().map(|step| {
        if dead {
            return vec!["not played: the VM is dead".to_owned()];
        }
        let lines = player.step(step);
        dead = lines.iter().any(|line| line.starts_with(TRAPPED));
        lines
    });
    steps.collect()
}

/// What the line begins with that tells of a VM's death.
const TRAPPED: &str = "TRAP";

impl Player {
    /// A journey of which nothing has happened yet.
    pub fn new(start: StartStage<'_>) -> Self {
        Self {
            proxy: Proxy::new(start),
            config: serde_json::from_str(BASE_CONFIG).expect("base.json"),
            workers: 0,
            worker: 0,
            streams: BTreeMap::new(),
            redirected: BTreeMap::new(),
            streams_begun: 0,
            counters: BTreeMap::new(),
            ticks_by_itself: false,
        }
    }

    /// Plays one step.
    pub fn step(&mut self, step: &Step) -> Vec<String> {
        let mut lines = self.act(step).unwrap_or_else(|Trap(why)| vec![format!("{TRAPPED} {why}")]);
        // Counters reach the host on the tick; a journey that does not say when it comes sees one after each step.
        if !self.ticks_by_itself {
            let ticked = (0..self.workers).try_for_each(|worker| self.proxy.tick(worker));
            lines.extend(ticked.err().map(|Trap(why)| format!("{TRAPPED} {why}")));
        }
        let mut world = self.proxy.world.borrow_mut();
        lines.append(&mut world.log.iter().flat_map(|line| logged(line)).collect());
        world.log.clear();
        for (name, count) in &world.counters {
            let before = self.counters.insert(name.clone(), *count).unwrap_or(0);
            if *count != before {
                lines.push(format!("counts {} +{}", readable(name), count.wrapping_sub(before)));
            }
        }
        lines
    }

    fn act(&mut self, step: &Step) -> Told {
        let words: Vec<&str> = step.command.split_whitespace().collect();
        let text = || unescape(&step.payload.concat());
        let last = words.last() == Some(&"last");
        match words.as_slice() {
            ["config"] => self.configure(std::str::from_utf8(&text()).expect("UTF-8")),
            ["config", "verbatim"] => {
                let text = String::from_utf8(text()).expect("UTF-8");
                self.configure_all(&text)
            }
            ["route", name, cluster] => {
                self.proxy.route = Some([(*name).to_owned(), (*cluster).to_owned()]);
                Ok(Vec::new())
            }
            ["worker", number] => self.use_worker(number.parse().expect("a worker's number")),
            ["clock", by] => {
                let mut world = self.proxy.world.borrow_mut();
                world.now_nanos = world.now_nanos.checked_add_signed(nanos(by)).expect("a moment");
                Ok(Vec::new())
            }
            ["request", name] | ["request", name, "last"] => {
                let trace = format!("{TRACE}-{:016x}", self.streams_begun + 1);
                self.streams_begun += 1;
                let request = headers(CALLER.lines().chain([trace.as_str()]), &step.payload);
                let (id, lines) = self.proxy.request(self.worker, request, last)?;
                self.streams.insert((*name).to_owned(), id);
                Ok(lines)
            }
            ["body", name] | ["body", name, "last"] => self.proxy.request_body(self.id(name), &text(), last),
            ["trailers", name] => self.proxy.request_trailers(self.id(name)),
            ["sent", name] | ["waits", name] => {
                self.proxy.sent(self.id(name), 1, words.first() == Some(&"sent"));
                Ok(Vec::new())
            }
            ["answer", name, status] | ["answer", name, status, "last"] => {
                let status = format!(":status: {status}");
                let headers = headers([status.as_str(), "content-type: application/json"], &step.payload);
                let id = self.id(name);
                self.proxy.sent(id, 1, true);
                self.proxy.answer(id, headers, "via_upstream", last)
            }
            ["chunk", name] | ["chunk", name, "last"] => self.proxy.answer_body(self.id(name), &text(), last),
            ["answer-trailers", name] => self.proxy.answer_trailers(self.id(name)),
            ["envoy-answers", name, status, details] => self.envoy_answers(name, status, details, &text()),
            ["done", name] => {
                let id = self.id(name);
                self.streams.remove(*name);
                self.proxy.done(id)
            }
            ["redirects", name, how @ ..] => self.redirect(name, self.id(name), how),
            ["arrives", name] => {
                let redirected =
                    self.redirected.remove(*name).expect("a request that an earlier filter holds");
                self.arrive(name, redirected)
            }
            ["vm-dies-under", name] => {
                let id = self.id(name);
                self.proxy.drop_stream(id);
                self.streams.remove(*name);
                Ok(Vec::new())
            }
            ["knows", path @ ..] => {
                let mut world = self.proxy.world.borrow_mut();
                let path = path.join("\0").into_bytes();
                match text() {
                    value if value.is_empty() => _ = world.known.remove(&path),
                    value => _ = world.known.insert(path, value),
                }
                Ok(Vec::new())
            }
            ["store", what @ ..] => {
                self.store(what);
                Ok(Vec::new())
            }
            ["host", "refuses", what, status] => {
                let status = status.parse().expect("a host status");
                self.proxy.world.borrow_mut().refused.insert((*what).to_owned(), status);
                Ok(Vec::new())
            }
            ["host", "works"] => {
                self.proxy.world.borrow_mut().refused.clear();
                Ok(Vec::new())
            }
            ["ends-unseen", name] => {
                let id = self.proxy.unseen(self.worker)?;
                self.streams.insert((*name).to_owned(), id);
                self.act(&Step { command: format!("done {name}"), ..Step::default() })
            }
            ["account", budget] => Ok(self.account(budget, "")),
            ["account", budget, key] => Ok(self.account(budget, key)),
            ["in-flight", limit] => Ok(self.in_flight(limit, "")),
            ["in-flight", limit, key] => Ok(self.in_flight(limit, key)),
            ["tick"] => self.tick(),
            ["collector", "refuses-calls"] => {
                self.proxy.world.borrow_mut().refuses_calls = true;
                Ok(Vec::new())
            }
            ["collector", "takes-calls"] => {
                self.proxy.world.borrow_mut().refuses_calls = false;
                Ok(Vec::new())
            }
            ["collector", "is-silent"] => self.proxy.collector_answers(None).map(|_| Vec::new()),
            ["collector", status] => self.proxy.collector_answers(Some(status)).map(|_| Vec::new()),
            ["events"] => self.events(),
            _ => panic!("line {}: no such command: {}", step.line, step.command),
        }
    }

    /// Replaces top-level keys of the configuration (`null` takes one away) and gives it to every worker.
    fn configure(&mut self, text: &str) -> Told {
        let text = if text.is_empty() { "{}" } else { text };
        let overlay: serde_json::Value = serde_json::from_str(text).expect("the configuration's JSON");
        let mut config = self.config.clone();
        for (key, value) in overlay.as_object().expect("an object") {
            let config = config.as_object_mut().unwrap();
            match value {
                serde_json::Value::Null => _ = config.remove(key),
                value => _ = config.insert(key.clone(), value.clone()),
            }
        }
        let lines = self.configure_all(&config.to_string())?;
        if lines == ["accepted"] {
            self.config = config;
        }
        Ok(lines)
    }

    fn configure_all(&mut self, text: &str) -> Told {
        self.workers = self.workers.max(1);
        let mut lines = Vec::new();
        for worker in 0..self.workers {
            lines = self.proxy.configure(worker, text)?;
        }
        Ok(lines)
    }

    fn use_worker(&mut self, number: usize) -> Told {
        self.worker = number.checked_sub(1).expect("workers count from 1");
        let config = self.config.to_string();
        while self.workers <= self.worker {
            self.proxy.configure(self.workers, &config)?;
            self.workers += 1;
        }
        Ok(Vec::new())
    }

    fn id(&self, name: &str) -> u32 {
        *self.streams.get(name).unwrap_or_else(|| panic!("no exchange is called {name}"))
    }

    /// Envoy answers by itself. `details` may begin with `sent:` when the request had left, and `retried:` when it had
    /// left and come back before.
    fn envoy_answers(&mut self, name: &str, status: &str, details: &str, body: &[u8]) -> Told {
        let id = self.id(name);
        let connected = !details.contains("connection_failure") && !details.contains("overflow");
        let details = match details.split_once(':') {
            Some(("sent", details)) => {
                self.proxy.sent(id, 1, connected);
                details
            }
            Some(("retried", details)) => {
                self.proxy.sent(id, 2, connected);
                details
            }
            _ => details,
        };
        let status = format!(":status: {status}");
        let headers = headers([status.as_str(), "content-type: text/plain"], &[]);
        let mut lines = self.proxy.answer(id, headers, details, body.is_empty())?;
        if !body.is_empty() {
            lines.extend(self.proxy.answer_body(id, body, true)?);
        }
        Ok(lines)
    }

    fn store(&mut self, what: &[&str]) {
        let mut world = self.proxy.world.borrow_mut();
        let shared = &mut world.shared;
        match what {
            ["refuses", status] => shared.refuses = Some(status.parse().expect("a host status")),
            ["works"] => (shared.refuses, shared.conflicts) = (None, 0),
            ["conflicts", times] => shared.conflicts = times.parse().expect("a number of conflicts"),
            ["is-corrupted"] => shared.corrupt(),
            ["is-lost"] => shared.lose_everything(),
            other => panic!("no such fault of the store: {other:?}"),
        }
    }

    /// Envoy follows a redirect by itself, into a stream that the filter sees, sees the end of alone, or does not see.
    fn redirect(&mut self, name: &str, id: u32, how: &[&str]) -> Told {
        let request_id = if how == ["without-id"] { String::new() } else { format!("request-{name}") };
        let (redirected, mut lines) = self.proxy.redirects(id, request_id.as_bytes())?;
        self.streams.remove(name);
        if how.is_empty() || how == ["without-id"] {
            lines.extend(self.arrive(name, redirected)?);
        } else if how == ["held-before"] {
            self.redirected.insert(name.to_owned(), redirected);
        } else if how == ["answered-before"] {
            let next = self.proxy.unseen(self.worker)?;
            self.proxy
                .world
                .borrow_mut()
                .stream(next)
                .set_attribute(&["request", "id"], request_id.as_bytes());
            lines.extend(self.proxy.done(next)?);
        }
        Ok(lines)
    }

    /// A redirected request comes to the filter.
    fn arrive(&mut self, name: &str, redirected: Redirected) -> Told {
        let (next, lines) = self.proxy.arrives(redirected)?;
        self.streams.insert(name.to_owned(), next);
        Ok(lines)
    }

    /// How an account stands, read with the ledger's own eyes.
    fn account(&self, budget: &str, key: &str) -> Vec<String> {
        let config = genops::config::parse(&self.config.to_string()).expect("it was accepted");
        let budget = config.budgets.iter().find(|b| &*b.name == budget).expect("a budget of that name");
        let host = Host {
            world: self.proxy.world.clone(),
            stream: 0,
            ids_given: Rc::default(),
            recall: Rc::default(),
        };
        let now = genops::ports::Clock::now(&host);
        vec![match ledger::inspect(&host, now, budget, key) {
            Ok(balance) => format!(
                "{}: allocated {} consumed {} pending {} remaining {}",
                budget.window.label(balance.window_index),
                balance.allocated.get(),
                balance.consumed.get(),
                balance.pending.get(),
                balance.remaining()
            ),
            Err(error) => format!("{error:?}"),
        }]
    }

    /// How many calls a concurrency limit counts, read with the ledger's own eyes.
    fn in_flight(&self, limit: &str, key: &str) -> Vec<String> {
        let config = genops::config::parse(&self.config.to_string()).expect("it was accepted");
        let all = &config.concurrency_limits;
        let limit = all.iter().find(|l| &*l.slots.name == limit).expect("a limit of that name");
        let host = Host {
            world: self.proxy.world.clone(),
            stream: 0,
            ids_given: Rc::default(),
            recall: Rc::default(),
        };
        let now = genops::ports::Clock::now(&host);
        vec![match ledger::inspect(&host, now, &limit.slots, key) {
            Ok(balance) => format!("{} of {}", balance.pending.get(), balance.allocated.get()),
            Err(error) => format!("{error:?}"),
        }]
    }

    fn tick(&mut self) -> Told {
        let already = self.proxy.world.borrow().calls.len();
        (0..self.workers).try_for_each(|worker| self.proxy.tick(worker))?;
        let world: std::cell::Ref<'_, World> = self.proxy.world.borrow();
        Ok(world.calls.iter().skip(already).map(tell_call).collect())
    }

    /// Ticks until nothing is left to send, takes everything, and tells it.
    fn events(&mut self) -> Told {
        let mut teller = exports::Teller::default();
        let mut lines = Vec::new();
        loop {
            (0..self.workers).try_for_each(|worker| self.proxy.tick(worker))?;
            let calls = self.proxy.collector_answers(Some("200"))?;
            if calls.is_empty() {
                break;
            }
            calls.iter().for_each(|call| lines.extend(teller.tell(&call.body)));
        }
        Ok(if lines.is_empty() { vec!["none".to_owned()] } else { lines })
    }
}
