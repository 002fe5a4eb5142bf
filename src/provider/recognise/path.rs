//! Which API a path belongs to.
//!
//! Suffixes decide, so that any prefix may stand before them; a segment before the suffix may name model or deployment.

use super::by_model;
use crate::call::Operation;
use crate::provider::endpoint::{Api, Provider};

/// What a path says.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) api: Api,
    /// The API whose errors the caller's SDK reads, also where nothing else is read.
    pub(super) shape: Api,
    pub(super) operation: Operation,
    pub(super) model: Option<String>,
    pub(super) stream: Option<bool>,
    /// Whether everything that is served under this path has the shape that is assumed.
    pub(super) is_certain: bool,
}

impl Route {
    fn new(api: Api, operation: Operation) -> Self {
        Self { api, shape: api, operation, model: None, stream: None, is_certain: true }
    }

    /// A call whose API is stated and whose path says nothing.
    pub(super) fn stated(api: Api) -> Self {
        Self::new(api, api.operation())
    }

    /// A call that consumes nothing.
    fn unread(shape: Api, operation: Operation) -> Self {
        Self { shape, ..Self::new(Api::Unread, operation) }
    }

    fn with_model(self, model: &str) -> Self {
        Self { model: Some(percent_decode(model)), ..self }
    }

    /// The same, where requests of other shapes come to the same path.
    fn uncertain(self) -> Self {
        Self { is_certain: false, ..self }
    }

    fn streaming(self, stream: bool) -> Self {
        Self { stream: Some(stream), ..self }
    }
}

/// The route of a call, by the first family of paths that knows it.
pub(super) fn route(method: &str, host: Option<Provider>, segments: &[&str]) -> Option<Route> {
    match method {
        "GET" => fetch(segments).or_else(|| models(host, segments)),
        "POST" => bedrock(segments)
            .or_else(|| google(segments))
            .or_else(|| native(host, segments))
            .or_else(|| openai(segments).filter(|_| host.is_some() || is_telling(segments))),
        _ => None,
    }
}

