//! What happens to an exchange: values that the edge makes of its host's callbacks.

use crate::headers::Headers;

/// What happened to the exchange.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The request's headers are there.
    RequestHeaders {
        /// The headers.
        headers: Headers<'a>,
        /// Whether no body follows.
        end_of_stream: bool,
    },
    /// The request's body is there, whole.
    RequestBody {
        /// The whole body.
        body: &'a [u8],
    },
    /// The request's body grew beyond [`Exchange::awaited_body_bytes`](super::Exchange::awaited_body_bytes).
    RequestTooLarge {
        /// Its size so far.
        bytes: usize,
    },
    /// The answer's headers are there, the upstream's or those of a local reply.
    ResponseHeaders {
        /// The headers.
        headers: Headers<'a>,
        /// Whether no body follows.
        end_of_stream: bool,
    },
    /// Another piece of the answer's body.
    ResponseBody {
        /// The piece; boundaries are the network's.
        chunk: &'a [u8],
        /// Whether it is the last.
        end_of_stream: bool,
    },
    /// A piece of the answer's body that the host could not hand over.
    ResponseBodyLost,
    /// The exchange is over, however it ended.
    Done,
}
