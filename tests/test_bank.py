"""pytest tests/test_bank.py

The bank of questions written by hand: every committed file is free of errors, no question or query stands in it twice,
and the check finds what it is for.
"""

import copy
import random
import re
from collections import Counter

import pytest

from common import cli, files
from data import gen_sft
from domains import text_to_sql
from domains.text_to_sql import BENCHMARKS, TEACHERS, bank, load_seeds, restyle, verify, write_benchmark

FILES = bank.bank_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_has_no_errors(path):
    found = bank.problems_of(bank.read_bank_file(path), path.stem, mutants=False)
    assert [problem for problem in found if problem[1] == "error"] == []


def test_nothing_stands_twice():
    assert bank.repeated(bank.load_bank()) == []


def test_splits_share_no_schema_and_make_up_the_bank():
    rows = bank.load_bank()
    sizes = {split: len(bank.load_bank(split)) for split in bank.SPLITS}
    assert len(rows) == sum(sizes.values()) == 18 * len(FILES) + 12 and sizes["dpo"] == 300
    assert len({(row["schema_id"], row["split"]) for row in rows}) == len(FILES)
    assert all((row["gold"] is None) == row["refuse"] for row in rows)


def test_the_bank_is_a_benchmark_of_its_own_and_a_slice_of_one(tmp_path, monkeypatch):
    assert BENCHMARKS["bank"]("") == BENCHMARKS["bank"]("test") == bank.load_bank("test")
    with pytest.raises(cli.UserError, match="dev and test, not 'sft'"):
        BENCHMARKS["bank"]("sft")
    monkeypatch.setattr(write_benchmark, "SIZE", {"dev": 20})
    write_benchmark.main(write_benchmark.parse_args(["dev", "--folder", str(tmp_path)]))
    rows = files.read_jsonl(tmp_path / "dev.jsonl.gz", ("cluster", "slice"))
    assert Counter(row["slice"] for row in rows) == {"generated": 20, "bank": len(bank.load_bank("dev"))}
    with pytest.raises(cli.UserError, match="no split 'devel'"):
        write_benchmark.parse_args(["devel"])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_any_beginning_of_the_benchmark_is_of_both_slices(split):
    rows = text_to_sql.load_benchmark(split)
    whole = Counter((row["slice"], row["refuse"]) for row in rows)
    assert whole["generated", False] >= 600 and whole["bank", False] + whole["bank", True] == len(bank.load_bank(split))
    for name in ("generated", "bank"):
        assert 0.12 < whole[name, True] / (whole[name, True] + whole[name, False]) < 0.22, whole
    for n in (50, 300):
        some = Counter((row["slice"], row["refuse"]) for row in rows[:n])
        assert all(abs(some[key] - n * count / len(rows)) <= 1 for key, count in whole.items()), some
    assert [row["id"] for row in rows if row["slice"] == "bank"] != [row["id"] for row in bank.load_bank(split)]


# --- as a teacher -----------------------------------------------------------------------------------


def test_copies_have_other_names_and_values_and_the_same_answer():
    rows = TEACHERS["bank"](random.Random(3), 1200, "sft")
    originals = {row["id"]: row for row in bank.load_bank("sft")}
    assert {row["id"] for row in rows[: len(originals)]} == set(originals)
    copies = [row for row in rows if row["id"] not in originals]
    assert len(copies) == 1200 - len(originals) and len({row["id"] for row in rows}) == 1200
    assert all(row["seed_id"] in originals and row["teacher"] == "bank" for row in rows)
    changed = {
        key: sum(row[key] != originals[row["seed_id"]][key] for row in copies) for key in ("ddl", "gold", "question")
    }
    assert changed["ddl"] > 0.6 * len(copies) and changed["gold"] > 0.4 * len(copies), changed
    assert changed["question"] > 0.08 * len(copies), changed
    for row in copies[::6]:
        first, then = (verify(one, one["completion"]) for one in (originals[row["seed_id"]], row))
        assert then.correct and then.format_ok and then.explanation_ok in (first.explanation_ok, True), (
            row["id"],
            then,
        )


def test_no_copy_names_a_column_as_the_refusal_says_none_is_named():
    parts = {"ddl": "CREATE TABLE shade (shade_id INTEGER, price REAL);", "fills": [], "gold": "", "say": "No cost."}
    names = {restyle._other_names(parts, random.Random(i), missing)["ddl"].lower().count("cost")
             for i in range(20) for missing in (["cost"], ["the cost of a shade"])}  # fmt: skip
    assert names == {0}
    assert any("cost" in restyle._other_names(parts, random.Random(i))["ddl"].lower() for i in range(20))


