"""The official `openai` SDK against a governed Envoy, with everything at its default but the base URL.

usage: calls.py BASE_URL

Prints one JSON object per call: what the application experienced.
"""

import json
import sys

import openai

QUESTION = [{"role": "user", "content": "Which report mentions the new warehouse?"}]


def chat(client, cap=50):
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=cap)
    return {"text": answer.choices[0].message.content, "total": answer.usage.total_tokens}


def chat_streamed(client):
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=50, stream=True,
        stream_options={"include_usage": True},
    )
    text, total = "", None
    for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        total = chunk.usage.total_tokens if chunk.usage else total
    return {"text": text, "total": total}


def chat_left_early(client):
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=50, stream=True
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            stream.close()
            return {"text": chunk.choices[0].delta.content}
    return {}


def responses(client):
    answer = client.responses.create(model="gpt-4o-mini", input=QUESTION[0]["content"], max_output_tokens=50)
    return {"text": answer.output_text, "total": answer.usage.total_tokens}


def responses_streamed(client):
    with client.responses.stream(
        model="gpt-4o-mini", input=QUESTION[0]["content"], max_output_tokens=50
    ) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        return {"text": text, "total": stream.get_final_response().usage.total_tokens}


def embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input=QUESTION[0]["content"])
    return {"text": str(answer.data[0].embedding), "total": answer.usage.total_tokens}


def too_large(client):
    return chat(client, cap=1_000_000)


CALLS = [chat, chat_streamed, chat_left_early, responses, responses_streamed, embeddings, too_large]


def attempt(client, call):
    try:
        return call(client)
    except openai.APIStatusError as error:
        return {
            "error": type(error).__name__,
            "status": error.status_code,
            "message": error.message,
            "code": error.code,
            "type": error.type,
        }


def main():
    identified = openai.OpenAI(
        base_url=sys.argv[1], api_key="sk-test", default_headers={"x-genops-team": "search"}
    )
    for call in CALLS:
        print(json.dumps({"call": call.__name__} | attempt(identified, call)), flush=True)
    nameless = openai.OpenAI(base_url=sys.argv[1], api_key="sk-test")
    print(json.dumps({"call": "nameless"} | attempt(nameless, chat)), flush=True)


if __name__ == "__main__":
    main()
