"""Wrong requests, made by chance, against a server: none may bring a 5xx, an error of another shape, no answer at all, or a
dead engine.

ONEIROS_BASE names the server, ONEIROS_OLLAMA its listener for Ollama's protocol, ONEIROS_RECORDING a short recording,
ONEIROS_FUZZ_SECONDS the time (60 when absent); ONEIROS_FUZZ_SEED repeats a run.
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
import traceback
import urllib.parse

ADDRESS = urllib.parse.urlsplit(os.environ["ONEIROS_BASE"]).netloc
OLLAMA = urllib.parse.urlsplit(os.environ["ONEIROS_OLLAMA"]).netloc
with open(os.environ["ONEIROS_RECORDING"], "rb") as recording:
    RECORDING = recording.read()
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
# A run in which next to nothing was right, or wrong, has tried nothing.
LEAST_RIGHT, LEAST_WRONG = 0.05, 0.2
# Seconds to an answer's head: a stream has it within 10, and what is not streamed is short.
PATIENCE = 30
# Seconds after which a client has had enough of an answer that has begun.
ENOUGH = 8
# The part of all requests that may be silent, on a machine that is busy with something else. Asked again, they may not.
MOST_SILENT = 0.005
# Where a request says how much may be written.
LIMITS = {
    "/v1/chat/completions": ["max_tokens"], "/v1/completions": ["max_tokens"], "/v1/responses": ["max_output_tokens"],
    "/api/chat": ["options", "num_predict"], "/api/generate": ["options", "num_predict"],
}
MOST_UNSTREAMED = 100
FORM = {
    "file": RECORDING, "model": "whisper-1", "language": "en", "prompt": "A dream.", "response_format": "verbose_json",
    "temperature": "0", "timestamp_granularities[]": "word",
}
OPTIONS = {"temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1, "seed": 1, "num_predict": 3, "stop": ["x"], "repeat_penalty": 1.1}
OLLAMA_VALID = {
    "/api/chat": {
        "model": "gpt-4o", "messages": [{"role": "user", "content": "I fell."}], "tools": [TOOL], "options": OPTIONS, "stream": False,
        "keep_alive": "5m",
    },
    "/api/chat?format": {"model": "gpt-4o", "messages": [{"role": "user", "content": "I fell."}], "format": SCHEMA, "options": {"num_predict": 3}},
    "/api/generate": {"model": "gpt-4o", "prompt": "I fell.", "system": "Be brief.", "raw": False, "options": OPTIONS, "keep_alive": 60},
    "/api/embed": {"model": "text-embedding-3-small", "input": ["a", "b"], "truncate": True, "dimensions": 384},
    "/api/show": {"model": "gpt-4o"},
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


def streamed_where_long(path, request):
    """The request; as a stream where it has lost its limit, since what comes whole has no byte before its end."""
    path, limit = path.split("?")[0], request
    for key in LIMITS.get(path, []):
        limit = limit.get(key) if isinstance(limit, dict) else None
    short = isinstance(limit, (int, float)) and 0 < limit <= MOST_UNSTREAMED
    if path in LIMITS and not short and (request.get("stream") is None or request["stream"] is False):
        request["stream"] = True
    return request


def body_of(chance, request):
    text = json.dumps(request).encode()
    match chance.randrange(30):
        case 0: return text[: chance.randrange(len(text) + 1)]
        case 1: return text.replace(b'"', b"\xff", 1)
        case 2: return b"[" * 60_000 + text
        case 3: return text.replace(b": 1", b": NaN")
        case _: return text


class Left(Exception):
    """A client has had enough of an answer that goes on."""


class Attempt:
    """One request: where it goes and what is sent."""

    def __init__(self, address, path, body, kind="application/json"):
        self.address, self.path, self.body, self.kind = address, path.split("?")[0], body, kind

    def send(self, patience):
        connection = http.client.HTTPConnection(self.address, timeout=patience)
        try:
            connection.request("POST", self.path, self.body, {"Content-Type": self.kind})
        except (ConnectionResetError, BrokenPipeError):
            # Refused before all of it was sent: the answer is there all the same.
            pass
        return connection

    def ask(self, patience=PATIENCE, enough=ENOUGH):
        """The answer; Left when one that has begun is not whole after `enough`, a TimeoutError when none begins in `patience`."""
        connection = self.send(patience)
        try:
            answer = connection.getresponse()
            if connection.sock:
                connection.sock.settimeout(enough)
            return answer.status, self.whole(answer, time.monotonic() + enough)
        finally:
            connection.close()

    def whole(self, answer, until):
        try:
            pieces = [answer.read1()]
            while pieces[-1]:
                if time.monotonic() > until:
                    raise Left
                pieces.append(answer.read1())
        except TimeoutError:
            raise Left from None
        if answer.length:
            raise http.client.IncompleteRead(b"".join(pieces), answer.length)
        return b"".join(pieces)

    def leave(self, chance):
        """Asks and goes away after a moment."""
        connection = self.send(PATIENCE)
        time.sleep(chance.random() * 0.3)
        connection.close()

    def told(self):
        return f"POST {self.path}\n{self.body[:3000]!r}"

    def complaint(self, status, answer):
        """What is wrong with an answer, if anything is."""
        what = None
        if status >= 500:
            what = "a 5xx"
        elif status >= 400:
            what = None if self.is_whole(answer) else "an error of another shape"
        elif b'"type":"server_error"' in answer or b'"type":"error"' in answer or b'"response.failed"' in answer or b'{"error":' in answer:
            what = "an engine failed in mid-answer"
        return what and f"{what}: {status} {answer[:400]!r}\n{self.told()}"

    def is_whole(self, answer):
        try:
            error = json.loads(answer)["error"]
            if self.address == OLLAMA:
                return isinstance(error, str) and 0 < len(error) < 2000
            return set(error) == {"message", "type", "param", "code"} and error["message"] and len(error["message"]) < 2000
        except (ValueError, KeyError, TypeError):
            return False


def multipart(fields):
    boundary = b"a-boundary-that-is-nowhere-else"
    parts = []
    for name, value in fields:
        name = name.encode(errors="replace").replace(b'"', b"%22").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
        file = b'; filename="a.wav"\r\nContent-Type: audio/wav' if isinstance(value, bytes) else b""
        value = value if isinstance(value, bytes) else str(value).encode(errors="replace")
        parts.append(b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + value + b"\r\n")
    return b"".join(parts) + b"--" + boundary + b"--\r\n", "multipart/form-data; boundary=" + boundary.decode()


def broken(chance, recording):
    """A recording with an end, a piece or some bytes missing or wrong."""
    match chance.randrange(4):
        case 0: return recording[: chance.randrange(len(recording))]
        case 1: return bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        case 2: return chance.choice([b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"ID3", b"\x00\x00\x00\x20ftypM4A ", b""]) + recording[:5000]
    recording = bytearray(recording)
    for _ in range(chance.randrange(1, 20)):
        # Where a WAV file says what it is.
        recording[chance.randrange(60)] = chance.randrange(256)
    return bytes(recording)


def speech(chance):
    fields = dict(FORM)
    for _ in range(chance.randrange(3)):
        name = chance.choice(list(fields) or ["file"])
        match chance.randrange(5):
            case 0: fields.pop(name, None)
            case 1: fields[chance.choice(["stream", "extra", "chunking_strategy", "include[]", "a\nb"])] = anything(chance)
            case 2: fields["response_format"] = chance.choice(["json", "text", "srt", "vtt", "verbose_json"])
            case _: fields[name] = broken(chance, RECORDING) if name == "file" else anything(chance)
    body, kind = multipart(fields.items())
    match chance.randrange(12):
        case 0: body = body[: chance.randrange(len(body))]
        case 1: kind = chance.choice(["multipart/form-data", "application/json", "text/plain", kind + "x"])
    return Attempt(ADDRESS, "/v1/audio/transcriptions", body, kind)


def attempt(chance):
    match chance.randrange(12):
        case 0: return speech(chance)
        case 1 | 2 | 3: address, requests = OLLAMA, OLLAMA_VALID
        case _: address, requests = ADDRESS, VALID
    path = chance.choice(list(requests))
    request = streamed_where_long(path, changed(chance, requests[path]))
    return Attempt(address, path, body_of(chance, request))


def engines():
    connection = http.client.HTTPConnection(ADDRESS, timeout=60)
    connection.request("GET", "/api/v1/system")
    system = json.loads(connection.getresponse().read())
    return [(engine["model"], engine["pid"], engine["restarts"]) for engine in system["engines"]], sum(engine["queued"] for engine in system["engines"])


class Run:
    """What became of the requests of all workers."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
        self.counts, self.silent, self.found = {}, [], []

    def work(self, number):
        chance = random.Random(SEED * 1000 + number)
        while time.monotonic() < self.until and not self.found:
            asked = attempt(chance)
            outcome = self.outcome(asked, chance)
            self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def outcome(self, asked, chance):
        try:
            if chance.randrange(10) == 0:
                asked.leave(chance)
                return "left"
            status, answer = asked.ask()
            self.found.extend(filter(None, [asked.complaint(status, answer)]))
            return status
        except Left:
            return "left"
        except TimeoutError:
            self.silent.append(asked)
            return "silent"
        except Exception:
            # A connection that is closed without an answer, too: no body here is larger than what the server takes.
            self.found.append(f"{traceback.format_exc()}\n{asked.told()}")
            return "broken"

    def ask_again(self):
        """What was silent under load is not, where nobody else asks."""
        total = sum(self.counts.values())
        if len(self.silent) > total * MOST_SILENT:
            yield f"{len(self.silent)} of {total} requests were silent for {PATIENCE} s, such as\n{self.silent[0].told()}"
            return
        for asked in self.silent[:3]:
            try:
                status, answer = asked.ask(2 * PATIENCE)
                yield from filter(None, [asked.complaint(status, answer)])
            except Left:
                pass
            except Exception:
                yield f"it was silent, and again: {traceback.format_exc()}\n{asked.told()}"


