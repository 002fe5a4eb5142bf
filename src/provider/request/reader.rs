//! The visitor that turns matched fields into facts.

use std::fmt;

use super::field::{RequestField, RequestShape};
use crate::call::{EditPoints, Reasoning, RequestFacts, ServiceTier};
use crate::provider::json::{Container, Malformed, Matcher, Scalar, Span, Tokenizer, Visitor, whole_number};

/// Why a request's governed facts cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The body is no JSON document.
    Malformed(Malformed),
    /// The body is JSON, but no object.
    NotAnObject,
    /// A governed field appears twice, or once more in another case: parsers differ on which one counts.
    Ambiguous(&'static str),
    /// A governed field has a value of another type.
    WrongType(&'static str),
    /// The body is a form without the parts that govern it, or no form at all.
    BadForm,
    /// More tools than any provider takes, or one whose name is too long to be judged.
    BadTools,
    /// More models to choose from than any provider takes.
    TooManyModels,
}

impl fmt::Display for Unreadable {
    /// What is wrong, for the caller: `its body …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(Malformed::Unexpected { at }) => {
                write!(f, "its body is no JSON document from byte {at} on")
            }
            Self::Malformed(Malformed::TooDeep) => f.write_str("its body is nested too deeply"),
            Self::Malformed(Malformed::Truncated) => f.write_str("its body ends in the middle of its JSON"),
            Self::NotAnObject | Self::WrongType(BODY) => f.write_str("its body is no JSON object"),
            Self::Ambiguous(field) => write!(f, "its body states {field:?} more than once"),
            Self::WrongType(field) => write!(f, "its body states {field:?} with a value of another type"),
            Self::TooManyModels => write!(f, "its body names more than {MOST_MODELS} models"),
            Self::BadTools => f.write_str("its body offers too many tools, or one with too long a name"),
            Self::BadForm => f.write_str("its body is a form without the parts that govern it"),
        }
    }
}

/// How many models may stand in a list: each is judged and priced, by some for itself and beside all others.
const MOST_MODELS: usize = 32;

/// The body itself, where a field's name is told.
const BODY: &str = "body";

/// Reads one JSON body.
pub(super) fn read(shape: &'static RequestShape, body: &[u8]) -> Result<RequestFacts, Unreadable> {
    let mut matcher = Matcher::new(&shape.root);
    let mut reading = Facts::default();
    let mut tokenizer = Tokenizer::new();
    let taken = tokenizer.feed(body, &mut matcher.with(&mut reading)).map_err(Unreadable::Malformed)?;
    tokenizer.finish(&mut matcher.with(&mut reading)).map_err(Unreadable::Malformed)?;
    let trailing = body.get(taken..).unwrap_or_default();
    if let Some(at) = trailing.iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
        return Err(Unreadable::Malformed(Malformed::Unexpected { at: taken.saturating_add(at) }));
    }
    if let Some(problem) = reading.problem {
        return Err(problem);
    }
    if reading.facts.edits.after_brace.is_none() {
        return Err(Unreadable::NotAnObject);
    }
    reading.facts.input = matcher.meter.size;
    Ok(reading.facts)
}

#[derive(Default)]
struct Facts {
    facts: RequestFacts,
    seen: u32,
    problem: Option<Unreadable>,
}

impl Facts {
    fn fail(&mut self, problem: Unreadable) {
        self.problem.get_or_insert(problem);
    }

    fn wrong_type(&mut self, field: RequestField) {
        self.fail(match field {
            RequestField::Root => Unreadable::NotAnObject,
            field => Unreadable::WrongType(name(field)),
        });
    }

    fn cap(&mut self, value: Option<u64>, slot: usize, span: Span) {
        // Either name of the cap may be the one the provider honours: the larger is the upper bound.
        self.facts.max_output_tokens = self.facts.max_output_tokens.max(value);
        if let Some(point) = self.facts.edits.caps.get_mut(slot) {
            *point = Some((span.start, span.end));
        }
    }

    /// Houses name the budget differently, and a request may carry several names: what needs the most is the upper bound.
    fn reasoning(&mut self, stated: Reasoning) {
        let needs = |reasoning: &Reasoning| (!reasoning.is_in_cap, reasoning.tokens);
        if self.facts.reasoning.as_ref().is_none_or(|known| needs(known) < needs(&stated)) {
            self.facts.reasoning = Some(stated);
        }
    }

    fn figure(&mut self, field: RequestField, raw: &[u8], span: Span) {
        let value = whole_number(raw);
        // Negative means "no limit" where it means anything; a fraction means nothing anywhere.
        if value.is_none() && !raw.starts_with(b"-") {
            return self.wrong_type(field);
        }
        match field {
            RequestField::Cap => self.cap(value, 0, span),
            RequestField::OlderCap => self.cap(value, 1, span),
            RequestField::Choices => self.facts.choices = value,
            RequestField::BestOf => self.facts.best_of = value,
            RequestField::Reasoning | RequestField::ReasoningBeside => {
                let is_in_cap = field == RequestField::Reasoning;
                if let Some(tokens) = value {
                    self.reasoning(Reasoning { tokens, is_in_cap });
                }
            }
            _ => self.wrong_type(field),
        }
    }

