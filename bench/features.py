"""python bench/features.py gguf smoke reward replay

Runs features once on the products of a run and keeps what they measured, each in bench/results/NAME.json:
gguf: the SFT model's greedy answers from a GGUF file, in 8 bits and exactly as merged; smoke: the server's checks with
vLLM and with transformers; reward: held-out pair accuracy on the run's own pairs and on --hh; replay: two short
trainings, without and with --replay, and what each costs in general knowledge.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import chat, cli, files, model
from common.rows import fit_rows
from common.tables import own_rows
from train.export_gguf import CONVERTER

RESULTS = files.ROOT / "bench/results"
ENGINES, OUTTYPES = ("vllm", "hf"), ("q8_0", "bf16")
SHORT = 700  # characters of a conversation with its answer: 240 such pairs train in some minutes on two cores
ONCE = ["--eval_steps", "0.99", "--save_steps", "0.99", "--logging_steps", "1"]  # evaluated at the end alone
REWARD = ["--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "1", "--learning_rate", "3e-4",
          "--max_length", "1024", "--held_out_share", "0.25", "--no-gradient_checkpointing", *ONCE]  # fmt: skip
# LoRA without quantisation: faster on a CPU, and base and adapters differ by the training alone.
REPLAY = ["--no-load_in_4bit", "--eval_rows", "20", *ONCE]


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    add = parser.add_argument
    add("feature", nargs="+", choices=FEATURES, metavar="FEATURE", help=f"of {', '.join(FEATURES)}")
    add("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    add("--out", type=Path, default=cli.from_root("out"), help="folder of a run, with sft, dpo and data in it")
    add("--converter", default=str(files.ROOT / ".venv/convert"), metavar="DIR", help=f"where {CONVERTER} is installed")
    add("--hh", default=None, metavar="FILE", help="hh-rlhf's harmless-base/test.jsonl.gz (default: not measured)")
    add("--pairs", type=int, default=240, help="pairs that a reward model is trained and measured on")
    add("--replay", default=None, metavar="FILE", help="rows of general use, as train/sft.py takes")
    add("--rows", type=int, default=250, help="of the domain's rows, for the two trainings of replay")
    add("--general_n", type=int, default=330, help="questions of general knowledge after each of them")
    return cli.within(parser.parse_args(argv), pairs=(20, None), rows=(20, None), general_n=(0, None))


def script(name, *flags):
    """Run a script of the repository. UserError when it fails."""
    command = [sys.executable, str(files.ROOT / name), *map(str, flags)]
    print(f"python {name} {' '.join(command[2:])}", flush=True)
    if code := subprocess.run(command).returncode:
        raise cli.UserError(f"{name} ended with exit code {code}, see above.")


def gguf(args) -> dict:
    """{outtype: the figures of train/export_gguf.py on the merged SFT model}."""
    found = {}
    for outtype in OUTTYPES:
        flags = ["--model", args.out / "sft/merged", "--outtype", outtype, "--converter", args.converter]
        script("train/export_gguf.py", *flags, "--out", args.out)
        found[outtype] = files.read_json(args.out / "gguf/compare.json")
    return found


def smoke(args) -> dict:
    """{engine: the checks of serve/smoke.py}; a failed one is a result, too."""
    found = {}
    for engine in ENGINES:
        seen = args.out / "eval/smoke.json"
        seen.unlink(missing_ok=True)
        try:
            script("serve/smoke.py", "--engine", engine, "--out", args.out)
        except cli.UserError:
            if not seen.is_file():  # it never got to ask
                raise
        found[engine] = files.read_json(seen)["checks"]
    return found


def reward(args) -> dict:
    """{data: held-out figures of train/reward.py} on the run's own pairs and, where there is one, on hh-rlhf's."""
    files_of = {"own": args.out / "data/dpo.jsonl"}
    if args.hh:
        files_of["hh-rlhf"] = hh_excerpt(args)
    found = {}
    for name, path in files_of.items():
        folder = args.out / "features" / f"reward_{name}"
        flags = ["--data", path, "--limit", args.pairs, "--base", args.base, "--out", folder, *REWARD]
        script("train/reward.py", *flags)
        run = files.read_json(folder / "reward/run.json")
        found[name] = run["metrics"]["held_out"] | {"trained_on": run["counts"]["pairs"], "seconds": run["seconds"]}
    return found


def hh_excerpt(args) -> Path:
    """A file with a seeded sample of hh-rlhf's short pairs, under no system prompt, where it can be read again."""
    rows, unfit = fit_rows(own_rows(args.hh), args.hh, True)
    short = [row for row in rows if max(length_of(row, side) for side in ("chosen", "rejected")) <= SHORT]
    chosen = random.Random(0).sample(short, min(args.pairs, len(short)))
    print(f"{len(rows)} pairs in {args.hh}, {sum(unfit.values())} unfit, {len(short)} short; {len(chosen)} are taken")
    path = args.out / "features/hh.jsonl"
    files.write_jsonl(path, [{**row, "prompt": chat.messages(row["prompt"], "")} for row in chosen])
    return path


