"""pytest tests/test_seeds.py

The curated seeds of the text-to-SQL domain: every query runs on both small databases of its schema, gives the same rows
in whatever order SQLite visits a table, and is described by its explanation. The few-shot examples run, too.
"""

import importlib
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SEED_FILE = ROOT / "data" / "seed_prompts.json"
VERIFIER = ROOT / "domains" / "text_to_sql" / "verify.py"
DATA = json.loads(SEED_FILE.read_text(encoding="utf-8"))
SCHEMAS = DATA["schemas"]
SEEDS = DATA["seeds"]
QUERY_KINDS = {
    "filter",
    "two_filters",
    "negation",
    "range",
    "null_test",
    "text_match",
    "date",
    "count",
    "aggregate",
    "group",
    "having",
    "order",
    "top_k",
    "distinct",
    "join",
    "anti_join",
    "nested",
    "arithmetic",
}
REFUSAL_KINDS = {"unanswerable", "write_request"}
with_query = pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed["sql"]], ids=lambda seed: seed["id"])


def open_read_only(ddl: str, fill: str) -> sqlite3.Connection:
    """An in-memory database with its constraints checked, closed to writing once it is filled."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(ddl)
    connection.executescript(fill)
    connection.execute("PRAGMA query_only = ON")
    return connection


def rows_on_each_fill(seed: dict, reverse: bool = False) -> list[list[tuple]]:
    """The rows of a seed's query on each database; reverse makes SQLite scan tables backwards."""
    schema = SCHEMAS[seed["schema_id"]]
    results = []
    for fill in schema["fills"]:
        with closing(open_read_only(schema["ddl"], fill)) as connection:
            connection.execute(f"PRAGMA reverse_unordered_selects = {int(reverse)}")
            rows = connection.execute(seed["sql"]).fetchall()
        results.append(rows if "ORDER BY" in seed["sql"] else sorted(rows, key=repr))
    return results


def reference_answer(seed: dict) -> str:
    """The answer a model should give to a seed, in the form the domain asks for."""
    if seed["sql"] is None:
        return seed["explanation"]
    return f"```sql\n{seed['sql']}\n```\n{seed['explanation']}"


def normal(text: str) -> str:
    """A question without case, punctuation and spacing, so that near copies look the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def test_seed_file_has_the_agreed_size_and_keys():
    assert 100 <= len(SEEDS) <= 200
    assert len({seed["id"] for seed in SEEDS}) == len(SEEDS)
    keys = {"id", "schema_id", "category", "question", "sql", "explanation", "missing"}
    assert all(set(seed) == keys for seed in SEEDS)
    assert {seed["schema_id"] for seed in SEEDS} == set(SCHEMAS)


def test_every_kind_is_there_often_enough():
    counts = Counter(seed["category"] for seed in SEEDS)
    assert set(counts) == QUERY_KINDS | REFUSAL_KINDS
    assert {kind for kind in QUERY_KINDS if counts[kind] < 6} == set()
    assert {kind for kind in REFUSAL_KINDS if counts[kind] < 12} == set()


def test_no_question_is_asked_twice():
    repeated = Counter(normal(seed["question"]) for seed in SEEDS).most_common(1)[0]
    assert repeated[1] == 1, repeated


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_schema_has_two_databases_with_different_row_counts(schema_id):
    schema = SCHEMAS[schema_id]
    counts = []
    for fill in schema["fills"]:
        with closing(open_read_only(schema["ddl"], fill)) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            counts.append([connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in names])
    assert len(counts) == 2 and counts[0] != counts[1]
    for sizes in counts:
        assert min(sizes) > 0 and 8 <= max(sizes) <= 15


@with_query
def test_query_is_one_statement_that_finds_rows(seed):
    assert seed["category"] in QUERY_KINDS
    assert seed["sql"].startswith("SELECT ") and seed["sql"].count(";") == 1
    assert seed["sql"].endswith(";")
    results = rows_on_each_fill(seed)
    found = [value for rows in results for row in rows for value in row]
    assert any(value not in (None, 0) for value in found), "no row, or only NULL and 0, everywhere"


@with_query
def test_query_has_one_right_answer(seed):
    # Scanning backwards reverses ties, so a tie at a LIMIT or in an ORDER BY changes the result.
    assert rows_on_each_fill(seed) == rows_on_each_fill(seed, reverse=True)


@with_query
def test_two_databases_tell_the_query_from_a_fixed_answer(seed):
    first, second = rows_on_each_fill(seed)
    assert first != second


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed["id"])
def test_explanation_is_one_sentence(seed):
    text = seed["explanation"]
    assert text.endswith(".") and not re.search(r"[.!?]\s", text) and "\n" not in text


@pytest.mark.parametrize("seed", [s for s in SEEDS if not s["sql"]], ids=lambda seed: seed["id"])
def test_refusal_says_why(seed):
    assert seed["category"] in REFUSAL_KINDS
    text = seed["explanation"]
    if seed["category"] == "write_request":
        assert seed["missing"] == []
        assert text.startswith("I can only read data, so I will not ")
        return
    assert text.startswith("I cannot answer this because the schema has no ")
    assert any(word in text.lower() for word in seed["missing"])
    ddl = re.findall(r"[a-z]+", SCHEMAS[seed["schema_id"]]["ddl"].lower().replace("_", " "))
    assert not set(seed["missing"]) & set(ddl), "the schema does have what is called missing"


@pytest.mark.skipif(not VERIFIER.exists(), reason="no verifier to ask")
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed["id"])
def test_verifier_accepts_the_reference_answer(seed):
    verify = importlib.import_module("domains.text_to_sql.verify").verify
    schema = SCHEMAS[seed["schema_id"]]
    row = {
        "ddl": schema["ddl"],
        "fills": schema["fills"],
        "gold": seed["sql"],
        "missing": seed["missing"],
        "category": seed["category"],
    }
    verdict = verify(row, reference_answer(seed))
    assert (verdict.correct, verdict.format_ok, verdict.explanation_ok) == (True, True, True), (
        verdict.reason,
        reference_answer(seed),
    )


def test_few_shot_examples_run_and_show_two_cases_and_a_join():
    examples = importlib.import_module("domains.text_to_sql").EXAMPLES
    for ddl, _, sql in examples:
        with closing(open_read_only(ddl, "")) as connection:
            connection.execute(sql)
    shown = " ".join(sql for *_, sql in examples)
    assert " JOIN " in shown and "FuelType" in shown and "stones.quarry_id" in shown
