"""The clients of paid models against a local server with both providers' formats: faults, money, pace, endpoints."""

import asyncio
import datetime
import email.utils
import gc
import json
import sqlite3
import threading
import time
from types import SimpleNamespace

import pytest
from provider import BY_GATEWAY, KEY, SAYS, UNBILLED, with_key
from simulation import Window, simulate

from common import ledger as books
from common import llm, paid
from common.cli import UserError
from common.ledger import Ledger, OverBudget, Price

PROVIDERS = ("anthropic", "openai")
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 40}},
    "required": ["word"],
    "additionalProperties": False,
}
PRICE = Price(1.0, 1.0, 1.25, 5.0)  # the server's prices


def request(text, **more):
    return llm.Request(**{"system": "Answer.", "user": text, "schema": SCHEMA, "max_tokens": 50, **more})


@pytest.fixture
def ask(tmp_path):
    """A function that asks texts of a server and returns (replies, ledger totals, the model).

    work(model): what to do instead, inside the event loop.
    """

    def asked(kind, servers, texts, workers=8, max_cost=None, limits=None, timeout=2.0, work=None, **more):
        async def go():
            spec = llm.parse_spec(f"{kind}:some-model@" + ",".join(one.url for one in servers))
            ledger = Ledger(tmp_path / "ledger.db", "test", {"model": spec.name}, max_cost)
            model = llm.Model(spec, llm.find_key(spec), ledger, PRICE, limits or {}, workers, timeout)
            try:
                jobs = [model.ask(request(text, **more)) for text in texts]
                replies = await (work(model) if work else llm.gather(model, jobs))
                return replies, ledger.totals(), model
            finally:
                await model.close()
                ledger.close()

        return asyncio.run(go())

    return asked


def rows(tmp_path, what="state, reason, cost"):
    with sqlite3.connect(tmp_path / "ledger.db") as base:
        return base.execute(f"SELECT {what} FROM calls ORDER BY id").fetchall()


@pytest.mark.parametrize("kind", PROVIDERS)
def test_answers_tokens_and_cost_are_the_servers(serve, ask, kind):
    server = serve()
    replies, totals, _ = ask(kind, [server], ["one", "two", "three"])
    assert [reply.data["word"] for reply in replies] == ["answer to one", "answer to two", "answer to three"]
    assert totals["tokens"]["input"] == server.tokens_in and totals["tokens"]["output"] == server.tokens_out
    assert totals["dollars"] == pytest.approx(server.cost, abs=1e-6) and server.cost > 0


