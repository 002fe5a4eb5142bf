//! Refusals in the caller's own dialect, so that its SDK raises its own error, once.
//!
//! Knows the wire shape of each provider's errors; what is refused and why is decided elsewhere.

mod body;
mod detail;

use crate::catalogue::{Api, Provider};

/// How a provider spells its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `{"error":{"message","type","param","code"}}`.
    OpenAi,
    /// OpenAI's, with codes as strings of the status.
    Azure,
    /// `{"type":"error","error":{"type","message"}}`.
    Anthropic,
    /// `{"error":{"code","message","status"}}`.
    Google,
    /// `{"message"}`, with the type in a header.
    Bedrock,
    /// `{"message"}`.
    Cohere,
    /// `{"object":"error","message","type","param","code"}`.
    Mistral,
    /// `{"error": message}`.
    Ollama,
    /// `{"error": message, "error_type"}`.
    Tgi,
    /// `{"errors":[{"code","message"}],"status_code"}`.
    Watsonx,
    /// `{"error_code","message"}`.
    Databricks,
    /// `{"detail": message}`.
    Detail,
}

impl Dialect {
    /// The dialect of an API as a provider speaks it.
    pub(super) const fn of(provider: Provider, api: Api) -> Self {
        match (api, provider) {
            (Api::Messages | Api::AnthropicComplete, _) => Self::Anthropic,
            (Api::Converse | Api::Invoke, _) => Self::Bedrock,
            (Api::GenerateContent | Api::Interactions | Api::Predict, _) => Self::Google,
            (Api::Cohere, Provider::Voyage | Provider::Jina) => Self::Detail,
            (Api::Cohere, _) => Self::Cohere,
            (Api::Ollama, _) => Self::Ollama,
            (Api::Tgi, _) => Self::Tgi,
            (Api::Watsonx, _) => Self::Watsonx,
            (Api::Replicate, _) | (_, Provider::Voyage) => Self::Detail,
            (_, Provider::Mistral) => Self::Mistral,
            (_, Provider::AzureOpenAi | Provider::AzureAi) => Self::Azure,
            (_, Provider::Databricks) => Self::Databricks,
            _ => Self::OpenAi,
        }
    }
}

/// What kind of refusal an SDK is to raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Too many requests or tokens now; waiting helps.
    RateLimit,
    /// A budget is used up; retrying at once is pointless.
    Budget,
    /// A policy forbids it; retrying is pointless.
    Forbidden,
    /// The request cannot be read.
    BadRequest,
    /// Governance itself cannot answer; waiting may help.
    Unavailable,
}

/// An answer given in the provider's stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyBody {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Dialect {
    /// Refuses with a message for people and a code for programs; `retry_after_s` where waiting helps.
    pub fn refusal(
        self,
        kind: RefusalKind,
        message: &str,
        code: &str,
        retry_after_s: Option<u64>,
    ) -> ReplyBody {
        let status = body::status(self, kind);
        let body = body::write(self, kind, status, message, code, retry_after_s);
        ReplyBody {
            status,
            content_type: "application/json",
            headers: body::headers(self, kind, retry_after_s),
            body: body.to_string().into_bytes(),
        }
    }
}
