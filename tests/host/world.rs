//! Everything that the proxy holds and that host calls read and change.
//!
//! Shared by all workers of one test. Statuses are those of the proxy-wasm ABI 0.2.1.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::headers::HeaderMap;
use super::store::{NOT_FOUND, SharedData};

/// When every journey begins: 2026-02-16T12:00:00Z, a Monday.
pub const START_NANOS: u64 = 1_771_243_200_000_000_000;

/// `BAD_ARGUMENT`.
pub const BAD_ARGUMENT: u32 = 2;

/// The proxy's state behind one [`RefCell`], since host calls re-enter it.
pub type SharedWorld = Rc<RefCell<World>>;

/// The proxy's state.
#[derive(Debug)]
pub struct World {
    /// The wall clock.
    pub now_nanos: u64,
    /// Envoy's shared data.
    pub shared: SharedData,
    /// Every stream that lives.
    pub streams: BTreeMap<u32, Stream>,
    /// Attributes that the proxy knows of every stream that begins from now on, by path joined with NUL.
    pub known: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
    /// The names of defined counters; their place is their id.
    pub counter_names: Vec<String>,
    /// The filter's log, warnings and errors.
    pub log: Vec<String>,
    /// The configuration that `on_configure` reads.
    pub configuration: Vec<u8>,
    /// HTTP calls that wait for an answer.
    pub calls: Vec<Call>,
    /// Whether the cluster takes no calls at all.
    pub refuses_calls: bool,
    /// The headers of the call answer that is being delivered.
    pub call_answer: Option<HeaderMap>,
    /// What the host refuses, with the status that it gives instead.
    pub refused: BTreeMap<String, u32>,
    /// The tick period that each worker asked for.
    pub tick_period_ms: BTreeMap<usize, u32>,
    next_token: u32,
}

/// One HTTP exchange, as the proxy sees it.
#[derive(Debug, Default)]
pub struct Stream {
    /// Which worker serves it.
    pub worker: usize,
    /// The request's headers; the filter's edits are in them.
    pub request: HeaderMap,
    /// Whether the request's headers went on, after which they cannot be changed.
    pub request_forwarded: bool,
    /// What is buffered of the request's body.
    pub request_body: Vec<u8>,
    /// Whether the filter replaced it.
    pub request_replaced: bool,
    /// The answer's headers, once there are any.
    pub response: Option<HeaderMap>,
    /// Whether the answer's headers went on.
    pub response_forwarded: bool,
    /// The piece of the answer's body that is being delivered.
    pub response_body: Vec<u8>,
    /// All of the answer's body that came, and all of it that went on.
    pub answered: (Vec<u8>, Vec<u8>),
    /// Attributes that the proxy knows, by path joined with NUL.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Filter state, without its `wasm.` prefix.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// The local reply that the filter sent.
    pub reply: Option<Reply>,
}

/// A local reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u32,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// The headers that it carries.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// An HTTP call that the filter made.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its token.
    pub token: u32,
    /// Whose call it is.
    pub worker: usize,
    /// The cluster it goes to.
    pub cluster: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Its timeout.
    pub timeout_ms: u32,
}

