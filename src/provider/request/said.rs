//! Where text stands in requests, over all APIs: what a key says of its value.
//!
//! What is not known counts as text: a new field is searched until somebody says that it is none.

use crate::transcript::Roles;

/// What is done with everything below a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Messages and their parts.
    Message,
    /// Structured data that the model reads as it is: arguments and results of tools. Keys and numbers are text too.
    Data,
    /// Tools and schemas: descriptions and the names of properties are text.
    Schema,
    /// Parameters, not text.
    Nothing,
}

/// A field of the body itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) region: Region,
    /// Who says what has no role of its own.
    pub(super) roles: Roles,
}

const PARAMETERS: &[&[u8]] = &[
    b"model",
    b"models",
    b"modelId",
    b"user",
    b"metadata",
    b"requestMetadata",
    b"stream",
    b"stream_options",
    b"stream_format",
    b"store",
    b"service_tier",
    b"reasoning",
    b"reasoning_effort",
    b"thinking",
    b"tool_choice",
    b"toolChoice",
    b"function_call",
    b"encoding_format",
    b"modalities",
    b"voice",
    b"audio",
    b"size",
    b"quality",
    b"style",
    b"background",
    b"output_format",
    b"stop",
    b"stop_sequences",
    b"stopSequences",
    b"logit_bias",
    b"previous_response_id",
    b"conversation_id",
    b"include",
    b"truncation",
    b"truncate",
    b"embedding_types",
    b"input_type",
    b"task",
    b"safety_identifier",
    b"prompt_cache_key",
    b"prompt_cache_retention",
    b"safetySettings",
    b"safety_settings",
    b"labels",
    b"cachedContent",
    b"cached_content",
    b"anthropic_version",
    b"anthropic_beta",
    b"guardrailConfig",
    b"performanceConfig",
    b"keep_alive",
    b"version",
    b"webhook",
    b"webhook_events_filter",
    b"project_id",
    b"space_id",
    b"model_id",
    b"provider",
    b"route",
    b"transforms",
    b"timestamp_granularities",
    b"response_mime_type",
    b"language",
    b"verbosity",
    b"citation_options",
];

/// What a field of the body holds.
pub(super) fn field(key: &[u8]) -> Field {
    let (region, roles) = match key {
        key if PARAMETERS.contains(&key) => (Region::Nothing, Roles::ANY),
        b"tools"
        | b"functions"
        | b"toolConfig"
        | b"tool_config"
        | b"response_format"
        | b"format"
        | b"generationConfig"
        | b"generation_config"
        | b"guided_json"
        | b"web_search_options"
        | b"mcp_servers" => (Region::Schema, Roles::SYSTEM),
        b"system"
        | b"instructions"
        | b"systemInstruction"
        | b"system_instruction"
        | b"preamble"
        | b"additional_instructions"
        | b"system_prompt"
        | b"template" => (Region::Message, Roles::SYSTEM),
        // The form of the answer in one API, and a prompt in others.
        b"text" => (Region::Schema, Roles::ANY),
        b"tool_results" => (Region::Message, Roles::TOOL),
        b"prompt" | b"input" | b"inputs" | b"message" | b"query" | b"inputText" | b"texts" | b"contents"
        | b"content" => (Region::Message, Roles::USER),
        _ => (Region::Message, Roles::ANY),
    };
    Field { region, roles }
}

/// What a key inside a message says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Who speaks.
    Role,
    /// What kind of part or item it is.
    Kind,
    /// The media type.
    Mime,
    /// The text of a part.
    Part,
    /// Bytes of media, in base64 or by reference.
    Media,
    /// Bytes of media where the object says so, else text.
    Bytes,
    /// The format of media.
    Format,
    /// Structured data.
    Data,
    /// A tool's result.
    ToolResult,
    /// Identifiers and enumerations.
    Nothing,
    /// Text that stands alone, or a container of more.
    Other,
}

