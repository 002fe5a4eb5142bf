//! Takes out of a stream the usage that only the filter asked for.
//!
//! Every other byte passes as it came. The length and digests of such an answer are not known when its headers pass, so
//! they are taken off. Of an event that breaks off in the middle, what comes before its first choice is kept back.

use crate::exchange::effects::HeaderEdit;
use crate::headers::Headers;
use crate::provider::UsageChunkRemover;

/// An answer that may hold usage the client did not ask for.
#[derive(Debug)]
pub(crate) struct HiddenUsage {
    remover: UsageChunkRemover,
}

/// Headers that would be wrong for an answer with a piece taken out.
const OF_THE_WHOLE: [&str; 5] = ["content-length", "content-md5", "digest", "content-digest", "repr-digest"];

impl HiddenUsage {
    /// Of an answer with these headers; `None` where there is nothing to take out, or where that cannot be done.
    pub(crate) fn in_answer(headers: Headers<'_>, edits: &mut Vec<HeaderEdit>) -> Option<Box<Self>> {
        let is_encoded =
            headers.all("content-encoding").any(|value| !value.is_empty() && value != b"identity");
        let is_events = headers.all("content-type").any(|value| {
            const EVENTS: &[u8] = b"text/event-stream";
            value.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
        });
        if is_encoded || !is_events {
            return None;
        }
        let present = OF_THE_WHOLE.iter().filter(|name| headers.all(name).next().is_some());
        edits.extend(present.map(|name| HeaderEdit::Remove((*name).into())));
        Some(Box::new(Self { remover: UsageChunkRemover::new() }))
    }

    /// What of the next piece goes on, where that is not the piece itself.
    pub(crate) fn pass(&mut self, chunk: &[u8], end_of_stream: bool) -> Option<Vec<u8>> {
        let mut passed = self.remover.feed(chunk);
        if end_of_stream {
            passed.extend(self.remover.finish());
        }
        (passed != chunk).then_some(passed)
    }
}
