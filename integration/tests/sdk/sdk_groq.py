"""`groq`, behind a gateway's prefix."""

import groq
from situations import QUESTION, run

CALL = {"model": "llama-3.3-70b-versatile", "messages": [{"role": "user", "content": QUESTION}]}


def client(base_url, headers, retries):
    options = {} if retries else {"max_retries": 0}
    return groq.Groq(base_url=f"{base_url}/groq", api_key="test", default_headers=headers, **options)


def whole(base_url, headers, cap, retries):
    answer = client(base_url, headers, retries).chat.completions.create(max_completion_tokens=cap, **CALL)
    return answer.choices[0].message.content, answer.usage.total_tokens


def streamed(base_url, headers, cap, retries):
    stream = client(base_url, headers, retries).chat.completions.create(max_completion_tokens=cap, stream=True, **CALL)
    text, total = "", None
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        if chunk.x_groq and chunk.x_groq.usage:
            total = chunk.x_groq.usage.total_tokens
    return text, total


def describe(error):
    inner = error.body["error"]
    retry_after = error.response.headers.get("retry-after")
    return {"status": error.status_code, "message": inner["message"], "code": inner["code"], "retry_after": retry_after}


run("groq", whole, streamed, describe)
