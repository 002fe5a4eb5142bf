//! The provider layer: recognises AI calls, reads what requests ask for and what answers consumed, and refuses in the
//! caller's own dialect.
//!
//! Knows wire formats; knows nothing of budgets, attribution, configuration or hosts. Nothing here keeps content: sizes,
//! names and figures only. Every reader is incremental, bounded in memory, and total: what the network sends is never
//! more than an unreadable request or an incomplete reading.

mod adapter;
mod answer;
mod dialect;
mod endpoint;
mod framing;
mod json;
mod recognise;
mod request;

pub use answer::{ProviderError, Reading, Shortfall, UsageChunkRemover, UsageReader};
pub use dialect::{Dialect, RefusalKind, ReplyBody};
pub use endpoint::{Api, Endpoint, Provider};
pub use framing::Base64;
pub use json::Malformed;
pub use recognise::{recognise, recognise_at, recognise_upgrade};
pub use request::{EditedRequest, RequestEdits, Unreadable, is_form};