def valid():
    yield Attempt(ADDRESS, "/v1/audio/transcriptions", *multipart(FORM.items()))
    for address, requests in [(ADDRESS, VALID), (OLLAMA, OLLAMA_VALID)]:
        for path, request in requests.items():
            yield Attempt(address, path, json.dumps(request).encode())


def refused_though_valid():
    for asked in valid():
        try:
            status, answer = asked.ask(60, 60)
            if status != 200:
                yield f"a valid request is answered with {status} {answer[:400]!r}\n{asked.told()}"
        except Exception:
            yield f"a valid request has no answer: {traceback.format_exc()}\n{asked.told()}"
            return


def weak(counts):
    """What a run has not tried enough."""
    answered = {status: count for status, count in counts.items() if isinstance(status, int)}
    total = max(1, sum(answered.values()))
    right, wrong = answered.get(200, 0) / total, sum(count for status, count in answered.items() if 400 <= status < 500) / total
    if right < LEAST_RIGHT or wrong < LEAST_WRONG:
        yield f"of {total} answers {right:.0%} were right and {wrong:.0%} refusals: this proves nothing"


def main():
    refused = list(refused_though_valid())
    assert not refused, refused
    before, _ = engines()
    run = Run(SECONDS)
    workers = [threading.Thread(target=run.work, args=(number,)) for number in range(WORKERS)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    print(f"seed {SEED}, {math.ceil(SECONDS)} s: {dict(sorted(run.counts.items(), key=str))}", flush=True)
    since = time.monotonic()
    while engines()[1] and time.monotonic() - since < 5:
        time.sleep(0.1)
    _, queued = engines()
    found = run.found
    if queued:
        found.append(f"{queued} places stay taken")
    found.extend(run.ask_again())
    found.extend(refused_though_valid())
    after, _ = engines()
    if after != before:
        found.append(f"an engine died: {before} became {after}")
    found.extend(weak(run.counts))
    sys.exit("\n\n".join(found) or 0)


main()
