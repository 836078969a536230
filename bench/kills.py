"""python bench/kills.py --kills 30

Does a training that is killed at any moment end in what an uninterrupted one ends in? Trains a tiny random base by
train/sft.py and train/dpo.py, kills each (SIGKILL) up to five times, runs the same command again until it is done,
and compares with a straight run: bytes of the adapter and of the merged weights, each step of the log, KL, figures.
Then the same in a fresh folder, until --kills are done. The moments fall into all of a command, of either stage: each
goes through the phases in a seeded order (half of them training), at a seeded share of the time that the straight run
spent there.

Keeps base, data and straight run in --out and writes bench/results/kills.json after each kill, from which the same
command goes on. About half a minute for each kill.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # find common/, and the tests' base and rows when run by hand

from common import cli, files

# A command's phases, in order, and for how many of ten kills of a stage each is meant. What was killed is recorded.
PHASES = {"loading": 1, "training": 5, "samples": 1, "merge": 2, "end": 1}
STAGES = ("sft", "dpo")
A_STAGE = 5  # kills of a stage before it is left to end
ROWS = 48
TIMED = ("seconds", "peak_memory_gib", "runtime", "per_second", "flos")  # how a log's keys end that no run repeats
FIGURES = ("loss", "steps", "tokens", "perplexity_before", "perplexity_after", "kl")


class Run(NamedTuple):
    """A command that was started: its process, when, what it prints, and the folder it writes."""

    process: subprocess.Popen
    started: float
    log: Path
    folder: Path


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--kills", type=int, default=30, help="in all, with those of earlier runs")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=Path("out/kills"), metavar="DIR", help="folder of the trainings")
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results/kills.json", help="JSON of the figures")
    return cli.within(parser.parse_args(argv), kills=(1, None), seed=cli.SEEDS)


def prepare(out):
    """The tiny base and the rows of both stages, unless they are there."""
    if (out / "data/dpo.jsonl").is_file():
        return
    from conftest import write_tiny_base
    from test_training import pairs, sft_rows

    write_tiny_base(out / "base")
    files.write_jsonl(out / "data/sft.jsonl", sft_rows(ROWS))
    files.write_jsonl(out / "data/dpo.jsonl", pairs(ROWS))


def start(out, stage, folder) -> Run:
    """Start a stage's command on the products in `folder`."""
    words = ["--recipe", "recipes/smoke.yaml", "--base", out / "base", "--dtype", "float32", "--out", folder]
    words += ["--data", out / f"data/{stage}.jsonl", "--per_device_train_batch_size", 4, "--logging_steps", 1]
    words += ["--save_steps", 3, "--eval_steps", 4, "--learning_rate", 1e-3]
    words += ["--num_train_epochs", 2]
    words += ["--held_out_share", 0.1] if stage == "dpo" else ["--train_sampling_strategy", "group_by_length"]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{stage}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, ROOT / f"train/{stage}.py", *map(str, words)], cwd=ROOT, stdout=sink, stderr=sink
        )
    return Run(process, time.time(), log, folder / stage)


def phase_of(run) -> str:
    """Which of PHASES the command is in, by what it has printed and written since it began."""

    def new(name):
        path = run.folder / name
        return path.is_file() and path.stat().st_mtime >= run.started - 0.05  # a file system's clock is coarse

    if new("run.json"):
        return "end"
    if new("samples.md"):
        return "merge"
    if new("log.json"):
        return "samples"
    return "training" if "parameters trained" in run.log.read_text(errors="replace") else "loading"


def is_done(run) -> bool:
    """Whether nothing is left to do: the record is new, and the checkpoints are gone."""
    return phase_of(run) == "end" and not (run.folder / "checkpoints").exists()


def checkpoints(run) -> list:
    """The steps of the checkpoints that are there, whole or not."""
    return sorted(int(path.name.split("-")[1]) for path in run.folder.glob("checkpoints/checkpoint-*"))


def planned(seed, stage, number) -> tuple:
    """(phase, share of it after which to kill) of a stage's try of this number; ten in a row are as PHASES says."""
    deck = [phase for phase, times in PHASES.items() for _ in range(times)]
    turn, place = divmod(number, len(deck))
    random.Random(f"{seed} {stage} {turn}").shuffle(deck)
    return deck[place], random.Random(f"{seed} {stage} {number}").random()


def finish(run) -> dict:
    """{phase: seconds} of a command that is left to end; UserError when it fails."""
    spent, before = Counter(), time.time()
    while run.process.poll() is None:
        time.sleep(0.05)
        spent[phase_of(run)] += time.time() - before
        before = time.time()
    if run.process.returncode:
        raise cli.UserError(f"{run.folder.name} ended with exit code {run.process.returncode}; see {run.log}.")
    return {phase: round(spent[phase], 2) for phase in PHASES}


def kill(run, phase, share, seconds, steps):
    """Kill the command after a share of a phase and say what phase it is in by then; None when it has ended before.

    seconds, steps: of the straight run. This one may be slower or faster, which its loading tells, and has only those
    steps left to train that are not in a checkpoint.
    """
    order, left = list(PHASES), 1 - max(checkpoints(run), default=0) / steps
    loaded = time.time()
    while run.process.poll() is None and order.index(phase_of(run)) < order.index(phase):
        time.sleep(0.02)
        loaded = time.time() if phase_of(run) == "loading" else loaded
    pace = 1 if phase == "loading" else (loaded - run.started) / seconds["loading"]
    time.sleep(share * seconds[phase] * pace * (left if phase == "training" else 1))
    if run.process.poll() is not None:
        return None
    run.process.kill()
    return phase_of(run) if run.process.wait() < 0 else None


