"""gen_sft.py with a model as teacher, against a local server: kills, the cap, the methods, what rows must survive."""

import asyncio
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from provider import kill_after, ledger_hash, with_key

from common import cli, files, llm, paid
from common.domain import load_domain
from data import gen_sft, teaching
from domains.text_to_sql import teach

ROOT = Path(__file__).resolve().parents[1]
SEEDS = len(load_domain("text_to_sql").load_seeds())


def flags(url, out, new_rows, *more):
    """The flags of a run for so many rows beside the seeds, at the server's prices."""
    return ["--teacher", f"openai:m@{url}", "--n", str(SEEDS + new_rows), "--out", str(out), "--price", "1", "5",
            "--agree", "1", "--pilot", "10", "--yes", *more]  # fmt: skip


class Answers:
    """A teacher whose answer to item i is the i-th template row, and which solves what it has asked."""

    def __init__(self, count, wrong=()):
        domain, args = load_domain("text_to_sql"), gen_sft.parse_args([])
        made = domain.generate(random.Random(11), 4 * count, "dpo")
        self.rows = [row for row in made if row["category"] in teach.KINDS and "synonyms" not in row][:count]
        self.numbers = {teaching.prompt(teach, args, i, [])[0]: i for i in range(count)}
        self.solutions = {row["prompt"]: row["gold"] or "" for row in self.rows}
        self.wrong = set(wrong)  # items whose solutions disagree

    def __call__(self, user, number):
        if user in self.solutions:
            row = next(row for row in self.rows if row["prompt"] == user)
            return {"sql": "SELECT 1;" if self.rows.index(row) in self.wrong else self.solutions[user]}
        return self.item(self.rows[self.numbers[user]])

    def hash_of(self, body):
        """Under what hash the ledger has the request for an item."""
        return ledger_hash(body, self.numbers[body["messages"][-1]["content"]])

    @staticmethod
    def item(row):
        sentence = row["completion"].split("```\n")[-1] if row["gold"] else row["completion"]
        question = {"kind": row["category"], "question": row["question"], "sql": row["gold"] or "",
                    "sentence": sentence, "missing": "".join(row["missing"])}  # fmt: skip
        return {"ddl": row["ddl"], "fills": row["fills"], "questions": [question]}


@pytest.fixture(scope="module")
def answers():
    return Answers(200)


def run(argv):
    """gen_sft in this process."""
    gen_sft.main(gen_sft.parse_args(argv))


def taught(out):
    return [row for row in files.read_jsonl(out / "data/sft.jsonl") if row["teacher"] == "openai:m"]


def test_rows_with_provenance_card_and_record(serve, answers, tmp_path, capsys):
    server = serve(answers)
    run(flags(server.url, tmp_path, 30, "--agree", "3"))
    rows = taught(tmp_path)
    assert len(rows) == 30 and len(files.read_jsonl(tmp_path / "data/sft.jsonl")) == SEEDS + 30
    for row in rows:
        assert row["method"] == "grid" and row["prompt_version"] == teach.VERSION and row["seed"] == 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]) and row["agreement"] == 1.0
    record = json.loads((tmp_path / "gen_sft/run.json").read_text())
    assert record["model_calls"]["dollars"] == pytest.approx(server.cost, abs=1e-5)
    said = capsys.readouterr().out
    assert "pilot: 10 items gave" in said and "$" in said and str(tmp_path / paid.LEDGER) in said
    text = (tmp_path / "gen_sft/data_card.md").read_text()
    assert "| openai:m | 30 |" in text and "not known here" in text and "2 further answers" in text
    assert with_key(tmp_path) == []


def test_a_row_that_other_answers_contradict_is_dropped(serve, tmp_path):
    wrong = range(0, 40, 4)
    teacher = Answers(80, wrong)
    run(flags(serve(teacher).url, tmp_path, 20, "--agree", "3"))
    prompts = {row["prompt"] for row in taught(tmp_path)}
    assert prompts and not prompts & {teacher.rows[i]["prompt"] for i in wrong}
    assert "other answers disagree" in {row["reason"] for row in files.read_jsonl(tmp_path / "gen_sft/dropped.jsonl")}


class Checked:
    """A model whose answer is GOOD, and whose checks are 'yes', 'no', or never come for the reason given."""

    spec = llm.parse_spec("openai:m")

    def __init__(self, said):
        self.said, self.most = said, []

    async def ask(self, request):
        if request.system == teach.SYSTEM:
            return llm.Reply(GOOD, "")
        self.most.append(request.max_tokens)
        known = {"yes": GOOD["questions"][0]["sql"], "no": "SELECT 1;"}
        said = self.said[request.number]
        return llm.Reply({"sql": known[said]}, "") if said in known else llm.Reply(None, said)


