"""Calls of the official `openai` SDK, each described by one line of JSON on standard input.

A line has `base_url`, and may have `headers`, `arguments` of the call beside the usual ones, and a `path` to be posted to
with the SDK's own method for what it has no method for. Prints one line for each: what the application experienced.
Retries are off, so that a line is one decision.
"""

import json
import sys

import openai

DECISION = {"result": "x-genops-policy-result", "code": "x-genops-reason-code", "awu": "x-genops-awu-id"}


def told(headers):
    return {key: headers.get(name) for key, name in DECISION.items()}


def experienced(line):
    headers = {"x-genops-team": "search"} | line.get("headers", {})
    client = openai.OpenAI(base_url=line["base_url"], api_key="sk-test", default_headers=headers, max_retries=0)
    arguments = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    try:
        if "path" in line:
            return {"text": str(client.post(line["path"], cast_to=object, body=arguments))}
        raw = client.chat.completions.with_raw_response.create(**arguments | line.get("arguments", {}))
        return {"text": raw.parse().choices[0].message.content} | told(raw.headers)
    except openai.APIStatusError as error:
        return {"error": type(error).__name__, "status": error.status_code} | told(error.response.headers)


for line in sys.stdin:
    print(json.dumps(experienced(json.loads(line))), flush=True)