/// Which of a stream's header maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// The request's.
    Request,
    /// The answer's.
    Response,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new() -> SharedWorld {
        Rc::new(RefCell::new(Self {
            now_nanos: START_NANOS,
            shared: SharedData::default(),
            streams: BTreeMap::new(),
            known: BTreeMap::new(),
            counters: BTreeMap::new(),
            counter_names: Vec::new(),
            log: Vec::new(),
            configuration: Vec::new(),
            calls: Vec::new(),
            refuses_calls: false,
            call_answer: None,
            refused: BTreeMap::new(),
            tick_period_ms: BTreeMap::new(),
            next_token: 1,
        }))
    }

    /// The stream with this id.
    pub fn stream(&mut self, id: u32) -> &mut Stream {
        self.streams.get_mut(&id).expect("the stream lives")
    }

    /// Fails with the host's status if it refuses `what`: `headers`, `bodies`, `edits`, `body-edits`, `filter-state`, `counters`,
    /// `replies` or `clock`.
    pub fn allow(&self, what: &str) -> Result<(), u32> {
        self.refused.get(what).map_or(Ok(()), |status| Err(*status))
    }

    /// A header map that may be changed now, or the status that a change gets.
    pub fn editable(&mut self, stream: u32, map: Map) -> Result<&mut HeaderMap, u32> {
        self.allow("edits")?;
        let stream = self.stream(stream);
        match map {
            Map::Request if !stream.request_forwarded => Ok(&mut stream.request),
            Map::Response if !stream.response_forwarded => stream.response.as_mut().ok_or(BAD_ARGUMENT),
            _ => Err(BAD_ARGUMENT),
        }
    }

    /// A header map's pairs.
    pub fn headers(&mut self, stream: u32, map: Map) -> Result<HeaderMap, u32> {
        self.allow("headers")?;
        let stream = self.streams.get(&stream).ok_or(BAD_ARGUMENT)?;
        match map {
            Map::Request => Ok(stream.request.clone()),
            Map::Response => stream.response.clone().ok_or(BAD_ARGUMENT),
        }
    }

    /// The body that is being delivered, or what is buffered of it.
    pub fn body(&mut self, stream: u32, map: Map) -> Result<Vec<u8>, u32> {
        self.allow("bodies")?;
        let stream = self.stream(stream);
        Ok(if map == Map::Request { stream.request_body.clone() } else { stream.response_body.clone() })
    }

    /// Puts other bytes in the place of the body that is being delivered, or of what is buffered of it.
    pub fn replace_body(&mut self, stream: u32, map: Map, bytes: &[u8]) -> Result<(), u32> {
        self.allow("body-edits")?;
        let stream = self.stream(stream);
        stream.request_replaced |= map == Map::Request;
        let body = if map == Map::Request { &mut stream.request_body } else { &mut stream.response_body };
        *body = bytes.to_vec();
        Ok(())
    }

    /// Sets filter state.
    pub fn set_filter_state(&mut self, stream: u32, name: &str, value: &[u8]) -> Result<(), u32> {
        self.allow("filter-state")?;
        self.stream(stream).filter_state.insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    /// Answers a request in the upstream's stead.
    pub fn reply(&mut self, stream: u32, reply: Reply) -> Result<(), u32> {
        self.allow("replies")?;
        self.stream(stream).reply = Some(reply);
        Ok(())
    }

    /// The wall clock, as the host tells it.
    pub fn now(&self) -> Result<u64, u32> {
        self.allow("clock").map(|()| self.now_nanos)
    }

    /// An attribute of a stream.
    pub fn attribute(&self, stream: u32, path: &[u8]) -> Result<Vec<u8>, u32> {
        let stream = self.streams.get(&stream).ok_or(NOT_FOUND)?;
        let own = || stream.filter_state.get(std::str::from_utf8(path).ok()?);
        stream.attributes.get(path).or_else(own).cloned().ok_or(NOT_FOUND)
    }

    /// Takes a call to a cluster, or refuses it.
    pub fn call(
        &mut self,
        worker: usize,
        cluster: &str,
        headers: HeaderMap,
        body: &[u8],
        timeout_ms: u32,
    ) -> Result<u32, u32> {
        if self.refuses_calls {
            return Err(BAD_ARGUMENT);
        }
        let token = self.next_token;
        self.next_token += 1;
        let (cluster, body) = (cluster.to_owned(), body.to_vec());
        self.calls.push(Call { token, worker, cluster, headers, body, timeout_ms });
        Ok(token)
    }

    /// The id of a counter, defined now if it was not.
    pub fn counter(&mut self, name: &str) -> u32 {
        let known = self.counter_names.iter().position(|known| known == name);
        let id = known.unwrap_or_else(|| {
            self.counter_names.push(name.to_owned());
            self.counter_names.len() - 1
        });
        u32::try_from(id).expect("few counters")
    }

    /// Raises a counter; like Envoy's, it wraps.
    pub fn count(&mut self, name: &str, by: u64) -> Result<(), u32> {
        self.allow("counters")?;
        let counter = self.counters.entry(name.to_owned()).or_default();
        *counter = counter.wrapping_add(by);
        Ok(())
    }
}

impl Stream {
    /// Sets an attribute that the proxy knows.
    pub fn set_attribute(&mut self, path: &[&str], value: &[u8]) {
        self.attributes.insert(path.join("\0").into_bytes(), value.to_vec());
    }

    /// What goes upstream of an edited body, and whether its stated length is its own: where it is not, what is over is
    /// taken for the next request on that connection.
    pub fn body_upstream(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.request_replaced {
            lines.push(format!("body becomes {}", super::text::escape(&self.request_body)));
        }
        let stated =
            self.request.get("content-length").map(|length| String::from_utf8_lossy(length).into_owned());
        let length = self.request_body.len();
        if let Some(stated) = stated.filter(|stated| *stated != length.to_string()) {
            lines.push(format!("SMUGGLES: content-length {stated} of a body of {length} bytes"));
        }
        lines
    }

    /// What the client got of an answer, once, where that is not what came.
    pub fn delivered(&mut self) -> Option<String> {
        let (came, went) = std::mem::take(&mut self.answered);
        (came != went).then(|| format!("delivered {}", super::text::escape(&went)))
    }

    /// The span's tags: filter state that is not empty, as `custom_tags` with `%FILTER_STATE(...)%` show it.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let shown = self.filter_state.iter().filter(|(_, value)| !value.is_empty());
        shown.map(|(name, value)| (name.clone(), super::text::escape(value))).collect()
    }
}

/// The random bytes of every source of randomness here: fixed, so that both stages make the same ids.
pub fn random_bytes(buffer: &mut [u8]) {
    buffer.iter_mut().zip(1_u8..).for_each(|(byte, next)| *byte = next);
}
