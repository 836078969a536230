"""Two processes on half batches each train as one does on whole ones."""

import os
import random
import socket
import subprocess
import sys

import pytest

from common import cli, files
from common.domain import load_domain
from train import dpo, sft

FLAGS = ["--recipe", "recipes/smoke.yaml", "--dtype", "float32", "--logging_steps", "1", "--optim", "adamw_torch"]


def launched(script, *flags):
    """The script in two processes, as the README starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["accelerate.commands.launch", "--config_file", "recipes/accelerate/ddp.yaml", "--main_process_port", port]
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words), script, *FLAGS, *flags],
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
    one, two = tmp_path / "one", tmp_path / "two"
    common = ["--base", str(tiny_base), "--gradient_accumulation_steps", "2", "--eval_rows", "8"]
    for script, name in ((sft, "sft"), (dpo, "dpo")):
        more = [*common, "--data", str(tmp_path / f"{name}.jsonl"), "--learning_rate", "1e-3"]
        more += ["--held_out_share", "0.25"] if name == "dpo" else []
        script.main(script.parse_args([*FLAGS, *more, "--out", str(one), "--per_device_train_batch_size", "4"]))
        said = launched(f"train/{name}.py", *more, "--out", str(two), "--per_device_train_batch_size", "2")
        assert said.count("; wrote ") == 1  # one process speaks
        for mine, its in zip(losses(one / name), losses(two / name), strict=True):
            assert len(mine) == len(its) > 0 and its == pytest.approx(mine, rel=2e-3)
        figures = [files.read_json(out / name / "run.json")["metrics"] for out in (one, two)]
        assert [made["processes"] for made in figures] == [1, 2]
        assert figures[1]["perplexity_after"] == pytest.approx(figures[0]["perplexity_after"], rel=2e-3)
        assert figures[1]["perplexity_after"] != figures[1]["perplexity_before"]
