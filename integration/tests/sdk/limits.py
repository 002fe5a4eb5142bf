"""The official `openai` SDK against a rate limit: its error, its own retries, and no retries where none can help.

usage: limits.py BASE_URL

Prints one JSON object: what the application experienced.
"""

import json
import sys

import openai

QUESTION = [{"role": "user", "content": "Which report mentions the new warehouse?"}]


def chat(team, **options):
    client = openai.OpenAI(
        base_url=sys.argv[1], api_key="sk-test", default_headers={"x-genops-team": team}, **options
    )
    try:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=QUESTION, max_completion_tokens=50
        )
        return {"total": answer.usage.total_tokens}
    except openai.APIStatusError as error:
        return {
            "error": type(error).__name__,
            "status": error.status_code,
            "message": error.message,
            "code": error.code,
            "remaining": error.response.headers.get("x-ratelimit-remaining-requests"),
        }


print(
    json.dumps(
        {
            "first": chat("search"),
            "refused": chat("search", max_retries=0),
            "retried": chat("search"),
            "never": chat("never"),
        }
    )
)
