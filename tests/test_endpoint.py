"""--endpoint: samples and answers of any OpenAI-compatible server, shown with a local one, and what can go wrong."""

import asyncio
import json
import socket
import threading
from argparse import Namespace
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common import cli, endpoint, llm
from common.engine import Engine
from common.sampling import Sampling

PROMPTS = [[65, 66, 67], [68, 69], [70, 71, 72, 73]]


class Bytes:
    """A tokenizer whose tokens are bytes, for what does not depend on the tokenizer."""

    eos_token_id = 0

    def __call__(self, text, add_special_tokens=True, split_special_tokens=False):
        return {"input_ids": list(text.encode())}

    def decode(self, ids, **given):
        return bytes(ids).decode(errors="replace")


class Server:
    """Speaks /v1/models and /v1/completions; `fault(number of the call)` is an HTTP status, or 0 to hang up.

    A completion says what it was asked with. `most` is how many it gives at once, whatever is asked.
    """

    def __init__(self, models=("sft",), fault=lambda number: None, most=99, write=None, says="no such thing today"):
        self.calls, self.keys, self.fault, self.most, self.says = [], set(), fault, most, says
        self.models, self.write = models, write or (lambda body, i: f"{body['prompt']} {body['seed'] + i}")
        handler = type("Handler", (_Handler,), {"mine": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *given):
        pass

    def reply(self, status, data):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.mine.keys.add(self.headers["authorization"])
        if self.mine.models is None:
            return self.reply(200, "<html>a web page</html>")
        self.reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.mine.models]})

    def do_POST(self):
        mine, body = self.mine, json.loads(self.rfile.read(int(self.headers["content-length"])))
        mine.keys.add(self.headers["authorization"])
        mine.calls.append({**body, "path": self.path})
        fault = mine.fault(len(mine.calls))
        if fault == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault:
            self.reply(fault, {"error": {"message": mine.says.format(key=self.headers["authorization"])}})
        else:
            choices = [
                {"index": i, "text": mine.write(body, i), "finish_reason": "length" if i else "stop", "logprobs": None}
                for i in reversed(range(min(mine.most, body["n"])))
            ]
            self.reply(200, {"id": "1", "object": "text_completion", "created": 1, "model": "x", "choices": choices})


