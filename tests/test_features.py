"""bench/features.py: what is measured on, and what is kept of it."""

import random
from pathlib import Path

import pytest

from bench import features
from common import cli, files
from common.rows import read_pairs


def parsed(tmp_path, *flags):
    return features.parse_args([*flags, "--out", str(tmp_path / "o")])


def test_short_pairs_of_hh_are_taken_under_no_system_prompt(tmp_path):
    turns = "\n\nHuman: Why is the sky blue?\n\nAssistant: "
    rows = [{"chosen": f"{turns}Because of {i}.", "rejected": f"{turns}No {'no ' * (i % 2) * 300}."} for i in range(80)]
    rows.append({"chosen": turns, "rejected": turns})  # nothing is answered: unfit
    files.write_jsonl(tmp_path / "hh.jsonl", rows)
    path = features.hh_excerpt(parsed(tmp_path, "reward", "--hh", str(tmp_path / "hh.jsonl"), "--pairs", "30"))
    pairs, same = read_pairs(path)
    assert len(pairs) == 30 and not same and all(len(pair["rejected"]) < features.SHORT for pair in pairs)
    assert all(pair["prompt"][0] == {"role": "system", "content": ""} for pair in pairs)


def test_replay_compares_both_trainings_on_the_same_questions(tmp_path, monkeypatch):
    called, args = [], parsed(tmp_path, "replay", "--replay", "general.jsonl", "--rows", "40")
    rng = random.Random(0)
    questions = [{"base": 1, "sft": rng.randint(0, 1)} for _ in range(60)]
    rows = [{**one, "dpo": 1, "benchmark": "general knowledge", "form": "letters"} for one in questions]
    lost = sum(1 - one["sft"] for one in questions) / 60

    def script(name, *flags):
        called.append((name, *map(str, flags)))
        folder = args.out / "features/replay"
        if name == "train/sft.py":
            metrics = dict.fromkeys(("loss", "perplexity_before", "perplexity_after", "steps"), 1)
            made = {"metrics": metrics, "counts": {"rows": 40}, "seconds": 2}
            files.write_json(flags[flags.index("--out") + 1] / "sft/run.json", made)
        else:
            assert [(folder / one).resolve().parent.name for one in ("sft", "dpo")] == ["without", "with"]
            told = {"accuracy": {"base": 1, "sft": 2, "dpo": 3}, "tax": {"sft_vs_base": 4, "dpo_vs_base": 5}}
            summary = {
                "benchmarks": {"general knowledge": {"letters": told}},
                "reported": {"general knowledge": "letters"},
                "general_text": {"perplexity": {"base": 6, "sft": 7, "dpo": 8, "base_plain": 9}},
            }
            other = {**rows[0], "form": "continuation", "sft": 1}
            files.write_json(folder / "eval/mmlu.json", {"summary": summary, "rows": [*rows, other]})

    monkeypatch.setattr(features, "script", script)
    made = features.replay(args)
    assert made["accuracy"] == {"base": 1, "without": 2, "with": 3} and made["tax"] == {"without": 4, "with": 5}
    assert made["general_text"] == {"base": 6, "without": 7, "with": 8, "base_plain": 9}
    assert made["with_minus_without"]["difference"] == pytest.approx(lost) and made["with_minus_without"]["n"] == 60
    one, two = [call for call in called if call[0] == "train/sft.py"]
    assert Path(one[one.index("--data") + 1]).is_file()  # a folder of its own holds no rows
    assert "--replay" not in one and "general.jsonl" in two and one[one.index("--limit") + 1] == "40"


def test_what_is_measured_is_kept_with_machine_and_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "RESULTS", tmp_path)
    monkeypatch.setitem(features.FEATURES, "gguf", lambda args: {"same": 9})
    features.main(parsed(tmp_path, "gguf"))
    made = files.read_json(tmp_path / "gguf.json")
    assert made["figures"] == {"same": 9} and made["cores"] >= 1 and made["versions"] and made["load_before"] >= 0


def test_replay_without_a_file_is_refused(tmp_path):
    with pytest.raises(cli.UserError, match="--replay FILE"):
        features.replay(parsed(tmp_path, "replay"))
