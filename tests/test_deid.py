"""data/deid.py: what it finds of 100 labelled sentences, one pseudonym for one value, dry runs."""

import re
import sys

import pytest

from common import cli, files
from data import deid

FIXTURE = cli.ROOT / "tests/fixtures/deid.jsonl"
CARD, MAIL = "4111 1111 1111 1111", "hilde.brandt@example.org"
ROWS = [
    {"id": MAIL, "prompt": f"Write to {MAIL} or Hilde.Brandt@example.org.", "completion": "Done.", "score": 3},
    {"id": 2, "messages": [{"role": "user", "content": f"{CARD}, then lea@example.net"},
                           {"role": "assistant", "content": f"Ask {MAIL}."}]},
    {"id": 3, "prompt": "How many cats?", "chosen": "Two.", "rejected": f"Charge {CARD.replace(' ', '')}."},
]  # fmt: skip


@pytest.fixture(scope="module")
def presidio():
    return pytest.importorskip(
        "presidio_analyzer", reason="needs requirements-deid.txt: DE-IDENTIFICATION IS NOT TESTED"
    )


def run(tmp_path, *flags, rows=ROWS):
    files.write_jsonl(tmp_path / "in.jsonl", rows)
    deid.main(deid.parse_args([str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), *flags]))


def test_one_value_has_one_pseudonym_in_every_form_of_row(presidio, tmp_path, capsys):
    run(tmp_path)
    first, second, third = files.read_jsonl(tmp_path / "out.jsonl")
    assert first["prompt"] == "Write to [EMAIL_ADDRESS_1] or [EMAIL_ADDRESS_1]." and first["id"] == MAIL
    assert [one["content"] for one in second["messages"]] == ["[CREDIT_CARD_1], then [EMAIL_ADDRESS_2]",
                                                             "Ask [EMAIL_ADDRESS_1]."]  # fmt: skip
    assert (
        third["rejected"] == "Charge [CREDIT_CARD_1]."
        and first["score"] == 3
        and second["messages"][0]["role"] == "user"
    )
    said = capsys.readouterr().out
    assert "CREDIT_CARD: 2 findings, 1 values" in said and "EMAIL_ADDRESS: 4 findings, 2 values" in said
    assert "names of people and places stay in" in said and "wrote 3 rows, 3 of them changed" in said
    assert MAIL not in said and CARD not in said


def test_a_dry_run_counts_the_same_and_writes_nothing(presidio, tmp_path, capsys):
    run(tmp_path, "--dry_run", "--map", str(tmp_path / "map.json"))
    said = capsys.readouterr().out
    assert "EMAIL_ADDRESS: 4 findings, 2 values" in said and "nothing was written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_map_keeps_the_pseudonyms_for_the_next_file_and_only_its_owner_reads_it(presidio, tmp_path):
    path = tmp_path / "map.json"
    run(tmp_path, "--map", str(path), "--entities", "EMAIL_ADDRESS")
    assert path.stat().st_mode & 0o777 == 0o600
    run(tmp_path, "--map", str(path), rows=[{"prompt": "From lea@example.net and new@example.net", "completion": "x"}])
    assert files.read_jsonl(tmp_path / "out.jsonl")[0]["prompt"] == "From [EMAIL_ADDRESS_2] and [EMAIL_ADDRESS_3]"
    files.write_json(path, [1])
    with pytest.raises(cli.UserError, match="is no map of this script"):
        run(tmp_path, "--map", str(path))


def test_patterns_find_most_of_the_labelled_sentences_and_misses_are_named(presidio, capsys):
    deid.main(deid.parse_args([str(FIXTURE), "--check"]))
    said = capsys.readouterr().out
    rows = files.read_jsonl(FIXTURE)
    found, due = map(int, re.search(r"^100 sentences: (\d+) of (\d+) found", said, re.MULTILINE).groups())
    assert len(rows) == 100 and due == sum(len(row["entities"]) for row in rows)
    by_entity = {
        name: (int(hit), int(all_)) for name, hit, all_ in re.findall(r"^(\w+): (\d+) of (\d+) found", said, re.M)
    }
    assert by_entity["PERSON"][0] == by_entity["LOCATION"][0] == 0, "patterns tell no names"
    assert sum(hit for name, (hit, _) in by_entity.items() if name in deid.PATTERNS) == found
    for name in ("CREDIT_CARD", "IBAN_CODE", "CRYPTO", "UK_NHS", "MAC_ADDRESS"):
        assert by_entity[name][0] == by_entity[name][1], f"{name} has a checksum or a form of its own"
    assert found >= 0.85 * sum(all_ for name, (_, all_) in by_entity.items() if name in deid.PATTERNS)
    assert said.count("\nmissed ") + said.startswith("missed ") == due - found
    assert "missed PERSON 'Hilde Brandt' in: Hilde Brandt has the key of the cellar." in said


def test_an_unknown_entity_or_model_is_one_sentence(presidio, tmp_path):
    with pytest.raises(cli.UserError, match=r"no 'EMAIL_ADRESS' here \(did you mean EMAIL_ADDRESS\?\)"):
        run(tmp_path, "--entities", "EMAIL_ADRESS")
    with pytest.raises(cli.UserError, match="no 'PERSON' here"):  # without a language model
        run(tmp_path, "--entities", "PERSON")
    with pytest.raises(cli.UserError, match="no spaCy model can be loaded from nothing_here"):
        run(tmp_path, "--model", "nothing_here")
    assert not (tmp_path / "out.jsonl").exists()


def test_without_presidio_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(cli.UserError, match="pip install -r requirements-deid.txt"):
        run(tmp_path)


def test_the_file_that_is_read_is_never_written(tmp_path):
    with pytest.raises(cli.UserError, match="is the file that is read"):
        deid.parse_args([str(tmp_path / "a"), str(tmp_path / "." / "a")])
    with pytest.raises(cli.UserError, match="name a second file"):
        deid.parse_args([str(tmp_path / "a")])


def test_every_text_of_a_row_and_nothing_else_is_rewritten():
    row = {
        "id": "x",
        "messages": [{"role": "x", "content": "x"}],
        "teacher": "x",
        "chosen": ["x"],
        "n": 1,
        "input": "x",
        "system": "x",
    }
    assert deid.rewrite(row, str.upper) == {"id": "x", "messages": [{"role": "x", "content": "X"}], "teacher": "x",
                                            "chosen": ["X"], "n": 1, "input": "X", "system": "X"}  # fmt: skip


@pytest.mark.parametrize("entities", [None, "Hilde", ["Hilde"], [{"type": "PERSON"}], {"type": "PERSON", "value": "H"}])
def test_labels_of_another_form_are_one_sentence(tmp_path, entities):
    path = tmp_path / "in.jsonl"
    files.write_jsonl(path, [{"text": "x", "entities": []}, {"text": "Hilde", "entities": entities}])
    with pytest.raises(cli.UserError, match=r"in\.jsonl: entities of row 2 must be a list of objects"):
        deid.labelled_rows(path)
    assert len(deid.labelled_rows(FIXTURE)) == 100
