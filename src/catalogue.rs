//! Providers and APIs by name: the closed lists that configuration, recognition and telemetry share.
//!
//! Names only; what an API looks like on the wire, and who answers where, is [`crate::provider`]'s business.

use crate::call::Operation;

macro_rules! providers {
    ($($(#[$doc:meta])* $variant:ident = $slug:literal, $otel:expr;)*) => {
        /// Who answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Provider { $(#[doc = $slug] $variant,)* }

        impl Provider {
            /// Every provider that is known by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// This project's own name of the provider, as configurations spell it.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// OTel's well-known `gen_ai.provider.name`, where there is one.
            pub const fn otel_name(self) -> Option<&'static str> {
                match self { $(Self::$variant => $otel,)* }
            }
        }
    };
}

providers! {
    OpenAi = "openai", Some("openai");
    AzureOpenAi = "azure_openai", Some("azure.ai.openai");
    AzureAi = "azure_ai", Some("azure.ai.inference");
    Anthropic = "anthropic", Some("anthropic");
    Bedrock = "aws_bedrock", Some("aws.bedrock");
    BedrockMantle = "bedrock_mantle", Some("aws.bedrock");
    Gemini = "gemini", Some("gcp.gemini");
    VertexAi = "vertex_ai", Some("gcp.vertex_ai");
    Cohere = "cohere", Some("cohere");
    Mistral = "mistral", Some("mistral_ai");
    Groq = "groq", Some("groq");
    DeepSeek = "deepseek", Some("deepseek");
    XAi = "xai", Some("x_ai");
    Perplexity = "perplexity", Some("perplexity");
    Moonshot = "moonshot", Some("moonshot_ai");
    Watsonx = "watsonx", Some("ibm.watsonx.ai");
    Ollama = "ollama", None;
    OpenRouter = "openrouter", None;
    Together = "together", None;
    Fireworks = "fireworks", None;
    Cerebras = "cerebras", None;
    HuggingFace = "huggingface", None;
    Databricks = "databricks", None;
    Snowflake = "snowflake", None;
    Replicate = "replicate", None;
    Voyage = "voyage", None;
    Jina = "jina", None;
    Alibaba = "alibaba", None;
    Zai = "zai", None;
    Crusoe = "crusoe", None;
    GpuStack = "gpustack", None;
    Portkey = "portkey", None;
    Writer = "writer", None;
    LiteLlm = "litellm", None;
    Vllm = "vllm", None;
    Tgi = "tgi", None;
    LmStudio = "lm_studio", None;
    Nvidia = "nvidia", None;
    SambaNova = "sambanova", None;
    Nebius = "nebius", None;
    DeepInfra = "deepinfra", None;
    Hyperbolic = "hyperbolic", None;
    Novita = "novita", None;
    SiliconFlow = "siliconflow", None;
    MiniMax = "minimax", None;
    Ai21 = "ai21", None;
    AlephAlpha = "aleph_alpha", None;
    Reka = "reka", None;
    Upstage = "upstage", None;
    Venice = "venice", None;
    GitHub = "github", None;
    Cloudflare = "cloudflare", None;
    Vercel = "vercel", None;
    Helicone = "helicone", None;
    Heroku = "heroku", None;
    Ovh = "ovhcloud", None;
    Scaleway = "scaleway", None;
    Stability = "stability", None;
    Baseten = "baseten", None;
    Predibase = "predibase", None;
    Friendli = "friendli", None;
    Lambda = "lambda", None;
    Oci = "oci", None;
    Sap = "sap", None;
    Volcengine = "volcengine", None;
    Baidu = "baidu", None;
    Tencent = "tencent", None;
    Unknown = "unknown", None;
}

impl Provider {
    /// The provider with this slug or OTel name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.slug() == name || p.otel_name() == Some(name))
    }

    /// The name for telemetry: OTel's where there is one, else the slug; `None` when nobody is known.
    pub const fn name(self) -> Option<&'static str> {
        match (self, self.otel_name()) {
            (Self::Unknown, _) => None,
            (_, None) => Some(self.slug()),
            (_, known) => known,
        }
    }
}

/// The shape of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// OpenAI's `chat/completions`, and everything that is compatible with it.
    ChatCompletions,
    /// OpenAI's legacy `completions`.
    Completions,
    /// OpenAI's `responses`.
    Responses,
    /// OpenAI's `embeddings`.
    Embeddings,
    /// OpenAI's images.
    Images,
    /// OpenAI's speech, transcription and translation.
    Audio,
    /// OpenAI's other POSTs: moderations, batches, assistants' runs.
    OpenAiOther,
    /// Anthropic's `messages`.
    Messages,
    /// Anthropic's legacy `complete`.
    AnthropicComplete,
    /// Bedrock's `converse` and `converse-stream`.
    Converse,
    /// Bedrock's `invoke` and `invoke-with-response-stream`, whatever the model's family.
    Invoke,
    /// Gemini's `generateContent` and its siblings.
    GenerateContent,
    /// Gemini's `interactions`.
    Interactions,
    /// Vertex AI's `predict`.
    Predict,
    /// Cohere's own API, versions 1 and 2.
    Cohere,
    /// Ollama's own API.
    Ollama,
    /// Hugging Face's text generation inference.
    Tgi,
    /// watsonx.ai's text generation and chat.
    Watsonx,
    /// Replicate's predictions.
    Replicate,
    /// Calls whose bodies say nothing that is governed: counting tokens, fetching earlier answers.
    Unread,
}

impl Api {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::ChatCompletions, "chat_completions"),
        (Self::Completions, "completions"),
        (Self::Responses, "responses"),
        (Self::Embeddings, "embeddings"),
        (Self::Images, "images"),
        (Self::Audio, "audio"),
        (Self::OpenAiOther, "openai_other"),
        (Self::Messages, "anthropic_messages"),
        (Self::AnthropicComplete, "anthropic_complete"),
        (Self::Converse, "bedrock_converse"),
        (Self::Invoke, "bedrock_invoke"),
        (Self::GenerateContent, "gemini_generate_content"),
        (Self::Interactions, "gemini_interactions"),
        (Self::Predict, "vertex_predict"),
        (Self::Cohere, "cohere"),
        (Self::Ollama, "ollama"),
        (Self::Tgi, "tgi"),
        (Self::Watsonx, "watsonx"),
        (Self::Replicate, "replicate"),
        (Self::Unread, "unread"),
    ];

    /// The API's name, as configurations spell it.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(api, _)| *api == self).map_or("", |(_, name)| name)
    }

    /// The API with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(api, _)| *api)
    }

    /// Every API's name, as configurations spell it.
    pub fn names() -> impl Iterator<Item = (&'static str, Self)> {
        Self::NAMES.iter().map(|(api, name)| (*name, *api))
    }

    /// What a call of this API does where nothing but the API is known.
    pub const fn operation(self) -> Operation {
        match self {
            Self::ChatCompletions
            | Self::Responses
            | Self::Messages
            | Self::Converse
            | Self::Invoke
            | Self::Cohere
            | Self::Ollama => Operation::Chat,
            Self::Completions | Self::AnthropicComplete | Self::Tgi | Self::Watsonx => {
                Operation::TextCompletion
            }
            Self::Embeddings => Operation::Embeddings,
            Self::Images => Operation::Image,
            Self::Audio => Operation::Other("audio"),
            Self::GenerateContent | Self::Interactions => Operation::GenerateContent,
            Self::Predict => Operation::Other("predict"),
            Self::Replicate => Operation::Other("prediction"),
            Self::OpenAiOther | Self::Unread => Operation::Other("other"),
        }
    }
}