def test_each_providers_own_form_of_a_request(serve, ask):
    server = serve()
    ask("anthropic", [server], ["hello"])
    ask("openai", [server], ["hello"])
    first, second = (call["body"] for call in server.calls)
    assert server.calls[0]["path"] == "/v1/messages" and server.calls[1]["path"] == "/v1/chat/completions"
    assert first["system"] == [{"type": "text", "text": "Answer.", "cache_control": {"type": "ephemeral"}}]
    assert first["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}} and first["max_tokens"] == 50
    assert second["response_format"]["json_schema"]["schema"] == SCHEMA
    assert second["response_format"]["json_schema"]["strict"] is True and second["max_tokens"] == 50
    assert second["messages"][0] == {"role": "system", "content": "Answer."}
    assert "temperature" not in first and "temperature" not in second, "models that think refuse it"


def test_a_provider_gets_no_bounds_on_lengths_and_its_own_name_of_the_limit():
    made = llm.bare_schema(SCHEMA)
    assert made["properties"]["word"] == {"type": "string", "description": "(maxLength 40)"}
    assert SCHEMA["properties"]["word"]["maxLength"] == 40 and made["required"] == ["word"]


# Faults after which the same question is asked again, and brings an answer.
PASSING = ("429", "429 retry", "500", "502", "503", "504", "408", "529", "reset", "cut", "garbage", "strange",
           "200 error", "not json", "schema", "empty", "truncated")  # fmt: skip
LOST = {"reset", "cut", "garbage", "strange", "200 error"} | BY_GATEWAY  # made and perhaps billed, and never received


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_fault_that_passes_costs_no_answer(serve, ask, kind, fault, tmp_path):
    server = serve(fault=lambda number, user: fault if number == 0 else None)
    replies, totals, _ = ask(kind, [server], ["hello"])
    assert replies[0].data == {"word": "answer to hello"} and len(server.calls) == 2
    assert totals["dollars"] >= server.cost - 1e-9, "what may have been billed is never counted lower"
    state = rows(tmp_path)[0][0]
    assert state == ("failed" if fault in UNBILLED else "lost" if fault in LOST else "unfit")


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_slow_first_byte_is_given_up_and_counted_as_spent(serve, ask, kind, tmp_path):
    server = serve(fault=lambda number, user: "slow" if number == 0 else None, slow=3.0)
    replies, totals, _ = ask(kind, [server], ["hello"], timeout=0.5)
    assert replies[0].data and rows(tmp_path)[0][0] == "lost" and totals["dollars"] >= server.cost > 0


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_refusal_is_not_asked_again(serve, ask, kind):
    server = serve(fault=lambda number, user: "refusal")
    replies, totals, _ = ask(kind, [server], ["hello"])
    assert replies[0][:2] == (None, "refused") and len(server.calls) == 1
    assert ask(kind, [server], ["hello"])[0] == replies and len(server.calls) == 1, "nor in the next run"
    assert totals["calls"] == {"unfit: refused": 1}


@pytest.mark.parametrize("fault, reason", [("schema", "wrong schema"), ("not json", "not JSON"), ("empty", "empty"),
                                           ("truncated", "cut at max_tokens")])  # fmt: skip
def test_an_answer_that_stays_unfit_is_given_up_with_its_reason(serve, ask, fault, reason):
    server = serve(fault=lambda number, user: fault)
    for _ in range(2):
        assert ask("openai", [server], ["hello"])[0][0][:2] == (None, reason)
        assert len(server.calls) == llm.ASKS, "the second run pays for nothing"


@pytest.mark.parametrize("text", ['{"word": "\\ud800"}', '{"word": "\ud800"}'], ids=["escaped", "as it is"])
def test_half_a_character_can_be_written_to_any_file(serve, ask, text, tmp_path):
    """JSON allows a lone surrogate, which a small model may end in; UTF-8 does not."""
    server = serve(lambda user, number: text)
    reply = ask("openai", [server], ["hello"])[0][0]
    json.dumps(reply.data, ensure_ascii=False).encode("utf-8")
    assert reply.reason == ("half a character" if "u" in text else "") and rows(tmp_path, "answer")[0][0]


def test_a_text_longer_than_its_bound_is_of_the_wrong_schema(serve, ask):
    server = serve(lambda user, number: {"word": "x" * 41})
    assert ask("anthropic", [server], ["hello"])[0][0][:2] == (None, "wrong schema")


def test_a_request_that_always_fails_is_given_up_and_holds_nobody_up(serve, ask, monkeypatch):
    monkeypatch.setattr("common.pace.LONGEST_PAUSE", 0.1)
    server = serve(latency=0.01)
    server.fault = lambda number, user: "500" if user == "poison" else None
    replies, totals, _ = ask("openai", [server], ["poison", *[f"text {i}" for i in range(60)]])
    assert replies[0][:2] == (None, "no answer") and all(reply.data for reply in replies[1:])
    assert totals["calls"]["failed: HTTP 500"] == llm.FAILURES


STOPPING = {
    "key": "refuses the key in LLM_API_KEY",
    "model": "does not know some-model",
    "quota": "has no credit",
    "bad": "cannot take the request",
}


@pytest.mark.parametrize("fault", STOPPING)
@pytest.mark.parametrize("kind", PROVIDERS)
def test_what_asking_again_cannot_mend_stops_at_once_in_one_sentence(serve, ask, kind, fault, tmp_path, caplog):
    server = serve(fault=lambda number, user: fault if number >= 20 else None, latency=0.01)
    with pytest.raises(UserError, match=STOPPING[fault]) as caught:
        ask(kind, [server], [f"text {i}" for i in range(200)])
    said = str(caught.value)
    assert "\n" not in said and KEY not in said and "[key]" in said
    del caught  # it holds the tasks
    assert len(server.calls) <= 20 + 8, "calls in flight finish, no other is made"
    gc.collect()
    assert not caplog.records, "nor does asyncio print what the other calls met"
    states = [state for state, _, _ in rows(tmp_path)]
    assert "open" not in states and states.count("answered") == 20


@pytest.mark.parametrize("kind", PROVIDERS)
def test_what_the_context_cannot_hold_is_given_up_and_stops_nobody(serve, ask, kind, tmp_path):
    server = serve(fault=lambda number, user: "long" if user == "all of it" else None)
    replies, totals, _ = ask(kind, [server], ["all of it", "text 1", "text 2"])
    assert replies[0][:3] == (None, "too long", 0.0) and all(reply.data for reply in replies[1:])
    assert len(server.calls) == 3 and totals["calls"] == {"answered": 2, "failed: too long": 1}
    server.fault = lambda number, user: None
    assert ask(kind, [server], ["all of it"])[0][0].data, "the server may hold it by now"


@pytest.mark.parametrize("fault", SAYS)
@pytest.mark.parametrize("kind", PROVIDERS)
def test_what_a_provider_holds_back_of_one_request_stops_nobody(serve, ask, kind, fault, tmp_path):
    server = serve(fault=lambda number, user: fault if user == "odd" else None)
    replies, totals, _ = ask(kind, [server], ["odd", "text 1", "text 2"])
    reason, asked = ("not JSON", llm.ASKS) if fault == "no json" else ("refused", 1)
    assert replies[0][:2] == (None, reason) and all(reply.data for reply in replies[1:])
    assert len(server.calls) == asked + 2 and totals["dollars"] >= server.cost, "what may be billed counts"
    if not SAYS[fault][1]:
        assert totals["dollars"] == pytest.approx(server.cost, abs=1e-6)
    assert ask(kind, [server], ["odd"])[0][0] == replies[0] and len(server.calls) == asked + 2


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_server_that_does_not_speak_the_format_is_named_with_it(serve, ask, kind):
    server = serve(fault=lambda number, user: "route")
    with pytest.raises(UserError, match=f"or does not speak {llm.SPOKEN[kind]} .HTTP 404: Not Found.; check the"):
        ask(kind, [server], ["hello"])
    assert len(server.calls) == 1


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_servers_own_words_are_told_in_whatever_form(serve, ask, kind):
    server = serve(fault=lambda number, user: "plain key")
    with pytest.raises(UserError, match="refuses the key in LLM_API_KEY .HTTP 401: Unauthorized."):
        ask(kind, [server], ["hello"])


def test_when_to_come_back_may_be_a_date():
    date = email.utils.format_datetime(
        datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30), usegmt=True
    )
    assert 28 <= llm._retry_after({"retry-after": date}) <= 30
    assert llm._retry_after({"retry-after": "2.5"}) == 2.5 and llm._retry_after({"retry-after-ms": "250"}) == 0.25
    assert llm._retry_after({"retry-after": "later"}) is None and llm._retry_after({}) is None


