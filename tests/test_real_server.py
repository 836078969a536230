"""Teacher, pair judge and evaluation judge against the project's own vLLM server, through both SDKs.

The base of 135 million parameters writes nonsense under any schema. What counts: answers that follow the schema come
back, whatever else comes is counted by its reason, nothing hangs, the ledger is right by the server's own count, and
what the server cannot do is one sentence.
"""

import contextlib
import json
import re
import socket
import sqlite3
from collections import Counter

import pytest
from provider import KEY, with_key
from test_launch import BASE, make_trained

from common import cli, files, paid
from common.answers import PAIRS
from common.domain import load_domain
from data import gen_dpo, gen_sft
from eval import winrate
from serve import launch

pytestmark = pytest.mark.slow
KINDS = ("openai", "anthropic")
SOURCE = """
from collections import namedtuple

SYSTEM_PROMPT = "Answer in one short sentence."
JUDGE_RUBRIC = "The answer that names the right city is better."
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Egypt": "Cairo", "Cuba": "Havana",
    "Greece": "Athens", "Norway": "Oslo", "Peru": "Lima", "Kenya": "Nairobi", "Poland": "Warsaw", "Austria": "Vienna",
    "Chile": "Santiago", "Ireland": "Dublin", "Portugal": "Lisbon", "Hungary": "Budapest",
}
Verdict = namedtuple("Verdict", "correct format_ok explanation_ok reason")


def row(split, country):
    return {"id": f"{split}-{country}", "prompt": f"Tell me about the capital of {country}.", "cluster": country,
            "completion": f"The capital of {country} is {CAPITALS[country]}.", "category": "city",
            "city": CAPITALS[country]}


def load_seeds():
    return [row("seed", country) for country in list(CAPITALS)[:4]]


def load_benchmark(split):
    return [row(split, country) for country in list(CAPITALS)[4:6]]


def generate(rng, n, split):
    return [row(split, country) for country in list(CAPITALS)[6 : 6 + n]]


def verify(row, answer):
    if "city" not in row:  # as of a row that a model wrote
        return None
    return Verdict(row["city"] in answer, True, None, "ok" if row["city"] in answer else "other")


def text(most):
    return {"type": "string", "minLength": 1, "maxLength": most}


def form(**fields):
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


class teacher:
    VERSION, QUESTIONS, MAX_TOKENS, SOLVE_TOKENS = "1", 1, 200, 100
    SYSTEM = "Write one question about the topic, and its answer."
    SOLVE_SYSTEM = "Answer the question."
    SCHEMA, SOLVE_SCHEMA = form(question=text(90), answer=text(90)), form(answer=text(90))
    TOPICS, KINDS, LEVELS = ("seas", "birds", "trains", "bread"), {"fact": "a fact"}, {"easy": "short words"}
    EVOLVE = {"deepen": "Ask for more."}

    def describe(row):
        return row["prompt"]

    def make_rows(data, topic):
        made = {"prompt": data["question"].strip(), "completion": data["answer"].strip(), "category": "taught"}
        return [(made, "" if made["prompt"] and made["completion"] else "blank")]

    def solve(row):
        return row["prompt"]

    def agrees(row, data):
        return bool(data["answer"].strip())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(address, folder of an SFT model that is the base itself) of the server that serve.sh starts, with a key."""
    try:
        assert launch.engine_build() == "cpu"
    except (AssertionError, cli.UserError):
        pytest.skip("needs vLLM's CPU build")
    out = tmp_path_factory.mktemp("real")
    folder = make_trained(BASE, out, "sft")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_API_KEY", KEY)
        flags = ["--out", str(out), "--base", str(BASE), "--adapter", str(folder), "--port", str(port)]
        with launch.running(launch.prepare(launch.parse_args(flags))) as started:
            yield started.url, folder


@pytest.fixture(autouse=True)
def key(monkeypatch):
    for name in ("VLLM_API_KEY", "LLM_API_KEY"):
        monkeypatch.setenv(name, KEY)


def flags(out, *more):
    return ["--out", str(out), "--price", "1", "5", "--workers", "8", "--yes", *more]


