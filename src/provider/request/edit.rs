//! Edits of a request body on its raw bytes: everything that is not edited stays byte for byte.
//!
//! Two edits exist: asking for usage in a stream, merged into what the client sent, and an output cap, set or lowered.
//! Insertions go right behind an opening brace, so that a member the client repeats later could only have been refused.
//! Where a request states its cap under two names, both are edited; a `null` beside a figure stays `null`, since a
//! provider may refuse both names at once.

use crate::call::{Operation, RequestFacts};
use crate::provider::endpoint::{Api, Endpoint, Provider};

/// What to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestEdits {
    /// Ask for usage in the stream, where the API has to be asked ([`Endpoint::can_ask_for_usage`]).
    pub include_usage: bool,
    /// Cap the output of each choice at this many tokens: inserted, or lowered where the client's is larger.
    pub output_cap: Option<u64>,
}

/// A request's body with edits made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedRequest {
    /// The whole body.
    pub body: Vec<u8>,
    /// It now asks for usage in its stream.
    pub asks_for_usage: bool,
    /// Its output cap is now the wanted one.
    pub caps_output: bool,
}

/// A replacement of the bytes `start..end`.
struct Splice {
    start: usize,
    end: usize,
    text: String,
}

impl Endpoint {
    /// Whether the stream of this call states usage only when `stream_options.include_usage` asks for it. Providers
    /// that state it anyway, or that refuse fields they do not know, are not asked.
    pub fn can_ask_for_usage(&self, facts: &RequestFacts) -> bool {
        let states_anyway = matches!(
            self.provider,
            Provider::Mistral
                | Provider::Perplexity
                | Provider::Groq
                | Provider::DeepSeek
                | Provider::OpenRouter
                | Provider::Together
                | Provider::Cohere
        );
        matches!(self.api, Api::ChatCompletions | Api::Completions)
            && facts.stream
            && !facts.include_usage
            && !states_anyway
            && (self.shape_is_certain || facts.edits.stream_options.is_some())
    }

    /// Whether an edit can cap the output of this call: its API has a place for a cap, or the request states one.
    pub fn can_cap_output(&self, body: &[u8], facts: &RequestFacts) -> bool {
        !self.cap_splices(body, facts, 0).is_empty()
    }

    /// The body with the edits made; `None` when it already is as wanted, or offers no place for them.
    pub fn edit_request(
        &self,
        body: &[u8],
        facts: &RequestFacts,
        edits: &RequestEdits,
    ) -> Option<EditedRequest> {
        let mut splices = Vec::new();
        if edits.include_usage && self.can_ask_for_usage(facts) {
            splices.extend(ask_for_usage(body, facts));
        }
        let asks_for_usage = !splices.is_empty();
        let caps = edits.output_cap.map(|cap| self.cap_output(body, facts, cap)).unwrap_or_default();
        let caps_output = !caps.is_empty();
        splices.extend(caps);
        if splices.is_empty() {
            return None;
        }
        Some(EditedRequest { body: apply(body, splices)?, asks_for_usage, caps_output })
    }

    fn cap_output(&self, body: &[u8], facts: &RequestFacts, cap: u64) -> Vec<Splice> {
        // A negative figure means "no limit", whatever the cap under the other name says.
        let is_unlimited = |(start, end): &(usize, usize)| {
            body.get(*start..*end).is_some_and(|text| text.starts_with(b"-") || text.starts_with(b"\"-"))
        };
        let is_within = facts.max_output_tokens.is_some_and(|own| own <= cap)
            && !facts.edits.caps.iter().flatten().any(is_unlimited);
        if is_within { Vec::new() } else { self.cap_splices(body, facts, cap) }
    }

