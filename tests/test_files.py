"""The files in which stages meet: errors name file and line, nothing is half-written, run.json is complete."""

import argparse
import errno
import json
import re
import time
from pathlib import Path

import pytest

from common import files
from common.cli import ROOT, UserError


def read(tmp_path, content, keys=("id", "prompt")):
    """The rows of a file with this content."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return files.read_jsonl(path, keys, "python data/gen_sft.py")


def refusal(tmp_path, content):
    """The one sentence that refuses it."""
    with pytest.raises(UserError) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


GOOD = '{"id": "a", "prompt": "één\\u2028"}\n'


def test_rows_come_back_as_written_even_with_line_separators_in_them(tmp_path):
    rows = [{"id": "a", "prompt": "one\u2028two\u0085\nthree"}, {"id": "b", "prompt": "\U0001f600 'x'"}]
    files.write_jsonl(tmp_path / "rows.jsonl", rows)
    assert files.read_jsonl(tmp_path / "rows.jsonl", ("id", "prompt")) == rows
    assert read(tmp_path, "\n" + GOOD + "\n  \n") == [{"id": "a", "prompt": "één\u2028"}]


def test_malformed_line_is_named_by_file_and_line(tmp_path):
    assert "rows.jsonl:3 is not JSON" in refusal(tmp_path, GOOD + "\n" + '{"id": "b", "prompt"\n')
    assert "rows.jsonl:2 is not JSON" in refusal(tmp_path, GOOD + '{"id": "b", "promp')


def test_missing_keys_are_named(tmp_path):
    message = refusal(tmp_path, GOOD + '{"id": "b"}\n')
    assert "rows.jsonl:2 lacks prompt" in message and "id, prompt" in message
    assert "rows.jsonl:1 is a list" in refusal(tmp_path, '["id", "prompt"]\n')


def test_a_text_that_is_none_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text(GOOD + '{"id": "b", "prompt": null}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"rows\.jsonl:2: prompt is null; it must be text"):
        files.read_jsonl(tmp_path / "rows.jsonl", ("id", "prompt"), texts=("prompt",))


def test_repeated_id_names_both_lines(tmp_path):
    message = refusal(tmp_path, GOOD + '{"id": "b", "prompt": ""}\n\n' + GOOD)
    assert "rows.jsonl:4" in message and "'a'" in message and "line 1" in message
    without = '{"prompt": "x"}\n{"prompt": "x"}\n'
    assert len(read(tmp_path, without, ("prompt",))) == 2, "rows without an id do not repeat one"


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_file_names_the_command(tmp_path, content):
    message = refusal(tmp_path, content)
    assert "rows.jsonl is empty" in message and "python data/gen_sft.py" in message


def test_missing_file_names_the_command(tmp_path):
    for reader in (
        lambda path: files.read_jsonl(path, (), "python data/gen_sft.py"),
        lambda path: files.read_json(path, "python data/gen_sft.py"),
    ):
        with pytest.raises(UserError, match=r"nowhere\.json.* is not there .*python data/gen_sft\.py"):
            reader(tmp_path / "nowhere.json")


def test_undecodable_bytes_are_named_by_line(tmp_path):
    assert "rows.jsonl:2 has bytes that are not UTF-8" in refusal(
        tmp_path, GOOD.encode() + b'{"id": "b", "prompt": "\xff\xfe"}\n'
    )


def test_broken_json_file_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('{"a": ', encoding="utf-8")
    with pytest.raises(UserError, match=r"x\.json is not JSON .*python train/sft\.py"):
        files.read_json(tmp_path / "x.json", "python train/sft.py")


def test_an_integer_longer_than_python_reads_is_named(tmp_path):
    digits = "1" * 4301
    said = refusal(tmp_path, GOOD.encode() + b'{"id": "b", "prompt": ' + digits.encode() + b"}\n")
    assert "rows.jsonl:2 is not JSON (an integer of too many digits)" in said
    (tmp_path / "x.json").write_text(digits)
    with pytest.raises(UserError, match=r"x\.json is not JSON \(an integer of too many digits\); remove it"):
        files.read_json(tmp_path / "x.json")
    assert files.is_json(digits) is None


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError("a bug")]
)
def test_failed_write_leaves_the_old_file_and_no_temporary(tmp_path, error):
    target = tmp_path / "sub" / "rows.jsonl"
    files.write_text(target, "old\n")
    with pytest.raises(type(error)) as caught, files.replacing(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error
    assert caught.value is error
    assert target.read_text(encoding="utf-8") == "old\n"
    assert [path.name for path in target.parent.iterdir()] == ["rows.jsonl"]


def test_disk_that_fills_while_rows_are_written(tmp_path, monkeypatch):
    target = tmp_path / "rows.jsonl"
    files.write_jsonl(target, [{"id": "old"}])
    whole = Path.write_text

    def until_full(path, text, **settings):
        whole(path, text[:5], **settings)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", until_full)
    with pytest.raises(OSError, match="No space left"):
        files.write_jsonl(target, [{"id": "new"}])
    with pytest.raises(OSError, match="No space left"):
        files.write_json(tmp_path / "new.json", {"a": 1})
    assert files.read_jsonl(target) == [{"id": "old"}]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path):
    files.write_text(tmp_path / "x", "old and long\n")
    with (tmp_path / "x").open(encoding="utf-8") as reader:
        files.write_text(tmp_path / "x", "new\n")
        assert reader.read() == "old and long\n"
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new\n"


def test_unserialisable_row_does_not_touch_the_old_file(tmp_path):
    files.write_jsonl(tmp_path / "rows.jsonl", [{"id": "old"}])
    with pytest.raises(TypeError):
        files.write_jsonl(tmp_path / "rows.jsonl", [{"id": "new"}, {"id": {1, 2}}])
    assert files.read_jsonl(tmp_path / "rows.jsonl") == [{"id": "old"}]


def test_sha256_of_a_file_and_of_a_folder(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(tmp_path / "abc") == known
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "b.safetensors").write_bytes(b"weights")
    (folder / "a.json").write_bytes(b"{}")
    before = files.sha256(folder)
    assert before == files.sha256(folder)
    (folder / "run.json").write_bytes(b"changes with each run")
    (folder / "README.md").write_bytes(b"says nothing of the weights")
    assert files.sha256(folder) == before
    (folder / "b.safetensors").write_bytes(b"weightz")
    assert files.sha256(folder) != before
    (folder / "b.safetensors").write_bytes(b"weights")
    (folder / "a.json").rename(folder / "c.json")
    assert files.sha256(folder) != before


def test_run_record_says_what_made_a_product(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"abc")
    args = argparse.Namespace(
        section="sft", seed=3, out=tmp_path, recipe="recipes/cpu.yaml", command_tail=" --out x", learning_rate=0.1
    )
    files.write_run_record(tmp_path, args, time.time() - 5, inputs=[source], counts={"rows": 2}, proof={"a": 1})
    record = files.read_json(tmp_path / "run.json")
    assert record["stage"] == "sft" and record["seed"] == 3 and record["counts"] == {"rows": 2}
    assert record["settings"] == {"learning_rate": 0.1, "out": str(tmp_path), "recipe": "recipes/cpu.yaml", "seed": 3}
    assert record["inputs"] == {str(source): files.sha256(source)}
    assert record["versions"]["torch"] and record["versions"]["trl"] and record["versions"]["python"].startswith("3.")
    assert 5 <= record["seconds"] < 60 and 0 < record["peak_memory_gib"] < 500
    assert record["proof"] == {"a": 1}
    assert record["commit"]
    if (ROOT / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{12,40}(-dirty)?", record["commit"])


def test_commit_outside_a_repository_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert files.commit() == "unknown"


def test_json_is_written_readably_and_whole(tmp_path):
    files.write_json(tmp_path / "new" / "x.json", {"word": "één"})
    text = (tmp_path / "new" / "x.json").read_text(encoding="utf-8")
    assert "één" in text and text.endswith("}\n") and json.loads(text) == {"word": "één"}


@pytest.mark.parametrize(
    "value, where",
    [
        ({"seeds": [{"question": "\ud83d"}]}, r"seeds\[0\].question"),
        ([{"input": "a \udc00 b"}], r"\[0\].input"),
        ("\ud83d", "it"),
    ],
)
def test_half_a_character_in_a_json_file_is_named(tmp_path, value, where):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(UserError, match=f"x.json: {where} holds half a character"):
        files.read_json(path)
    path.write_text(json.dumps({"whole": "\U0001f600"}), encoding="utf-8")
    assert files.read_json(path) == {"whole": "\U0001f600"}
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UserError, match="x.json is not JSON"):
        files.read_json(path)