/// Whether a path says by itself that it is an AI call: words like `responses` end many other paths too, so that on an
/// unknown host they need a version, OpenAI's name or nothing at all before them.
fn is_telling(segments: &[&str]) -> bool {
    let is_version = |segment: &&str| {
        segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match segments {
        [_] | [.., "chat", "completions"] => true,
        _ => segments.iter().any(|segment| *segment == "openai" || is_version(segment)),
    }
}

/// GETs that list or describe models, or fetch what a batch came to.
fn models(host: Option<Provider>, segments: &[&str]) -> Option<Route> {
    let is_known = host.is_some() || (segments.len() > 1 && is_telling(segments));
    match segments {
        [.., "models"] | [.., "models", _] if is_known => {
            Some(Route::unread(Api::ChatCompletions, Operation::ListModels))
        }
        [.., "batches", _] | [.., "batches", _, "results"] | [.., "batch", "jobs", _] if host.is_some() => {
            Some(Route::unread(Api::OpenAiOther, Operation::Other("fetch_batch")))
        }
        [.., "api", "tags" | "ps" | "version"] => Some(Route::unread(Api::Ollama, Operation::ListModels)),
        _ => None,
    }
}

/// GETs that repeat an earlier answer, and the one that opens a conversation.
fn fetch(segments: &[&str]) -> Option<Route> {
    match segments {
        [.., "responses" | "deferred-completion", _] | [.., "chat", "completions", _] => {
            Some(Route::unread(Api::Responses, Operation::FetchResponse))
        }
        [.., "interactions", _] => Some(Route::unread(Api::Interactions, Operation::FetchResponse)),
        [.., "threads", _, "runs", _] | [.., "threads", _, "runs", _, "steps"] => {
            Some(Route::unread(Api::OpenAiOther, Operation::FetchRun))
        }
        [.., "predictions", _] => Some(Route::unread(Api::Replicate, Operation::FetchPrediction)),
        [.., "realtime"] => Some(Route::new(Api::OpenAiOther, Operation::Other("realtime"))),
        _ => None,
    }
}

/// `/model/{id}/{verb}`; some proxies decode the slash inside an ARN.
fn bedrock(segments: &[&str]) -> Option<Route> {
    let (verb, before) = segments.split_last()?;
    if matches!(*verb, "retrieveAndGenerate" | "retrieveAndGenerateStream") {
        return Some(Route::new(Api::Converse, Operation::Chat).streaming(verb.ends_with("Stream")));
    }
    let at = before.iter().rposition(|segment| *segment == "model")?;
    let id = before.get(at.saturating_add(1)..).filter(|id| !id.is_empty())?.join("/");
    let invoke = || Route::new(Api::Invoke, by_model::invoked(&id));
    let route = match *verb {
        "converse" => Route::new(Api::Converse, Operation::Chat).streaming(false),
        "converse-stream" => Route::new(Api::Converse, Operation::Chat).streaming(true),
        "invoke" => invoke().streaming(false),
        "invoke-with-response-stream" => invoke().streaming(true),
        "async-invoke" => invoke(),
        "count-tokens" => Route::unread(Api::Converse, Operation::CountTokens),
        _ => return None,
    };
    Some(route.with_model(&id))
}

/// `…/models/{model}:{verb}` of Gemini and Vertex AI.
fn google(segments: &[&str]) -> Option<Route> {
    if let [.., "interactions"] = segments {
        return Some(Route::new(Api::Interactions, Operation::GenerateContent));
    }
    let (last, before) = segments.split_last()?;
    let last = percent_decode(last);
    let (model, verb) = last.rsplit_once(':')?;
    let (collection, before) = before.split_last()?;
    if !matches!(*collection, "models" | "tunedModels" | "endpoints" | "cachedContents") {
        return None;
    }
    let publisher = before.last().copied().filter(|_| before.contains(&"publishers"));
    let route = match verb {
        "generateContent" => Route::new(Api::GenerateContent, Operation::GenerateContent).streaming(false),
        "streamGenerateContent" => {
            Route::new(Api::GenerateContent, Operation::GenerateContent).streaming(true)
        }
        "embedContent" | "batchEmbedContents" | "embedText" | "batchEmbedText" => {
            Route::new(Api::GenerateContent, Operation::Embeddings)
        }
        "countTokens" | "computeTokens" | "countTextTokens" | "countMessageTokens" => {
            Route::unread(Api::GenerateContent, Operation::CountTokens)
        }
        "batchGenerateContent" | "asyncBatchEmbedContent" => {
            Route::new(Api::GenerateContent, Operation::Batch)
        }
        // PaLM, before Gemini.
        "generateText" => Route::new(Api::GenerateContent, Operation::TextCompletion).uncertain(),
        "generateMessage" => Route::new(Api::GenerateContent, Operation::Chat).uncertain(),
        "predict" | "predictLongRunning" => Route::new(Api::Predict, by_model::predicted(model)),
        // No model has this name: the one whose tokens are counted stands in the body.
        "rawPredict" | "streamRawPredict" if model == "count-tokens" => {
            return Some(Route::unread(Api::Messages, Operation::CountTokens));
        }
        "rawPredict" => Route { stream: None, ..published(publisher) },
        "streamRawPredict" => published(publisher).streaming(true),
        _ => return None,
    };
    Some(route.with_model(model))
}

/// The API of a publisher on Vertex AI.
fn published(publisher: Option<&str>) -> Route {
    match publisher {
        Some("anthropic") => Route::new(Api::Messages, Operation::Chat),
        _ => Route::new(Api::ChatCompletions, Operation::Chat).uncertain(),
    }
}

/// Paths of providers with APIs of their own.
fn native(host: Option<Provider>, segments: &[&str]) -> Option<Route> {
    use Operation as Op;
    Some(match segments {
        [.., "messages", "count_tokens"] => Route::unread(Api::Messages, Op::CountTokens),
        [.., "messages", "batches"] => Route::new(Api::Messages, Op::Batch),
        [.., "threads", _, "messages"] => return None,
        [.., "v1", "messages"] | ["messages"] => Route::new(Api::Messages, Op::Chat),
        [.., "anthropic", "messages"] => Route::new(Api::Messages, Op::Chat),
        [.., "v1", "complete"] => Route::new(Api::AnthropicComplete, Op::TextCompletion),
        [.., "api", "chat"] => Route::new(Api::Ollama, Op::Chat),
        [.., "api", "generate"] => Route::new(Api::Ollama, Op::TextCompletion),
        [.., "api", "embed" | "embeddings"] => Route::new(Api::Ollama, Op::Embeddings),
        [.., "v1", "chat"] if matches!(host, Some(Provider::Writer | Provider::Reka)) => {
            Route::new(Api::ChatCompletions, Op::Chat)
        }
        [.., "v1" | "v2", "chat"] => Route::new(Api::Cohere, Op::Chat),
        [.., "v1" | "v2", "embed"] => Route::new(Api::Cohere, Op::Embeddings),
        [.., "generate" | "summarize"] if host == Some(Provider::Cohere) => {
            Route::new(Api::Cohere, Op::TextCompletion)
        }
        [.., "v1", "classify"] => Route::new(Api::Cohere, Op::Other("classify")),
        [.., "tokenizers", "estimate-token-count"] => Route::unread(Api::ChatCompletions, Op::CountTokens),
        [.., "tokenize" | "detokenize" | "tokenize-text"] => Route::unread(Api::Cohere, Op::CountTokens),
        [.., "ml", _, "text", verb] => watsonx(verb)?,
        [.., "ml", _, "deployments", id, "text", verb] => watsonx(verb)?.with_model(id),
        [.., "ml", _, "generation", "text"] => Route::new(Api::Watsonx, Op::TextCompletion).streaming(false),
        [.., "ml", _, "generation", "text_stream"] => {
            Route::new(Api::Watsonx, Op::TextCompletion).streaming(true)
        }
        [.., "models" | "deployments", owner, name, "predictions"] => {
            Route::new(Api::Replicate, Op::Other("prediction")).with_model(&format!("{owner}/{name}"))
        }
        [.., "v1", "predictions"] => Route::new(Api::Replicate, Op::Other("prediction")),
        ["generate"] => Route::new(Api::Tgi, Op::TextCompletion).streaming(false),
        ["generate_stream"] => Route::new(Api::Tgi, Op::TextCompletion).streaming(true),
        [] if host == Some(Provider::HuggingFace) => Route::new(Api::Tgi, Op::TextCompletion),
        ["pipeline", "feature-extraction", name @ ..] if host == Some(Provider::HuggingFace) => {
            Route::new(Api::Tgi, Op::Embeddings).with_model(&name.join("/"))
        }
        [.., "serving-endpoints", name, "invocations"] => {
            Route::new(Api::ChatCompletions, Op::Chat).with_model(name).uncertain()
        }
        [.., "endpoints", name, "invocations"] => {
            Route::new(Api::Tgi, Op::TextCompletion).with_model(name).streaming(false).uncertain()
        }
        [.., "endpoints", name, "invocations-response-stream"] => {
            Route::new(Api::Tgi, Op::TextCompletion).with_model(name).streaming(true).uncertain()
        }
        ["invocations"] => Route::new(Api::Tgi, Op::TextCompletion).uncertain(),
        [.., "cortex", "inference:complete"] => Route::new(Api::ChatCompletions, Op::Chat),
        [.., "cortex", "inference:embed"] => Route::new(Api::Embeddings, Op::Embeddings),
        [.., "images"] if host == Some(Provider::OpenRouter) => Route::new(Api::Images, Op::Image),
        [.., "conversations"] | [.., "conversations", _] if host == Some(Provider::Mistral) => {
            Route::new(Api::ChatCompletions, Op::Chat).uncertain()
        }
        _ => return hugging_face(host, segments).or_else(|| cloudflare(segments)),
    })
}

/// `/accounts/{id}/ai/run/{model}`, where the model's name has slashes.
fn cloudflare(segments: &[&str]) -> Option<Route> {
    let at = segments.windows(2).position(|pair| pair == ["ai", "run"])?;
    let model = segments.get(at.saturating_add(2)..).filter(|model| !model.is_empty())?.join("/");
    Some(Route::new(Api::ChatCompletions, Operation::Chat).with_model(&model).uncertain())
}

/// `models/{owner}/{name}`, or a model's name alone, and perhaps the pipeline it is to serve. What stands behind a model
/// otherwise is another API's path.
fn hugging_face(host: Option<Provider>, segments: &[&str]) -> Option<Route> {
    let name = match segments {
        ["models", name @ ..] if host == Some(Provider::HuggingFace) => name,
        _ => {
            let at = segments.windows(2).position(|pair| pair == ["hf-inference", "models"])?;
            segments.get(at.saturating_add(2)..)?
        }
    };
    let (name, operation) = match name {
        [name @ .., "pipeline", "feature-extraction"] => (name, Operation::Embeddings),
        [name @ .., "pipeline", _] => (name, Operation::TextCompletion),
        name => (name, Operation::TextCompletion),
    };
    matches!(name, [_] | [_, _]).then(|| Route::new(Api::Tgi, operation).with_model(&name.join("/")))
}

fn watsonx(verb: &str) -> Option<Route> {
    Some(match verb {
        "generation" => Route::new(Api::Watsonx, Operation::TextCompletion).streaming(false),
        "generation_stream" => Route::new(Api::Watsonx, Operation::TextCompletion).streaming(true),
        "chat" => Route::new(Api::Watsonx, Operation::Chat).streaming(false),
        "chat_stream" => Route::new(Api::Watsonx, Operation::Chat).streaming(true),
        "embeddings" => Route::new(Api::Watsonx, Operation::Embeddings),
        "rerank" => Route::new(Api::Watsonx, Operation::Rerank),
        "tokenization" => Route::unread(Api::Watsonx, Operation::CountTokens),
        _ => return None,
    })
}

/// OpenAI's paths, on whatever host and behind whatever prefix.
fn openai(segments: &[&str]) -> Option<Route> {
    use Operation as Op;
    let route = match segments {
        [.., "chat", "completions"] | [.., "agents", "completions"] => {
            Route::new(Api::ChatCompletions, Op::Chat)
        }
        [.., "completions"] | [.., "v1", "edits"] => Route::new(Api::Completions, Op::TextCompletion),
        [.., "responses", "input_tokens"] => Route::unread(Api::Responses, Op::CountTokens),
        [.., "responses"] | [.., "responses", "compact"] => Route::new(Api::Responses, Op::Chat),
        [.., "embeddings" | "multimodalembeddings" | "contextualizedembeddings"] => {
            Route::new(Api::Embeddings, Op::Embeddings)
        }
        [.., "images", "generations" | "edits" | "variations"] => Route::new(Api::Images, Op::Image),
        [.., "videos"] | [.., "videos", "generations" | "edits"] => {
            Route::new(Api::Images, Op::Other("video"))
        }
        [.., "tts"] => Route::new(Api::Audio, Op::Speech),
        [.., "stt"] => Route::new(Api::Audio, Op::Transcription),
        [.., "audio", "speech"] => Route::new(Api::Audio, Op::Speech),
        [.., "audio", "transcriptions" | "translations"] => Route::new(Api::Audio, Op::Transcription),
        [.., "moderations"] => Route::new(Api::OpenAiOther, Op::Moderation),
        [.., "score" | "pooling"] => Route::new(Api::Embeddings, Op::Other("score")),
        [.., "search"] => Route::new(Api::OpenAiOther, Op::Other("search")),
        [.., "rerank"] | [.., "reranking"] => Route::new(Api::Cohere, Op::Rerank),
        [.., "classifications"] => Route::new(Api::OpenAiOther, Op::Other("classify")),
        [.., "ocr"] => Route::new(Api::OpenAiOther, Op::Other("ocr")),
        [.., "threads", _, "runs"] | [.., "threads", "runs"] => Route::new(Api::OpenAiOther, Op::Run),
        [.., "runs", _, "submit_tool_outputs"] => Route::new(Api::OpenAiOther, Op::Run),
        [.., "batches"] | [.., "batch", "jobs"] => Route::new(Api::OpenAiOther, Op::Batch),
        [.., "fine_tuning", "jobs"] => Route::new(Api::OpenAiOther, Op::FineTune),
        [.., "realtime"] | [.., "realtime", "calls" | "client_secrets" | "sessions"] => {
            Route::new(Api::OpenAiOther, Op::Other("realtime"))
        }
        _ => return None,
    };
    let deployment = segments.iter().rposition(|s| matches!(*s, "deployments" | "engines"));
    let deployment = deployment.and_then(|at| segments.get(at.saturating_add(1)));
    Some(match deployment {
        Some(name) => route.with_model(name),
        None => route,
    })
}

/// Who answers, as far as the path alone says: gateways put the provider's name before its path.
pub(super) fn provider(segments: &[&str], api: Api) -> Option<Provider> {
    const NAMES: &[(&str, Provider)] = &[
        ("bedrock", Provider::Bedrock),
        ("azure", Provider::AzureOpenAi),
        ("google-vertex", Provider::VertexAi),
        ("vertex", Provider::VertexAi),
        ("google", Provider::Gemini),
        ("google-ai-studio", Provider::Gemini),
    ];
    let named = |segment: &&str| {
        let by_name = NAMES.iter().find(|(name, _)| name == segment).map(|(_, provider)| *provider);
        by_name.or_else(|| Provider::parse(segment)).filter(|provider| *provider != Provider::Unknown)
    };
    if segments.contains(&"publishers") {
        return Some(Provider::VertexAi);
    }
    // `openai` also names the API that others speak: any other name in the path is the provider's.
    let mut names = segments.iter().take(6).filter_map(named);
    let first = names.next();
    let name = match first {
        Some(Provider::OpenAi) if segments.contains(&"deployments") => Some(Provider::AzureOpenAi),
        Some(Provider::OpenAi) => names.next().or(first),
        other => other,
    };
    name.or(match api {
        Api::Messages | Api::AnthropicComplete => Some(Provider::Anthropic),
        Api::Converse | Api::Invoke => Some(Provider::Bedrock),
        Api::GenerateContent | Api::Predict if segments.contains(&"projects") => Some(Provider::VertexAi),
        Api::GenerateContent | Api::Interactions => Some(Provider::Gemini),
        Api::Predict => Some(Provider::VertexAi),
        Api::Ollama => Some(Provider::Ollama),
        Api::Tgi => Some(Provider::Tgi),
        Api::Watsonx => Some(Provider::Watsonx),
        Api::Replicate => Some(Provider::Replicate),
        Api::Cohere if segments.ends_with(&["v2", "chat"]) => Some(Provider::Cohere),
        _ if segments.contains(&"serving-endpoints") => Some(Provider::Databricks),
        _ if segments.contains(&"cortex") => Some(Provider::Snowflake),
        _ => None,
    })
}

/// Undoes percent-encoding; what is not encoded well stays as it is.
pub(super) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let (byte, tail) = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (*byte, tail),
            },
            _ => (*byte, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
