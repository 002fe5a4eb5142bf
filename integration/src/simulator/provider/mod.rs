//! Providers with chat APIs of their own, each in its documented shape, whole and streamed.
//!
//! Which one is meant is said by how the path ends, or, for those that speak OpenAI's API with usage in places of their
//! own, by the provider's name before it, as gateways spell it.

mod anthropic;
mod bedrock;
mod cohere;
mod compatible;
mod event_stream;
mod gemini;
mod ollama;

use super::behaviour::Behaviour;
use super::call::Call;
use super::chat::{WORD, text};
use super::figures::{Figures, Usage};
use super::shape::Shape;

/// The answer of whichever provider has such a path.
pub(super) fn answer(path: &str, query: &str, call: &Call, behaviour: &Behaviour) -> Option<Shape> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let reply = Reply::new(call, behaviour);
    Some(match segments.as_slice() {
        [.., "v1", "messages"] => anthropic::answer(call, &reply),
        [.., "v2", "chat"] => cohere::answer(call, &reply),
        [.., "api", "chat"] => ollama::answer(call, &reply),
        [.., "model", _, verb] => bedrock::answer(verb, &reply)?,
        [.., "models", target] => gemini::answer(target, query, &reply)?,
        ["mistral", "v1", "chat", "completions"] => compatible::mistral(call, &reply),
        ["groq", "openai", "v1", "chat", "completions"] => compatible::groq(call, &reply),
        _ => return None,
    })
}

/// What the model says, before it is given a shape.
struct Reply {
    usage: Usage,
    /// Everything that is said.
    text: String,
    /// The same in the pieces in which it is streamed.
    deltas: Vec<String>,
    /// The model was stopped by the request's cap.
    capped: bool,
}

impl Reply {
    fn new(call: &Call, behaviour: &Behaviour) -> Self {
        let figures = Figures::writing(call, behaviour);
        let words = usize::try_from(figures.per_choice).expect("a sane number of tokens");
        let mut deltas = vec![WORD.to_owned(); words];
        if behaviour.padding > 0 {
            deltas.insert(0, "x".repeat(behaviour.padding));
        }
        Self { usage: figures.usage, text: text(behaviour, &figures), deltas, capped: figures.capped }
    }

    /// Input that did not come from the cache.
    fn uncached_tokens(&self) -> u64 {
        self.usage.input_tokens - self.usage.cached_tokens
    }

    /// One of two words for why the model stopped.
    fn stopped(&self, by_itself: &'static str, by_cap: &'static str) -> &'static str {
        if self.capped { by_cap } else { by_itself }
    }
}

/// A server-sent event with a name.
fn named_event(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
