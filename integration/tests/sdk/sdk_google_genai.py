"""`google-genai`, by the Gemini API."""

from google import genai
from google.genai import types
from situations import QUESTION, run


def call(base_url, headers, cap):
    client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=base_url, headers=headers))
    config = types.GenerateContentConfig(max_output_tokens=cap)
    return client, {"model": "gemini-2.5-flash", "contents": QUESTION, "config": config}


def whole(base_url, headers, cap, _retries):
    client, arguments = call(base_url, headers, cap)
    answer = client.models.generate_content(**arguments)
    return answer.text, answer.usage_metadata.total_token_count


def streamed(base_url, headers, cap, _retries):
    client, arguments = call(base_url, headers, cap)
    pieces = list(client.models.generate_content_stream(**arguments))
    return "".join(piece.text for piece in pieces), pieces[-1].usage_metadata.total_token_count


def describe(error):
    return {"status": error.code, "message": error.message, "code": error.status}


run("google", whole, streamed, describe)