@pytest.fixture
def serve(monkeypatch):
    """serve(**as Server) starts one that ends with the test; no provider's key may reach it."""
    made = []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-provider")
    for name in ("LLM_API_KEY", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def start(**given):
        made.append(Server(**given))
        return made[-1]

    yield start
    for one in made:
        one.http.shutdown()
        one.http.server_close()


def flags(*servers, models=None, text=False):
    urls = ",".join(one if isinstance(one, str) else one.url for one in servers)
    return endpoint.endpoint_of(Namespace(endpoint=urls, endpoint_models=models, endpoint_text=text))


def ask(where, sampling=None, prompts=PROMPTS):
    made = endpoint.complete(where, "sft", Bytes(), prompts, sampling or Sampling(), "")
    return [[one.text for one in completions] for completions in made]


def refusal(function, *given):
    with pytest.raises(cli.UserError) as caught:
        function(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_prompt_is_asked_once_with_its_own_seed_and_answers_keep_their_order(serve, monkeypatch):
    server = serve()
    monkeypatch.setenv("LLM_API_KEY", "mine")
    sampling = Sampling(n=2, temperature=0.7, top_p=0.9, max_new_tokens=11, seed=3, stop=("\n\n",))
    made = ask(flags(server), sampling)
    assert made == [[f"{ids} {3_000_009 + i + j}" for j in range(2)] for i, ids in enumerate(PROMPTS)]
    call = next(one for one in server.calls if one["prompt"] == PROMPTS[1])
    expected = {"model": "sft", "n": 2, "temperature": 0.7, "top_p": 0.9, "max_tokens": 11, "stop": ["\n\n"]}
    assert call == {"prompt": PROMPTS[1], "seed": 3_000_010, "path": "/v1/completions", **expected}
    assert len(server.calls) == 3 and server.keys == {"Bearer mine"}


def test_the_key_of_serve_sh_goes_to_the_servers_here_and_to_no_other(serve, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "of-serve.sh")
    server, sent = serve(), []
    endpoint.require(flags(server), ["sft"])
    ask(flags(server))
    assert server.keys == {"Bearer of-serve.sh"}

    async def keys(where):
        async with endpoint._clients(where) as clients:
            sent.extend(client.api_key for client in clients)

    asyncio.run(keys(flags(server, "http://10.0.0.1:8000", "https://example.com/api", "http://localhost:1")))
    assert sent == ["of-serve.sh", llm.NO_KEY, llm.NO_KEY, "of-serve.sh"]
    assert "the key in VLLM_API_KEY (HTTP 401" in refusal(ask, flags(serve(fault=lambda number: 401)))
    monkeypatch.setenv("LLM_API_KEY", "mine")
    ask(flags(server))
    assert server.keys == {"Bearer of-serve.sh", "Bearer mine"}


def test_what_a_completion_says_of_its_end_and_its_length(serve):
    (first, second), *_ = endpoint.complete(flags(serve()), "sft", Bytes(), PROMPTS, Sampling(n=2))
    assert (first.finish_reason, first.token_ids) == ("stop", [*first.text.encode(), 0])
    assert (second.finish_reason, second.token_ids) == ("length", list(second.text.encode()))


def test_a_completion_that_ends_in_half_a_character_can_be_kept(serve):
    """A cut emoji is a lone surrogate in JSON, which UTF-8 has no bytes for."""
    server = serve(write=lambda body, i: "half \ud83d")
    (first, _), *_ = endpoint.complete(flags(server), "sft", Bytes(), PROMPTS, Sampling(n=2))
    assert first.text == "half ?" and first.token_ids == [*b"half ?", 0]


def test_a_prompt_as_text_is_the_rendered_one_and_nothing_is_put_before_it(serve):
    server, text = serve(), "<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"
    ask(flags(server, text=True), prompts=[list(text.encode())])
    assert server.calls[0]["prompt"] == text and server.calls[0]["add_special_tokens"] is False
    assert "not read back as its tokens" in refusal(ask, flags(server, text=True), None, [[255]])


def test_a_server_that_gives_one_completion_is_asked_until_there_are_enough(serve):
    server = serve(most=1)
    made = ask(flags(server), Sampling(n=3, temperature=1.0))
    assert all(len(set(texts)) == 3 for texts in made) and len(server.calls) == 9


def test_a_server_that_dies_is_left_out_and_a_busy_one_waited_for(serve, monkeypatch):
    monkeypatch.setattr(endpoint, "RETRIES", 1)
    monkeypatch.setattr(endpoint, "AT_ONCE", 2)
    dying = serve(fault=lambda number: 0 if number > 2 else None)
    living = serve(fault=lambda number: 503 if number == 1 else None)
    prompts = [[i, i + 1] for i in range(5, 45)]
    made = ask(flags(dying, living), prompts=prompts)
    assert made == [[f"{ids} {i}"] for i, ids in enumerate(prompts)]
    answered = Counter(tuple(one["prompt"]) for one in living.calls[1:] + dying.calls[:2])
    assert set(answered) == set(map(tuple, prompts))


def test_what_stops_a_run_is_one_sentence(serve, monkeypatch):
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    gone = serve()
    gone.http.shutdown()
    gone.http.server_close()
    for function, *given in ((endpoint.require, flags(gone), ["sft"]), (ask, flags(gone, gone))):
        said = refusal(function, *given)
        assert said.startswith(f"no answer from {gone.url}/v1") and "check --endpoint" in said
    said = refusal(endpoint.require, flags(serve(models=("other",))), ["sft", "dpo"])
    assert "has no model sft, dpo, only other" in said and "--endpoint_models sft=other" in said
    for status, words in ((401, "the key in LLM_API_KEY (HTTP 401: no such thing today)"), (404, "no such model"),
                          (400, "cannot take the request"), (500, "mend the server")):  # fmt: skip
        assert words in refusal(ask, flags(serve(fault=lambda number, status=status: status)))
    assert "gives no completion" in refusal(ask, flags(serve(most=0)))
    assert "is that an OpenAI-compatible server" in refusal(endpoint.require, flags(serve(models=None)), ["sft"])


def test_a_key_that_a_server_repeats_is_not_printed(serve, monkeypatch):
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    monkeypatch.setenv("LLM_API_KEY", "token of ours")
    said = refusal(ask, flags(serve(fault=lambda number: 401, says="bad header {key}; is it sk-12345678?")))
    assert "token of ours" not in said and "(HTTP 401: bad header Bearer [key]; is it [key]?)" in said
    failed = ConnectionError("Illegal header value b'Bearer token of ours'")
    assert "token of ours" not in str(endpoint._unreachable(["http://127.0.0.1:1/v1"], failed))


def test_names_and_addresses_are_read_before_anything_is_asked(serve):
    where = flags("http://one:8000", "https://two/api", models="sft=a/b,dpo=c")
    assert where.urls == ("http://one:8000/v1", "https://two/api")
    assert [where.name(name) for name in ("base", "sft", "dpo")] == ["base", "a/b", "c"]
    assert where.kind == "endpoint dpo=c sft=a/b" and flags("http://one:8000").kind == "endpoint"
    for one in ("one:8000", "http://one:x/v1", "http://[::1", "http://a]b", "http://me@one:8000"):
        assert "is no address" in refusal(flags, one)
    assert flags("http://[::1]:8000").urls == ("http://[::1]:8000/v1",)
    assert "write base=NAME" in refusal(lambda: flags("http://one", models="sft"))
    assert endpoint.endpoint_of(Namespace(endpoint=None)) is None
    server = serve(models=("x", "y"))
    endpoint.require(flags(server, models="sft=x,base=y"), ["base", "sft"])


def test_an_engine_behind_a_server_answers_as_the_engine_itself(serve, tiny_base):
    """The server decodes with the same weights, so its greedy answers are those of the engine here."""
    here, sampling = Engine(str(tiny_base), {}, "hf", "float32"), Sampling(max_new_tokens=8)
    expected = [[one.text for one in made] for made in here.generate("base", PROMPTS, sampling)]
    server = serve(models=("base",), write=lambda body, i: expected[PROMPTS.index(body["prompt"])][i])
    there = Engine(str(tiny_base), {}, "vllm", "float32", flags(server))
    there.require("base")
    assert [[one.text for one in made] for made in there.generate("base", PROMPTS, sampling)] == expected
    assert (
        there.kind == "endpoint"
        and there.model is None
        and "prompts are too long" in refusal(there.generate, "base", [[5] * 2048], sampling)
    )