/// What a key inside a message says of its value.
pub(super) fn word(key: &[u8]) -> Word {
    match key {
        b"role" => Word::Role,
        b"type" => Word::Kind,
        b"media_type" | b"mimeType" | b"mime_type" => Word::Mime,
        b"text" => Word::Part,
        b"data" => Word::Bytes,
        b"format" => Word::Format,
        b"bytes" | b"b64_json" | b"file_data" | b"url" | b"image_url" | b"image" | b"images" | b"video" => {
            Word::Media
        }
        b"input" | b"arguments" | b"args" | b"parameters" | b"json" | b"functionCall" | b"function_call"
        | b"response" | b"outputs" => Word::Data,
        b"functionResponse" | b"function_response" | b"toolResult" | b"tool_result" => Word::ToolResult,
        b"id" | b"status" | b"detail" | b"signature" | b"call_id" | b"tool_call_id" | b"tool_use_id"
        | b"toolUseId" | b"file_id" | b"fileUri" | b"file_uri" | b"thoughtSignature"
        | b"thought_signature" | b"encrypted_content" | b"cache_control" | b"cachePoint" => Word::Nothing,
        _ => Word::Other,
    }
}

/// Whether the keys of this object of a schema are names of the application's own.
pub(super) fn names_properties(key: &[u8]) -> bool {
    matches!(key, b"properties" | b"patternProperties" | b"$defs" | b"definitions" | b"parameter_definitions")
}

/// Whether a string in a schema is a word of the schema's language.
pub(super) fn is_schema_word(key: &[u8]) -> bool {
    matches!(key, b"type" | b"format" | b"id" | b"$schema" | b"$ref" | b"cache_control" | b"required")
}

/// The roles that a message's `role` names; one that is not known may be any.
pub(super) fn roles_of(role: &[u8]) -> Roles {
    const WORDS: [(&[u8], Roles); 10] = [
        (b"system", Roles::SYSTEM),
        (b"developer", Roles::SYSTEM),
        (b"user", Roles::USER),
        (b"human", Roles::USER),
        (b"assistant", Roles::ASSISTANT),
        (b"model", Roles::ASSISTANT),
        (b"chatbot", Roles::ASSISTANT),
        (b"tool", Roles::TOOL),
        (b"function", Roles::TOOL),
        (b"ipython", Roles::TOOL),
    ];
    WORDS.iter().find(|(word, _)| role.eq_ignore_ascii_case(word)).map_or(Roles::ANY, |(_, roles)| *roles)
}

/// The roles that the kind of an item implies.
pub(super) fn roles_of_kind(kind: &[u8]) -> Option<Roles> {
    match kind {
        b"mcp_call" => Some(Roles::ANY),
        kind if kind.ends_with(b"_output") || kind.ends_with(b"_result") => Some(Roles::TOOL),
        kind if kind.ends_with(b"_call") || kind == b"reasoning" => Some(Roles::ASSISTANT),
        _ => None,
    }
}

/// Whether media of this type is text.
pub(super) fn is_text(mime: &[u8]) -> bool {
    let binary: [&[u8]; 5] =
        [b"image/", b"audio/", b"video/", b"application/pdf", b"application/octet-stream"];
    !binary.iter().any(|kind| mime.starts_with(kind))
}

/// What a string that may be media is: its media type where it says so, and its base64; `None` when it is text.
pub(super) fn base64(value: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    /// Nothing that is worth sending as media is shorter.
    const SHORTEST: usize = 64;
    let (mime, data) = match value.strip_prefix(b"data:") {
        Some(url) => {
            const MARK: &[u8] = b";base64,";
            let at = memchr::memmem::find(url.get(..256).unwrap_or(url), MARK)?;
            (Some(url.get(..at)?), url.get(at.saturating_add(MARK.len())..)?)
        }
        None => (None, value),
    };
    let is_base64 = data
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'\n' | b'\r'));
    (is_base64 && data.len() >= SHORTEST).then_some((mime, data))
}
