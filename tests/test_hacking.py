"""The plot of reward hacking: from the table's runs, and refused in a sentence where one is missing."""

import json

import pytest

from bench import hacking
from common.cli import UserError


def results(folder, runs):
    """A file with such runs as bench/sweep.py writes."""
    made = {
        name: {
            "flags": {"beta": "0.1"},
            "eval": [{"step": 2, "eval_loss": 0.6, "eval_rewards/margins": 0.1 * i}, {"step": 4, "eval_loss": 0.5}],
            "kl": [{"step": step, "kl": 0.1 * step, "tokens": 50 - i * step, "prompts": 16} for step in (2, 4)],
            "metrics": {"steps": 4},
            "by_step": [{"step": 2, "answerable": 0.5, "refused_answerable": 0.25}],
            "answerable": 0.2 - 0.05 * i,
            "refused_answerable": 0.1 * i,
            "judged_by": "v",
            "dev_sha256": "dev",
        }
        for i, name in enumerate([*runs, hacking.BEFORE])
    }
    path = folder / "sweep_dpo.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def test_the_plot_is_drawn_from_the_runs(tmp_path):
    path = results(tmp_path, hacking.RUNS)
    hacking.main(hacking.parse_args(["--results", str(path), "--to", str(tmp_path / "made/plot.png")]))
    assert (tmp_path / "made/plot.png").read_bytes().startswith(b"\x89PNG")
    runs = json.loads(path.read_text())
    log = runs["shorter"]
    assert hacking.curve(log["eval"], "eval_rewards/margins", 0.1) == ([2], [1.0])
    assert hacking.curve(log["kl"], "tokens") == ([2, 4], [48, 46])
    steps, values = hacking.on_dev(log, runs[hacking.BEFORE], "answerable")
    assert steps == [0, 2, 4] and values == pytest.approx([5, 50, 15])


def test_a_run_that_is_missing_is_named(tmp_path):
    path = results(tmp_path, ["sigmoid", "shorter"])
    with pytest.raises(UserError, match="has no run shorter_beta_0.01; make it with .*--only shorter_beta_0.01"):
        hacking.main(hacking.parse_args(["--results", str(path), "--to", str(tmp_path / "plot.png")]))
    assert not (tmp_path / "plot.png").exists()


def test_runs_of_two_verifiers_are_refused_and_of_an_unknown_one_told(tmp_path, capsys):
    path = results(tmp_path, hacking.RUNS)
    args, runs = (
        hacking.parse_args(["--results", str(path), "--to", str(tmp_path / "plot.png")]),
        json.loads(path.read_text()),
    )
    runs["shorter"]["judged_by"] = "another"
    path.write_text(json.dumps(runs), encoding="utf-8")
    with pytest.raises(UserError, match="different verifiers, .* run .*--again sft sigmoid shorter"):
        hacking.main(args)
    del runs["shorter"]["judged_by"]
    path.write_text(json.dumps(runs), encoding="utf-8")
    hacking.main(args)
    assert "which verifier judged shorter was not kept" in capsys.readouterr().out and (tmp_path / "plot.png").is_file()
