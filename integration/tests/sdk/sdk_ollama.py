"""`ollama`."""

import ollama
from situations import QUESTION, run

CALL = {"model": "llama3.2", "messages": [{"role": "user", "content": QUESTION}]}


def total(answer):
    return answer.prompt_eval_count + answer.eval_count


def whole(base_url, headers, cap, _retries):
    answer = ollama.Client(host=base_url, headers=headers).chat(options={"num_predict": cap}, **CALL)
    return answer.message.content, total(answer)


def streamed(base_url, headers, cap, _retries):
    lines = list(ollama.Client(host=base_url, headers=headers).chat(options={"num_predict": cap}, stream=True, **CALL))
    return "".join(line.message.content for line in lines), total(lines[-1])


def describe(error):
    return {"status": error.status_code, "message": error.error}


run("ollama", whole, streamed, describe)
