"""The official `openai` SDK, streaming, against an Envoy that asks for usage in its stead.

usage: streams.py BASE_URL

Prints one JSON object: what the application saw of each stream.
"""

import json
import sys

import openai

QUESTION = [{"role": "user", "content": "Which report mentions the new warehouse?"}]


def seen(chunks):
    text, usage, finish, empty = "", None, None, 0
    for chunk in chunks:
        usage = chunk.usage.total_tokens if chunk.usage else usage
        empty += not chunk.choices
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "usage": usage, "finish": finish, "empty_chunks": empty}


def main():
    client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-test", default_headers={"x-genops-team": "search"})
    ask = {"model": "gpt-4o-mini", "messages": QUESTION}
    calls = {
        "plain": seen(client.chat.completions.create(**ask, stream=True)),
        "asking": seen(
            client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
        ),
    }
    with client.chat.completions.stream(**ask) as stream:
        calls["helper"] = seen(event.chunk for event in stream if event.type == "chunk")
        final = stream.get_final_completion()
        assert final.usage is None, final
    print(json.dumps(calls))


if __name__ == "__main__":
    main()