def test_no_key_is_in_the_ledger(serve, ask, tmp_path):
    server = serve(fault=lambda number, user: "500" if number % 3 == 0 else None)
    ask("openai", [server], [f"text {i}" for i in range(9)])
    assert server.calls[0]["key"] == KEY
    assert with_key(tmp_path) == []


def test_a_providers_key_does_not_go_to_another_server(serve, ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    for name in ("LLM_API_KEY", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    server = serve()
    ask("openai", [server], ["hello"])
    assert server.calls[0]["key"] == "none"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="export OPENAI_API_KEY"):
        llm.find_key(llm.parse_spec("openai:m"))


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_servers_own_key_goes_to_this_machine_alone(serve, ask, monkeypatch, provider):
    """serve.sh reads VLLM_API_KEY; in the same shell it is the key of a client, too, but of no server elsewhere."""
    monkeypatch.setenv("VLLM_API_KEY", "of-serve.sh")
    server = serve()
    ask(provider, [server], ["hello"])
    monkeypatch.delenv("LLM_API_KEY")
    ask(provider, [server], ["hello again"])
    assert [call["key"] for call in server.calls] == [KEY, "of-serve.sh"]
    here = f"{provider}:m@http://localhost:8000"
    for place in ("https://example.com", "http://10.0.0.1:8000", "http://0.0.0.0:8000", "http://localhost.example.com"):
        for text in (f"{provider}:m@{place}", f"{here},{place}", f"{provider}:m@{place},http://localhost:8000"):
            assert llm.find_key(llm.parse_spec(text)) == llm.NO_KEY, text
    assert llm.find_key(llm.parse_spec(here)) == "of-serve.sh"
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    assert llm.find_key(llm.parse_spec(here)) == llm.NO_KEY
    refusing = serve(fault=lambda number, user: "key")
    monkeypatch.delenv("HTTP_PROXY")
    with pytest.raises(UserError, match="refuses the key in VLLM_API_KEY .HTTP 401"):
        ask(provider, [refusing], ["something else"])


def test_an_answer_with_half_a_character_is_none():
    """It would be a row that no file can hold, found only when all is paid for."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    read = [llm.read_answer(llm.Raw(f'{{"text": "{text}"}}', "", None, {}), schema)[:2]
            for text in ("\\ud83d\\ude00", "\\ud83d")]  # fmt: skip
    assert read == [({"text": "\U0001f600"}, ""), (None, "half a character")]


def test_an_integer_longer_than_python_reads_is_an_unusable_answer(serve, ask, tmp_path):
    """It is paid for, so the call may not stay open."""
    server = serve(answer=lambda user, number: '{"word": ' + "1" * 4301 + "}")
    assert ask("openai", [server], ["hello"])[0][0][:2] == (None, "not JSON")
    assert {row[:2] for row in rows(tmp_path)} == {("unfit", "not JSON")}
    response = SimpleNamespace(http_response=SimpleNamespace(text='{"usage": ' + "1" * 4301 + "}"), headers={})
    with pytest.raises(json.JSONDecodeError):  # which is settled as lost
        llm._read(llm._OpenAI.read, response, request("hello"))


def test_a_server_that_is_not_there_is_named(serve, ask, monkeypatch):
    monkeypatch.setattr(llm, "FIRST_PATIENCE", 0.5)
    server = serve()
    server.stop()
    with pytest.raises(UserError, match=rf"no answer from {server.url}/v1"):
        ask("openai", [server], ["hello"])


@pytest.mark.parametrize("fault", ["429 retry", "503"])
def test_a_server_that_is_busy_from_the_start_is_waited_for(serve, ask, monkeypatch, fault):
    monkeypatch.setattr(llm, "FIRST_PATIENCE", 0.1)
    monkeypatch.setattr("common.pace.LONGEST_PAUSE", 0.1)
    server = serve(fault=lambda number, user: fault if number < 4 else None)
    assert ask("openai", [server], ["hello"])[0][0].data and len(server.calls) == 5


def test_a_gateway_whose_answers_are_all_errors_is_named_without_the_key(serve, ask, monkeypatch):
    monkeypatch.setattr(llm, "FIRST_PATIENCE", 0.5)
    server = serve(fault=lambda number, user: "200 error")
    with pytest.raises(UserError, match=rf"no answer from {server.url}.*an error.*502") as caught:
        ask("openai", [server], ["hello"])
    assert KEY not in str(caught.value) and "[key]" in str(caught.value)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_server_that_is_too_slow_for_the_time_given_is_named_with_the_flag(serve, ask, kind, monkeypatch):
    monkeypatch.setattr(llm, "FIRST_PATIENCE", 0.5)
    server = serve(fault=lambda number, user: "slow", slow=2.0)
    with pytest.raises(UserError, match=rf"no answer from {server.url}.*\(.*timed out.*\).*--timeout"):
        ask(kind, [server], ["hello"], timeout=0.4)


@pytest.mark.parametrize(
    "text", ["gpt", "openai:", "claude:x", "openai:m@localhost", "openai:m@http://h,nonsense", "x:y"]
)
def test_a_name_that_is_none_is_refused(text):
    with pytest.raises(UserError):
        llm.parse_spec(text)


def test_names_and_addresses():
    assert llm.parse_spec("anthropic:a@https://h/v1/") == ("anthropic", "a", ("https://h",))
    assert llm.parse_spec("openai:org/m@http://a:1,http://b:2/x") == (
        "openai",
        "org/m",
        ("http://a:1/v1", "http://b:2/x"),
    )
    assert llm.parse_spec("openai:gpt-x") == ("openai", "gpt-x", ())


# --- money ------------------------------------------------------------------------------------------


def test_a_reply_costs_all_its_answers(serve, ask):
    server = serve(fault=lambda number, user: "schema" if number < 2 else None)
    replies, totals, _ = ask("openai", [server], ["hello"])
    assert replies[0].cost == pytest.approx(server.cost, abs=1e-9) and replies[0].date == books.now()[:10]
    assert replies[0].tokens == server.tokens_in + server.tokens_out and len(server.calls) == 3


def test_the_ledger_answers_what_was_asked_before(serve, ask):
    server = serve()
    texts = [f"text {i}" for i in range(20)]
    first, _, _ = ask("openai", [server], texts)
    second, _, model = ask("openai", [server], [*texts, "new"])
    assert second[:20] == first and len(server.calls) == 21 and model.made == 1 and model.reused == 20
    ask("openai", [server], texts[:1], number=1)
    assert len(server.calls) == 22, "another number wants an answer of its own"


def test_the_same_request_at_once_is_paid_for_once_and_other_samples_apart(serve, ask):
    server = serve(latency=0.05, fault=lambda number, user: "schema" if number == 0 else None)
    replies, totals, model = ask("openai", [server], ["hello"] * 12)
    assert {reply.data["word"] for reply in replies} == {"answer to hello"} and len(server.calls) == 2
    assert totals["calls"] == {"answered": 1, "unfit: wrong schema": 1} and not model.asking

    async def samples(model):
        return await llm.gather(model, [model.ask(request("hello", number=i)) for i in (1, 1, 2, 2, 3)])

    ask("openai", [server], [], work=samples)
    assert len(server.calls) == 5, "k samples are k calls"


def test_the_same_request_at_once_fails_for_all_that_ask(serve, ask):
    server = serve(fault=lambda number, user: "key", latency=0.05)
    with pytest.raises(UserError, match="refuses the key"):
        ask("openai", [server], ["hello"] * 5)
    assert len(server.calls) == 1


def test_an_answer_that_another_stage_brought_meanwhile_is_not_paid_for(serve, ask, tmp_path):
    """While this one waits for room under its limit, the other stage's process writes to the same ledger."""
    server = serve()

    async def meanwhile(model):
        async def enter(guess):
            with_same = Ledger(tmp_path / "ledger.db", "other", {})
            call = with_same.begin(model.identity(request("hello")), "m", 0.1)
            with_same.settle(call, "answered", cost=0.1, answer='{"word": "of the other"}')
            with_same.close()
            return {}

        model.endpoints[0].pace.enter = enter
        return await llm.gather(model, [model.ask(request("hello"))])

    replies, totals, _ = ask("openai", [server], [], work=meanwhile)
    assert replies[0].data == {"word": "of the other"} and server.calls == [] and totals["calls"] == {}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_the_cap_holds_by_the_servers_count(serve, ask, kind):
    server = serve(latency=0.01)
    texts = [f"text {i}" for i in range(400)]
    cap = 0.02
    with pytest.raises(OverBudget, match="--max_cost 0.02"):
        ask(kind, [server], texts, max_cost=cap, workers=16)
    assert 0.5 * cap < server.cost <= cap, "it is used, and not exceeded"
    count = len(server.calls)
    with pytest.raises(OverBudget):
        ask(kind, [server], texts, max_cost=cap)
    assert len(server.calls) == count
    ask(kind, [server], texts, max_cost=1.0)
    assert len(server.calls) == 400, "no answer is paid for again"


def test_the_cap_holds_when_answers_are_lost(serve, ask, monkeypatch):
    server = serve(fault=lambda number, user: ("reset", "cut", "502", "504", None)[number % 5])
    monkeypatch.setattr("common.pace.LONGEST_PAUSE", 0.01)
    with pytest.raises(OverBudget):
        ask("openai", [server], [f"text {i}" for i in range(300)], max_cost=0.03)
    assert 0 < server.cost <= 0.03


def test_a_call_left_open_is_counted_as_spent(tmp_path):
    path = tmp_path / "ledger.db"
    first = Ledger(path, "a", {})
    first.begin("x", "m", 0.5)
    first.settle(first.begin("y", "m", 0.5), "answered", cost=0.1, answer="{}")
    first.close()
    again = Ledger(path, "a", {}, max_cost=1.0)
    assert again.lost == 1 and again.spent == pytest.approx(0.6) and again.finished("x") == []
    assert again.finished("y")[0][:3] == ("answered", "", "{}")
    with pytest.raises(OverBudget):
        again.begin("z", "m", 0.41)
    again.begin("z", "m", 0.4)
    with pytest.raises(OverBudget):  # what is in flight counts as well
        again.begin("z", "m", 0.01)


def test_other_settings_are_another_run_that_says_what_differs(tmp_path):
    path = tmp_path / "ledger.db"
    first = Ledger(path, "a", {"model": "m", "seed": 0})
    first.settle(first.begin("y", "m", 0.5), "answered", cost=0.25, answer="{}")
    assert first.news == ""
    first.close()
    second = Ledger(path, "a", {"model": "m", "seed": 1})
    assert "seed 0 -> 1" in second.news and "0.2500 dollars" in second.news and "model" not in second.news.split("(")[1]
    assert second.spent == 0
    second.close()
    assert Ledger(path, "a", {"model": "m", "seed": 0}).spent == 0.25


def test_one_process_at_a_time(tmp_path):
    held = Ledger(tmp_path / "ledger.db", "a", {})
    with pytest.raises(UserError, match="another a is running"):
        Ledger(tmp_path / "ledger.db", "a", {})
    Ledger(tmp_path / "ledger.db", "b", {}).close()
    held.close()
    Ledger(tmp_path / "ledger.db", "a", {}).close()


def test_a_damaged_ledger_and_a_full_disk_are_one_sentence(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"garbage" * 500)
    with pytest.raises(UserError, match=r"ledger\.db is damaged; put a copy back, or move it away, which pays for"):
        Ledger(path, "a", {})
    path.unlink()
    full = Ledger(path, "a", {})
    (pages,) = full.base.execute("PRAGMA page_count").fetchone()
    full.base.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match=r"ledger\.db finds no space left on the disk; free some, and run the same"):
        for _ in range(9):
            full.begin("x" * 3000, "m", 0.1)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):  # a bug of ours
        full._do("SELECT 1 FROM no_table")
    full.close()


