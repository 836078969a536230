"""Two processes on half batches each train as one does on whole ones, with a whole model each or sharing one."""

import os
import random
import socket
import subprocess
import sys

import pytest

from common import cli, files, model
from common.domain import load_domain
from train import dpo, reward, sft

FLAGS = ["--recipe", "recipes/smoke.yaml", "--dtype", "float32", "--logging_steps", "1", "--optim", "adamw_torch"]
# Of fsdp_qlora.yaml what needs GPUs: accelerate splits weights on those only, and sends the first one's to the others.
ON_CPU = {"ddp": [], "fsdp_qlora": ["--fsdp_sync_module_states", "false"]}
STARTER = {"ddp": [], "fsdp_qlora": ["tests/shared_weights.py"]}


def launched(config, script, *flags):
    """The script in two processes, as the README starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ["accelerate.commands.launch", "--config_file", f"recipes/accelerate/{config}.yaml", *ON_CPU[config]]
    done = subprocess.run(
        [sys.executable, "-m", *words, "--main_process_port", port, *STARTER[config], script, *FLAGS, *flags],
        cwd=cli.ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def losses(folder):
    log = files.read_json(folder / "log.json")
    return [item["loss"] for item in log if "loss" in item], [item["eval_loss"] for item in log if "eval_loss" in item]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_give_the_losses_of_one(tiny_base, tmp_path):
    cli.quiet()
    rows = [row for row in load_domain("text_to_sql").generate(random.Random(5), 80, "sft") if row["gold"]][:32]
    keys = ("id", "prompt", "completion")
    files.write_jsonl(tmp_path / "sft.jsonl", [{key: row[key] for key in keys} for row in rows])
    files.write_jsonl(
        tmp_path / "dpo.jsonl",
        [{"prompt": row["prompt"], "chosen": row["completion"], "rejected": row["completion"][:-9]} for row in rows],
    )
    common = ["--base", str(tiny_base), "--gradient_accumulation_steps", "2", "--eval_rows", "8"]
    for script, name in ((sft, "sft"), (dpo, "dpo")):
        more = [*common, "--data", str(tmp_path / f"{name}.jsonl"), "--learning_rate", "1e-3"]
        more += ["--held_out_share", "0.25"] if name == "dpo" else []
        one = tmp_path / "one"
        script.main(script.parse_args([*FLAGS, *more, "--out", str(one), "--per_device_train_batch_size", "4"]))
        for config in ON_CPU:
            two = tmp_path / config
            said = launched(config, f"train/{name}.py", *more, "--out", str(two), "--per_device_train_batch_size", "2")
            assert said.count("; wrote ") == 1  # one process speaks
            for mine, its in zip(losses(one / name), losses(two / name), strict=True):
                assert len(mine) == len(its) > 0 and its == pytest.approx(mine, rel=2e-3), config
            figures = [files.read_json(out / name / "run.json")["metrics"] for out in (one, two)]
            assert [made["processes"] for made in figures] == [1, 2]
            assert figures[1]["trainable"] == figures[0]["trainable"] and figures[1]["total"] == figures[0]["total"]
            assert figures[1]["perplexity_after"] == pytest.approx(figures[0]["perplexity_after"], rel=2e-3)
            assert figures[1]["perplexity_after"] != figures[1]["perplexity_before"]


@pytest.mark.parametrize("name", ["ddp", "fsdp_qlora"])
def test_accelerate_reads_the_file(name):
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    path = str(cli.ROOT / f"recipes/accelerate/{name}.yaml")
    known = launch_command_parser()
    flags = {action.dest for action in known._actions}
    settings = load_config_from_file(path)
    assert settings.num_processes == 2 and settings.mixed_precision == "no"
    assert set(settings.fsdp_config) <= flags, "an unknown key would be passed over in silence"
    args, *_ = _validate_launch_command(known.parse_args(["--config_file", path, "train/sft.py"]))
    assert args.use_fsdp == (name == "fsdp_qlora")
    made = prepare_multi_gpu_env(args)
    if args.use_fsdp:
        wanted = {"FSDP_VERSION": "1", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
                  "FSDP_USE_ORIG_PARAMS": "false", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
                  "ACCELERATE_USE_FSDP": "true"}  # fmt: skip
        assert {key: made[key] for key in wanted} == wanted


def test_shared_four_bit_weights_are_stored_in_the_dtype_of_the_rest(monkeypatch):
    import torch

    args = sft.parse_args(["--dtype", "bfloat16"])
    assert model.quantization(args).bnb_4bit_quant_storage == torch.uint8
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert model.quantization(args).bnb_4bit_quant_storage == torch.bfloat16


@pytest.mark.parametrize(
    ("script", "flags", "said"),
    [
        (sft, ["--optim", "paged_adamw_8bit"], "--optim paged_adamw_8bit does not go with .* say --optim adamw_torch"),
        (dpo, ["--optim", "adamw_bnb_8bit"], "--optim adamw_bnb_8bit does not go with"),
        (sft, ["--optim", "adamw_torch", "--loraplus_lr_ratio", "16"], "--loraplus_lr_ratio does not go with"),
        (dpo, ["--optim", "adamw_torch", "--load_in_8bit"], "--load_in_8bit does not go with"),
        (reward, [], "ddp.yaml"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_is_read(tmp_path, monkeypatch, script, flags, said):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    args = script.parse_args([*flags, "--dtype", "float32", "--out", str(tmp_path / "o")])
    with pytest.raises(cli.UserError, match=said):
        script.main(args)
    assert not (tmp_path / "o").exists()
