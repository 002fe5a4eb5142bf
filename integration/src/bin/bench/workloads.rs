//! What is asked: requests of several sizes, streams, and a request that is refused.

use crate::upstream::ANSWER_HEADER;
use crate::variants::Variant;
use serde_json::json;

/// One kind of load.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The request, ready to be written.
    pub(crate) request: Vec<u8>,
    /// Requests per measurement, large enough for /proc's 10 ms grains not to matter.
    pub(crate) count: usize,
    /// Connections, each with one request at a time.
    pub(crate) connections: usize,
    /// The filter refuses it; bare Envoy and the no-op filter let it through.
    pub(crate) is_refused: bool,
    /// Measured again with telemetry on.
    pub(crate) is_traced_too: bool,
    /// Measured with everything that counts configured, too.
    pub(crate) is_counted_in_full: bool,
}

impl Workload {
    /// Whether a variant takes part.
    pub(crate) fn is_for(&self, variant: Variant) -> bool {
        match variant {
            Variant::Full => self.is_counted_in_full,
            // It makes the host calls of an admitted call, and of no other.
            Variant::Floor => !self.is_refused,
            Variant::Bare | Variant::NoOp | Variant::Genops => true,
        }
    }
}

const KIB: usize = 1024;
/// More than the whole budget of `governed.json`, and no more than the filter believes of one call.
const TOO_MUCH: u64 = 1_000_000_000;

pub(crate) fn all() -> Vec<Workload> {
    vec![
        Workload { is_traced_too: true, is_counted_in_full: true, ..json("JSON 1 KiB", KIB, 16_000) },
        json("JSON 16 KiB", 16 * KIB, 10_000),
        json("JSON 128 KiB", 128 * KIB, 6_000),
        Workload {
            request: request("json", &dense(128 * KIB)),
            ..json("JSON 128 KiB, escapes", 128 * KIB, 6_000)
        },
        Workload { is_traced_too: true, ..stream("SSE 50, at once", "sse", 4_000, 16) },
        stream("SSE 50, one write", "lump", 10_000, 16),
        stream("SSE 50, one by one", "paced", 1_024, 128),
        Workload {
            request: request("json", &body(KIB, false, TOO_MUCH)),
            is_refused: true,
            is_traced_too: true,
            ..json("refused 1 KiB", KIB, 16_000)
        },
    ]
}

fn json(name: &'static str, bytes: usize, count: usize) -> Workload {
    Workload {
        name,
        request: request("json", &body(bytes, false, 256)),
        count,
        connections: 16,
        is_refused: false,
        is_traced_too: false,
        is_counted_in_full: false,
    }
}

fn stream(name: &'static str, answer: &str, count: usize, connections: usize) -> Workload {
    Workload { request: request(answer, &body(KIB, true, 256)), connections, ..json(name, KIB, count) }
}

/// What people write: an escape a line, as in prose and in most code.
const PROSE: &str =
    "Compare the two quarterly reports line by line, and say what changed, for whom, and since when.\n";
/// The reader's worst case: an escape every few bytes, as in JSON within JSON.
const DENSE: &str = "{\"a\": [\"b\", \"c\\n\"]} ";

/// A chat request of exactly `bytes` bytes.
fn body(bytes: usize, stream: bool, cap: u64) -> String {
    asking(PROSE, bytes, stream, cap)
}

/// The same with as many escapes as can be.
fn dense(bytes: usize) -> String {
    asking(DENSE, bytes, false, 256)
}

fn asking(text: &str, bytes: usize, stream: bool, cap: u64) -> String {
    let with = |content: &str| {
        let mut body = json!({
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": "You are a careful assistant."},
                {"role": "user", "content": content},
            ],
            "max_completion_tokens": cap,
            "temperature": 0.2,
        });
        if stream {
            body["stream"] = json!(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        body.to_string()
    };
    let room = bytes - with("").len();
    let mut content: String = text.chars().cycle().take(room).collect();
    // Quotes, backslashes and ends of lines grow when they are escaped.
    let mut excess = with(&content).len().saturating_sub(bytes);
    while excess > 0 {
        let escaped = content.pop().map_or(excess, |last| if "\"\\\n".contains(last) { 2 } else { 1 });
        excess = excess.saturating_sub(escaped);
    }
    let missing = bytes - with(&content).len();
    with(&(content + &"x".repeat(missing)))
}

/// The headers that the official Python SDK sends, and the attribution.
fn request(answer: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\n\
         host: api.openai.com\r\n\
         accept: application/json\r\n\
         content-type: application/json\r\n\
         user-agent: OpenAI/Python 3.54.0\r\n\
         x-stainless-lang: python\r\n\
         x-stainless-package-version: 3.54.0\r\n\
         x-stainless-os: Linux\r\n\
         x-stainless-arch: x64\r\n\
         x-stainless-runtime: CPython\r\n\
         x-stainless-runtime-version: 3.11.7\r\n\
         x-stainless-async: false\r\n\
         x-stainless-retry-count: 0\r\n\
         authorization: Bearer sk-benchmark\r\n\
         x-genops-team: search\r\n\
         x-genops-project: assistant\r\n\
         {ANSWER_HEADER}: {answer}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
