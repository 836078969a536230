"""A sweep over sets of rows: each set made once, each run trained on its own, the table with both sorts of items."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import sweep
from common import files
from common.cli import UserError
from common.domain import Verdict, load_domain
from data import mix

TABLE = """
stage: sft
recipe: recipes/cpu.yaml
data:
  plain: {teacher: templates, n: 50}
  mixed: {teacher: "templates,bank"}
flags: {data: mixed, limit: 20}
runs:
  first: {data: plain}
  second: {}
  third: {limit: 10}
"""

ITEM = {"id": 0, "prompt": "?", "completion": ".", "category": "c", "cluster": 0}
NOW = {"judged_by": "today's", "dev_sha256": "dev"}


def score_of(right, refuse):
    rows = [{"refuse": flag == "1", "cluster": i} for i, flag in enumerate(refuse)]
    made = [SimpleNamespace(finish_reason="stop", token_ids=[1, 2]) for _ in rows]
    return sweep.figures(rows, made, [Verdict(one == "1", True, True, "r") for one in right])


def write_adapter(folder, weights, parent=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(weights)
    lineage = {"adapter_sha256": files.sha256(folder / "adapter_model.safetensors")}
    lineage["parent"] = files.read_json(parent / "lineage.json") if parent else None
    files.write_json(folder / "lineage.json", lineage)


@pytest.fixture
def called(monkeypatch):
    """What the sweep calls, in place of the scripts, each leaving behind what its caller reads."""
    calls = []

    def call(log, script, *words):
        words = list(map(str, words))
        calls.append((Path(script).name, words))
        out = Path(words[words.index("--out") + 1])
        if "--score" in words:
            good = "first" not in words[words.index("--score") + 1]
            right = "1110" if good else "0010"
            found = NOW | score_of(right, "0001") | {"also": score_of(right, "0010")}
            files.write_json(Path(words[-1]), found)
        elif script == "train/merge.py":
            (Path(words[words.index("--adapter") + 1]) / "merged").mkdir()
        elif script == "data/gen_sft.py":
            files.write_json(out / "gen_sft/run.json", {})
        else:
            stage = Path(script).stem
            given = dict(zip(words[::2], words[1::2], strict=True))
            settings = {
                key: json.loads(given[f"--{key}"]) for key in ("limit", "beta", "learning_rate") if f"--{key}" in given
            }
            record = {
                "counts": {},
                "metrics": {"kl": 0.25, "steps": 14},
                "versions": {},
                "seconds": 60.0,
                "settings": {"base": "b", **settings},
            }
            files.write_json(out / stage / "run.json", record)
            write_adapter(out / stage, b"dpo", out / "sft" if stage == "dpo" else None)
            files.write_json(out / stage / "log.json", [{"step": 1, "eval_loss": 0.5}])
            files.write_json(out / stage / "kl.json", [{"step": 1, "kl": 0.25}])
            for step in (3, 12, 14) if "--save_total_limit" in words else ():
                (out / stage / f"steps/{step}").mkdir(parents=True)

    monkeypatch.setattr(sweep, "call", call)
    monkeypatch.setattr(sweep, "load_domain", lambda name: SimpleNamespace(load_benchmark=lambda split: [ITEM]))
    monkeypatch.setattr(sweep, "judged_as", lambda domain, rows: NOW)
    return calls


def run(tmp_path, text=TABLE, *more):
    (tmp_path / "mix.yaml").write_text(text, encoding="utf-8")
    flags = [str(tmp_path / "mix.yaml"), "--out", str(tmp_path / "out"), "--results", str(tmp_path / "made.json")]
    sweep.main(sweep.parse_args([*flags, *more]))
    return json.loads((tmp_path / "made.json").read_text(encoding="utf-8"))


def test_each_set_is_made_once_and_each_run_is_trained_on_its_own(tmp_path, called, capsys):
    results = run(tmp_path)
    made = [words for name, words in called if name == "gen_sft.py"]
    assert [words[-2:] for words in made] == [["--teacher", "templates,bank"], ["--n", "50"]]
    data = [words[words.index("--data") + 1] for name, words in called if name == "sft.py"]
    assert data == [str(tmp_path / f"out/data/{name}/data/sft.jsonl") for name in ("plain", "mixed", "mixed")]
    assert list(results) == ["first", "second", "third"] and results["third"]["flags"]["limit"] == "10"
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert table[2].startswith("| first | 33.3 |  | 0.0 | 0.0 | 0.0 |  | 100.0 | 0.5000 (0.5000) | - |")
    assert table[3].startswith("| second | 100.0 | +66.7 (") and " | 66.7 | +66.7 (" in table[3]
    run(tmp_path)
    assert len([name for name, _ in called if name == "gen_sft.py"]) == 2, "nothing is made twice"


def test_rows_of_another_verifier_are_named_and_scored_again(tmp_path, called, capsys, monkeypatch):
    """As are rows of before verifier and items were kept; those of other items are not compared item by item."""
    monkeypatch.setattr(sweep.model, "check_merged", lambda folder, base: {})
    results = run(tmp_path)
    assert all(NOW.items() <= row.items() for row in results.values()) and "note" not in capsys.readouterr().out
    for key in NOW:
        del results["first"][key]
    results["second"]["judged_by"] = "yesterday's"
    results["third"] |= {"dev_sha256": "others"} | {key: results["third"][key][:2] for key in ("right", "clusters")}
    results["second"]["right"] = "0000"
    files.write_json(tmp_path / "made.json", results)
    run(tmp_path, TABLE, "--only", "none")
    said = capsys.readouterr().out
    assert (
        "note: judged by a verifier that is not known: first; judged by another verifier than today's: second; asked "
        "other dev items than today's: third (the same command with --again"
    ) in said
    assert "| third | 100.0 |  | 0.0 |" in said
    trained = len([name for name, _ in called if name == "sft.py"])
    assert run(tmp_path, TABLE, "--again", "first", "second", "third") == run(tmp_path)
    now = files.read_json(tmp_path / "made.json")
    assert now["second"]["right"] == "1110" and all(NOW.items() <= row.items() for row in now.values())
    assert len([name for name, _ in called if name == "sft.py"]) == trained, "nothing is trained again"
    assert "note" not in capsys.readouterr().out


def test_a_run_is_scored_again_only_with_the_adapter_that_its_figures_are_of(tmp_path, called, capsys):
    run(tmp_path)
    record = files.read_json(tmp_path / "out/first/sft/run.json")
    files.write_json(tmp_path / "out/first/sft/run.json", record | {"metrics": {"kl": 9}})
    with pytest.raises(SystemExit):
        run(tmp_path, TABLE, "--again", "first")
    assert "first: the adapter that " in (said := capsys.readouterr().err) and "out/first/sft; put it back" in said
    with pytest.raises(UserError, match="made.json has no run 'fist' .did you mean first"):
        run(tmp_path, TABLE, "--again", "fist")
    with pytest.raises(UserError, match="has run first with another recipe than"):
        run(tmp_path, TABLE.replace("cpu.yaml", "rtx4090-7b.yaml"))


def test_what_is_no_table_is_one_sentence(tmp_path):
    dpo = "stage: dpo\nrecipe: r\nsft: out/sft\n"
    for text, said in (
        ("", "is no table: it must be a mapping"),
        ("- a\n", "is no table"),
        ("stage: [\n", r"made.yaml:2 is not YAML"),
        ("stage: sft\nrun: {a: {}}\n", "unknown key 'run' .did you mean runs"),
        ("stage: rm\nrecipe: r\nruns: {a: {}}\n", "a stage, sft or dpo, not 'rm'"),
        ("stage: sft\nruns: {a: {}}\n", "lacks recipe; bench/sweeps/sft.yaml"),
        (dpo + "runs: {a: {}}\n", "lacks pairs; "),
        (dpo + "pairs: [p]\nruns: {a: {pairs: p}}\n", r"pairs must be a mapping of keys, not \['p'\]"),
        ("stage: sft\nrecipe: r\nruns: [a]\n", r"runs must be a mapping of keys, not \['a'\]"),
        ("stage: sft\nrecipe: r\nruns: {a: 3}\n", "runs: a must be a mapping of keys, not 3"),
    ):
        (tmp_path / "made.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            sweep.read_table(tmp_path / "made.yaml")


def test_flags_are_compared_as_the_stage_reads_them(tmp_path, called):
    """YAML 1.1 reads 1e-4 as text."""
    text = TABLE.replace("{limit: 10}", "{limit: 10, learning_rate: 1e-4}")
    assert run(tmp_path, text)["third"]["flags"]["learning_rate"] == "1e-4"


def test_sets_of_rows_that_were_made_with_other_flags_are_not_taken(tmp_path, called):
    run(tmp_path)
    files.write_json(tmp_path / "out/data/plain/gen_sft/run.json", {"settings": {"n": 40}})
    (tmp_path / "made.json").unlink()
    with pytest.raises(UserError, match="data/plain was made with another n .40. than the table's; delete the folder"):
        run(tmp_path)


def test_items_of_a_domain_that_refuses_nothing(capsys):
    rows = [{"cluster": i} for i in range(4)]
    made = [SimpleNamespace(finish_reason="stop", token_ids=[1]) for _ in rows]
    found = sweep.figures(rows, made, [Verdict(True, True, True, "r")] * 4)
    assert found["answerable"] == 1.0 and found["to_be_refused"] is None and found["refuse"] == "0000"
    told = {"eval": [], "kl": None, "seconds": 60, "metrics": {}}
    sweep.print_table({"one": found | told, "two": found | told})
    assert "| one | 100.0 |  | - | 0.0 |" in capsys.readouterr().out


def test_a_run_that_keeps_its_steps_is_scored_at_each(tmp_path, called):
    results = run(tmp_path, TABLE.replace("{limit: 10}", "{limit: 10, save_total_limit: 5}"))
    steps = results["third"]["by_step"]
    assert [one["step"] for one in steps] == [3, 12] and steps[0]["answerable"] == 1.0
    assert set(steps[0]) >= {"to_be_refused", "refused_answerable", "mean_tokens"} and results["first"]["by_step"] == []
    merged = [words[words.index("--adapter") + 1] for name, words in called if name == "merge.py"]
    assert merged == [str(tmp_path / f"out/third/sft/steps/{step}") for step in (3, 12)]
    assert not list((tmp_path / "out").glob("*/sft/steps/*/merged")), "a merged model is as large as its base"


def test_a_dpo_table_begins_with_the_model_that_its_runs_go_on_from(tmp_path, called, capsys, monkeypatch):
    record = {"counts": {}, "metrics": {}, "versions": {}, "seconds": 9.0, "settings": {"base": "b"}}
    files.write_json(tmp_path / "sft/run.json", record)
    write_adapter(tmp_path / "sft", b"weights")
    pairs = tmp_path / "out/pairs/plain"
    files.write_json(pairs / "gen_dpo/run.json", {})
    files.write_jsonl(pairs / "data/dpo.jsonl", [{"prompt_id": "a"}])
    text = f"""