def test_every_price_names_its_source_and_date():
    known = json.loads(books.PRICES.read_text(encoding="utf-8"))["prices"]
    assert known
    for name, price in known.items():
        assert llm.parse_spec(name).name == name
        assert price["source"].startswith("https://") and len(price["read"]) == len("2026-01-01")
        assert 0 < price["cache_read"] < price["input"] <= price["cache_write"] < price["output"]


def test_a_cap_needs_a_price():
    name = next(iter(json.loads(books.PRICES.read_text(encoding="utf-8"))["prices"]))
    assert books.find_price(name, True) and books.find_price(name, False) is None
    assert books.find_price("openai:own", False, (2, 8)) == Price(2, 2, 2.5, 8)
    with pytest.raises(UserError, match="--price INPUT OUTPUT"):
        books.require_price("openai:own", None, 5.0)
    books.require_price("openai:own", None, None)


def test_calls_at_once_are_counted_for_each_address(serve, ask):
    servers = [serve(latency=0.03), serve(latency=0.03)]

    async def work(model):
        await llm.gather(model, [model.ask(request(f"text {i}")) for i in range(40)])
        return paid.duration(model, 60, 0), model.ledger.mean_seconds()

    (seconds, each), _, model = ask("openai", servers, [], workers=3, work=work)
    assert all(1 <= one.most_open <= 3 for one in servers) and model.workers == 6
    assert seconds == pytest.approx(60 * each / 6)


