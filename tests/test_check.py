"""The check before a long training: what it runs, when, and what it says to change."""

import random
from types import SimpleNamespace

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


def test_a_sample_of_the_rows_is_said(capsys):
    rows = list(range(50))
    assert training.limited(rows, settings("--limit", "50")) == training.limited(rows, settings("--limit", "0")) == rows
    assert not capsys.readouterr().out
    some = training.limited(rows, settings("--limit", "20"))
    assert len(set(some)) == 20 and some == sorted(some) and some != rows[:20]
    assert "20 of 50 rows" in capsys.readouterr().out
    assert some == training.limited(rows, settings("--limit", "20"))
    assert some != training.limited(rows, settings("--limit", "20", "--seed", "1"))


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
    found = {"fixed": 6.0, "peak": 30.0, "total": 24.0, "batch": [8, 50]}  # 3 GiB a row, 16.8 are left
    assert check.advice(args, found) == "--per_device_train_batch_size 5 --gradient_accumulation_steps 4"
    assert check.advice(args, {**found, "peak": None}).startswith("--per_device_train_batch_size 4 ")
    one = ("--per_device_train_batch_size", "1")
    assert check.advice(settings(*one, "--no-gradient_checkpointing"), found) == "--gradient_checkpointing"
    assert check.advice(settings(*one, "--no-load_in_4bit"), found) == "--load_in_4bit"
    assert "a smaller base, or shorter rows" in check.advice(settings(*one), found)
    alone = {"total": 24.0, "peak": None, "batch": None}  # no batch would help
    assert check.advice(settings("--no-load_in_4bit", "--no-gradient_checkpointing"), alone) == "--load_in_4bit"
    assert check.advice(args, alone) == "a smaller base"


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


