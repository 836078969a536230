"""A local server that speaks Anthropic's and OpenAI's formats, with faults on demand; it counts what it would bill."""

import json
import math
import signal
import socket
import sqlite3
import struct
import threading
import time
from collections import Counter, deque
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from common import llm
from common.ledger import TABLES, digest

KEY = "sk-test-0123456789abcdef"  # that tests give to a local server
STATUS = {"429": 429, "429 retry": 429, "500": 500, "502": 502, "503": 503, "504": 504, "408": 408, "529": 529,
          "key": 401, "model": 404, "quota": 429, "bad": 400, "long": 400, "route": 404, "plain key": 401}  # fmt: skip
KINDS = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
SAYS = {  # with HTTP 400, of one request; (as OpenAI, Azure, Anthropic and Groq say it, whether it is billed)
    "flagged": ({"code": "invalid_prompt", "message": "Invalid prompt: it was flagged."}, False),
    "filtered": ({"code": "content_filter", "message": "The response was filtered."}, False),
    "blocked": ({"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}, True),
    "no json": ({"code": "json_validate_failed", "message": "Failed to validate JSON."}, True),
}
BY_GATEWAY = {"502", "504", "408"}  # the provider behind it makes and bills the answer, which arrives nowhere
UNBILLED = set(STATUS) - BY_GATEWAY
LONG = "This model's maximum context length is 4096 tokens. However, your prompt contains 5000 input tokens."


def echo(user, number):
    """The answer of a server that is told no other."""
    return {"word": f"answer to {user}"}


def with_key(folder) -> list:
    """The files in a folder that hold KEY."""
    return [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def ledger_hash(body, number=0) -> str:
    """Under what hash a client's ledger has this request in OpenAI's format, if it has no other settings."""
    system, user = (one["content"] for one in body["messages"])
    asked = llm.Request(system, user, body["response_format"]["json_schema"]["schema"], body["max_tokens"], number)
    client = SimpleNamespace(
        spec=llm.parse_spec(f"openai:{body['model']}"), settings={"temperature": None, "effort": None}
    )
    return llm.Model.identity(client, asked)


def kill_after(process, server, calls, wait=0.0, patience=300):
    """Kill -9 `wait` seconds after the server has had so many more calls; False when the run had ended by then."""
    goal, end = len(server.calls) + calls, time.monotonic() + patience
    while process.poll() is None and len(server.calls) < goal and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


class Provider:
    """`answer(user text, number of the call)` is a dict, or text; `fault(number, user text)` the name
    of a fault or None.

    limit: (calls, seconds), kept over every window of that length, or tokens instead of calls with `in_tokens`; a call
    too many gets 429, with retry-after when `tell_when`. prices: dollars for a million tokens, (input, output). A call
    is billed once its answer is made, also when the answer does not arrive. hash_of(body): what tells requests apart.
    """

    def __init__(self, answer=echo, fault=lambda number, user: None, limit=None, in_tokens=False, tell_when=True,
                 latency=0.0, slow=5.0, prices=(1.0, 5.0), headers=None, hash_of=digest):  # fmt: skip
        self.hash_of = hash_of
        self.answer, self.fault, self.limit, self.tell_when, self.in_tokens = answer, fault, limit, tell_when, in_tokens
        self.latency, self.slow, self.prices, self.headers = latency, slow, prices, headers or {}
        self.lock, self.calls, self.recent = threading.Lock(), [], deque()
        self.billed, self.tokens_in, self.tokens_out = Counter(), 0, 0  # answers made for each request, by its hash
        self.received = {}  # how many of these there were when the client was known to have one
        self.open = self.most_open = 0
        handler = type("Handler", (_Handler,), {"provider": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def cost(self) -> float:
        """Dollars of all that was billed."""
        return (self.tokens_in * self.prices[0] + self.tokens_out * self.prices[1]) / 1e6

    def statuses(self) -> Counter:
        """How often each status was answered."""
        return Counter(call["status"] for call in self.calls)

    def note_received(self, ledger):
        """Look up in a client's ledger which requests it has an answer to: any made from now on is one too many."""
        if ledger.is_file():
            with closing(sqlite3.connect(ledger)) as base:
                base.executescript(TABLES)  # a kill may have come before them
                for (one,) in base.execute("SELECT DISTINCT request FROM calls WHERE state = 'answered'"):
                    self.received.setdefault(one, self.billed[one])

    def made_again(self) -> dict:
        """{request: answers made after the client had one}, of those that note_received() knows."""
        return {one: self.billed[one] - count for one, count in self.received.items() if self.billed[one] > count}

    def bill(self, request, used_in, used_out):
        """Count an answer that was made."""
        with self.lock:
            self.billed[request] += 1
            self.tokens_in += used_in
            self.tokens_out += used_out

    def over_limit(self, tokens: int) -> float:
        """Seconds until the limit allows a call of so many tokens, 0 when it does now (which then counts)."""
        if self.limit is None:
            return 0.0
        most, seconds = self.limit
        amount, now = tokens if self.in_tokens else 1, time.monotonic()
        while self.recent and self.recent[0][0] <= now - seconds:
            self.recent.popleft()
        free = most - sum(one for _, one in self.recent)
        if free >= amount:
            self.recent.append((now, amount))
            return 0.0
        for at, one in self.recent:
            free += one
            if free >= amount:
                return at + seconds - now
        return seconds

    def stop(self):
        """Close the port and every connection, as a server that dies."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.server.connections):
            _reset(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def __init__(self, *given):
        self.connections = set()
        super().__init__(*given)

    def get_request(self):
        made = super().get_request()
        made[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.add(made[0])
        return made

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        pass  # a client that was killed


def _reset(connection):
    """Close so that the other side sees a connection reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def log_message(self, *given):
        pass

    def do_POST(self):
        mine = self.provider
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_anthropic = self.path == "/v1/messages"
        key = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        with mine.lock:
            number = len(mine.calls)
            user = body["messages"][-1]["content"]
            fault = mine.fault(number, user)
            call = {
                "path": self.path,
                "body": body,
                "user": user,
                "key": key,
                "status": 200,
                "fault": fault,
                "at": time.monotonic(),
            }
            mine.calls.append(call)
            mine.open += 1
            mine.most_open = max(mine.most_open, mine.open)
            made = mine.answer(user, number)
            text = made if isinstance(made, str) else json.dumps(made)
            wait = mine.over_limit(len(json.dumps(body)) // 4 + len(text) // 4 + 1)
        try:
            time.sleep(mine.latency)
            if wait:
                more = {"retry-after": f"{wait:.3f}"} if mine.tell_when else {}
                call["status"] = 429
                self.reply(429, self.error(429, "limit reached"), more)
            elif fault in SAYS:
                call["status"] = 400
                told, billed = SAYS[fault]
                if billed:
                    self.made(body, text)
                self.reply(400, {"type": "error", "error": told}, {})
            elif fault in STATUS:
                if fault in BY_GATEWAY:
                    self.made(body, text)
                call["status"] = STATUS[fault]
                more = {"retry-after": "0.3"} if fault == "429 retry" else {}
                told = LONG if fault == "long" else f"no luck with {key}"
                self.reply(STATUS[fault], self.error(STATUS[fault], told, fault), more)
            else:
                self.deliver(call, fault, is_anthropic, text)
        finally:
            with mine.lock:
                mine.open -= 1

    def error(self, status, text, fault=""):
        if fault in ("route", "plain key"):  # as serve/guard.py and vLLM say it
            return {"detail": "Not Found"} if fault == "route" else {"error": "Unauthorized"}
        inner = {"type": KINDS.get(status, "api_error"), "message": text}
        return {"type": "error", "error": {**inner, "code": "insufficient_quota" if fault == "quota" else None}}

    def made(self, body, text) -> tuple:
        """Bill an answer: its tokens in and out."""
        used_in, used_out = len(json.dumps(body)) // 4, min(len(text) // 4 + 1, body.get("max_tokens") or 10**9)
        self.provider.bill(self.provider.hash_of(body), used_in, used_out)
        return used_in, used_out

    def deliver(self, call, fault, is_anthropic, text):
        mine, body = self.provider, call["body"]
        text = {"not json": text[:-3], "schema": '{"what": 1}', "empty": "", "truncated": text[: len(text) // 2]}.get(
            fault, text
        )
        used_in, used_out = self.made(body, text)
        if fault == "slow":
            time.sleep(mine.slow)
        if fault == "reset":
            self.close_connection = True
            return _reset(self.connection)
        if fault == "garbage":
            return self.reply(200, b"<html>", {})
        if fault == "200 error":
            return self.reply(200, {"error": {"code": 502, "message": f"no luck with {call['key']}"}}, {})
        if fault == "strange":
            return self.reply(200, {"content": [1], "choices": {"a": 1}, "usage": {"prompt_tokens": None}}, {})
        shape = _anthropic if is_anthropic else _openai
        told = shape(text, fault, used_in, used_out)
        if body.get("logprobs") and fault != "no log-probs":
            told["choices"][0] |= _weighed(json.loads(text), body["top_logprobs"])
        self.reply(200, told, mine.headers, cut=fault == "cut")

    def reply(self, status, content, headers, cut=False):
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": len(payload), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if cut else payload)
        self.wfile.flush()
        if cut:
            self.close_connection = True


def _anthropic(text, fault, used_in, used_out):
    reason = {"refusal": "refusal", "truncated": "max_tokens"}.get(fault, "end_turn")
    content = [] if fault in ("refusal", "empty") else [{"type": "text", "text": text}]
    usage = {"input_tokens": used_in, "output_tokens": used_out, "cache_read_input_tokens": 0}
    return {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage,
            "stop_reason": reason}  # fmt: skip


def _openai(text, fault, used_in, used_out):
    message = {"role": "assistant", "content": text}
    if fault == "refusal":
        message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    choice = {"index": 0, "message": message, "finish_reason": "length" if fault == "truncated" else "stop"}
    usage = {"prompt_tokens": used_in, "completion_tokens": used_out, "total_tokens": used_in + used_out}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [] if fault == "empty" else [choice], "usage": usage}  # fmt: skip


def _weighed(probabilities, most):
    """What OpenAI's format says of the first token, of which `probabilities` are told."""
    top = [{"token": token, "logprob": math.log(value)} for token, value in probabilities.items() if value][:most]
    return {"finish_reason": "length", "logprobs": {"content": [{**top[0], "top_logprobs": top}]}}
