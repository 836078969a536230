"""The check before a long training: what it runs, when, and what it says to change."""

import random

import pytest

from common import check, cli, files, model, training
from common.cli import UserError
from common.domain import load_domain
from train import dpo, reward, sft


def settings(*flags):
    return sft.parse_args(["--recipe", "recipes/qwen2.5-7b.yaml", *flags])


def test_the_longest_rows_fill_two_batches():
    args = settings("--per_device_train_batch_size", "2", "--max_length", "100")
    rows, lengths = list("abcdef"), [10, 40, 20, 50, 30, 5]
    assert check.longest_batches(args, rows, lengths, packed=False) == ["d", "b", "e", "c"]
    assert check.longest_batches(args, rows, lengths, packed=True) == list("dbecaf") + ["d", "b"]  # two in a sequence


def test_a_training_of_minutes_is_not_checked_unless_asked_nor_one_that_goes_on(tmp_path):
    args = settings("--out", str(tmp_path))
    few, many = 6 * 1e6 * 1e6, 6 * 7.6e9 * 1e7
    assert not check.is_due(args, few)
    assert check.is_due(args, many)
    assert check.is_due(settings("--check", "--out", str(tmp_path)), few)
    (tmp_path / "sft/checkpoints/checkpoint-5").mkdir(parents=True)
    assert not check.is_due(args, many)


def test_advice_is_the_batch_that_fits_then_what_takes_less():
    args = settings("--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "2")
    found = {"fixed": 6.0, "peak": 30.0, "total": 24.0}  # 3 GiB a row, 16.8 are left
    assert check.advice(args, found) == "--per_device_train_batch_size 5 --gradient_accumulation_steps 4"
    assert check.advice(args, {**found, "peak": None}).startswith("--per_device_train_batch_size 4 ")
    one = ("--per_device_train_batch_size", "1")
    assert check.advice(settings(*one, "--no-gradient_checkpointing"), found) == "--gradient_checkpointing"
    assert check.advice(settings(*one, "--no-load_in_4bit"), found) == "--load_in_4bit"
    assert "a smaller base" in check.advice(settings(*one), found)


def sft_rows(n):
    return load_domain("text_to_sql").generate(random.Random(5), n, "sft")


def check_with(monkeypatch, tmp_path, tiny_base, found):
    """check.check on a few rows, its process giving these figures."""
    monkeypatch.setattr(check, "apart", lambda what, function, *given: found)
    args = settings("--check", "--out", str(tmp_path))
    tokenizer, domain = model.load_tokenizer(tiny_base), load_domain("text_to_sql")
    rows = sft_rows(8)
    check.check(args, None, tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",), 1e6)
    return sum(check.row_lengths(tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",)))


FOUND = {"fixed": 6.0, "peak": 12.0, "total": 24.0, "seconds": 2.0, "batch": [4, 50]}


def test_hours_are_all_tokens_at_the_rate_of_the_second_step(monkeypatch, tmp_path, tiny_base, capsys):
    tokens = 2 * check_with(monkeypatch, tmp_path, tiny_base, FOUND)  # two epochs
    said = capsys.readouterr().out
    assert "it fits" in said and "12.0 of 24.0 GiB" in said
    assert f"{tokens:,} tokens at 100 a second take about {tokens / 100 / 3600:.1f} hours" in said
    assert files.read_json(tmp_path / "sft/check.json") == FOUND


@pytest.mark.parametrize("peak, told", [(23.5, "23.5 GiB of 24.0"), (None, "more than there is of 24.0")])
def test_what_does_not_fit_is_refused_with_what_to_change(monkeypatch, tmp_path, tiny_base, peak, told):
    with pytest.raises(cli.UserError, match=rf"does not fit: a step of 4x50 tokens takes {told}.*--per_device_train"):
        check_with(monkeypatch, tmp_path, tiny_base, {**FOUND, "peak": peak})


@pytest.mark.parametrize("script", [sft, dpo, reward])
@pytest.mark.parametrize("flag, name, near", [("optim", "adamw_tork", "adamw_torch"),
                                              ("lr_scheduler_type", "cosin", "cosine")])  # fmt: skip
def test_names_that_the_trainer_would_not_know_are_refused_before_anything_is_read(tmp_path, script, flag, name, near):
    args = script.parse_args([f"--{flag}", name, "--dtype", "float32", "--out", str(tmp_path / "o")])
    with pytest.raises(UserError, match=rf"--{flag}: no '{name}' \(did you mean {near}\?\)"):
        script.main(args)
    assert not (tmp_path / "o").exists()


def test_several_modules_are_named_with_commas():
    args = sft.parse_args(["--target_modules", "q_proj, v_proj"])
    assert training.lora_config(args).target_modules == {"q_proj", "v_proj"}
    assert training.lora_config(sft.parse_args([])).target_modules == "all-linear"


@pytest.mark.slow
def test_a_reward_model_is_checked_and_not_trained(tiny_base, tmp_path):
    pairs = [{"id": row["id"], "prompt": row["prompt"], "chosen": row["completion"], "rejected": "No."}
             for row in sft_rows(12)]  # fmt: skip
    files.write_jsonl(tmp_path / "pairs.jsonl", pairs)
    flags = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--out", str(tmp_path / "o"), "--check"]
    reward.main(reward.parse_args([*flags, "--dtype", "float32", "--data", str(tmp_path / "pairs.jsonl")]))
    assert files.read_json(tmp_path / "o/reward/check.json")["peak"] > 0
    assert [path.name for path in (tmp_path / "o/reward").iterdir()] == ["check.json"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_real_steps_leave_nothing_but_their_figures(tiny_base, tmp_path, capsys):
    rows = [{key: row[key] for key in ("id", "prompt", "completion")} for row in sft_rows(24)]
    files.write_jsonl(tmp_path / "data/sft.jsonl", rows)
    flags = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--out", str(tmp_path), "--check"]
    sft.main(sft.parse_args([*flags, "--dtype", "float32", "--per_device_train_batch_size", "8"]))
    found = files.read_json(tmp_path / "sft/check.json")
    tokenizer = model.load_tokenizer(tiny_base)
    lengths = check.row_lengths(tokenizer, load_domain("text_to_sql").SYSTEM_PROMPT, rows, ("completion",))
    assert found["batch"][0] == 8 and abs(found["batch"][1] - max(lengths)) <= 2  # the template may end in a new line
    assert 0 < found["peak"] < found["total"] and found["seconds"] > 0
    assert "it fits" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "sft").iterdir()] == ["check.json"]
