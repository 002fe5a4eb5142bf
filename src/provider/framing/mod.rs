//! How documents are wrapped on their way: server-sent events, lines, arrays, AWS event streams.
//!
//! Each framing hands on payload bytes as they come and holds no event: its memory is a few bytes of state.

mod base64;
mod sse;

pub use base64::Base64;
pub(crate) use sse::Sse;

/// Receives what a framing unwraps.
pub(crate) trait Payload {
    /// The next bytes of the payload.
    fn bytes(&mut self, bytes: &[u8]);
    /// A line of the payload ended; the event may go on.
    fn line_end(&mut self);
    /// The event ended.
    fn boundary(&mut self);
    /// The framing itself says that this is an error.
    fn error(&mut self);
}
