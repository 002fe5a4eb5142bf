"""`cohere`, version 2 of its API."""

import cohere
from situations import QUESTION, run

CALL = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": QUESTION}]}


def client(base_url, headers):
    return cohere.ClientV2(api_key="test", base_url=base_url), {"additional_headers": headers}


def total(usage):
    return int(usage.billed_units.input_tokens + usage.billed_units.output_tokens)


def whole(base_url, headers, cap, retries):
    api, options = client(base_url, headers)
    options |= {} if retries else {"max_retries": 0}
    answer = api.chat(max_tokens=cap, request_options=options, **CALL)
    return answer.message.content[0].text, total(answer.usage)


def streamed(base_url, headers, cap, _retries):
    api, options = client(base_url, headers)
    text, usage = "", None
    for event in api.chat_stream(max_tokens=cap, request_options=options, **CALL):
        if event.type == "content-delta":
            text += event.delta.message.content.text
        if event.type == "message-end":
            usage = event.delta.usage
    return text, total(usage)


def describe(error):
    retry_after = error.headers.get("retry-after")
    return {"status": error.status_code, "message": error.body["message"], "retry_after": retry_after}


run("cohere", whole, streamed, describe)
