"""python bench/estimate.py

Minutes that each stage of a recipe will take on this machine; run.sh shows them before it starts. They are the stage
times of the committed default run (eval/results/runs.json.gz), in proportion to the rows that the recipe asks for and
to how fast this machine multiplies matrices of the base's size (a probe of two seconds). Off by up to a half.
Writes out/estimate.json.
"""

import gzip
import importlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and the stages when run by hand

from common import cli, files

RECORD = files.ROOT / "eval/results/runs.json.gz"
STAGES = {
    "gen_sft": "data.gen_sft",
    "sft": "train.sft",
    "gen_dpo": "data.gen_dpo",
    "dpo": "train.dpo",
    "answer": "eval.answer",
    "mmlu": "eval.mmlu",
}
PROBE_SECONDS = 2.0
ROWS, WIDTH, DEPTH = 2048, 576, 1536  # tokens of a batch, and the two sizes of the default base's layers


def parse_args(argv=None):
    return cli.parse(cli.parser(__doc__, "estimate"), argv)


def probe(dtype: str) -> float:
    """GFLOP/s of matrix products in this dtype, over two seconds."""
    import torch

    a = torch.ones(ROWS, WIDTH, dtype=getattr(torch, dtype))
    b = torch.ones(WIDTH, DEPTH, dtype=getattr(torch, dtype))
    a @ b
    started, products = time.perf_counter(), 0
    while time.perf_counter() - started < PROBE_SECONDS:
        a @ b
        products += 1
    return 2 * ROWS * WIDTH * DEPTH * products / (time.perf_counter() - started) / 1e9


def settings_of(args) -> dict:
    """{stage: settings} as each script resolves them for this recipe."""
    flags = ["--recipe", args.recipe]
    return {stage: vars(importlib.import_module(name).parse_args(flags)) for stage, name in STAGES.items()}


def work_of(settings) -> dict:
    """{stage: rows it works on}; only the ratio of two recipes' numbers matters."""
    sft, pairs, answer = settings["sft"], settings["gen_dpo"], settings["answer"]
    n = settings["gen_sft"]["n"]
    return {
        "gen_sft": n,
        "sft": min(sft["limit"] or n, n) * sft["num_train_epochs"],
        "gen_dpo": pairs["n"] * pairs["samples"],
        "dpo": min(settings["dpo"]["limit"] or pairs["n"], pairs["n"]) * settings["dpo"]["num_train_epochs"],
        "answer": answer["limit"] or 1002,  # of the test
        "mmlu": settings["mmlu"]["n"] + 660,  # the general-knowledge test is asked whole beside it
    }


def estimate(work, record, speed) -> dict:
    """{stage: seconds}, from the record's seconds, work and speed (GFLOP/s)."""
    slower = record["estimate"]["gflops"] / speed
    return {
        stage: record["stage_seconds"][stage] * work[stage] / record["estimate"]["work"][stage] * slower
        for stage in work
        if stage in record["stage_seconds"]
    }


def main(args):
    from common import model

    settings = settings_of(args)
    dtype = model.choose_dtype(settings["sft"]["dtype"])
    speed, work = probe(dtype), work_of(settings)
    known = {"gflops": speed, "dtype": dtype, "work": work}
    files.write_json(args.out / "estimate.json", known)
    record = json.loads(gzip.decompress(RECORD.read_bytes())) if RECORD.is_file() else {}
    if settings["sft"]["base"] != model.DEFAULT_BASE or "estimate" not in record:
        print(f"no estimate of the time: only {model.DEFAULT_BASE} was measured; each stage shows its own time left.")
        return
    seconds = estimate(work, record, speed)
    shown = ", ".join(f"{stage} {value / 60:.0f}" for stage, value in seconds.items())
    print(f"about {sum(seconds.values()) / 60:.0f} minutes on this machine ({speed:.0f} GFLOP/s in {dtype}): {shown}")


if __name__ == "__main__":
    cli.run(main, parse_args)
