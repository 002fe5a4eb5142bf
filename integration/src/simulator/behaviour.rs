//! How the simulated provider behaves: the knobs, and their `x-sim-*` request headers.

use crate::gate::Gate;
use bytes::Bytes;
use hyper::header::HeaderMap;
use std::str::FromStr;
use std::time::Duration;

/// Everything that can be turned; the default is a provider that behaves.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Answers with this status and OpenAI's error body instead. `x-sim-status: 429`
    pub status: Option<u16>,
    /// Further response headers.
    pub headers: Vec<(String, String)>,
    /// Answers any path with exactly these bytes.
    pub canned: Option<Canned>,
    /// Bills this many input tokens instead of a quarter of the text's bytes. `x-sim-input-tokens: 7`
    pub input_tokens: Option<u64>,
    /// How much of the input is billed as cached. `x-sim-cached-tokens: 3`
    pub cached_tokens: u64,
    /// What the model would like to write per choice; the request's cap still holds. `x-sim-output-tokens: 9`
    pub output_tokens: Option<u64>,
    /// Leaves the usage out of the answer. `x-sim-omit-usage: 1`
    pub omit_usage: bool,
    /// Adds this much text to the answer without billing it. `x-sim-padding: 2000000`
    pub padding: usize,
    /// Waits for a gate.
    pub hold: Hold,
    /// Cuts the connection. `x-sim-cut: before | midway | 120` (after so many bytes)
    pub cut: Cut,
    /// How the body is cut into writes. `x-sim-chunks: each | whole | every:7 | at:3,9`
    pub chunks: Chunks,
    /// The pause between two writes. `x-sim-pause-ms: 5`
    pub pause: Duration,
    /// Compression. `x-sim-gzip: always | accepted`
    pub gzip: Gzip,
}

/// An answer given as bytes, for shapes that the simulator does not speak.
#[derive(Debug, Clone)]
pub struct Canned {
    /// The `content-type` header.
    pub content_type: String,
    /// The body; pieces are the events for [`Chunks::Each`].
    pub pieces: Vec<Bytes>,
}

/// Where an answer waits.
#[derive(Debug, Clone, Default)]
pub enum Hold {
    /// Nowhere.
    #[default]
    No,
    /// Before the status line.
    BeforeAnswer(Gate),
    /// Within the body, after so many writes have been flushed.
    AfterChunks(usize, Gate),
}

/// Where an answer breaks off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    #[default]
    No,
    /// The connection closes with no answer.
    BeforeAnswer,
    /// After half of the body.
    Midway,
    /// After so many bytes of the body.
    AfterBytes(usize),
}

/// How a body is divided into writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Chunks {
    /// Each server-sent event by itself; a JSON body at once.
    #[default]
    Each,
    /// Everything at once.
    Whole,
    /// Every so many bytes.
    Every(usize),
    /// At these byte positions.
    At(Vec<usize>),
}

/// When an answer is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gzip {
    /// Never.
    #[default]
    No,
    /// If the request says `accept-encoding: gzip`, as real providers do.
    IfAccepted,
    /// Whatever the request says.
    Always,
}

impl Behaviour {
    /// This behaviour with the request's own `x-sim-*` headers applied. Panics on a knob it cannot read.
    #[must_use]
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        let known = headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix("x-sim-")?, value.to_str().unwrap_or_default()))
        });
        for (knob, value) in known {
            self.turn(knob, value);
        }
        self
    }

    fn turn(&mut self, knob: &str, value: &str) {
        match knob {
            "status" => self.status = Some(number(knob, value)),
            "input-tokens" => self.input_tokens = Some(number(knob, value)),
            "cached-tokens" => self.cached_tokens = number(knob, value),
            "output-tokens" => self.output_tokens = Some(number(knob, value)),
            "omit-usage" => self.omit_usage = value != "0",
            "padding" => self.padding = number(knob, value),
            "pause-ms" => self.pause = Duration::from_millis(number(knob, value)),
            "cut" => self.cut = cut(value),
            "chunks" => self.chunks = chunks(value),
            "gzip" => self.gzip = if value == "always" { Gzip::Always } else { Gzip::IfAccepted },
            _ => panic!("the simulator has no knob x-sim-{knob}"),
        }
    }
}

fn cut(value: &str) -> Cut {
    match value {
        "before" => Cut::BeforeAnswer,
        "midway" => Cut::Midway,
        bytes => Cut::AfterBytes(number("cut", bytes)),
    }
}

fn chunks(value: &str) -> Chunks {
    match value.split_once(':') {
        None if value == "whole" => Chunks::Whole,
        Some(("every", bytes)) => Chunks::Every(number("chunks", bytes)),
        Some(("at", places)) => Chunks::At(places.split(',').map(|place| number("chunks", place)).collect()),
        _ => Chunks::Each,
    }
}

fn number<T: FromStr>(knob: &str, value: &str) -> T {
    value.trim().parse().unwrap_or_else(|_| panic!("x-sim-{knob}: {value:?} is not a number"))
}