def products(folder) -> dict:
    """What a stage must end in whatever happened on the way: hashes, figures, and the log without its times."""
    record, log = files.read_json(folder / "run.json"), files.read_json(folder / "log.json")
    kept = [item for item in log if "train_runtime" not in item]  # the library's own summary is of the last process
    made = {
        "adapter": files.sha256(folder / "adapter_model.safetensors"),
        "merged": files.sha256(folder / "merged/model.safetensors"),
        "log": [{key: value for key, value in item.items() if not key.endswith(TIMED)} for item in kept],
        "figures": {key: record["metrics"][key] for key in FIGURES if key in record["metrics"]},
    }
    if folder.name == "sft":
        made["base"] = files.sha256(folder / "base/model.safetensors")
    else:
        made["kl"] = files.read_json(folder / "kl.json")
        made["proof"] = {key: value for key, value in record["proof"].items() if not key.endswith("resume")}
    return made


def steps_of(log) -> list:
    """The steps that have a training loss, in the order logged."""
    return [item["step"] for item in log if "loss" in item]


def straight(out) -> dict:
    """{stage: products and seconds of an uninterrupted run}, made unless it is there."""
    known = out / "straight/found.json"
    if not known.is_file():
        found = {}
        for stage in STAGES:
            seconds = finish(start(out, stage, out / "straight"))
            found[stage] = {"seconds": seconds, "products": products(out / "straight" / stage)}
            steps = steps_of(found[stage]["products"]["log"])
            assert steps == list(range(1, len(steps) + 1)), steps
            print(f"straight {stage}: {len(steps)} steps, seconds {seconds}", flush=True)
        files.write_json(known, found)
    return files.read_json(known)


def compare(folder, wanted) -> dict:
    """Which of the products are the straight run's, and the record's figures that depend on the machine."""
    found, metrics = products(folder), files.read_json(folder / "run.json")["metrics"]
    same = {name: json.loads(json.dumps(found[name])) == wanted[name] for name in wanted}
    return {"same": same, "steps_in_order": steps_of(found["log"]) == steps_of(wanted["log"]),
            "train_seconds": round(metrics["train_seconds"], 2),
            "train_peak_memory_gib": round(metrics["train_peak_memory_gib"], 2)}  # fmt: skip


def disturb(args, found, stage, cycle, wanted):
    """Kill a stage again and again, let it end, and add to `found` what was killed and what it ended in."""
    folder, done, steps = args.out / "killed", False, steps_of(wanted["products"]["log"])[-1]
    for _ in range(A_STAGE):
        if done or len(found["kills"]) == args.kills:
            break
        tries = sum(item["stage"] == stage for item in found["kills"] + found["missed"])
        run = start(args.out, stage, folder)
        fell = kill(run, *planned(args.seed, stage, tries), wanted["seconds"], steps)
        if fell:
            found["kills"].append({"cycle": cycle, "stage": stage, "phase": fell, "checkpoints": checkpoints(run),
                                   "seconds": round(time.time() - run.started, 2)})  # fmt: skip
            files.write_json(args.results, found)
            print(f"kill {len(found['kills'])}: {found['kills'][-1]}", flush=True)
        elif run.process.returncode:
            raise cli.UserError(f"{stage} ended with exit code {run.process.returncode}; see {run.log}.")
        else:
            found["missed"].append({"cycle": cycle, "stage": stage})  # it ended before
        done = is_done(run)
    if not done:
        finish(start(args.out, stage, folder))
    found["ends"].append({"cycle": cycle, "stage": stage, **compare(folder / stage, wanted["products"])})
    print(f"ended: {found['ends'][-1]}", flush=True)


def read_found(path, wanted) -> dict:
    """What earlier runs found against this straight run, without the kills of a stage that did not come to its end."""
    hashes = {stage: wanted[stage]["products"]["adapter"] for stage in STAGES}
    found = files.read_json(path) if path.is_file() else {}
    if found.get("straight_adapters") != hashes:
        seconds = {stage: wanted[stage]["seconds"] for stage in STAGES}
        return {"straight_adapters": hashes, "straight_seconds": seconds, "kills": [], "missed": [], "ends": []}
    ended = {(item["cycle"], item["stage"]) for item in found["ends"]}
    tries = {
        name: [item for item in found.get(name, ()) if (item["cycle"], item["stage"]) in ended]
        for name in ("kills", "missed")
    }
    return found | tries


def main(args):
    prepare(args.out)
    wanted = straight(args.out)
    found = read_found(args.results, wanted)
    while len(found["kills"]) < args.kills:
        cycle = max((item["cycle"] for item in found["ends"]), default=-1) + 1
        shutil.rmtree(args.out / "killed", ignore_errors=True)
        for stage in STAGES:
            disturb(args, found, stage, cycle, wanted[stage])
            files.write_json(args.results, found)
    counts = Counter((item["stage"], item["phase"]) for item in found["kills"])
    equal = [all(item["same"].values()) and item["steps_in_order"] for item in found["ends"]]
    found["summary"] = {
        "kills": len(found["kills"]),
        "by_phase": {stage: {phase: counts[stage, phase] for phase in PHASES} for stage in STAGES},
        "ends": len(equal),
        "ends_equal_to_the_straight_run": sum(equal),
    }
    files.write_json(args.results, {**found, "versions": files.versions(), "commit": files.commit()})
    print(f"{found['summary']}; wrote {files.shown(args.results)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