stage: dpo
recipe: recipes/cpu.yaml
sft: {tmp_path / "sft"}
pairs: {{plain: {{n: 5}}}}
flags: {{pairs: plain}}
runs: {{first: {{}}, second: {{beta: 0.5}}}}
"""
    results = run(tmp_path, text)
    assert set(results) == {"sft", "first", "second"} and len(results["sft"]["adapter"]) == 64
    assert results["second"]["seconds"] >= 60
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in table[1:]] == ["| sft", "| first", "| second"]
    assert table[1].endswith("| - | - | - |") and "| against sft |" in table[0]
    assert table[2].startswith("| first | 33.3 | -66.7 (") and "| 0.25 | 1.0 |" in table[2]
    asked = len(called)
    run(tmp_path, text)
    assert len(called) == asked, "nothing is made twice, nor scored"
    files.write_json(tmp_path / "made.json", results | {"sft": results["sft"] | {"right": "0000", "judged_by": "?"}})
    monkeypatch.setattr(sweep.model, "check_merged", lambda folder, base: {})
    assert run(tmp_path, text, "--again", "sft")["sft"]["right"] == "1110"
    assert [name for name, _ in called[asked:]] == ["merge.py", "sweep.py"], "the parent is scored again, no more"
    asked = len(called)
    with pytest.raises(UserError, match="has run second with another beta than .*; give that run a new name"):
        run(tmp_path, text.replace("0.5", "0.9"))
    results.pop("second")
    files.write_json(tmp_path / "made.json", results)
    with pytest.raises(SystemExit):
        run(tmp_path, text.replace("0.5", "0.9"))
    assert "out/second was made with another beta (0.5) than the table's; delete" in capsys.readouterr().err
    write_adapter(tmp_path / "sft", b"trained again")
    with pytest.raises(UserError, match="went on from another SFT model"):
        run(tmp_path, text)
    (tmp_path / "made.json").unlink()
    with pytest.raises(SystemExit):
        run(tmp_path, text)
    assert capsys.readouterr().err.count("was trained from another SFT adapter") == 2
    assert len(called) == asked + 1, "nothing but the parent is scored"


def test_a_run_or_a_parent_that_is_not_there_is_one_sentence(tmp_path, called):
    (tmp_path / "mix.yaml").write_text(TABLE, encoding="utf-8")
    with pytest.raises(UserError, match="has no run 'secnd' .did you mean second"):
        sweep.main(sweep.parse_args([str(tmp_path / "mix.yaml"), "--only", "secnd"]))
    text = f"stage: dpo\nsft: {tmp_path}/sft\nrecipe: recipes/cpu.yaml\npairs: {{p: {{}}}}\nruns: {{a: {{pairs: p}}}}\n"
    with pytest.raises(UserError, match="nothing has been trained in .*sft yet; run python train/sft.py"):
        run(tmp_path, text)
    assert called == []


def test_the_slices_of_dev_stand_beside_each_other():
    row = {"prompt": "?", "completion": ".", "category": "c", "cluster": 0}
    rows = [{**row, "id": i, "slice": name} for i, name in enumerate(("easy", "easy", "hard", "easy"))]
    domain = SimpleNamespace(load_benchmark=lambda split: iter(rows) if split == "dev" else None)
    items = sweep.items_of({"items": 3}, domain)
    assert {name: [row["id"] for row in some] for name, some in items.items()} == {"dev": [0, 1], "also": [2]}
    assert [row["id"] for row in sweep.items_of({}, domain)["dev"]] == [0, 1, 3]


def test_a_run_on_data_that_the_table_does_not_make_is_refused(tmp_path, called):
    with pytest.raises(UserError, match="run third names data that the table does not make: other"):
        run(tmp_path, TABLE.replace("third: {limit: 10}", "third: {data: other}"))
    assert called == []


def test_the_tables_of_the_repository_are_read():
    tables = {path.stem: sweep.read_table(path) for path in sorted(Path(sweep.__file__).parent.glob("sweeps/*.yaml"))}
    assert {"sft", "dpo", "mix"} <= set(tables)
    assert {flags["data"] for flags in tables["mix"]["runs"].values()} == set(tables["mix"]["data"])
    for flags in tables["mix"]["data"].values():
        domain = load_domain("text_to_sql")
        assert mix.shares_of(domain, SimpleNamespace(teacher=flags["teacher"], domain="text_to_sql"))


def sampled(text, tokens, right, finished=True):
    return {"text": text, "finished": finished, "tokens": tokens, "score": [right, 1, 1], "reason": "r"}


def test_pairs_are_selected_as_the_table_asks():
    made = {
        "a": [sampled("right", 9, 1), sampled("near", 8, 0), sampled("far", 4, 0), sampled("cut", 1, 0, False)],
        "b": [sampled("no", 3, 1), sampled("yes", 3, 0)],
    }
    samples = [{"id": key, "samples": some} for key, some in made.items()]
    rows = [
        {"prompt_id": "a", "refuse": False, "margin": "correct", "chosen": "right", "rejected": "near"},
        {"prompt_id": "b", "refuse": True, "margin": "correct", "chosen": "no", "rejected": "yes"},
    ]
    for row in rows:
        row["chosen_score"] = [1, 1, 1]
    assert [row["prompt_id"] for row in sweep.select(rows, samples, {"refusals": False})] == ["a"]
    many = [row | {"id": i} for i, row in enumerate(19 * rows[:1] + 10 * rows[1:])]
    for share, refusals in ((0.05, 1), (0.24, 6), (0.9, 10), (True, 10)):
        kept = sweep.select(many, samples, {"refusals": share})
        assert kept == [row for row in many if row in kept] and len(kept) == 19 + refusals
    assert [row["prompt_id"] for row in sweep.select(rows, samples, {"pass_rate": [0.4, 1]})] == ["b"]
    drawn = {row["rejected"] for row in sweep.select(100 * rows[:1], samples, {"nearest": False})}
    assert drawn == {"near", "far"}  # never the answer that was cut
    (short,) = sweep.select(rows, samples, {"reward": "shorter"})  # the samples of b are of one length
    assert (short["chosen"], short["rejected"]) == ("far", "right")


def test_runs_go_on_from_the_model_that_the_table_names_today(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        sweep.link(tmp_path / "run", tmp_path / name)
    assert (tmp_path / "run/sft").resolve() == (tmp_path / "new").resolve()
