"""pytest tests/test_bank.py

The bank of questions written by hand: every committed file is free of errors, no question or query stands in it twice,
and the check finds what it is for.
"""

import copy

import pytest

from common import cli
from domains.text_to_sql import bank

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


def test_the_command_names_file_and_question(content, tmp_path, capsys):
    content["questions"][4]["sql"] = "SELECT shoe_size FROM patients;"
    path = tmp_path / "clinic_visits.yaml"
    path.write_text(bank.yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(cli.UserError, match="errors"):
        bank.main(bank.parse_args([str(path)]))
    assert "clinic_visits.yaml question 5: error: the query fails: no such column: shoe_size" in capsys.readouterr().out


def test_mutants_that_a_fill_hides_are_named(content):
    number, question = next((i, one) for i, one in enumerate(content["questions"], 1) if "WHERE" in one.get("sql", ""))
    question["sql"] = question["sql"].replace("WHERE", "WHERE 1 = 1 AND", 1)
    found = bank.problems_of(content, content["name"])
    assert any(problem[:2] == (number, "mutant") and "1 = 1" not in problem[2] for problem in found)
