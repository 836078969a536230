"""DPO over several seeds: against the SFT model and its controls, item by item, over whole clusters."""

import json

import pytest

from bench import seeds
from common import files, provenance
from common.cli import UserError


def run_of(right, also):
    """A row of the table: twelve answerable items and two to be refused of the first slice, four answerable beside."""
    return {
        "right": right,
        "refuse": "000000000000" + "11",
        "clusters": [f"c{i % 4}" for i in range(14)],
        "also": {"right": also, "refuse": "0000", "clusters": ["d0", "d0", "d1", "d1"]},
        "flags": {"beta": "0.1"},
        "counts": {"pairs": 40},
        "metrics": {"steps": 10},
        "judged_by": "v",
        "dev_sha256": "dev",
    }


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of two seeds and the SFT model that both went on from."""
    monkeypatch.setattr(provenance, "generator", lambda domain: "v")
    adapter = tmp_path / "out/sft/adapter_model.safetensors"
    adapter.parent.mkdir(parents=True)
    adapter.write_bytes(b"weights")
    return {
        "sft": run_of("000000000000" + "00", "0000") | {"adapter": files.sha256(adapter)},
        "final_seed_0": run_of("111111000000" + "10", "1000"),
        "control_seed_0": run_of("111100000000" + "10", "1000"),
        "final_seed_1": run_of("11111100000?" + "00", "0000"),
        "control_seed_1": run_of("111111000000" + "11", "0000"),
    }


def run(tmp_path, table):
    files.write_json(tmp_path / "table.json", table)
    flags = ["--results", str(tmp_path / "table.json"), "--out", str(tmp_path / "out"), "--resamples", "500"]
    seeds.main(seeds.parse_args(flags))
    made = json.loads((tmp_path / "out/seeds/seeds.json").read_text(encoding="utf-8"))
    assert made["run"]["judged_by"] == "v"
    return made["summary"]


def test_seeds_are_compared_one_by_one_and_together(tmp_path, table, capsys):
    difference = run(tmp_path, table)["difference"]
    sft, control = (difference["answerable"][pair] for pair in ("dpo_vs_sft", "dpo_vs_control"))
    # seed 0 gains 6 + 1 of 16 items, seed 1 6 of 15; one item of seed 1 cannot be judged, so both together have 15
    assert sft["seeds"]["0"]["difference"] == pytest.approx(7 / 16) and sft["seeds"]["0"]["gained"] == 7
    assert sft["seeds"]["1"]["difference"] == pytest.approx(6 / 15) and sft["seeds"]["1"]["n"] == 15
    assert sft["difference"] == pytest.approx((7 / 15 + 6 / 15) / 2) and sft["n"] == 15
    assert sft["sd"] == pytest.approx((7 / 16 - 6 / 15) / 2**0.5)
    assert sft["low"] < sft["difference"] < sft["high"] and (sft["gained"], sft["lost"]) == (7, 0)
    assert sft["mcnemar_p"] == pytest.approx(2 / 2**7)
    assert control["difference"] == pytest.approx((2 / 15 + 0) / 2) and (control["gained"], control["lost"]) == (2, 0)
    due = difference["to_be_refused"]["dpo_vs_control"]
    assert due["difference"] == pytest.approx((0 - 1) / 2) and due["n"] == 2
    assert "dpo_vs_sft, answerable: +43.3 points (" in capsys.readouterr().out


def test_a_seed_without_its_control_does_not_count(tmp_path, table):
    del table["control_seed_1"]
    with pytest.raises(UserError, match="has 1 seeds of final_seed_N with control_seed_N, and two are the least"):
        run(tmp_path, table)


def test_runs_of_another_sft_model_are_refused(tmp_path, table):
    table["sft"]["adapter"] = "0" * 64
    with pytest.raises(UserError, match="went on from another SFT model"):
        run(tmp_path, table)


def test_runs_that_one_verifier_of_today_did_not_judge_are_refused(tmp_path, table):
    """With the command that scores them again."""
    del table["sft"]["judged_by"], table["control_seed_1"]["dev_sha256"]
    with pytest.raises(UserError, match="not known .*; run python bench/.*table.json --again sft control_seed_1.$"):
        run(tmp_path, table)
    table["sft"]["judged_by"], table["control_seed_1"]["dev_sha256"] = "v", "others"
    with pytest.raises(UserError, match="different verifiers, or other dev items, .*--again sft final_seed_0 control"):
        run(tmp_path, table)
    for row in table.values():
        row.update(judged_by="w", dev_sha256="dev")
    with pytest.raises(UserError, match="judged by another version of the domain than today's; run .* --again sft"):
        run(tmp_path, table)
    assert seeds.again(files.ROOT / "bench/results/sweep_dpo.json", ["a"]).endswith("sweeps/dpo.yaml --again a")


def test_a_run_whose_name_says_no_seed_is_one_sentence(tmp_path, table):
    table["final_seed_x"] = table["final_seed_1"]
    with pytest.raises(UserError, match="the run final_seed_x names no seed"):
        run(tmp_path, table)