@pytest.mark.parametrize("where", ["load_base", "train"])
def test_memory_that_runs_out_before_the_first_step_is_the_same_sentence(monkeypatch, tmp_path, tiny_base, where):
    """A base that does not fit, as it is loaded or laid out for training."""
    import torch

    def runs_out(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(check, "apart", lambda what, function, *given: function(*given))
    monkeypatch.setattr(model, "load_base", runs_out if where == "load_base" else lambda *given: None)
    trainer = SimpleNamespace(args=SimpleNamespace(), training_step=None, add_callback=lambda one: None, train=runs_out)
    monkeypatch.setattr(sft, "build_trainer", lambda *given: trainer)
    tokenizer, system = model.load_tokenizer(tiny_base), load_domain("text_to_sql").SYSTEM_PROMPT
    args = settings("--check", "--out", str(tmp_path), "--no-load_in_4bit")
    with pytest.raises(UserError, match=r"sft does not fit: the model alone takes more than .*: --load_in_4bit\.$"):
        check.check(args, sft.check_steps, tokenizer, system, sft_rows(8), ("completion",), 1e6)
    assert files.read_json(tmp_path / "sft/check.json")["peak"] is None


@pytest.mark.parametrize("script", [sft, dpo, reward])
@pytest.mark.parametrize("flag, name, near", [("optim", "adamw_tork", "adamw_torch"),
                                              ("lr_scheduler_type", "cosin", "cosine")])  # fmt: skip
def test_names_that_the_trainer_would_not_know_are_refused_before_anything_is_read(tmp_path, script, flag, name, near):
    args = script.parse_args([f"--{flag}", name, "--dtype", "float32", "--out", str(tmp_path / "o")])
    with pytest.raises(UserError, match=rf"--{flag}: no '{name}' \(did you mean {near}\?\)"):
        script.main(args)
    assert not (tmp_path / "o").exists()


def test_schedules_that_need_a_number_are_refused_and_only_those(tmp_path):
    import torch
    from transformers.optimization import get_scheduler
    from transformers.trainer_utils import SchedulerType

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    unfit = []
    for name in (one.value for one in SchedulerType):
        try:
            get_scheduler(name, optimizer, num_warmup_steps=1, num_training_steps=4)
        except (TypeError, ValueError):
            unfit.append(name)
        args = sft.parse_args(["--lr_scheduler_type", name, "--dtype", "float32", "--out", str(tmp_path / "o")])
        if name in unfit:
            with pytest.raises(UserError, match=f"{name} needs a number that no flag gives; there is linear, cosine"):
                sft.main(args)
        else:
            training.check_names(args)
    assert len(unfit) == 3 and not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", training.BY_LOSS)
def test_a_schedule_by_the_held_out_loss_needs_pairs_held_out(name):
    flags = ["--lr_scheduler_type", name, "--held_out_share"]
    training.check_names(dpo.parse_args([*flags, "0.1"]))
    with pytest.raises(UserError, match=f"{name} goes by the loss of pairs that are held out, and --held_out_share 0"):
        training.check_names(dpo.parse_args([*flags, "0"]))


def test_modules_are_named_with_commas():
    for given, wanted in (("q_proj, v_proj", {"q_proj", "v_proj"}), ("q_proj", {"q_proj"}), (r".*_proj", ".*_proj")):
        assert training.lora_config(sft.parse_args(["--target_modules", given])).target_modules == wanted
    assert training.lora_config(sft.parse_args([])).target_modules == "all-linear"


@pytest.mark.parametrize(
    "given, first",
    [
        ("nonsense", "nonsense"),
        ("q_proj,v_prj", "v_prj"),  # PEFT would train the others alone
        ("q_proj,", ""),
        ("mlp", "mlp"),
        ("embed_tokens", "embed_tokens"),
        ("lm_head", "lm_head"),  # in this base the embedding's weight, which cannot be merged into
        (".*", ".*"),
        ("(q|v", "(q|v"),
    ],
)
def test_modules_that_the_base_lacks_are_refused_before_its_weights_are_read(tiny_base, given, first):
    args = sft.parse_args(["--base", str(tiny_base), "--target_modules", given])
    with pytest.raises(UserError) as caught:
        training.check_targets(args)
    said = str(caught.value)
    assert f"has no layers {first!r} that can have an adapter" in said
    assert "it has down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj, or say all-linear." in said


@pytest.mark.parametrize("given", ["all-linear", "q_proj", "q_proj,v_proj", "self_attn.q_proj", r".*\.[qv]_proj"])
def test_modules_that_the_base_has_are_those_that_peft_finds(tiny_base, given):
    from peft import get_peft_model

    args = sft.parse_args(["--base", str(tiny_base), "--target_modules", given])
    training.check_targets(args)
    training.check_targets(args, scalar=True)
    network = get_peft_model(model.without_weights(args.base), training.lora_config(args))
    found = {name.split(".")[-4] for name, _ in network.named_parameters() if "lora_A" in name}
    assert found >= {"q_proj"} and ("v_proj" in found) == ("v" in given or given == "all-linear")


@pytest.mark.parametrize("script", [sft, reward])
def test_the_trainers_look_for_the_modules_before_they_load(tiny_base, tmp_path, monkeypatch, script):
    monkeypatch.setattr(model, "load_base", lambda *given, **more: pytest.fail("the base was loaded"))
    row = {"id": "a", "prompt": "What?", "cluster": 0}
    rows = [{**row, "prompt": f"What {i}?", "id": i, "cluster": i} for i in range(8)]
    answers = {"completion": "That."} if script is sft else {"chosen": "That.", "rejected": "This."}
    files.write_jsonl(tmp_path / "own.jsonl", [{**row, **answers} for row in rows])
    flags = ["--base", str(tiny_base), "--out", str(tmp_path / "o"), "--data", str(tmp_path / "own.jsonl")]
    with pytest.raises(UserError, match="has no layers 'nonsense'"):
        script.main(script.parse_args([*flags, "--dtype", "float32", "--target_modules", "nonsense"]))


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
