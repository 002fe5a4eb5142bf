"""One call of the official `openai` SDK that a policy forbids.

usage: forbidden.py BASE_URL

Prints what the application experienced.
"""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-test", default_headers={"x-genops-team": "search"})
try:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
    print(json.dumps({}))
except openai.APIStatusError as error:
    raised = {"error": type(error).__name__, "message": error.message, "code": error.code}
    print(json.dumps(raised))