    fn flag(&mut self, field: RequestField, value: bool, span: Span) {
        match field {
            RequestField::Stream => {
                self.facts.stream = value;
                self.facts.edits.states_stream = true;
            }
            RequestField::IncludeUsage => {
                self.facts.include_usage = value;
                self.facts.edits.include_usage = Some((span.start, span.end));
            }
            _ => self.wrong_type(field),
        }
    }
}

impl Facts {
    /// `null` states nothing, but an edit has to replace it.
    fn null(&mut self, field: RequestField, span: Span) {
        let (edits, span) = (&mut self.facts.edits, Some((span.start, span.end)));
        match field {
            RequestField::Cap => edits.caps = [span, edits.caps[1]],
            RequestField::OlderCap => edits.caps = [edits.caps[0], span],
            RequestField::CapParent => edits.cap_parent = span,
            RequestField::StreamOptions => edits.stream_options = span,
            RequestField::IncludeUsage => edits.include_usage = span,
            _ => {}
        }
    }
}

impl Visitor<RequestField> for Facts {
    const FOLDS: bool = true;

    fn named(&mut self, field: RequestField) {
        let bit = 1_u32 << (field as u32);
        if self.seen & bit != 0 && field != RequestField::Reasoning {
            self.fail(Unreadable::Ambiguous(name(field)));
        }
        self.seen |= bit;
    }

    fn nearly_named(&mut self, key: &'static str) {
        self.fail(Unreadable::Ambiguous(key));
    }

    fn string(&mut self, field: RequestField, value: Option<&[u8]>, span: Span, in_array: bool) {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        match (field, text) {
            (RequestField::Model, Some(model)) if !in_array => {
                self.facts.model = Some(model.to_owned()).filter(|model| !model.is_empty());
            }
            (RequestField::StreamFormat, format) => self.facts.stream |= format == Some("sse"),
            (RequestField::ServiceTier, Some(tier)) if !in_array => {
                self.facts.service_tier = Some(ServiceTier::of(tier));
            }
            (RequestField::FallbackModels, Some(_)) if self.facts.fallback_models.len() >= MOST_MODELS => {
                self.fail(Unreadable::TooManyModels);
            }
            (RequestField::FallbackModels, Some(model)) => self.facts.fallback_models.push(model.to_owned()),
            // Lenient servers read figures out of strings.
            (
                RequestField::Cap
                | RequestField::OlderCap
                | RequestField::Choices
                | RequestField::BestOf
                | RequestField::Reasoning
                | RequestField::ReasoningBeside,
                Some(text),
            ) if !in_array && !text.is_empty() => {
                self.figure(field, text.trim().as_bytes(), span);
            }
            _ => self.wrong_type(field),
        }
    }

    fn scalar(&mut self, field: RequestField, value: Option<Scalar<'_>>, span: Span, in_array: bool) {
        match (field, value) {
            (_, Some(Scalar::Null)) if !in_array => self.null(field, span),
            (_, Some(Scalar::Bool(value))) if !in_array => self.flag(field, value, span),
            (_, Some(Scalar::Number(raw))) if !in_array => self.figure(field, raw, span),
            _ => self.wrong_type(field),
        }
    }

    fn opened(&mut self, field: RequestField, container: Container, at: usize) {
        match (field, container) {
            (RequestField::Root, Container::Object) => {
                self.facts.edits =
                    EditPoints { after_brace: Some(at.saturating_add(1)), ..EditPoints::default() };
            }
            (RequestField::StreamOptions, Container::Object) => {
                self.facts.edits.stream_options = Some((at, at));
            }
            (RequestField::CapParent, Container::Object) => self.facts.edits.cap_parent = Some((at, at)),
            (RequestField::FallbackModels, Container::Array) => {}
            _ => self.wrong_type(field),
        }
    }

    fn closed(&mut self, field: RequestField, at: usize) {
        let point = match field {
            RequestField::StreamOptions => &mut self.facts.edits.stream_options,
            RequestField::CapParent => &mut self.facts.edits.cap_parent,
            _ => return,
        };
        *point = point.map(|(start, _)| (start, at.saturating_add(1)));
    }
}

/// The field, as an operator knows it.
const fn name(field: RequestField) -> &'static str {
    match field {
        RequestField::Root => BODY,
        RequestField::Model => "model",
        RequestField::FallbackModels => "models",
        RequestField::Stream => "stream",
        RequestField::StreamFormat => "stream_format",
        RequestField::Cap | RequestField::OlderCap => "output cap",
        RequestField::CapParent => "the output cap's object",
        RequestField::Choices => "n",
        RequestField::BestOf => "best_of",
        RequestField::ServiceTier => "service_tier",
        RequestField::Reasoning | RequestField::ReasoningBeside => "the thinking budget",
        RequestField::StreamOptions => "stream_options",
        RequestField::IncludeUsage => "stream_options.include_usage",
    }
}