def checked_item(said, *more):
    """(the row's agreement, the reason against it, the longest answer that each check may have)."""
    args, asked = gen_sft.parse_args(["--teacher", "openai:m", *more]), Checked(said)
    item = asyncio.run(teaching.make_item(asked, teach, args, 0, [], lambda row: ""))
    ((row, reason),) = item.rows
    return row["agreement"], reason, asked.most


@pytest.mark.parametrize(
    "said, agreement, reason",
    [
        (("yes", "no"), 0.5, ""),
        (("no", "no"), 0.0, "other answers disagree"),
        (("too long", "yes"), 1.0, ""),
        (("no", "refused"), 0.0, "other answers disagree"),
        (("too long", "refused"), None, "not checked: too long"),
    ],
)
def test_a_check_that_never_came_contradicts_no_row(said, agreement, reason):
    assert checked_item(said)[:2] == (agreement, reason)


@pytest.mark.parametrize("given, most", [(None, 3000), (9000, 3000), (1000, 1000)])
def test_the_longest_answer_holds_for_checks_too(given, most):
    more = [] if given is None else ["--teacher_max_tokens", str(given)]
    assert teach.SOLVE_TOKENS == 3000 and checked_item(("yes", "yes"), *more)[2] == [most, most]


def test_the_second_run_pays_for_nothing_and_more_rows_only_for_the_new(serve, answers, tmp_path):
    server = serve(answers)
    run(flags(server.url, tmp_path, 20))
    first, calls = (tmp_path / "data/sft.jsonl").read_bytes(), len(server.calls)
    run(flags(server.url, tmp_path, 20))
    assert (tmp_path / "data/sft.jsonl").read_bytes() == first and len(server.calls) == calls
    run(flags(server.url, tmp_path, 40))
    assert calls < len(server.calls) and max(server.billed.values()) == 1
    assert (tmp_path / "data/sft.jsonl").read_bytes().startswith(first)


@pytest.mark.parametrize(
    "change, told",
    [
        (["--seed", "1"], "seed 0 -> 1"),
        (["--method", "self_instruct"], "method 'grid' -> 'self_instruct'"),
        (["--agree", "2"], "agree 1 -> 2"),
    ],
)
def test_a_setting_that_matters_begins_a_new_run_and_says_so(serve, answers, tmp_path, capsys, change, told):
    """Rows of both settings are never mixed: all those written follow from today's."""

    def answer(user, number):
        solved = user in answers.solutions
        return answers(user, number) if solved else answers.item(answers.rows[sum(user.encode()) % len(answers.rows)])

    server = serve(answer)
    run(flags(server.url, tmp_path, 6))
    before = taught(tmp_path)
    capsys.readouterr()
    run(flags(server.url, tmp_path, 6, *change))
    said = capsys.readouterr().out
    assert "note: a new run, since a setting that matters differs from the last run's" in said and told in said
    fresh = tmp_path / "fresh"
    run(flags(server.url, fresh, 6, *change))
    assert [row["prompt"] for row in taught(tmp_path)] == [row["prompt"] for row in taught(fresh)] and before


def test_other_seeds_begin_a_new_run_of_a_method_that_shows_them(serve, answers, tmp_path, capsys, monkeypatch):
    server = serve(lambda user, number: answers.item(answers.rows[sum(user.encode()) % len(answers.rows)]))
    argv = flags(server.url, tmp_path, 4, "--method", "self_instruct")
    run(argv)
    domain = load_domain("text_to_sql")
    fewer = domain.load_seeds()[:20]
    monkeypatch.setattr(domain, "load_seeds", lambda: fewer)
    capsys.readouterr()
    run(argv)
    assert "a new run" in (said := capsys.readouterr().out) and "seeds" in said


def test_rows_chosen_otherwise_are_all_chosen_anew_and_nothing_is_asked_again(serve, answers, tmp_path):
    """--n, --jaccard and --max_characters choose among the answers; none of an earlier choice stays."""
    server = serve(answers)
    run(flags(server.url, tmp_path, 20))
    run(flags(server.url, tmp_path, 8, "--jaccard", "0.5"))
    run(flags(server.url, tmp_path / "fresh", 8, "--jaccard", "0.5"))
    assert max(server.billed.values()) <= 2, "once for each folder"
    assert (tmp_path / "data/sft.jsonl").read_bytes() == (tmp_path / "fresh/data/sft.jsonl").read_bytes()