# --- pace and endpoints -----------------------------------------------------------------------------


RATES = {
    "calls, by flag": ({"most": 240}, {"requests": 240}),
    "few calls, by flag": ({"most": 30}, {"requests": 30}),
    "calls, from headers": ({"most": 240, "headers": {"x-ratelimit-limit-requests": "240"}}, {}),
    "tokens, by flag": ({"most": 60_000, "in_tokens": True}, {"tokens": 60_000}),
}


@pytest.mark.parametrize("case", RATES)
def test_a_limit_is_used_and_hardly_ever_exceeded(case, tmp_path):
    settings, limits = RATES[case]
    seen = simulate(tmp_path, Window(**settings), limits, minutes=6, workers=32)
    assert seen["minutes"] >= 6 and seen["used_share"] >= 0.95 and seen["share_429"] < 0.01, seen


def test_a_limit_given_is_kept_and_used(serve, ask):
    server = serve(limit=(60, 3.0), latency=0.02)  # 20 a second: 1,200 a minute
    started = time.monotonic()
    ask("openai", [server], [f"text {i}" for i in range(120)], workers=32, limits={"requests": 1200})
    assert server.statuses()[429] <= 2
    assert time.monotonic() - started > 120 / 20 * 0.9  # how much of a limit is used: bench/teacher.py


