//! How Envoy drives a filter: buffering, holding, forwarding, local replies, and the order of the end.
//!
//! As observed on Envoy 1.40 with `allow_on_headers_stop_iteration`: a held body is cumulative, a body after that comes
//! chunk by chunk, trailers come without a last body piece, a local reply passes the response callbacks, and the span is
//! finished before `on_log`. Each method tells what came of it, in lines.

use std::collections::BTreeMap;

use super::exports::OF_THE_AWU;
use super::headers::HeaderMap;
use super::stage::{Action, Stage, StartStage, Trap};
use super::text::escape;
use super::world::{SharedWorld, Stream, World};

/// A proxy with one filter.
pub struct Proxy {
    /// What it holds.
    pub world: SharedWorld,
    stage: Box<dyn Stage>,
    progress: BTreeMap<u32, Progress>,
    next_stream: u32,
    /// The route that requests take from now on: its name and its cluster's.
    pub route: Option<[String; 2]>,
}

/// Where a stream stands in the proxy.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    answered_here: bool,
}

/// A request that Envoy has redirected by itself, on its way to the filters again.
pub struct Redirected {
    worker: usize,
    request: HeaderMap,
    request_id: Vec<u8>,
}

/// What came of something, in lines.
pub type Told = Result<Vec<String>, Trap>;

impl Proxy {
    /// A proxy that serves nothing yet.
    pub fn new(start: StartStage<'_>) -> Self {
        let world = World::new();
        let stage = start(world.clone());
        Self { world, stage, progress: BTreeMap::new(), next_stream: 1, route: None }
    }

    /// Gives a worker a configuration.
    pub fn configure(&mut self, worker: usize, configuration: &str) -> Told {
        self.world.borrow_mut().configuration = configuration.as_bytes().to_vec();
        let accepted = self.stage.configure(worker)?;
        Ok(vec![if accepted { "accepted" } else { "refused" }.to_owned()])
    }

    /// A request arrives; gives its stream's id.
    pub fn request(
        &mut self,
        worker: usize,
        request: HeaderMap,
        end: bool,
    ) -> Result<(u32, Vec<String>), Trap> {
        self.begin(worker, request, b"", end)
    }

    fn begin(
        &mut self,
        worker: usize,
        request: HeaderMap,
        request_id: &[u8],
        end: bool,
    ) -> Result<(u32, Vec<String>), Trap> {
        let id = self.next_stream;
        self.next_stream += 1;
        let count = request.0.len();
        let before = request.clone();
        let attributes = self.world.borrow().known.clone();
        let mut stream = Stream { worker, request, attributes, ..Stream::default() };
        stream.set_attribute(&["upstream", "request_attempt_count"], &0_u64.to_le_bytes());
        if let Some([route, cluster]) = &self.route {
            stream.set_attribute(&["xds", "route_name"], route.as_bytes());
            stream.set_attribute(&["xds", "cluster_name"], cluster.as_bytes());
        }
        if !request_id.is_empty() {
            stream.set_attribute(&["request", "id"], request_id);
        }
        self.world.borrow_mut().streams.insert(id, stream);
        self.progress.insert(id, Progress::default());
        self.stage.create(id)?;
        let action = self.stage.request_headers(id, count, end)?;
        let mut lines = self.request_went(id, &before, action)?;
        if end && action == Action::Pause && !self.progress[&id].answered_here {
            lines.push("hangs: nothing will come that could resume it".to_owned());
        }
        Ok((id, lines))
    }

    /// A stream of which the filter sees no headers: an earlier filter answered it.
    pub fn unseen(&mut self, worker: usize) -> Result<u32, Trap> {
        let id = self.next_stream;
        self.next_stream += 1;
        self.world.borrow_mut().streams.insert(id, Stream { worker, ..Stream::default() });
        self.stage.create(id)?;
        Ok(id)
    }

    /// A piece of a request's body arrives.
    pub fn request_body(&mut self, id: u32, piece: &[u8], end: bool) -> Told {
        if self.progress[&id].answered_here {
            return Ok(Vec::new());
        }
        let (before, size) = {
            let mut world = self.world.borrow_mut();
            let stream = world.stream(id);
            if stream.request_forwarded {
                stream.request_body.clear();
            }
            stream.request_body.extend_from_slice(piece);
            (stream.request.clone(), stream.request_body.len())
        };
        let action = self.stage.request_body(id, size, end)?;
        self.request_went(id, &before, action)
    }

