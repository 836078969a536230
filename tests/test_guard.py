"""The guard in front of the server, asked as vLLM asks it: who gets in where, with which key, on which address."""

import asyncio
import json

import pytest

from common.hosts import is_loopback, stays_here
from serve.guard import HOST, OPEN, Guard

KEY = "s3cret-key"
OTHERS = (
    "/invocations",
    "/ping",
    "/tokenize",
    "/detokenize",
    "/metrics",
    "/metrics/",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/version",
    "/load",
    "/v1/responses",
    "/v1/load_lora_adapter",
    "/v1/messages",
    "/v1/completions/",
    "/v1/completions/render",
    "/V1/completions",
    "//v1/completions",
    "/v1/chat/../completions",
    "/health/",
    "/healthz",
    "/health/../invocations",
    "/",
    "",
    "*",
)
BAD_HEADERS = (
    [],
    [(b"authorization", b"")],
    [(b"authorization", b"Bearer")],
    [(b"authorization", b"Bearer ")],
    [(b"authorization", b"Bearer wrong")],
    [(b"authorization", KEY.encode())],
    [(b"authorization", b"Basic " + KEY.encode())],
    [(b"authorization", b"Bearer " + KEY.encode() + b"x")],
    [(b"authorization", b"Bearer " + KEY[:-1].encode())],
    [(b"authorization", b"Bearer " + KEY.upper().encode())],
    [(b"authorization", b"Bearer \xff\xfe")],
    [(b"x-api-key", KEY.encode())],
)


@pytest.fixture
def guarded(monkeypatch):
    """guarded(host, key) is a Guard as vLLM makes it with that environment, before an application that says 200."""

    def make(host, key):
        for name, value in ((HOST, host), ("VLLM_API_KEY", key)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        return Guard(application)

    return make


async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})
    else:
        await send({"type": f"{scope['type']}.inside"})


def messages(guard, path, headers=(), method="POST", kind="http"):
    """What the server sends back for one request."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": f"{kind}.request"}

    asyncio.run(guard({"type": kind, "method": method, "path": path, "headers": list(headers)}, receive, send))
    return sent


def status(*request, **more):
    return messages(*request, **more)[0]["status"]


def bearer(key=KEY):
    return [(b"host", b"h"), (b"authorization", b"Bearer " + key.encode())]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "some.host", None])
@pytest.mark.parametrize("path", OTHERS)
def test_off_loopback_every_other_route_is_not_there(guarded, host, path):
    guard = guarded(host, KEY)
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        assert status(guard, path, bearer(), method) == status(guard, path, (), method) == 404
    assert b"inside" not in b"".join(message.get("body", b"") for message in messages(guard, path, bearer()))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "127.0.0.1", "localhost", None])
@pytest.mark.parametrize("path", [path for path in OPEN if path != "/health"])
def test_with_a_key_set_only_the_key_opens_a_route(guarded, host, path):
    guard = guarded(host, KEY)
    for method in ("GET", "POST", "OPTIONS"):
        assert [status(guard, path, headers, method) for headers in BAD_HEADERS] == [401] * len(BAD_HEADERS)
        assert status(guard, path, bearer(), method) == 200
    assert status(guard, path, [(b"Authorization", b"bearer   " + KEY.encode() + b" ")]) == 200


@pytest.mark.parametrize(("host", "key"), [("0.0.0.0", KEY), ("127.0.0.1", KEY), ("127.0.0.1", None), (None, KEY)])
def test_health_answers_anyone(guarded, host, key):
    assert status(guarded(host, key), "/health", method="GET") == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
@pytest.mark.parametrize("path", [*OPEN, "/tokenize", "/metrics", "/docs", "/invocations"])
def test_on_this_machine_alone_all_routes_answer_and_ask_for_the_key_that_is_set(guarded, host, path):
    for key in (None, ""):
        assert status(guarded(host, key), path) == 200
    assert status(guarded(host, KEY), path) == (200 if path == "/health" else 401)
    assert status(guarded(host, KEY), path, bearer()) == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "some.host", "", None])
@pytest.mark.parametrize("key", ["", None])
def test_off_loopback_without_a_key_there_is_no_server(guarded, host, key):
    with pytest.raises(RuntimeError, match="VLLM_API_KEY"):
        guarded(host, key)


def test_websockets_are_closed_before_they_open(guarded):
    closed = [{"type": "websocket.close", "code": 1008}]
    for path in ("/v1/realtime", "/v1/completions", "/other"):
        assert messages(guarded("0.0.0.0", KEY), path, bearer(), kind="websocket") == closed
        assert messages(guarded("127.0.0.1", KEY), path, (), kind="websocket") == closed
        assert messages(guarded("127.0.0.1", KEY), path, bearer(), kind="websocket") == [{"type": "websocket.inside"}]


def test_start_and_end_of_the_server_pass(guarded):
    assert messages(guarded("0.0.0.0", KEY), "", kind="lifespan") == [{"type": "lifespan.inside"}]


def test_a_refusal_is_whole_and_says_nothing_of_the_key(guarded):
    guard = guarded("0.0.0.0", KEY)
    for path, code in (("/v1/models", 401), ("/metrics", 404)):
        start, end = messages(guard, path)
        headers = dict(start["headers"])
        assert start["status"] == code and int(headers[b"content-length"]) == len(end["body"])
        assert json.loads(end["body"]) and KEY.encode() not in end["body"]
    assert (b"www-authenticate", b"Bearer") in messages(guard, "/v1/models")[0]["headers"]


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.x", False),
        ("0", False),
        ("", False),
    ],
)
def test_is_loopback(host, alone):
    assert is_loopback(host) is alone


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1", True),
        ("https://127.8.9.1:1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://LOCALHOST/v1", True),
        ("http://10.0.0.1:8000/v1", False),
        ("http://0.0.0.0:8000/v1", False),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
        ("http://example.com/localhost", False),
        ("http://[::ffff:10.0.0.1]/v1", False),
    ],
)
def test_what_stays_on_this_machine(url, here, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert stays_here(url) is here
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    assert stays_here(url) is False
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,127.8.9.1,::1")
    if "[" not in url:  # how libraries match such an address there differs: not sent in doubt
        assert stays_here(url) is here
    monkeypatch.delenv("HTTP_PROXY")
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example.com:3128")
    monkeypatch.delenv("NO_PROXY")
    assert stays_here(url) is False
