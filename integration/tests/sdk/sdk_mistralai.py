"""`mistralai`, behind a gateway's prefix."""

import json

from mistralai.client import Mistral
from situations import QUESTION, run

CALL = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": QUESTION}]}


def client(base_url):
    return Mistral(api_key="test", server_url=f"{base_url}/mistral")


def whole(base_url, headers, cap, _retries):
    answer = client(base_url).chat.complete(max_tokens=cap, http_headers=headers, **CALL)
    return answer.choices[0].message.content, answer.usage.total_tokens


def streamed(base_url, headers, cap, _retries):
    text, total = "", None
    for event in client(base_url).chat.stream(max_tokens=cap, http_headers=headers, **CALL):
        text += event.data.choices[0].delta.content or ""
        total = event.data.usage.total_tokens if event.data.usage else total
    return text, total


def describe(error):
    body = json.loads(error.body)
    retry_after = error.headers.get("retry-after")
    return {"status": error.status_code, "message": body["message"], "code": body["code"], "retry_after": retry_after}


run("mistral", whole, streamed, describe)