def counted(url) -> Counter:
    """Answers and their tokens by the server's own count."""
    names = {"request_success_total": "answers", "generation_tokens_total": "output"}
    found, text = Counter(), launch.ask(f"{url}/metrics").decode()
    for name, value in re.findall(r"^vllm:(\w+)\{.*\} ([\d.e+]+)$", text, re.MULTILINE):
        if name in names:
            found[names[name]] += round(float(value))
    return found


def check_ledger(out, url, before) -> Counter:
    """How often each state with its reason is in the ledger, which is right by the server's count since `before`."""
    with contextlib.closing(sqlite3.connect(out / paid.LEDGER)) as base:
        calls = base.execute("SELECT state, reason, input, cache_read, cache_write, output, cost FROM calls").fetchall()
    states = Counter(f"{state} {reason}".strip() for state, reason, *_ in calls)
    print(out.name, dict(states))
    assert {state for state, *_ in calls} <= {"answered", "unfit"}, states
    assert counted(url) - before == Counter(answers=len(calls), output=sum(call[5] for call in calls))
    for _, _, *read, written, cost in calls:
        assert sum(read) > 10 and written > 0 and cost == pytest.approx((sum(read) + 5 * written) / 1e6)
    assert with_key(out) == []
    return states


@pytest.mark.parametrize("kind", KINDS)
def test_a_teacher(server, add_domain, tmp_path, kind, capsys):
    url, before = server[0], counted(server[0])
    name = ["--domain", add_domain("plain", SOURCE), "--teacher", f"{kind}:sft@{url}", "--agree", "2", "--pilot", "4"]
    argv = flags(tmp_path, *name, "--n", "8")
    gen_sft.main(gen_sft.parse_args(argv))
    made = (tmp_path / "data/sft.jsonl").read_bytes()
    rows = [row for row in files.read_jsonl(tmp_path / "data/sft.jsonl") if row["teacher"] == f"{kind}:sft"]
    assert len(rows) == 4 and all(len(row["prompt"]) <= 90 and len(row["completion"]) <= 90 for row in rows)
    said, states = capsys.readouterr().out, check_ledger(tmp_path, url, before)
    assert states["answered"] >= 2 * len(rows), "each row and a further answer to it"
    assert f"calls: {json.loads((tmp_path / 'gen_sft/run.json').read_text())['model_calls']['calls']}" in said
    before = counted(url)
    gen_sft.main(gen_sft.parse_args(argv))
    assert (tmp_path / "data/sft.jsonl").read_bytes() == made and counted(url) == before, "nothing is asked again"


@pytest.mark.parametrize("kind, ranking", [("openai", "at_once"), ("anthropic", "pairwise")])
def test_a_judge_of_pairs(server, add_domain, tmp_path, kind, ranking, capsys):
    """The server samples as well."""
    (tmp_path / "sft").symlink_to(server[1])
    url, domain = server[0], ["--domain", add_domain("plain", SOURCE), "--base", str(BASE), "--endpoint", server[0]]
    more = ["--n", "4", "--samples", "3", "--max_new_tokens", "80"]
    with contextlib.suppress(cli.UserError):  # no sample may be right
        gen_dpo.main(gen_dpo.parse_args(["--out", str(tmp_path), *domain, *more]))
    sampled, before = (tmp_path / "gen_dpo/samples.jsonl").read_bytes(), counted(url)
    argv = flags(tmp_path, *domain, *more, "--judge", f"{kind}:sft@{url}", "--ranking", ranking, "--pilot", "3")
    argv += ["--judge_max_tokens", "300"]
    with contextlib.suppress(cli.UserError) if ranking == "pairwise" else contextlib.nullcontext():
        gen_dpo.main(gen_dpo.parse_args(argv))  # both orders of this judge hardly ever agree
    assert (tmp_path / "gen_dpo/samples.jsonl").read_bytes() == sampled, "another judge samples nothing anew"
    said, judged = capsys.readouterr().out, files.read_jsonl(tmp_path / "gen_dpo/judged.jsonl")
    states = check_ledger(tmp_path, url, before)
    shown = [one for one in judged if len(one["shown"]) > 1]
    answered = [one for one in shown if all(grade is not None for grade in one["grades"])]
    assert states["answered"] >= len(answered) > 0 and len(judged) == 4
    assert all(one["reason"].startswith("no verdict: ") for one in shown if one not in answered)
    if ranking == "at_once":
        assert all(grade in range(1, 11) for one in answered for grade in one["grades"])
        pairs = files.read_jsonl(tmp_path / "data/dpo.jsonl")
        assert pairs and {row["judge"] for row in pairs} == {f"{kind}:sft"}
        assert f"not judged: {len(shown) - len(answered)} of 4 prompts" in said