    /// A request's trailers arrive.
    pub fn request_trailers(&mut self, id: u32) -> Told {
        let before = self.world.borrow_mut().stream(id).request.clone();
        let action = self.stage.request_trailers(id)?;
        self.request_went(id, &before, action)
    }

    fn request_went(&mut self, id: u32, before: &HeaderMap, action: Action) -> Told {
        if let Some(lines) = self.local_reply(id)? {
            return Ok(lines);
        }
        let mut world = self.world.borrow_mut();
        let stream = world.stream(id);
        let mut lines = Vec::new();
        match action {
            Action::Pause => lines.push("held".to_owned()),
            Action::Continue if !stream.request_forwarded => lines.push("goes upstream".to_owned()),
            Action::Continue => {}
        }
        lines.extend(indented(stream.request.edits_since(before)));
        if action == Action::Continue && !stream.request_forwarded {
            lines.extend(indented(stream.body_upstream()));
        }
        stream.request_forwarded |= action == Action::Continue;
        Ok(lines)
    }

    /// What the filter answered in the upstream's stead, after the response callbacks have seen it.
    fn local_reply(&mut self, id: u32) -> Result<Option<Vec<String>>, Trap> {
        let Some(reply) = self.world.borrow_mut().stream(id).reply.take() else { return Ok(None) };
        self.progress.insert(id, Progress { answered_here: true });
        let mut lines = vec![format!("answered here: {} {}", reply.status, reply.details)];
        let mut headers = HeaderMap::default();
        headers.add(":status", reply.status.to_string().as_bytes());
        headers.0.extend(reply.headers.0.clone());
        let body = escape(&reply.body);
        self.answer_begins(id, headers, &reply.details, reply.body.is_empty())?;
        if !reply.body.is_empty() {
            self.answer_goes_on(id, &reply.body, true)?;
        }
        let mut world = self.world.borrow_mut();
        let headers = world.stream(id).response.clone().unwrap_or_default();
        let mut shown: Vec<String> =
            headers.0.iter().map(|(name, value)| format!("{}: {}", escape(name), escape(value))).collect();
        shown.sort();
        lines.extend(indented(shown));
        lines.push(format!("  {body}"));
        Ok(Some(lines))
    }

    /// The request is to leave for an upstream host, and does once it has a connection.
    pub fn sent(&mut self, id: u32, attempts: u64, connected: bool) {
        let mut world = self.world.borrow_mut();
        let stream = world.stream(id);
        stream.set_attribute(&["upstream", "address"], b"192.0.2.7:443");
        if connected {
            stream.set_attribute(&["upstream", "local_address"], b"192.0.2.1:50000");
        }
        stream.set_attribute(&["upstream", "request_attempt_count"], &attempts.to_le_bytes());
    }

    /// An answer begins, whoever wrote it.
    pub fn answer(&mut self, id: u32, headers: HeaderMap, details: &str, end: bool) -> Told {
        let before = headers.clone();
        let action = self.answer_begins(id, headers, details, end)?;
        let mut world = self.world.borrow_mut();
        let stream = world.stream(id);
        let mut lines = vec![flow(action)];
        lines.extend(indented(stream.response.clone().unwrap_or_default().edits_since(&before)));
        stream.response_forwarded = action == Action::Continue;
        Ok(lines)
    }

    fn answer_begins(
        &mut self,
        id: u32,
        headers: HeaderMap,
        details: &str,
        end: bool,
    ) -> Result<Action, Trap> {
        let count = headers.0.len();
        {
            let mut world = self.world.borrow_mut();
            let stream = world.stream(id);
            stream.set_attribute(&["response", "code_details"], details.as_bytes());
            stream.response = Some(headers);
        }
        self.stage.response_headers(id, count, end)
    }

    /// A piece of the answer's body arrives.
    pub fn answer_body(&mut self, id: u32, piece: &[u8], end: bool) -> Told {
        let action = self.answer_goes_on(id, piece, end)?;
        let mut lines = if action == Action::Continue { Vec::new() } else { vec![flow(action)] };
        if end {
            lines.extend(self.world.borrow_mut().stream(id).delivered());
        }
        Ok(lines)
    }