def test_a_limit_is_learnt_from_the_headers(serve, ask):
    server = serve(headers={"x-ratelimit-limit-requests": "1200"}, latency=0.01)
    _, _, model = ask("openai", [server], [f"text {i}" for i in range(80)], workers=16)
    assert model.endpoints[0].pace.buckets["requests"].limit == 1200
    span = server.calls[-1]["at"] - server.calls[0]["at"]
    assert span > 1.5, "80 calls at 20 a second, less the first few and one burst"


def test_an_unknown_limit_is_found_without_a_storm(serve, ask):
    server = serve(limit=(20, 1.0), latency=0.2)
    replies, _, model = ask("anthropic", [server], [f"text {i}" for i in range(100)], workers=32)
    assert all(reply.data for reply in replies)
    assert 0 < server.statuses()[429] < 100 and model.endpoints[0].pace.threshold < 32


def test_retry_after_is_waited_by_all(serve, ask):
    server = serve(fault=lambda number, user: "429 retry" if number < 4 else None, latency=0.005)
    ask("openai", [server], [f"text {i}" for i in range(40)], workers=4)
    late = [call["at"] - server.calls[0]["at"] for call in server.calls[4:]]
    assert len(late) == 40 and min(late) >= 0.3


def test_work_is_spread_over_endpoints_and_goes_on_without_one(serve, ask, capsys):
    servers = [serve(latency=0.01), serve(latency=0.01)]
    kill = threading.Thread(target=servers[1].stop)
    servers[1].fault = lambda number, user: kill.start() if number == 20 else None
    texts = [f"text {i}" for i in range(600)]
    replies, totals, _ = ask("openai", servers, texts, workers=8)
    assert [reply.data["word"] for reply in replies] == [f"answer to {text}" for text in texts]
    counts = [len(server.calls) for server in servers]
    assert min(counts) > 10 and counts[0] > counts[1]
    assert f"{servers[1].url}/v1 does not answer" in capsys.readouterr().out
    assert totals["calls"]["answered"] == 600