def answers_of(out, items):
    """out/answers for the first items of the default benchmark: right ones, another item's and refusals."""
    rows = load_domain("text_to_sql").load_benchmark("test")[:items]
    texts = {"base": ["I cannot answer this."] * items, "sft": [row["completion"] for row in rows]}
    texts["dpo"] = texts["sft"][1:] + texts["sft"][:1]
    for name, answers in texts.items():
        kept = [{key: row[key] for key in ("id", "prompt", "cluster", "category")} for row in rows]
        kept = [{**row, "answer": answer, "finish_reason": "stop"} for row, answer in zip(kept, answers, strict=True)]
        files.write_jsonl(out / "answers" / f"{name}.jsonl", kept)
    files.write_json(out / "answers" / "run.json", {"settings": {"split": "test"}})


def test_judges_of_the_win_rate_by_both_sdks(server, tmp_path, capsys):
    url, before = server[0], counted(server[0])
    answers_of(tmp_path, 2)
    judges = [word for kind in KINDS for word in ("--judge", f"{kind}:sft@{url}")]
    argv = flags(tmp_path, *judges, "--pilot", "2", "--judge_max_tokens", "300", "--resamples", "100")
    winrate.main(winrate.parse_args(argv))
    said, found = capsys.readouterr().out.strip().split("\n")[-1], files.read_json(tmp_path / "eval/winrate.json")
    states = check_ledger(tmp_path, url, before)
    verdicts = 0
    for kind in KINDS:
        made = found["judges"][f"{kind}:sft"]
        orders = [order for row in made["rows"] for pair in PAIRS for order in row[pair]["orders"]]
        assert set(orders) <= {0, 0.5, 1, None} and set(orders) != {None}
        verdicts += sum(order is not None for order in orders)
        left_out = sum(one["unjudged"] for one in made["summary"].values())
        assert f"{kind}:sft {left_out} of 6" in said
        assert all(sum(one["unjudged_by_reason"].values()) >= one["unjudged"] for one in made["summary"].values())
    assert states["answered"] == verdicts, "one answer for each order of each pair, all different"


def test_the_probability_of_a_letter(server, tmp_path):
    url, before = server[0], counted(server[0])
    answers_of(tmp_path, 3)
    argv = flags(tmp_path, "--judge", f"openai:sft@{url}", "--judge_by", "token", "--pilot", "3", "--resamples", "100")
    winrate.main(winrate.parse_args(argv))
    made = files.read_json(tmp_path / "eval/winrate.json")["judges"]["openai:sft"]
    weights = [row[pair]["preference"] for row in made["rows"] for pair in PAIRS]
    assert len(weights) == 9 and all(0 <= one <= 1 for one in weights)
    assert check_ledger(tmp_path, url, before) == {"answered": 18}


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_cannot_do_is_one_sentence(server, tmp_path, monkeypatch, kind):
    """The default teacher's form is too much for so small a model; what comes of it is counted, and the pilot ends."""
    url, before = server[0], counted(server[0])

    def refusal(name, *more):
        with pytest.raises(cli.UserError) as caught:
            gen_sft.main(
                gen_sft.parse_args(flags(tmp_path, "--teacher", f"{kind}:{name}@{url}", "--pilot", "1", *more))
            )
        assert "\n" not in str(caught.value) and KEY not in str(caught.value)
        print(kind, caught.value)
        return str(caught.value)

    assert re.search("HTTP 400: .*6000 cannot be greater than .*4096", refusal("sft"))
    assert "does not know nobody" in refusal("nobody", "--teacher_max_tokens", "200")
    assert counted(url) == before
    assert "answers of the pilot gave a row" in refusal("sft", "--teacher_max_tokens", "200")
    monkeypatch.setenv("LLM_API_KEY", "another")
    assert "refuses the key in LLM_API_KEY" in refusal("sft", "--teacher_max_tokens", "201")
