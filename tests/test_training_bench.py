"""bench/training.py: what it makes of the seconds that it measured, without a training."""

from bench import training
from common import files


def test_ratios_are_of_the_means_of_all_turns(tmp_path, monkeypatch, capsys):
    seconds = {("sft", "trl"): [1.4, 1.6], ("sft", "ours"): [1.0, 1.0], ("dpo", "trl"): [4.0, 5.0],
               ("dpo", "ours"): [2.0, 2.0], ("dpo", training.KNOWN): [1.0, 1.5]}  # fmt: skip
    left = {key: list(some) for key, some in seconds.items()}
    monkeypatch.setattr(
        training,
        "apart",
        lambda what, measure, args, *key: {"seconds_a_row": left[key].pop(0), "loss": 0.5, "rows": 32},
    )
    monkeypatch.setattr(training, "TARGET", tmp_path / "training.json")
    training.main(training.parse_args(["--turns", "2", "--rows", "48"]))
    made = files.read_json(tmp_path / "training.json")
    assert made["setting"]["rows"] == 48 and not any(left.values())
    sft, dpo = made["stages"]["sft"], made["stages"]["dpo"]
    assert (sft["ratio"], dpo["ratio"], dpo["ratio_known"]) == (1.5, 2.25, 1.6) and "ratio_known" not in sft
    assert [one["seconds_a_row"] for one in dpo["trl"]] == seconds["dpo", "trl"]
    assert "dpo: trl 4.50 s a row, ours 2.00: 2.25 times as fast" in capsys.readouterr().out