def test_without_anyone_to_ask_a_run_stops_after_the_pilot(serve, answers, tmp_path, capsys):
    server = serve(answers)
    argv = [flag for flag in flags(server.url, tmp_path, 40) if flag != "--yes"]
    with pytest.raises(cli.UserError, match="--yes"):
        run(argv)
    said = capsys.readouterr().out
    assert len(server.calls) == 10 and re.search(r"about \$[\d.]+ \(\$[\d.]+ to \$[\d.]+\)", said)
    assert not (tmp_path / "data/sft.jsonl").exists()


def test_the_end_of_the_input_is_no_agreement(monkeypatch):
    def at_its_end(shown):
        raise EOFError

    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", at_its_end)
    with pytest.raises(cli.UserError, match="stopped before the estimate was spent"):
        paid.confirm("about $9", False)


def test_the_cap_holds_and_raising_it_goes_on(serve, answers, tmp_path):
    server = serve(answers)
    with pytest.raises(cli.UserError, match="--max_cost 0.1"):
        run(flags(server.url, tmp_path, 100, "--max_cost", "0.1"))
    assert 0 < server.cost <= 0.1
    run(flags(server.url, tmp_path, 100, "--max_cost", "5"))
    assert len(taught(tmp_path)) == 100 and max(server.billed.values()) == 1


