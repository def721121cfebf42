"""Wrong requests, made by chance, against a server: none may bring a 5xx, an error of another shape, or a dead engine.

ONEIROS_BASE names the server, ONEIROS_FUZZ_SECONDS the time (60 when absent), ONEIROS_FUZZ_SEED repeats a run.
"""

import copy
import http.client
import json
import math
import os
import random
import sys
import threading
import time
import urllib.parse

ADDRESS = urllib.parse.urlsplit(os.environ["ONEIROS_BASE"]).netloc
SECONDS = float(os.environ.get("ONEIROS_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("ONEIROS_FUZZ_SEED", str(time.time_ns() % 1_000_000)))
WORKERS = 6

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "I fell."}]}]
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}, "required": ["a"]}
VALID = {
    "/v1/chat/completions": {
        "model": "gpt-4o", "messages": MESSAGES, "max_tokens": 3, "stop": ["x"], "temperature": 0.5, "top_p": 0.9, "n": 2, "seed": 1,
        "frequency_penalty": 0.1, "presence_penalty": 0.1, "logit_bias": {"5": 1}, "logprobs": True, "top_logprobs": 1, "user": "u",
        "tools": [TOOL], "tool_choice": "auto", "stream": False, "stream_options": {"include_usage": True}, "top_k": 5, "min_p": 0.1,
        "repeat_penalty": 1.1, "dry_multiplier": 0.5, "metadata": {"a": "b"}, "reasoning_effort": "low", "parallel_tool_calls": True,
    },
    "/v1/chat/completions?schema": {
        "model": "gpt-4o", "messages": MESSAGES, "max_tokens": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
    },
    "/v1/chat/completions?tools": {
        "model": "gpt-4o", "max_tokens": 3, "tools": [TOOL], "tool_choice": "required",
        "messages": [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c", "content": "5"}],
    },
    "/v1/completions": {"model": "gpt-4o", "prompt": ["a", "b"], "max_tokens": 2, "logprobs": 1, "regex": "[a-z ]*", "n": 2},
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 384, "truncate": True},
    "/v1/responses": {
        "model": "gpt-4o", "input": [{"role": "user", "content": "a"}], "instructions": "i", "max_output_tokens": 3, "store": False,
        "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}, "metadata": {}, "stream": True,
    },
}
TEXTS = ["", " ", "\0", "\u202e", "<|im_start|>", "</s>", "a" * 3000, "😀" * 50, "NaN", "null", "{\"a\":", "(" * 200, "\\", "(a+)+$", "[^", "text-embedding-3-small"]
NUMBERS = [0, -1, 1, 0.5, -0.0, 2**31, 2**32, 2**63, -(2**63), 2**64, 1e38, 1e39, -1e308, 5e-324]


def anything(chance, depth=0):
    kind = chance.randrange(7 if depth < 4 else 4)
    match kind:
        case 0: return chance.choice([None, True, False])
        case 1: return chance.choice(NUMBERS)
        case 2 | 3: return chance.choice(TEXTS)
        case 4: return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _: return {chance.choice(["type", "a", "text", "$ref", "properties", "anyOf", "pattern", "minLength", "items"]): anything(chance, depth + 1) for _ in range(chance.randrange(4))}


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def changed(chance, request):
    request = copy.deepcopy(request)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        path = chance.choice([path for path in places(request) if path] or [("model",)])
        holder = request
        for key in path[:-1]:
            holder = holder[key]
        match chance.randrange(5):
            case 0 if isinstance(holder, dict): holder.pop(path[-1], None)
            case 1 if isinstance(holder, dict): holder[chance.choice(["extra", "audio", "functions", "suffix", "store", "type"])] = anything(chance)
            case 2 if isinstance(holder, list): holder.append(anything(chance))
            case _: holder[path[-1]] = anything(chance)
        if not isinstance(request, dict) or not request:
            break
    return request


def body_of(chance, request):
    text = json.dumps(request).encode()
    match chance.randrange(30):
        case 0: return text[: chance.randrange(len(text) + 1)]
        case 1: return text.replace(b'"', b"\xff", 1)
        case 2: return b"[" * 60_000 + text
        case 3: return text.replace(b": 1", b": NaN")
        case _: return text


def ask(path, body, patience=8):
    connection = http.client.HTTPConnection(ADDRESS, timeout=patience)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def leave(path, body, chance):
    """Asks and goes away after a moment."""
    connection = http.client.HTTPConnection(ADDRESS, timeout=60)
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    time.sleep(chance.random() * 0.3)
    connection.close()


def judge(path, body, status, answer):
    def complain(what):
        return f"{what}: {status} {answer[:400]!r}\nPOST {path}\n{body[:3000]!r}"

    if status >= 500:
        return complain("a 5xx")
    if status >= 400:
        try:
            error = json.loads(answer)["error"]
            whole = set(error) == {"message", "type", "param", "code"} and error["message"] and len(error["message"]) < 2000
        except (ValueError, KeyError, TypeError):
            whole = False
        return None if whole else complain("an error of another shape")
    if b'"type":"server_error"' in answer:
        return complain("an engine failed in mid-answer")
    return None


def engines():
    connection = http.client.HTTPConnection(ADDRESS, timeout=60)
    connection.request("GET", "/api/v1/system")
    system = json.loads(connection.getresponse().read())
    return [(engine["model"], engine["pid"], engine["restarts"]) for engine in system["engines"]], sum(engine["queued"] for engine in system["engines"])


def work(number, until, found, counts):
    chance = random.Random(SEED * 1000 + number)
    while time.monotonic() < until and not found:
        path = chance.choice(list(VALID))
        request = changed(chance, VALID[path])
        path, body = path.split("?")[0], body_of(chance, request)
        if chance.randrange(10) == 0:
            leave(path, body, chance)
            counts["left"] = counts.get("left", 0) + 1
            continue
        try:
            status, answer = ask(path, body)
        except TimeoutError:
            # A long answer: the client has had enough.
            counts["left"] = counts.get("left", 0) + 1
            continue
        counts[status] = counts.get(status, 0) + 1
        complaint = judge(path, body, status, answer)
        if complaint:
            found.append(complaint)


def main():
    for path, request in VALID.items():
        status, answer = ask(path.split("?")[0], json.dumps(request).encode(), 60)
        assert status == 200, (path, status, answer)
    before, _ = engines()
    found, counts, until = [], {}, time.monotonic() + SECONDS
    workers = [threading.Thread(target=work, args=(number, until, found, counts)) for number in range(WORKERS)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    since = time.monotonic()
    while engines()[1] and time.monotonic() - since < 5:
        time.sleep(0.1)
    after, queued = engines()
    print(f"seed {SEED}, {math.ceil(SECONDS)} s: {dict(sorted(counts.items(), key=str))}")
    if after != before:
        found.append(f"an engine died: {before} became {after}")
    if queued:
        found.append(f"{queued} places stay taken")
    sys.exit("\n\n".join(found) or 0)


main()
