//! How documents are wrapped on their way: server-sent events and AWS event streams.
//!
//! Each framing hands on payload bytes as they come and holds no event: its memory is a few bytes of state. JSON bodies,
//! lines of JSON and arrays need no framing: the tokenizer knows where a document ends.

mod base64;
pub(crate) mod crc32;
mod eventstream;
mod sse;
mod wrapped;

pub use base64::Base64;
pub(crate) use eventstream::EventStream;
pub(crate) use sse::Sse;

/// Receives what a framing unwraps.
pub(crate) trait Payload {
    /// The next bytes of the payload.
    fn bytes(&mut self, bytes: &[u8]);
    /// A line of the payload ended; the event may go on.
    fn line_end(&mut self);
    /// The event ended.
    fn boundary(&mut self);
    /// The framing itself says that this is an error, and of which kind.
    fn error(&mut self, kind: Option<&str>);
    /// The framing cannot be trusted from here on.
    fn corrupt(&mut self);
}