def test_copies_are_refused_as_often_as_the_questions():
    rows = TEACHERS["bank"](random.Random(4), 1500, "sft")
    originals = len(bank.load_bank("sft"))
    for some in (rows[:originals], rows[originals:]):
        changes = sum(row["refuse"] and not row["missing"] for row in some)
        assert 0.04 < changes / len(some) < 0.08 and 0.09 < sum(bool(row["missing"]) for row in some) / len(some) < 0.14
    copies = [row for row in rows[originals:] if row["refuse"]]
    known = {row["id"]: row["completion"] for row in rows[:originals]}
    assert sum(row["completion"] != known[row["seed_id"]] for row in copies) > 0.9 * len(copies)
    for row in copies[::3]:
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok, (row["completion"], verdict)


def test_values_are_exchanged_in_question_query_data_and_sentence_alike(content):
    row = next(row for row in bank.bank_rows(content) if row["gold"] and "full_name IN" in row["gold"])
    names = re.findall("'(.+?)'", row["gold"].split(" IN ")[1])
    copies = [restyle.restyled(row, random.Random(seed), 1) for seed in range(12)]
    others = {tuple(re.findall("'(.+?)'", one["gold"].split(" IN ")[1])) for one in copies}
    assert len(others) > 3 and not any(set(some) & set(names) for some in others)
    for one in copies:
        for name in re.findall("'(.+?)'", one["gold"].split(" IN ")[1]):
            assert name in one["question"] and name in one["completion"].split("```")[-1]
            assert any(f"'{name}'" in fill for fill in one["fills"])
        assert verify(one, one["completion"]).correct
    styles = {re.search(r"CREATE TABLE (\S+)", one["ddl"]).group(1) for one in copies}
    assert len(styles) > 2, "names in several cases"


@pytest.fixture
def generate_sft(tmp_path, monkeypatch):
    """A function that runs data/gen_sft.py on few seeds and gives its rows; its files are in the second value."""
    seeds = load_seeds()[:6]
    monkeypatch.setattr(text_to_sql, "load_seeds", lambda: seeds)

    def generate(*flags):
        gen_sft.main(gen_sft.parse_args(["--out", str(tmp_path), *flags]))
        return files.read_jsonl(tmp_path / "data/sft.jsonl"), tmp_path / "gen_sft"

    return generate


def test_the_bank_teaches_beside_the_templates(generate_sft):
    rows, folder = generate_sft("--teacher", "templates:2,bank:1", "--n", "76")
    counts = Counter(row["teacher"] for row in rows)
    assert counts["curated"] == 6 and counts.total() == 76
    assert 8 <= counts["bank"] <= 34 and counts["templates"] > counts["bank"]
    ids = {row["id"] for row in bank.load_bank("sft")}
    assert all(row["seed_id"] in ids for row in rows if row["teacher"] == "bank")
    assert f"| bank | {counts['bank']} |" in (folder / "report.md").read_text(encoding="utf-8")
    assert "own questions, templates and seeds" in (folder / "data_card.md").read_text(encoding="utf-8")


def test_the_bank_teaches_alone(generate_sft):
    rows, _ = generate_sft("--teacher", "bank_as_written", "--n", "26")
    assert Counter(row["teacher"] for row in rows) == {"curated": 6, "bank": 20}
    for teacher, said in (
        ("templates:0,bank", "share of templates"),
        ("bank:x", "share of bank"),
        ("banc", "no model"),
    ):
        with pytest.raises(cli.UserError, match=said):
            generate_sft("--teacher", teacher)


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


def test_only_a_schema_for_dpo_may_have_a_question_more(content):
    for kind, number in (("", 0), ("unanswerable", 15), ("change", 17)):
        more = {**content, "questions": [*content["questions"], content["questions"][number]]}
        assert more["questions"][-1].get("refuse", "") == kind
        assert "a schema has" in errors(more)
        assert ("a schema has" in errors({**more, "split": "dpo"})) == (kind == "change")
    fewer = {**content, "split": "dpo", "questions": content["questions"][1:]}
    assert "a schema has" in errors(fewer)


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