def test_a_dry_run_asks_nothing_and_needs_no_key(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    run(["--teacher", "anthropic:claude-opus-5-5", "--dry_run", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert teach.SYSTEM in said and "Topic: " in said and "at most $" in said
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_found_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for argv, told in (
        (["--teacher", "templats"], "names no model"),
        (["--teacher", "templates", "--dry_run"], "--teacher names none"),
        (["--teacher", "openai:gpt-6-luna"], "export OPENAI_API_KEY"),
        (["--teacher", "openai:m@http://127.0.0.1:1", "--max_cost", "5"], "--price INPUT OUTPUT"),
        (["--teacher", "openai:m@http://127.0.0.1:1", "--pilot", "0"], "--pilot 0"),
        (["--teacher", "openai:m@http://127.0.0.1:1", "--method", "guess"], "invalid choice"),
    ):
        with pytest.raises(cli.UserError, match=re.escape(told)):
            run([*argv, "--out", str(tmp_path)])


# --- kills ------------------------------------------------------------------------------------------


def start(url, out, new_rows, *more):
    return subprocess.Popen(
        [sys.executable, ROOT / "data/gen_sft.py", *flags(url, out, new_rows, *more)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_kills_lose_and_repeat_nothing(serve, answers, tmp_path):
    calm, rng = serve(answers), random.Random(3)
    assert start(calm.url, tmp_path / "calm", 60).wait() == 0
    faults = lambda number, user: rng.choice(("500", "502", "reset", "cut", *[None] * 20))  # noqa: E731
    server = serve(answers, latency=0.02, fault=faults, hash_of=answers.hash_of)
    kills, ledger = 0, tmp_path / "killed" / paid.LEDGER
    for _ in range(5):
        process = start(server.url, tmp_path / "killed", 60, "--workers", "8")
        kills += kill_after(process, server, rng.randint(1, 15))
        server.note_received(ledger)
    last = start(server.url, tmp_path / "killed", 60, "--workers", "8")
    assert last.wait() == 0, last.stdout.read()
    assert kills == 5
    assert (tmp_path / "killed/data/sft.jsonl").read_bytes() == (tmp_path / "calm/data/sft.jsonl").read_bytes()
    totals = json.loads((tmp_path / "killed/gen_sft/run.json").read_text())["model_calls"]
    lost = {reason: count for reason, count in totals["calls"].items() if reason.startswith("lost")}
    server.note_received(ledger)
    assert server.received.keys() == server.billed.keys() and server.made_again() == {}
    repeats = sum(server.billed.values()) - len(server.billed)
    assert repeats <= sum(lost.values()) and lost.get("lost: killed", 0) <= 8 * kills
    assert totals["dollars"] >= server.cost, "what may have been billed counts"


# --- prompts and rows -------------------------------------------------------------------------------


def test_the_grid_covers_every_cell_before_it_repeats_one():
    cells = len(teach.TOPICS) * len(teach.LEVELS)
    seen = [teaching.cell(teach, 0, i) for i in range(2 * cells)]
    for lap in (seen[:cells], seen[cells:]):
        assert len({(topic, level) for topic, level, _, _ in lap}) == cells
    kinds = [kind for _, _, kinds, _ in seen for kind in kinds]
    counts = [kinds.count(kind) for kind in teach.KINDS]
    assert max(counts) - min(counts) <= 2 * teach.QUESTIONS
    assert all(len(set(kinds)) == teach.QUESTIONS for _, _, kinds, _ in seen)
    args = gen_sft.parse_args([])
    texts = {teaching.prompt(teach, args, i, [])[0] for i in range(2 * cells)}
    assert len(texts) == 2 * cells, "no prompt is asked twice"


@pytest.mark.parametrize("method", ["self_instruct", "evol"])
def test_a_method_that_builds_on_rows_shows_them(method, answers):
    args = gen_sft.parse_args(["--method", method])
    texts = [teaching.prompt(teach, args, i, answers.rows)[0] for i in range(8)]
    assert texts == [teaching.prompt(teach, args, i, answers.rows)[0] for i in range(8)] and len(set(texts)) == 8
    shown = teaching.EXAMPLES if method == "self_instruct" else 1
    assert all(sum(teach.describe(row) in text for row in answers.rows) == shown for text in texts)
    if method == "evol":
        assert {way for way in teach.EVOLVE.values() for text in texts if way in text} == set(teach.EVOLVE.values())


@pytest.mark.parametrize("method", ["self_instruct", "evol"])
def test_the_methods_run_to_rows(serve, answers, tmp_path, method):
    server = serve(lambda user, number: answers.item(answers.rows[sum(user.encode()) % len(answers.rows)]))
    run(flags(server.url, tmp_path, 15, "--method", method))
    rows = taught(tmp_path)
    assert len(rows) == 15 and {row["method"] for row in rows} == {method}
    assert all((row["seed_id"] is not None) == (method == "evol") for row in rows)


PARENT = {"id": "p", "prompt": "ddl, Who?", "question": "Who?", "completion": "SELECT 1; One.", "gold": "SELECT 1;"}


@pytest.mark.parametrize(
    "changed, evolved",
    [
        ({"question": "Who and when?", "gold": "SELECT 2;"}, True),
        ({"question": " who? ", "gold": "SELECT 2;"}, False),
        ({"question": "Who and when?", "gold": "select\n1"}, False),
        ({"question": "Who and when?", "gold": None, "completion": "I cannot."}, True),
    ],
)
def test_an_evolved_row_has_a_question_and_a_query_of_its_own(changed, evolved):
    assert teaching.is_evolved({**PARENT, "completion": "SELECT 1; Another.", **changed}, PARENT) is evolved
    plain = [{"prompt": "Ask", "completion": "Yes"}, {"prompt": "Ask more", "completion": "yes\n"}]
    assert not teaching.is_evolved(*plain), "a domain without queries compares completions"


def test_failures_to_evolve_are_dropped_and_counted(serve, answers, tmp_path):
    seeds = load_domain("text_to_sql").load_seeds()

    def answer(user, number):
        if number % 3:
            return answers.item(answers.rows[sum(user.encode()) % len(answers.rows)])
        made = answers.item(next(row for row in seeds if teach.describe(row) in user))
        made["questions"][0]["question"] += " Say it in other words, please."
        return made

    run(flags(serve(answer).url, tmp_path, 8, "--method", "evol"))
    counts = json.loads((tmp_path / "gen_sft/run.json").read_text())["counts"]
    assert counts["not evolved"] >= 3 and len(taught(tmp_path)) == 8
    assert not any("in other words" in row["prompt"] for row in taught(tmp_path))


def test_evol_asks_no_family_of_a_row_but_a_row(answers, tmp_path, monkeypatch):
    args = gen_sft.parse_args(["--method", "evol"])
    pool = [{key: value for key, value in row.items() if key != "family"} for row in answers.rows[:3]]
    assert teaching.prompt(teach, args, 0, pool)[1] == "evol"
    monkeypatch.setattr(gen_sft, "judge", lambda domain, rows: ["wrong"] * len(rows))
    with pytest.raises(cli.UserError, match="--method evol has no row to begin with"):
        run(flags("http://127.0.0.1:1", tmp_path, 4, "--method", "evol"))


GOOD = {
    "ddl": "CREATE TABLE lamps (lamp_id INTEGER PRIMARY KEY, label TEXT, watts INTEGER);",
    "fills": [
        "INSERT INTO lamps VALUES (1, 'desk', 40), (2, 'hall', 60);",
        "INSERT INTO lamps VALUES (1, 'shed', 75), (2, 'attic', 20), (3, 'porch', 90);",
    ],
    "questions": [{"kind": "filter", "question": "Which lamps have more than 50 watts? Give the label.",
                   "sql": "SELECT label FROM lamps WHERE watts > 50;",
                   "sentence": "Lists the label of the lamps whose watts are above 50.", "missing": ""}],
}  # fmt: skip


def with_question(**changed):
    return {**GOOD, "questions": [{**GOOD["questions"][0], **changed}]}


BAD = {
    "ddl is more than CREATE TABLE": {**GOOD, "ddl": GOOD["ddl"] + "ATTACH DATABASE '/tmp/x' AS x;"},
    "a fill is more than INSERT": {**GOOD, "fills": [GOOD["fills"][0], "DELETE FROM lamps;"]},
    "a database is more than plain values": {**GOOD, "fills": [GOOD["fills"][0], "INSERT INTO lamps SELECT 1, 2, 3;"]},
    "database cannot be built": {**GOOD, "fills": [GOOD["fills"][0], "INSERT INTO lamp VALUES (1);"]},
    "query fails: sql_error": with_question(sql="SELECT labl FROM lamps;"),
    "query fails: forbidden": with_question(sql="DROP TABLE lamps;"),
    "query finds nothing": with_question(sql="SELECT label FROM lamps WHERE watts > 500;"),
    "same result on both databases": with_question(sql="SELECT COUNT(*) FROM lamps WHERE watts < 50;"),
    "kind and query do not fit": with_question(kind="unanswerable", missing="price"),
}


def test_a_quote_in_a_quoted_name_hides_no_query():
    ddl = 'CREATE TABLE t (a INTEGER, "x\'y" INTEGER, "y\'x" INTEGER);'
    fill = 'INSERT INTO t ("x\'y") SELECT 1 AS "y\'x";'
    assert teach.check_databases(ddl, [fill, fill]) == "a database is more than plain values"
    plain = "INSERT INTO t (a) VALUES ('SELECT'), ('it''s replace(1)');".replace("a)", '"x\'y")')
    assert teach.check_databases(ddl, [plain, plain]) == ""


def test_a_good_answer_is_a_row_that_the_verifier_accepts():
    ((row, reason),) = teach.make_rows(GOOD, "lighting")
    assert reason == "" and gen_sft.unfit(load_domain("text_to_sql"), row) == "" and row["family"] == "lighting"
    assert teach.agrees(row, {"sql": "SELECT label FROM lamps WHERE NOT watts <= 50"})
    assert not teach.agrees(row, {"sql": "SELECT label FROM lamps WHERE watts > 60"})
    assert not teach.agrees(row, {"sql": ""})


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_answer_is_dropped_for_its_reason(reason):
    assert [why for _, why in teach.make_rows(BAD[reason], "x")] == [reason]


def test_a_refusal_is_a_row():
    data = with_question(kind="unanswerable", sql="", sentence="I cannot answer this because the schema has no price.",
                         missing="price", question="What do the lamps cost?")  # fmt: skip
    ((row, reason),) = teach.make_rows(data, "x")
    assert reason == "" and row["refuse"] and gen_sft.unfit(load_domain("text_to_sql"), row) == ""
    assert teach.agrees(row, {"sql": ""}) and not teach.agrees(row, {"sql": "SELECT 1;"})


def test_a_row_of_the_benchmark_is_dropped():
    domain, args = load_domain("text_to_sql"), gen_sft.parse_args([])
    rows = [domain.load_benchmark("test")[5], *domain.load_seeds()[:3]]
    assert gen_sft.held_out(domain, rows, ["", "", "wrong", ""], args) == ["in the benchmark", "", "wrong", ""]


def test_the_estimate_covers_the_truth():
    rng, covered = random.Random(0), 0
    for _ in range(200):
        items = [(rng.expovariate(1.0), rng.choice((0, 1, 2, 4))) for _ in range(20)]
        _, low, high = paid.estimate(items, 1000)
        covered += low <= 1000 / 1.75 <= high
    assert 0.85 <= covered / 200 <= 0.99


def test_terms_are_named_and_unknown_is_called_unknown():
    assert "Apache-2.0" in paid.teacher_terms("templates")
    for name in ("anthropic:a", "openai:b", "openai:c@http://h:1"):
        assert "not known here" in paid.teacher_terms(name)
