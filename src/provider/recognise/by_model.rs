//! What a call does where its path is the same for every model: only the model's name tells.
//!
//! Knows names of model families and nothing of paths. A family that is not known does what most do.

use crate::call::Operation;

/// Words in the names of Bedrock's models that make images, whoever makes the models.
const IMAGES: &[&str] = &["image-generator", "nova-canvas", "stability.", "stable-"];
const VIDEOS: &[&str] = &["nova-reel", "luma."];

/// What Bedrock's `invoke` does with this model, also behind an inference profile or in an ARN.
pub(super) fn invoked(id: &str) -> Operation {
    let has = |words: &[&str]| words.iter().any(|word| id.contains(word));
    match () {
        () if has(&["embed"]) => Operation::Embeddings,
        () if has(&["rerank"]) => Operation::Rerank,
        () if has(IMAGES) => Operation::Image,
        () if has(VIDEOS) => Operation::Other("video"),
        () => Operation::Chat,
    }
}

/// What Vertex AI's `predict` does with this model.
pub(super) fn predicted(model: &str) -> Operation {
    match model {
        model if model.contains("embed") || model.contains("gecko") => Operation::Embeddings,
        model if model.starts_with("imagen") || model.starts_with("imagegen") => Operation::Image,
        model if model.starts_with("veo-") => Operation::Other("video"),
        model if model.contains("chat-bison") => Operation::Chat,
        model if model.contains("-bison") || model.contains("-unicorn") => Operation::TextCompletion,
        _ => Operation::Other("predict"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_family_tells_what_is_done_with_it() {
        for (id, operation) in [
            ("us.cohere.embed-v4:0", Operation::Embeddings),
            ("arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0", Operation::Rerank),
            ("cohere.rerank-v3-5:0", Operation::Rerank),
            ("amazon.titan-image-generator-v2:0", Operation::Image),
            ("us.stability.stable-image-inpaint-v1:0", Operation::Image),
            ("stability.sd3-5-large-v1:0", Operation::Image),
            ("amazon.titan-embed-image-v1", Operation::Embeddings),
            ("luma.ray-v2:0", Operation::Other("video")),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Operation::Chat),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", Operation::Chat),
        ] {
            assert_eq!(invoked(id), operation, "{id}");
        }
        for (model, operation) in [
            ("textembedding-gecko@003", Operation::Embeddings),
            ("imagen-4.0-generate-001", Operation::Image),
            ("veo-3.0-generate-001", Operation::Other("video")),
            ("text-bison@002", Operation::TextCompletion),
            ("code-bison-32k", Operation::TextCompletion),
            ("codechat-bison", Operation::Chat),
            ("my-own", Operation::Other("predict")),
        ] {
            assert_eq!(predicted(model), operation, "{model}");
        }
    }
}
