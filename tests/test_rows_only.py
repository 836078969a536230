"""The domain of rows alone: what it is made of, what it refuses, and every stage that it goes through."""

import json
import random

import pytest

from common import files, rows_domain
from common.cli import UserError
from common.domain import load_domain, rows_of
from data import gen_dpo, gen_sft
from train import sft

COLOURS = ("red", "green", "blue", "white")


def write(path, numbers, **more):
    """Rows as Alpaca has them, two a number."""
    files.write_jsonl(
        path,
        [
            {"instruction": f"Say {COLOURS[i % 4]} {i} {end}", "input": "", "output": f"{COLOURS[i % 4]} {i}", **more}
            for i in numbers
            for end in ("now", "then")
        ],
    )
    return path


def prepare(tmp_path, data, benchmark, *more):
    """The arguments of train/sft.py, after the domain was written."""
    flags = ["--domain", "rows", "--out", str(tmp_path / "out"), *more]
    flags += ["--data", str(data)] * bool(data) + ["--benchmark", str(benchmark)] * bool(benchmark)
    args = sft.parse_args(flags)
    sft.data_of(args)
    return args


def test_the_parts_share_no_prompt_and_the_benchmark_none_with_them(tmp_path):
    path = write(tmp_path / "own.jsonl", range(40))
    with path.open("a") as handle:
        handle.write(json.dumps({"instruction": " say RED 100\nthen", "output": "x"}) + "\n")
        handle.write(json.dumps({"instruction": "Say green 1 now", "output": "again"}) + "\n")
    args = prepare(tmp_path, path, write(tmp_path / "test.csv", [100, 101]), "--system_prompt", "Be short.")
    folder = tmp_path / "out/domain"
    parts = {name: files.read_jsonl(folder / f"{name}.jsonl") for name in ("train", "pairs", "dev", "test")}
    asked = {name: {row["prompt"] for row in part} for name, part in parts.items()}
    assert sum(len(part) for part in asked.values()) == len(set.union(*asked.values())) == 84
    assert {name: len(part) for name, part in parts.items()} == {"train": 57, "pairs": 20, "dev": 4, "test": 4}
    about = files.read_json(folder / "domain.json")
    assert about["counts"]["leaked"] == 1
    domain = load_domain("rows", args.out)
    assert domain.SYSTEM_PROMPT == "Be short." and domain.JUDGE_RUBRIC == rows_domain.RUBRIC
    assert not hasattr(domain, "verify")
    assert {row["prompt"] for row in rows_of(domain, "load_benchmark", "test")} == asked["test"]
    assert {row["prompt"] for row in rows_of(domain, "load_benchmark", "dev")} == asked["dev"]
    assert {row["prompt"] for row in rows_of(domain, "load_seeds")} == asked["train"]
    assert {row["prompt"] for row in rows_of(domain, "generate", random.Random(1), 4000, "dpo")} == asked["pairs"]
    some = rows_of(domain, "generate", random.Random(1), 5, "dpo")
    assert len(some) == 5 and {row["prompt"] for row in some} < asked["pairs"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    prepare(tmp_path, path, tmp_path / "test.csv", "--system_prompt", "Be short.")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    again = sft.parse_args(["--domain", "rows", "--out", str(tmp_path / "out")])
    assert sft.data_of(again) == folder / "train.jsonl", "without flags it is the domain that is there"


def test_conversations_are_trained_on_and_leak_by_any_turn(tmp_path):
    def talk(*texts):
        roles = ("user", "assistant")
        return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]}

    told = [talk(f"Q{i}", "A") for i in range(12)] + [
        talk("Q0", "A", "More", "B"),
        talk("Say red 100 now", "x", "y", "z"),
    ]
    files.write_jsonl(tmp_path / "own.jsonl", told)
    args = prepare(tmp_path, tmp_path / "own.jsonl", write(tmp_path / "test.jsonl", [100]))
    counts = files.read_json(args.out / "domain/domain.json")["counts"]
    assert counts["leaked"] == 2
    for name in ("pairs", "dev"):
        assert all(isinstance(row["prompt"], str) for row in files.read_jsonl(args.out / f"domain/{name}.jsonl"))
    with pytest.raises(UserError, match=r"own.jsonl: the row line-13#2 has more than one user's message"):
        prepare(tmp_path, tmp_path / "test.jsonl", tmp_path / "own.jsonl")


def test_what_is_missing_is_one_sentence(tmp_path):
    data, test = write(tmp_path / "own.jsonl", [1]), write(tmp_path / "test.jsonl", [2])
    with pytest.raises(UserError, match="domain is not there yet, which --domain rows is read from; run python train"):
        prepare(tmp_path, None, None)
    for given in ((data, None), (None, test)):
        with pytest.raises(UserError, match="needs --data FILE and --benchmark FILE"):
            prepare(tmp_path, *given)
    with pytest.raises(UserError, match=r"own.jsonl leaves no row for train: it needs at least three"):
        prepare(tmp_path, data, test)
    (tmp_path / "rubric.txt").write_text(" \n")
    with pytest.raises(UserError, match="rubric.txt is empty"):
        prepare(tmp_path, write(tmp_path / "more.jsonl", range(9)), test, "--rubric", str(tmp_path / "rubric.txt"))
    assert not (tmp_path / "out").exists(), "nothing is half-written"
    with pytest.raises(UserError, match="--benchmark goes with --domain rows"):
        sft.data_of(sft.parse_args(["--benchmark", str(test)]))
    args = prepare(tmp_path, tmp_path / "more.jsonl", test)
    with pytest.raises(UserError, match="--domain rows has no rows but those of --data"):
        gen_sft.main(gen_sft.parse_args(["--domain", "rows", "--out", str(args.out)]))
    with pytest.raises(UserError, match=r"has no verify\(\)"):
        gen_dpo.main(gen_dpo.parse_args(["--domain", "rows", "--out", str(args.out)]))
    with pytest.raises(UserError, match=r"no domain 'row' \(did you mean rows\?\); there is text_to_sql, rows"):
        load_domain("row")