def length_of(row, side) -> int:
    """Characters of a conversation with one of its answers."""
    return len(row[side]) + sum(len(message["content"]) for message in chat.messages(row["prompt"], ""))


def replay(args) -> dict:
    """Domain and general figures of two trainings on the same rows, without and with a tenth of --replay's.

    eval/mmlu.py compares base, SFT and DPO: here its "sft" is the training without replay and its "dpo" the one with,
    so that all three answer the same questions beside one another.
    """
    from eval import stats

    if not args.replay:
        raise cli.UserError("replay needs --replay FILE, rows of general use in any form that train/sft.py takes.")
    folder, found = args.out / "features/replay", {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, stage in (("without", "sft"), ("with", "dpo")):
        more = ["--replay", args.replay, "--replay_share", "0.1"] if name == "with" else []
        flags = ["--base", args.base, "--data", files.ROOT / "data/sft.jsonl", "--limit", args.rows, *REPLAY, *more]
        script("train/sft.py", *flags, "--out", folder / name)
        run = files.read_json(folder / name / "sft/run.json")
        found[name] = {key: run["metrics"][key] for key in ("loss", "perplexity_before", "perplexity_after", "steps")}
        found[name] |= run["counts"] | {"seconds": run["seconds"]}
        (folder / stage).unlink(missing_ok=True)
        (folder / stage).symlink_to(Path(name) / "sft", target_is_directory=True)
    script("eval/mmlu.py", "--base", args.base, "--out", folder, "--general_n", args.general_n, "--text_n", 30)
    made = files.read_json(folder / "eval/mmlu.json")
    form = made["summary"]["reported"]["general knowledge"] or "letters"
    rows = [row for row in made["rows"] if (row["benchmark"], row["form"]) == ("general knowledge", form)]
    told, renamed = made["summary"]["benchmarks"]["general knowledge"][form], {"sft": "without", "dpo": "with"}
    difference, low, high = stats.paired_t_interval([row["dpo"] for row in rows], [row["sft"] for row in rows])
    return {
        "trainings": found,
        "form": form,
        "accuracy": {renamed.get(name, name): one for name, one in told["accuracy"].items()},
        "tax": {renamed[pair.split("_")[0]]: one for pair, one in told["tax"].items()},
        "with_minus_without": {"difference": difference, "low": low, "high": high, "n": len(rows)},
        "general_text": {
            renamed.get(name, name): value for name, value in made["summary"]["general_text"]["perplexity"].items()
        },
    }


FEATURES = {"gguf": gguf, "smoke": smoke, "reward": reward, "replay": replay}


def main(args):
    for name in dict.fromkeys(args.feature):
        started, load = time.time(), os.getloadavg()[0]
        figures = FEATURES[name](args)
        about = {
            "seconds": round(time.time() - started, 1),
            "cores": len(os.sched_getaffinity(0)),
            "load_before": round(load, 2),  # what else the machine was doing
            "versions": files.versions(),
            "commit": files.commit(),
        }
        target = RESULTS / f"{name}.json"
        files.write_json(target, {"figures": figures, **about})
        print(f"wrote {files.shown(target)} in {about['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    cli.run(main, parse_args)
