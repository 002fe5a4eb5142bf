"""`anthropic`."""

import anthropic
from situations import QUESTION, run

CALL = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": QUESTION}]}


def client(base_url, headers, retries):
    options = {} if retries else {"max_retries": 0}
    return anthropic.Anthropic(base_url=base_url, api_key="test", default_headers=headers, **options)


def total(usage):
    return usage.input_tokens + usage.cache_read_input_tokens + usage.output_tokens


def whole(base_url, headers, cap, retries):
    answer = client(base_url, headers, retries).messages.create(max_tokens=cap, **CALL)
    return answer.content[0].text, total(answer.usage)


def streamed(base_url, headers, cap, retries):
    with client(base_url, headers, retries).messages.stream(max_tokens=cap, **CALL) as stream:
        text = "".join(stream.text_stream)
        return text, total(stream.get_final_message().usage)


def describe(error):
    inner = error.body["error"]
    retry_after = error.response.headers.get("retry-after")
    return {"status": error.status_code, "message": inner["message"], "code": inner["type"], "retry_after": retry_after}


run("anthropic", whole, streamed, describe)
