//! `genops read`: recorded exchanges in, what the filter's own readers see out.
//!
//! Each line of input holds a `request` (`method`, `url`, `headers`, `body` or `body_b64`) and a `response` (`status`,
//! `headers`, `body` or `body_b64`); each line of output says how that call would be read. With `--chunks` the answer's
//! body is cut at random, as a network would.

use genops::call::RequestFacts;
use genops::provider::{Base64, Endpoint, Reading, UsageReader, recognise};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};

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
        let line: Value =
            serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", number.saturating_add(1)))?;
        writeln!(output, "{}", read(&line, seed))?;
    }
    Ok(())
}

/// What the filter sees of one exchange.
fn read(line: &Value, seed: Option<u64>) -> Value {
    let (id, request) = (line.get("id"), line.get("request").unwrap_or(&Value::Null));
    let (authority, path) = split_url(text_at(request, "url"));
    let method = request.get("method").and_then(Value::as_str).unwrap_or("POST");
    let Some(endpoint) = recognise(method, authority, path) else {
        return json!({"id": id, "request": null, "usage": null, "model": null, "billable": false,
            "error": null, "incomplete": null, "unreadable": null});
    };
    let facts = endpoint.read_request(header(request, "content-type"), &body(request));
    let response = line.get("response").filter(|response| !response.is_null());
    let status = response.and_then(|response| response.get("status")).and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let reading = response.map(|response| read_answer(&endpoint, status, response, seed));
    let unreadable = facts.as_ref().err().map(ToString::to_string);
    // What the path says is known whatever the body is.
    let facts = facts.or_else(|_| endpoint.read_request(None, b"")).unwrap_or_default();
    let error = reading.as_ref().and_then(|reading| reading.error.as_ref());
    json!({
        "id": id,
        "request": facts_of(&endpoint, &facts),
        "usage": reading.as_ref().map(|reading| usage(&endpoint, reading)),
        "model": reading.as_ref().and_then(|reading| reading.model.clone()),
        "billable": endpoint.billable,
        "error": error.map(|error| json!({"type": error.kind, "code": error.code, "http_status": status})),
        "incomplete": reading.as_ref().and_then(|reading| reading.shortfall).map(|reason| reason.as_str()),
        "unreadable": unreadable,
    })
}

fn facts_of(endpoint: &Endpoint, facts: &RequestFacts) -> Value {
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

fn read_answer(endpoint: &Endpoint, status: u16, response: &Value, seed: Option<u64>) -> Reading {
    let mut reader = UsageReader::new(endpoint, status);
    for (name, value) in response.get("headers").and_then(Value::as_object).into_iter().flatten() {
        // Recorded bodies are decoded already.
        if let (Some(value), false) = (text(value), name.eq_ignore_ascii_case("content-encoding")) {
            reader.header(name.to_ascii_lowercase().as_bytes(), value.as_bytes());
        }
    }
    let body = body(response);
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

fn header<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let headers = message.get("headers")?.as_object()?;
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| text(value))
}

/// A header's value; recordings that keep several have a list.
fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.as_array().and_then(|values| values.first()).and_then(Value::as_str))
}

fn text_at<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The body of a message, as text or as base64.
fn body(message: &Value) -> Vec<u8> {
    if let Some(plain) = message.get("body").and_then(Value::as_str) {
        return plain.as_bytes().to_vec();
    }
    let mut decoded = Vec::new();
    Base64::default().decode(text_at(message, "body_b64").as_bytes(), &mut decoded);
    decoded
}
