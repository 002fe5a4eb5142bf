"""`boto3`'s `bedrock-runtime`: Converse and InvokeModel, whole and streamed."""

import json

import boto3
from botocore.config import Config
from situations import QUESTION, run

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


def client(base_url, headers, retries):
    config = None if retries else Config(retries={"total_max_attempts": 1})
    bedrock = boto3.client(
        "bedrock-runtime", endpoint_url=base_url, region_name="eu-west-1", config=config,
        aws_access_key_id="test", aws_secret_access_key="test",
    )

    def identify(request, **_):
        for name, value in headers.items():
            request.headers[name] = value

    # After the signature: the filter takes these headers off, and a signed header that is missing voids it.
    bedrock.meta.events.register("before-send.bedrock-runtime", identify)
    return bedrock


def converse(cap):
    messages = [{"role": "user", "content": [{"text": QUESTION}]}]
    return {"modelId": MODEL, "messages": messages, "inferenceConfig": {"maxTokens": cap}}


def whole(base_url, headers, cap, retries):
    answer = client(base_url, headers, retries).converse(**converse(cap))
    return answer["output"]["message"]["content"][0]["text"], answer["usage"]["totalTokens"]


def streamed(base_url, headers, cap, retries):
    answer = client(base_url, headers, retries).converse_stream(**converse(cap))
    text, total = "", None
    for event in answer["stream"]:
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        total = event.get("metadata", {}).get("usage", {}).get("totalTokens", total)
    return text, total


def body(cap):
    messages = [{"role": "user", "content": QUESTION}]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": cap, "messages": messages}
    return {"modelId": MODEL, "body": json.dumps(body)}


def invoked(base_url, headers, cap, retries):
    answer = json.loads(client(base_url, headers, retries).invoke_model(**body(cap))["body"].read())
    usage = answer["usage"]
    total = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["output_tokens"]
    return answer["content"][0]["text"], total


def invoked_streamed(base_url, headers, cap, retries):
    answer = client(base_url, headers, retries).invoke_model_with_response_stream(**body(cap))
    text, total = "", None
    for event in answer["body"]:
        chunk = json.loads(event["chunk"]["bytes"])
        text += chunk.get("delta", {}).get("text", "")
        metrics = chunk.get("amazon-bedrock-invocationMetrics")
        if metrics:
            total = sum(metrics[f"{kind}TokenCount"] for kind in ("input", "cacheReadInput", "output"))
    return text, total


def describe(error):
    response = error.response
    return {
        "status": response["ResponseMetadata"]["HTTPStatusCode"],
        "message": response["Error"]["Message"],
        "code": response["Error"]["Code"],
        "retry_after": response["ResponseMetadata"]["HTTPHeaders"].get("retry-after"),
    }


run("boto3", whole, streamed, describe, more=[invoked, invoked_streamed])