    /// What makes `cap` the request's output cap, whatever it was.
    fn cap_splices(&self, body: &[u8], facts: &RequestFacts, cap: u64) -> Vec<Splice> {
        let generates = matches!(
            self.operation,
            Operation::Chat | Operation::TextCompletion | Operation::GenerateContent
        );
        if !generates {
            return Vec::new();
        }
        let stated = stated_caps(body, facts);
        if !stated.is_empty() {
            let splice = |(start, end)| Splice { start, end, text: cap.to_string() };
            return stated.into_iter().map(splice).collect();
        }
        let Some((parent, key)) = self.cap_place() else { return Vec::new() };
        let member = format!("\"{key}\":{cap}");
        let inserted = match (parent, facts.edits.cap_parent) {
            (None, _) => insert_member(body, facts.edits.after_brace, &member),
            (Some(_), Some((start, end))) => merge_object(body, start, end, &member),
            (Some(parent), None) => {
                insert_member(body, facts.edits.after_brace, &format!("\"{parent}\":{{{member}}}"))
            }
        };
        inserted.into_iter().collect()
    }

    /// Where a cap goes that the request does not state.
    fn cap_place(&self) -> Option<(Option<&'static str>, &'static str)> {
        let is_openai = matches!(self.provider, Provider::OpenAi | Provider::AzureOpenAi | Provider::AzureAi);
        match self.api {
            _ if !self.shape_is_certain => None,
            // Only OpenAI's newer models insist on the newer name, and others may not know it.
            Api::ChatCompletions if !is_openai => Some((None, "max_tokens")),
            Api::Watsonx if self.operation == Operation::Chat => Some((None, "max_tokens")),
            api => api.request().cap,
        }
    }
}

/// The figures to replace: those that state something, else the first `null`.
fn stated_caps(body: &[u8], facts: &RequestFacts) -> Vec<(usize, usize)> {
    let says_something = |(start, _): &(usize, usize)| body.get(*start) != Some(&b'n');
    let all: Vec<(usize, usize)> = facts.edits.caps.iter().flatten().copied().collect();
    let figures: Vec<(usize, usize)> = all.iter().copied().filter(says_something).collect();
    if figures.is_empty() { all.into_iter().take(1).collect() } else { figures }
}

fn ask_for_usage(body: &[u8], facts: &RequestFacts) -> Option<Splice> {
    const ASKED: &str = "\"include_usage\":true";
    match (facts.edits.include_usage, facts.edits.stream_options) {
        (Some((start, end)), _) => Some(Splice { start, end, text: "true".to_owned() }),
        (None, Some((start, end))) => merge_object(body, start, end, ASKED),
        (None, None) => {
            insert_member(body, facts.edits.after_brace, &format!("\"stream_options\":{{{ASKED}}}"))
        }
    }
}

/// Puts a member into the object that stands at `start..end`, or an object of it in the place of a `null`.
fn merge_object(body: &[u8], start: usize, end: usize, member: &str) -> Option<Splice> {
    if body.get(start) == Some(&b'{') {
        return insert_member(body, Some(start.saturating_add(1)), member);
    }
    Some(Splice { start, end, text: format!("{{{member}}}") })
}

/// Puts a member behind an opening brace.
fn insert_member(body: &[u8], after_brace: Option<usize>, member: &str) -> Option<Splice> {
    let start = after_brace?;
    let is_empty = body.get(start..)?.trim_ascii_start().starts_with(b"}");
    let text = if is_empty { member.to_owned() } else { format!("{member},") };
    Some(Splice { start, end: start, text })
}

fn apply(body: &[u8], mut splices: Vec<Splice>) -> Option<Vec<u8>> {
    splices.sort_by_key(|splice| splice.start);
    let mut edited = Vec::with_capacity(body.len().saturating_add(96));
    let mut at = 0;
    for splice in splices {
        edited.extend_from_slice(body.get(at..splice.start)?);
        edited.extend_from_slice(splice.text.as_bytes());
        at = splice.end;
    }
    edited.extend_from_slice(body.get(at..)?);
    Some(edited)
}