    fn answer_goes_on(&mut self, id: u32, piece: &[u8], end: bool) -> Result<Action, Trap> {
        self.world.borrow_mut().stream(id).response_body = piece.to_vec();
        let action = self.stage.response_body(id, piece.len(), end)?;
        let mut world = self.world.borrow_mut();
        let stream = world.stream(id);
        stream.answered.0.extend_from_slice(piece);
        stream.answered.1.append(&mut stream.response_body);
        Ok(action)
    }

    /// The upstream redirects, and Envoy follows by itself: the stream is over, and its request, as the filter left it,
    /// is to begin again in another one.
    pub fn redirects(&mut self, id: u32, request_id: &[u8]) -> Result<(Redirected, Vec<String>), Trap> {
        self.sent(id, 1, true);
        let (worker, mut request) = {
            let mut world = self.world.borrow_mut();
            let stream = world.stream(id);
            stream.set_attribute(&["response", "code_details"], b"internal_redirect");
            stream.set_attribute(&["request", "id"], request_id);
            (stream.worker, stream.request.clone())
        };
        // Envoy traces the first stream alone.
        request.set(b"x-genops-trace", b"-");
        Ok((Redirected { worker, request, request_id: request_id.to_owned() }, self.done(id)?))
    }

    /// A redirected request comes to the filter in its next stream. Gives its id.
    pub fn arrives(&mut self, redirected: Redirected) -> Result<(u32, Vec<String>), Trap> {
        self.begin(redirected.worker, redirected.request, &redirected.request_id, false)
    }

    /// The answer's trailers arrive.
    pub fn answer_trailers(&mut self, id: u32) -> Told {
        let action = self.stage.response_trailers(id)?;
        Ok(if action == Action::Continue { Vec::new() } else { vec![flow(action)] })
    }

    /// The stream is over: the span is finished, then the filter hears of it.
    pub fn done(&mut self, id: u32) -> Told {
        let delivered = self.world.borrow_mut().stream(id).delivered();
        let span = self.world.borrow_mut().stream(id).tags();
        self.stage.log(id)?;
        let after = self.world.borrow_mut().stream(id).tags();
        self.stage.end(id)?;
        self.world.borrow_mut().streams.remove(&id);
        let mut lines: Vec<String> = delivered.into_iter().collect();
        lines.extend([if span.is_empty() { "span: nothing" } else { "span:" }.to_owned()]);
        let (awu, others): (Vec<_>, Vec<_>) =
            span.iter().partition(|(name, _)| OF_THE_AWU.contains(&name.as_str()));
        if !awu.is_empty() {
            let awu: Vec<String> = awu
                .iter()
                .map(|(name, value)| format!("{}={value}", name.trim_start_matches("genops.")))
                .collect();
            lines.push(format!("  {}", awu.join(" ")));
        }
        lines.extend(others.iter().map(|(name, value)| format!("  {name} = {value}")));
        let late: Vec<String> = after
            .iter()
            .filter(|(name, value)| span.get(*name) != Some(value))
            .map(|(name, value)| format!("  {name} = {value}"))
            .chain(
                span.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("  {name} is gone")),
            )
            .collect();
        if !late.is_empty() {
            lines.push("only in the access log:".to_owned());
            lines.extend(late);
        }
        Ok(lines)
    }

    /// The stream disappears without a callback, as when its VM dies.
    pub fn drop_stream(&mut self, id: u32) {
        self.world.borrow_mut().streams.remove(&id);
    }

    /// A worker's timer strikes.
    pub fn tick(&mut self, worker: usize) -> Result<(), Trap> {
        self.stage.tick(worker)
    }

    /// Answers every waiting call with a status; `None` is a callback without one.
    pub fn collector_answers(&mut self, status: Option<&str>) -> Result<Vec<super::world::Call>, Trap> {
        let calls = std::mem::take(&mut self.world.borrow_mut().calls);
        for call in &calls {
            let mut headers = HeaderMap::default();
            if let Some(status) = status {
                headers.add(":status", status.as_bytes());
            }
            let count = headers.0.len();
            self.world.borrow_mut().call_answer = Some(headers);
            self.stage.call_answered(call.worker, call.token, count)?;
            self.world.borrow_mut().call_answer = None;
        }
        Ok(calls)
    }
}

fn flow(action: Action) -> String {
    if action == Action::Continue { "goes downstream" } else { "held" }.to_owned()
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}
