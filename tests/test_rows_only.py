"""The domain of rows alone: what it is made of, what it refuses, and every stage that it goes through."""

import contextlib
import json
import random
import re
import threading
import urllib.request

import pytest

from common import cli, files, model, rows_domain
from common.cli import ROOT, UserError
from common.domain import load_domain, rows_of
from data import gen_dpo, gen_sft, label
from eval import answer, mmlu, report, winrate
from eval import domain as domain_eval
from train import dpo, sft

COLOURS = ("red", "green", "blue", "white")


def write(path, numbers, **more):
    """Rows as Alpaca has them, two a number."""
    files.write_jsonl(
        path,
        [
            {"instruction": f"Say {COLOURS[i % 4]} {i} {end}", "input": "", "output": f"{COLOURS[i % 4]}.", **more}
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
        talk("x", "y", "Say red 100 then", "z"),
    ]
    files.write_jsonl(tmp_path / "own.jsonl", told)
    args = prepare(tmp_path, tmp_path / "own.jsonl", write(tmp_path / "test.jsonl", [100]))
    counts = files.read_json(args.out / "domain/domain.json")["counts"]
    assert counts["leaked"] == 3, "two turns of one conversation, the second turn of another"
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


def test_a_table_spells_whether_a_refusal_is_right(tmp_path):
    spelled, meant = ("true", "False", "", "TRUE"), (True, False, None, True)
    table = "\n".join(["prompt,completion,refuse", *(f"Q{i},A{i},{spelled[i % 4]}" for i in range(12))])
    for name in ("own.csv", "test.csv"):
        (tmp_path / name).write_text(table.replace("Q", "T") if name == "test.csv" else table)
    args = prepare(tmp_path, tmp_path / "own.csv", tmp_path / "test.csv")
    read = [row for name in ("train", "dev", "pairs") for row in files.read_jsonl(args.out / f"domain/{name}.jsonl")]
    for rows in (read, files.read_jsonl(args.out / "domain/test.jsonl")):
        assert len(rows) == 12 and all(row.get("refuse") is meant[int(row["prompt"][1:]) % 4] for row in rows)
    (tmp_path / "bad.csv").write_text(table.replace("False", "no", 1))
    for data, test in (("bad.csv", "test.csv"), ("own.csv", "bad.csv")):
        with pytest.raises(UserError, match=r"bad\.csv: the row line-3 has refuse 'no'; it must be true or false"):
            prepare(tmp_path, tmp_path / data, tmp_path / test)


def test_two_files_of_one_name_are_both_recorded(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    data, test = write(tmp_path / "x/rows.jsonl", range(9)), write(tmp_path / "y/rows.jsonl", [50])
    args = prepare(tmp_path, data, test)
    inputs = files.read_json(args.out / "domain/domain.json")["inputs"]
    assert inputs == {str(path): files.sha256(path) for path in (data, test)}
    assert load_domain("rows", args.out).__doc__ == "Requests as in rows.jsonl."


def test_of_several_processes_the_first_writes_the_domain(tmp_path, monkeypatch):
    data, test = write(tmp_path / "own.jsonl", range(9)), write(tmp_path / "test.jsonl", [50])
    passed = []
    monkeypatch.setattr(rows_domain, "first_alone", lambda: passed.append(1) or contextlib.nullcontext())
    monkeypatch.setenv("RANK", "1")
    prepare(tmp_path, data, test)
    assert passed == [1] and not (tmp_path / "out/domain").exists()
    monkeypatch.setenv("RANK", "0")
    prepare(tmp_path, data, test)
    assert passed == [1, 1] and (tmp_path / "out/domain/domain.json").is_file()


def test_an_adapter_of_other_rows_than_the_domain_has_now_is_refused(tmp_path, monkeypatch):
    """As after train/sft.py --check on other data, or one that was killed."""
    test = write(tmp_path / "test.jsonl", range(90, 99))
    first = prepare(tmp_path, write(tmp_path / "first.jsonl", range(40)), test)
    folder = tmp_path / "out/sft"
    lineage = {"stage": "sft", "adapter_sha256": "a", "data_sha256": files.sha256(sft.data_of(first)), "parent": None}
    for check in ("check_merged", "check_adapter"):
        monkeypatch.setattr(model, check, lambda *given: lineage)
    for check in ("check_system", "check_descent"):
        monkeypatch.setattr(model, check, lambda *given, **more: None)
    flags = ["--domain", "rows", "--out", str(tmp_path / "out")]
    files.write_jsonl(tmp_path / "pairs.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "c"}])
    stages = (
        lambda: gen_dpo.main(gen_dpo.parse_args([*flags, "--judge", "hand"])),
        lambda: dpo.main(dpo.parse_args([*flags, "--data", str(tmp_path / "pairs.jsonl")])),
        lambda: answer.checked_adapters(answer.parse_args(flags), load_domain("rows", first.out)),
    )
    assert stages[2]() == {"sft": folder, "dpo": tmp_path / "out/dpo"}
    prepare(tmp_path, write(tmp_path / "other.jsonl", range(50, 80)), test)
    for stage in stages:
        with pytest.raises(UserError) as caught:
            stage()
        said = str(caught.value)
        assert said.startswith(f"{folder} was trained on other rows than {tmp_path / 'out/domain/train.jsonl'} has now")
        assert f"run python train/sft.py --out {tmp_path / 'out'} --domain rows again" in said
    prepare(tmp_path, tmp_path / "first.jsonl", test)
    assert stages[2]()


def test_every_script_says_where_the_domain_lies():
    """A call without the folder would not find a domain of rows."""
    scripts = [path for name in ("common", "data", "train", "eval", "serve") for path in (ROOT / name).glob("*.py")]
    bare = [path.name for path in scripts if "load_domain(args.domain)" in path.read_text(encoding="utf-8")]
    assert len(scripts) > 30 and not bare, "load_domain(args.domain, args.out) reads the rows of --domain rows"


def quality_of(text):
    """What the local judge goes by."""
    return int(text.split()[-1])


def grades(user, number):
    """A judge of samples: the grade of each answer shown."""
    shown = re.finditer(r"^\[answer (\d+) (\w{8})\]\n(.*?)\n\[end of answer \1 \2\]$", user, re.MULTILINE | re.DOTALL)
    return {"why": "so", **{f"grade_{one.group(1)}": quality_of(one.group(3)) for one in shown}}


def better(user, number):
    """A judge of two answers, by the number at each one's end."""
    a, b = (quality_of(text) for text in re.findall(r"^quality \d$", user, re.MULTILINE))
    return {"reason": "so", "verdict": "A" if a > b else "B" if b > a else "tie"}


def test_a_model_judges_pairs_and_win_rate_of_a_domain_of_rows(tmp_path, monkeypatch, serve):
    pytest.importorskip("data.judging", reason="gen_dpo.py takes no model as judge here")
    pytest.importorskip("eval.judging", reason="winrate.py takes no model as judge here")
    args = prepare(tmp_path, write(tmp_path / "own.jsonl", range(40)), write(tmp_path / "test.jsonl", range(90, 99)))
    flags = ["--domain", "rows", "--out", str(args.out), "--price", "1", "5", "--yes"]
    samples = [
        {"text": f"quality {q}", "finished": True, "tokens": 2, "score": [None] * 3, "reason": "r"} for q in (3, 7)
    ]
    monkeypatch.setattr(model, "check_merged", lambda *given: {"adapter_sha256": "a" * 64})
    monkeypatch.setattr(model, "check_system", lambda *given: None)
    monkeypatch.setattr(gen_dpo, "sampled_with", lambda *given: {"adapter": "a"})
    monkeypatch.setattr(
        gen_dpo,
        "sample_blocks",
        lambda args, domain, rows, *given: [{"id": row["id"], "samples": samples} for row in rows],
    )
    gen_dpo.main(gen_dpo.parse_args([*flags, "--judge", f"openai:m@{serve(grades).url}"]))
    made = files.read_jsonl(args.out / "data/dpo.jsonl")
    kept = {row["prompt"] for row in files.read_jsonl(args.out / "domain/pairs.jsonl")}
    assert {row["prompt"] for row in made} == kept and len(made) == 20
    assert all((row["chosen"], row["rejected"]) == ("quality 7", "quality 3") for row in made)
    for name, quality in (("base", 1), ("sft", 5), ("dpo", 8)):
        rows = files.read_jsonl(args.out / "domain/test.jsonl")
        answers = [{key: row[key] for key in ("id", "prompt", "cluster", "category")} for row in rows]
        answers = [{**row, "answer": f"quality {quality}", "finish_reason": "stop"} for row in answers]
        files.write_jsonl(args.out / "answers" / f"{name}.jsonl", answers)
    files.write_json(args.out / "answers/run.json", {"settings": {"split": "test"}})
    winrate.main(winrate.parse_args([*flags, "--resamples", "100", "--judge", f"openai:m@{serve(better).url}"]))
    found = files.read_json(args.out / "eval/winrate.json")
    assert found["summary"] == {}, "there is no verifier"
    summary = found["judges"]["openai:m"]["summary"]
    assert all((one["wins"], one["n"]) == (18, 18) for one in summary.values()) and len(summary) == 3


def by_hand(args, prefer):
    """Rate everything over HTTP, as the page does."""
    items = label.answer_items(args) if args.pairs is None else label.pair_items(args)
    name = "answers" if args.pairs is None else "pairs"
    ratings = label.Ratings(args.out / "ratings" / f"{name}.jsonl", items, args.seed)
    server = label.make_server(ratings, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, told = f"http://127.0.0.1:{server.server_port}", None
    with urllib.request.urlopen(f"{address}/next?rater=ann") as reply:
        told = json.load(reply)
    while told["item"]:
        body = json.dumps({"rater": "ann", "item": told["item"], "choice": prefer(told["a"], told["b"])}).encode()
        asked = urllib.request.Request(f"{address}/rate", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as reply:
            told = json.load(reply)
    server.shutdown()
    server.server_close()
    return len(ratings.rows)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_train_pairs_dpo_and_win_rate_by_hand(tmp_path, tiny_base, capsys):
    """A file and a benchmark, nothing else: what no verifier judges is judged on the page."""
    cli.quiet()
    flags = ["--recipe", "recipes/smoke.yaml", "--domain", "rows", "--out", str(tmp_path / "out")]
    based = [*flags, "--base", str(tiny_base), "--dtype", "float32"]
    data, test = write(tmp_path / "own.jsonl", range(200)), write(tmp_path / "test.jsonl", range(300, 306))
    trained, more = [*based, "--learning_rate", "1e-2", "--data"], ["--num_train_epochs", "6", "--limit", "320"]
    sft.main(sft.parse_args([*trained, str(data), "--benchmark", str(test), *more]))
    assert files.read_json(tmp_path / "out/sft/run.json")["counts"] == {"rows": 280}
    gen_dpo.main(
        gen_dpo.parse_args(
            [*based, "--judge", "hand", "--engine", "hf", "--max_new_tokens", "96", "--temperature", "1.0"]
        )
    )
    said = capsys.readouterr().out
    assert f"python data/label.py --pairs --recipe recipes/smoke.yaml --out {tmp_path}/out --domain rows" in said
    asked = {row["prompt"] for row in files.read_jsonl(tmp_path / "out/gen_dpo/to_rate.jsonl")}
    kept = {row["prompt"] for row in files.read_jsonl(tmp_path / "out/domain/pairs.jsonl")}
    assert asked and asked <= kept
    args = label.parse_args([*flags, "--pairs"])
    rated = by_hand(args, lambda a, b: "a" if a < b else "b")
    label.main(label.parse_args([*flags, "--pairs", "--export"]))
    pairs = tmp_path / "out/data/dpo_hand.jsonl"
    assert len(files.read_jsonl(pairs)) == rated == len(asked)
    dpo.main(dpo.parse_args([*trained, str(pairs), "--held_out_share", "0"]))
    run = files.read_json(tmp_path / "out/dpo/run.json")
    assert run["policy"] == {"on": rated, "off": 0, "unknown": 0} and run["counts"]["pairs"] == rated
    answer.main(answer.parse_args([*based, "--engine", "hf", "--max_new_tokens", "12"]))
    with pytest.raises(UserError, match=r"the domain rows has no verify\(\)"):
        winrate.main(winrate.parse_args(flags))
    by_hand(label.parse_args(flags), lambda a, b: "tie" if len(a) == len(b) else "a" if len(a) < len(b) else "b")
    label.main(label.parse_args([*flags, "--export", "--resamples", "200"]))
    summary = files.read_json(tmp_path / "out/eval/winrate_hand.json")["summary"]["hand"]
    assert {one["n"] for one in summary.values()} == {12} and set(summary) == {
        "dpo_vs_sft",
        "dpo_vs_base",
        "sft_vs_base",
    }
    for script, given in ((domain_eval, flags), (mmlu, based), (report, flags)):
        script.main(script.parse_args(given))
    text = (tmp_path / "out/EVAL_REPORT.md").read_text(encoding="utf-8")
    assert "| Domain accuracy | no verifier: accuracy is not measured |" in text and "as judged by hand, at an" in text
    assert "are those of the file `dpo_hand.jsonl`" in (tmp_path / "out/MODEL_CARD.md").read_text(encoding="utf-8")
