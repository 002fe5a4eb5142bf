//! `genops read`: recorded exchanges in, what the filter's own readers see out.
//!
//! Each line of input holds a `request` (`method`, `url`, `headers`, `body` or `body_b64`) and a `response` (`status`,
//! `headers`, `body` or `body_b64`); each line of output says how that call would be read. With `--chunks` the answer's
//! body is cut at random, as a network would.

use genops::call::RequestFacts;
use genops::provider::{Base64, Endpoint, Reading, UsageReader, recognise};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    request: Request,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default = "post")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    body_b64: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    body_b64: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

/// Runs the command with its remaining arguments.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Box<dyn Error>> {
    let mut file = None;
    let mut seed = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("chunks") => seed = Some(arguments.value()?.to_string_lossy().parse::<u64>()?),
            lexopt::Arg::Value(path) if file.is_none() => file = Some(path),
            other => return Err(other.unexpected().into()),
        }
    }
    let file = file.ok_or("read: which FILE? (- for standard input)")?;
    let input: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(
            std::fs::File::open(&file).map_err(|e| format!("{}: {e}", file.display()))?,
        )),
    };
    let mut output = std::io::stdout().lock();
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", number.saturating_add(1)))?;
        writeln!(output, "{}", read(&line, seed))?;
    }
    Ok(())
}

/// What the filter sees of one exchange.
fn read(line: &Line, seed: Option<u64>) -> Value {
    let (authority, path) = split_url(&line.request.url);
    let Some(endpoint) = recognise(&line.request.method, authority, path) else {
        return json!({"id": line.id, "request": null, "usage": null, "model": null, "billable": false,
            "error": null, "unreadable": null});
    };
    let body = bytes(line.request.body.as_deref(), line.request.body_b64.as_deref());
    let facts = endpoint.read_request(header(&line.request.headers, "content-type"), &body);
    let reading = line.response.as_ref().map(|response| read_answer(&endpoint, response, seed));
    let status = line.response.as_ref().map(|response| response.status);
    let unreadable = facts.as_ref().err().map(|problem| format!("{problem:?}"));
    json!({
        "id": line.id,
        "request": request(&endpoint, &facts.unwrap_or_default()),
        "usage": reading.as_ref().map(|reading| usage(&endpoint, reading)),
        "model": reading.as_ref().and_then(|reading| reading.model.clone()),
        "billable": endpoint.billable,
        "error": reading.as_ref().and_then(|reading| reading.error.as_ref()).map(|error| {
            json!({"type": error.kind, "code": error.code, "http_status": status})
        }),
        "incomplete": reading.as_ref().and_then(|reading| reading.shortfall).map(|reason| reason.as_str()),
        "unreadable": unreadable,
    })
}

fn request(endpoint: &Endpoint, facts: &RequestFacts) -> Value {
    json!({
        "provider": endpoint.provider.slug(),
        "otel_provider": endpoint.provider.otel_name(),
        "api": endpoint.api.as_str(),
        "operation": endpoint.operation.as_str(),
        "model": facts.model,
        "stream": facts.stream,
        "max_output_tokens": facts.max_output_tokens,
        "n": facts.choices,
        "region": endpoint.region,
        "input": {
            "text_bytes": facts.input.text_bytes, "tokens": facts.input.tokens,
            "images": facts.input.images, "audio_parts": facts.input.audio_parts,
        },
    })
}

fn usage(endpoint: &Endpoint, reading: &Reading) -> Value {
    let usage = if endpoint.billable { reading.usage } else { Default::default() };
    json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "total_tokens": usage.total(),
        "audio_input_tokens": usage.audio_input_tokens,
        "audio_output_tokens": usage.audio_output_tokens,
    })
}

fn read_answer(endpoint: &Endpoint, response: &Response, seed: Option<u64>) -> Reading {
    let mut reader = UsageReader::new(endpoint, response.status);
    for (name, value) in &response.headers {
        // Recorded bodies are decoded already.
        if let (Some(value), false) = (text(value), name.eq_ignore_ascii_case("content-encoding")) {
            reader.header(&name.to_ascii_lowercase(), value);
        }
    }
    let body = bytes(response.body.as_deref(), response.body_b64.as_deref());
    let mut rest = body.as_slice();
    let mut random = seed.map(|seed| Random(seed ^ 0x9E37_79B9_7F4A_7C15));
    while !rest.is_empty() {
        let length = random.as_mut().map_or(rest.len(), Random::length);
        let (chunk, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        reader.feed(chunk);
        rest = tail;
    }
    reader.finish(true)
}

/// Chunk lengths: mostly short, sometimes long.
struct Random(u64);

impl Random {
    fn length(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let mask = if self.0 & 7 == 0 { 4095 } else { 31 };
        usize::try_from((self.0 >> 8) & mask).unwrap_or(0).saturating_add(1)
    }
}

/// The authority and path of a URL.
fn split_url(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some(split) => split,
        None => (rest, "/"),
    }
}

fn header<'a>(headers: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| text(value))
}

/// A header's value; recordings that keep several have a list.
fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.as_array().and_then(|values| values.first()).and_then(Value::as_str))
}

fn bytes(plain: Option<&str>, base64: Option<&str>) -> Vec<u8> {
    match (plain, base64) {
        (Some(plain), _) => plain.as_bytes().to_vec(),
        (None, Some(encoded)) => {
            let mut decoded = Vec::new();
            Base64::default().decode(encoded.as_bytes(), &mut decoded);
            decoded
        }
        (None, None) => Vec::new(),
    }
}
