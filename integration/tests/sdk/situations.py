"""What every SDK is put through: the same situations, told as the application experiences them.

usage of each program: PROGRAM BASE_URL

Prints one JSON object per situation. A situation's project is `<sdk>-<situation>`, which tells its attempts apart in
Envoy's spans. Everything of the SDK stays at its default but the base URL, the headers, and where it is said.
"""

import json
import sys

QUESTION = "Which report mentions the new warehouse?"
USUAL_CAP, LARGE_CAP = 50, 5_000


def run(sdk, whole, streamed, describe, more=()):
    """`whole` and `streamed` take the base URL, headers, an output cap and whether the SDK may retry, and give text
    and total tokens; `describe` gives status and message of an error of the SDK's own, or raises it."""
    team = {"x-genops-team": sdk}
    # A budget of a minute: it resets soon, so that waiting helps.
    hurried = team | {"x-genops-feature": "burst"}
    situations = [
        ("whole", whole, team, USUAL_CAP, True),
        ("streamed", streamed, team, USUAL_CAP, True),
        ("exhausted", whole, team, LARGE_CAP, True),
        ("exhausted_streamed", streamed, team, LARGE_CAP, True),
        ("nameless", whole, {}, USUAL_CAP, True),
        ("hurried", whole, hurried, USUAL_CAP, False),
    ]
    situations += [(call.__name__, call, team, USUAL_CAP, True) for call in more]
    for name, call, headers, cap, retries in situations:
        headers = headers | {"x-genops-project": f"{sdk}-{name}"}
        # The first hurried call leaves too little for the next, unless the minute ends between them.
        for _ in range(4 if name == "hurried" else 1):
            try:
                text, total = call(sys.argv[1], headers, cap, retries)
                told = {"text": text, "total": total}
            except Exception as error:
                told = {"error": type(error).__name__} | describe(error)
                break
        print(json.dumps({"sdk": sdk, "situation": name} | told), flush=True)
