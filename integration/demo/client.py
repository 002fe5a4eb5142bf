"""An application that knows nothing of governance: the official `openai` SDK, unchanged.

usage: client.py BASE_URL

Makes a few calls and prints one JSON object per call: what it was, what came of it, and the response headers.
"""

import json
import sys

import openai

QUESTION = [{"role": "user", "content": "Which of our quarterly reports mentions the new warehouse?"}]


def chat(client):
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=200
    )
    return answer.headers, answer.parse().choices[0].message.content


def chat_streamed(client):
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=400, stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in answer.parse() if chunk.choices]
    return answer.headers, "".join(pieces)


def responses(client):
    answer = client.responses.with_raw_response.create(
        model="gpt-4o-mini", input="Summarise the warehouse plan.", max_output_tokens=300
    )
    return answer.headers, answer.parse().output_text


def embeddings(client):
    texts = ["warehouse plan", "quarterly report", "parking lot"]
    answer = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=texts)
    return answer.headers, f"{len(answer.parse().data)} vectors"


def chat_too_large(client):
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=50_000
    )
    return answer.headers, answer.parse().choices[0].message.content


CALLS = {
    "chat, at most 200 tokens": chat,
    "chat, streamed": chat_streamed,
    "responses": responses,
    "embeddings, three texts": embeddings,
    "chat, at most 50,000 tokens": chat_too_large,
}


def attempt(client, call):
    try:
        headers, text = call(client)
        return {"status": 200, "outcome": text, "headers": dict(headers)}
    except openai.APIStatusError as error:
        raised = f"openai.{type(error).__name__}: {error.message}"
        return {"status": error.status_code, "outcome": raised, "headers": dict(error.response.headers)}


def main():
    client = openai.OpenAI(
        base_url=sys.argv[1],
        api_key="sk-demo",
        default_headers={"x-genops-team": "search", "x-genops-project": "assistant"},
    )
    for name, call in CALLS.items():
        print(json.dumps({"call": name} | attempt(client, call)), flush=True)


if __name__ == "__main__":
    main()
