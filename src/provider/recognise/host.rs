//! Who answers at an authority.

use crate::provider::endpoint::Provider::{self, *};

/// An authority, taken apart.
pub(super) struct Host {
    /// The name in lower case, without port or trailing dot.
    pub(super) name: String,
    port: Option<u16>,
}

/// Hosts and the domains under them.
const DOMAINS: &[(&str, Provider)] = &[
    ("api.openai.com", OpenAi),
    ("openai.azure.com", AzureOpenAi),
    ("cognitiveservices.azure.com", AzureOpenAi),
    ("openai.azure.us", AzureOpenAi),
    ("openai.azure.cn", AzureOpenAi),
    ("cognitiveservices.azure.us", AzureOpenAi),
    ("cognitiveservices.azure.cn", AzureOpenAi),
    ("api.cognitive.microsoft.com", AzureOpenAi),
    ("api.cognitive.microsoft.us", AzureOpenAi),
    ("services.ai.azure.com", AzureAi),
    ("services.ai.azure.us", AzureAi),
    ("inference.ai.azure.com", AzureAi),
    ("models.ai.azure.com", AzureAi),
    ("inference.ml.azure.com", AzureAi),
    ("anthropic.com", Anthropic),
    ("claude.com", Anthropic),
    ("generativelanguage.googleapis.com", Gemini),
    ("aiplatform.googleapis.com", VertexAi),
    ("cohere.com", Cohere),
    ("cohere.ai", Cohere),
    ("mistral.ai", Mistral),
    ("groq.com", Groq),
    ("deepseek.com", DeepSeek),
    ("x.ai", XAi),
    ("perplexity.ai", Perplexity),
    ("moonshot.ai", Moonshot),
    ("moonshot.cn", Moonshot),
    ("ml.cloud.ibm.com", Watsonx),
    ("wxai.ibm.com", Watsonx),
    ("ollama.com", Ollama),
    ("openrouter.ai", OpenRouter),
    ("together.xyz", Together),
    ("together.ai", Together),
    ("fireworks.ai", Fireworks),
    ("cerebras.ai", Cerebras),
    ("huggingface.co", HuggingFace),
    ("endpoints.huggingface.cloud", HuggingFace),
    ("cloud.databricks.com", Databricks),
    ("azuredatabricks.net", Databricks),
    ("gcp.databricks.com", Databricks),
    ("snowflakecomputing.com", Snowflake),
    ("replicate.com", Replicate),
    ("voyageai.com", Voyage),
    ("jina.ai", Jina),
    ("aliyuncs.com", Alibaba),
    ("z.ai", Zai),
    ("bigmodel.cn", Zai),
    ("crusoecloud.com", Crusoe),
    ("crusoe.ai", Crusoe),
    ("portkey.ai", Portkey),
    ("writer.com", Writer),
    ("nvidia.com", Nvidia),
    ("sambanova.ai", SambaNova),
    ("nebius.ai", Nebius),
    ("nebius.com", Nebius),
    ("deepinfra.com", DeepInfra),
    ("hyperbolic.xyz", Hyperbolic),
    ("novita.ai", Novita),
    ("siliconflow.cn", SiliconFlow),
    ("siliconflow.com", SiliconFlow),
    ("minimax.io", MiniMax),
    ("minimax.chat", MiniMax),
    ("minimaxi.com", MiniMax),
    ("ai21.com", Ai21),
    ("aleph-alpha.com", AlephAlpha),
    ("reka.ai", Reka),
    ("upstage.ai", Upstage),
    ("venice.ai", Venice),
    ("models.github.ai", GitHub),
    ("githubcopilot.com", GitHub),
    ("cloudflare.com", Cloudflare),
    ("ai-gateway.vercel.sh", Vercel),
    ("v0.dev", Vercel),
    ("helicone.ai", Helicone),
    ("heroku.com", Heroku),
    ("ovh.net", Ovh),
    ("scaleway.ai", Scaleway),
    ("stability.ai", Stability),
    ("baseten.co", Baseten),
    ("predibase.com", Predibase),
    ("friendli.ai", Friendli),
    ("lambda.ai", Lambda),
    ("lambdalabs.com", Lambda),
    ("oraclecloud.com", Oci),
    ("ondemand.com", Sap),
    ("volces.com", Volcengine),
    ("bytepluses.com", Volcengine),
    ("baidubce.com", Baidu),
    ("tencent.com", Tencent),
    ("tencentcloudapi.com", Tencent),
];

/// Servers that people run themselves under a name that says what they are (`ollama.default.svc`).
const PRODUCTS: &[(&str, Provider)] = &[
    ("ollama", Ollama),
    ("gpustack", GpuStack),
    ("litellm", LiteLlm),
    ("vllm", Vllm),
    ("tgi", Tgi),
    ("lmstudio", LmStudio),
];

/// Ports on which such a server listens unless told otherwise.
const PORTS: &[(u16, Provider)] = &[(11434, Ollama), (1234, LmStudio)];

impl Host {
    pub(super) fn parse(authority: &str) -> Self {
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port.parse().ok()),
            _ => (authority, None),
        };
        Self { name: name.trim_end_matches('.').to_ascii_lowercase(), port }
    }

    /// The provider, as far as the authority says.
    pub(super) fn provider(&self) -> Option<Provider> {
        self.cloud().or_else(|| self.domain()).or_else(|| self.product())
    }

    /// Clouds put the service and the region before their domain.
    fn cloud(&self) -> Option<Provider> {
        let name = self.name.as_str();
        let aws = name.ends_with(".amazonaws.com")
            || name.ends_with(".amazonaws.com.cn")
            || name.ends_with(".api.aws");
        if aws && name.starts_with("bedrock-mantle.") {
            return Some(BedrockMantle);
        }
        if aws && name.split('.').any(|label| label.starts_with("bedrock")) {
            return Some(Bedrock);
        }
        let google = name.ends_with(".googleapis.com");
        let is = |service: &str| {
            google && name.split('.').next().is_some_and(|label| label.split('-').any(|word| word == service))
        };
        match (is("aiplatform"), is("generativelanguage")) {
            (true, _) => Some(VertexAi),
            (_, true) => Some(Gemini),
            _ => None,
        }
    }

    fn domain(&self) -> Option<Provider> {
        let is_under = |domain: &str| {
            self.name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let longest =
            DOMAINS.iter().filter(|(domain, _)| is_under(domain)).max_by_key(|(domain, _)| domain.len());
        longest.map(|(_, provider)| *provider).or_else(|| {
            // Regional hosts of OpenAI's API.
            (self.name.ends_with(".api.openai.com")).then_some(OpenAi)
        })
    }

    fn product(&self) -> Option<Provider> {
        let named = |product: &str| {
            self.name.split('.').any(|label| label.split(['-', '_']).any(|word| word == product))
        };
        let by_name = PRODUCTS.iter().find(|(product, _)| named(product));
        by_name.map(|(_, provider)| *provider).or_else(|| {
            PORTS.iter().find(|(port, _)| Some(*port) == self.port).map(|(_, provider)| *provider)
        })
    }
}
