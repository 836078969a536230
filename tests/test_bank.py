"""pytest tests/test_bank.py

The bank of questions written by hand: every committed file is free of errors, no question or query stands in it twice,
and the check finds what it is for.
"""

import copy
from collections import Counter

import pytest

from common import cli, files
from domains.text_to_sql import BENCHMARK, BENCHMARKS, bank, write_benchmark

FILES = bank.bank_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_has_no_errors(path):
    found = bank.problems_of(bank.read_bank_file(path), path.stem, mutants=False)
    assert [problem for problem in found if problem[1] == "error"] == []


def test_nothing_stands_twice():
    assert bank.repeated(bank.load_bank()) == []


def test_splits_share_no_schema_and_make_up_the_bank():
    rows = bank.load_bank()
    assert len(rows) == sum(len(bank.load_bank(split)) for split in bank.SPLITS) == 18 * len(FILES)
    assert len({(row["schema_id"], row["split"]) for row in rows}) == len(FILES)
    assert all((row["gold"] is None) == row["refuse"] for row in rows)


def test_the_bank_is_a_benchmark_of_its_own_and_a_slice_of_one(tmp_path, monkeypatch):
    assert BENCHMARKS["bank"]("") == BENCHMARKS["bank"]("test") == bank.load_bank("test")
    with pytest.raises(cli.UserError, match="dev and test, not 'sft'"):
        BENCHMARKS["bank"]("sft")
    monkeypatch.setattr(write_benchmark, "SIZE", {"dev": 20, "test": 30})
    write_benchmark.main(write_benchmark.parse_args(["--folder", str(tmp_path), "--bank"]))
    for split, size in write_benchmark.SIZE.items():
        rows = files.read_jsonl(tmp_path / f"{split}.jsonl.gz", ("cluster", "slice"))
        assert Counter(row["slice"] for row in rows) == {"generated": size, "bank": len(bank.load_bank(split))}
        assert {row["slice"] for row in rows[:20]} == {"generated", "bank"}
    assert not any("slice" in row for row in files.read_jsonl(BENCHMARK / "dev.jsonl.gz")), "not yet"


@pytest.fixture
def content():
    """A file of the bank, to be spoiled."""
    return copy.deepcopy(bank.read_bank_file(bank.BANK / "clinic_visits.yaml"))


def errors(content):
    found = bank.problems_of(content, content["name"], mutants=False)
    return " | ".join(f"{number} {text}" for number, level, text in found if level == "error")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT full_name FROM patients WHERE town = 'Nowhere';", "empty"),
        ("SELECT name FROM patients;", "no such column"),
        ('SELECT full_name FROM patients WHERE town = "Ashford" OR town = "Colm";', '"Ashford" is no name'),
        ("SELECT full_name FROM patients ORDER BY town LIMIT 2;", "LIMIT 2 cuts through a tie"),
        ("SELECT town FROM patients WHERE id IN (SELECT id FROM patients ORDER BY insurer LIMIT 3);", "LIMIT 3 cuts"),
        ("SELECT full_name FROM patients LIMIT 2;", "without order"),
        ("SELECT full_name FROM patients", "semicolon"),
    ],
)
def test_a_bad_query_is_found(content, sql, message):
    content["questions"][0]["sql"] = sql
    assert message in errors(content)


def test_bad_texts_are_found(content):
    content["questions"][1]["say"] = "Lists names. And birth dates."
    content["questions"][2]["kind"] = "counting"
    content["questions"][15]["say"] = "The tables hold no height."
    found = errors(content)
    assert "2 say is not one sentence" in found and "3 kind 'counting'" in found
    content = copy.deepcopy(bank.read_bank_file(bank.BANK / "clinic_visits.yaml"))
    content["questions"][15]["say"] = "Shows the average height of all patients."
    assert "16 verify() does not accept it: should_refuse" in errors(content)


def test_a_repeated_query_is_found():
    rows = bank.load_bank("sft")
    double = {**rows[0], "id": "double-01", "question": "Something else?"}
    assert bank.repeated([*rows, double]) == [("double-01", f"the same gold as in {rows[0]['id']}")]


@pytest.mark.parametrize(
    ("sql", "mutant"),
    [
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "SELECT a FROM t WHERE b >= 3 AND c = 1"),
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "SELECT a FROM t WHERE (b > 3 OR c = 1)"),
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "SELECT a FROM t WHERE c = 1"),
        ("SELECT a FROM t WHERE b LIKE 'x%'", "SELECT a FROM t WHERE b LIKE '%x%'"),
        ("SELECT COUNT(DISTINCT a) FROM t", "SELECT COUNT(a) FROM t"),
        ("SELECT DISTINCT a FROM t", "SELECT a FROM t"),
        ("SELECT a FROM t ORDER BY b DESC", "SELECT a FROM t ORDER BY b"),
        ("SELECT a FROM t LEFT JOIN u ON t.i = u.i", "SELECT a FROM t JOIN u ON t.i = u.i"),
        ("SELECT a FROM t JOIN u ON t.i = u.i", "SELECT a FROM t LEFT JOIN u ON t.i = u.i"),
        ("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 2", "SELECT a FROM t GROUP BY a"),
        ("SELECT a FROM t WHERE b BETWEEN 1 AND 2", "SELECT a FROM t WHERE b > 1 AND b <= 2"),
    ],
)
def test_mutants(sql, mutant):
    assert mutant in bank.mutants_of(sql)


def test_the_command_names_file_and_question(content, tmp_path, capsys):
    content["questions"][4]["sql"] = "SELECT shoe_size FROM patients;"
    path = tmp_path / "clinic_visits.yaml"
    path.write_text(bank.yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(cli.UserError, match="errors"):
        bank.main(bank.parse_args([str(path)]))
    assert "clinic_visits.yaml question 5: error: the query fails: no such column: shoe_size" in capsys.readouterr().out
