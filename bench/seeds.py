"""python bench/seeds.py

Does DPO add anything, whatever the seed? Compares the runs `final_seed_N` of a table of DPO runs with the SFT model
that they go on from, and with their controls `control_seed_N`, on the dev items of both slices, all judged by today's
verifier. Reads bench/results/sweep_dpo.json (made by bench/sweep.py) and out/sft; writes out/seeds/seeds.json, of which
eval/report.py then makes a section.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and eval/ when run by hand

from bench.sweep import PARENT, again, require_judged
from common import cli, files, provenance
from common.domain import load_domain
from eval.domain import change

FINAL, CONTROL = "final_seed_", "control_seed_"
PARTS = {"answerable": "0", "to_be_refused": "1"}


def parse_args(argv=None):
    parser = cli.parser(__doc__, "seeds")
    parser.add_argument(
        "--results", type=Path, default=files.ROOT / "bench/results/sweep_dpo.json", help="of the table"
    )
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    return cli.within(cli.parse(parser, argv), resamples=(1, None))


def items_of(run) -> dict:
    """{part: [(correct, None where it cannot be judged; cluster) of each item]}, the two slices one after the other."""
    slices = [run, run["also"]] if "also" in run else [run]
    joined = [item for one in slices for item in zip(one["right"], one["refuse"], one["clusters"], strict=True)]
    return {
        part: [(None if right == "?" else int(right), cluster) for right, refuse, cluster in joined if refuse == flag]
        for part, flag in PARTS.items()
    }


def compare(results, seeds, before, part, args) -> dict:
    """DPO against `before` (seed -> name of a run) on one part of dev.

    For each seed the paired difference; of all, their mean and sample standard deviation, and an interval and exact
    test of the items' differences averaged over seeds (so the interval is of items, the deviation of seeds).
    """
    sides = {
        seed: [[right for right, _ in items_of(results[name])[part]] for name in (f"{FINAL}{seed}", before(seed))]
        for seed in seeds
    }
    clusters = [cluster for _, cluster in items_of(results[PARENT])[part]]
    judged = [i for i in range(len(clusters)) if all(None not in (a[i], b[i]) for a, b in sides.values())]
    mean = [
        [sum(side[i] for side in which) / len(seeds) for i in judged] for which in zip(*sides.values(), strict=True)
    ]
    one_by_one = {seed: change(*sides[seed], clusters, args) for seed in seeds}
    points = [one["difference"] for one in one_by_one.values()]
    return {
        **change(*mean, [clusters[i] for i in judged], args),
        "sd": statistics.stdev(points) if len(points) > 1 else None,
        "seeds": {str(seed): one for seed, one in one_by_one.items()},
    }


def seeds_of(results, path) -> list:
    """The seeds that both the final recipe and its control were trained with; UserError when there are not two, and for
    a run whose name says none."""
    named = [key for key in results if key.startswith(FINAL)]
    if odd := [key for key in named if not key.removeprefix(FINAL).isdecimal()]:
        raise cli.UserError(f"{files.shown(path)}: the run {odd[0]} names no seed, as {FINAL}0 does; rename it there.")
    found = sorted(int(key.removeprefix(FINAL)) for key in named)
    both = [seed for seed in found if f"{CONTROL}{seed}" in results]
    if len(both) < 2 or PARENT not in results:
        raise cli.UserError(
            f"{files.shown(path)} has {len(both)} seeds of {FINAL}N with {CONTROL}N, and two are the least; "
            f"name such runs in bench/sweeps/dpo.yaml and run python bench/sweep.py bench/sweeps/dpo.yaml."
        )
    return both


def judged(args, results, seeds) -> str:
    """The verifier that judged all runs that are compared, by hash; UserError unless it is one, and today's."""
    keys = [PARENT, *(f"{name}{seed}" for seed in seeds for name in (FINAL, CONTROL))]
    require_judged(results, keys, args.results)
    domain = load_domain(args.domain, args.out)
    provenance.check_judged(results[PARENT], domain, files.shown(args.results), again(args.results, keys))
    return results[PARENT]["judged_by"]


def summarise(results, seeds, args) -> dict:
    """{part: {pair: compare()}}, and what the final runs were trained with."""
    pairs = {"dpo_vs_sft": lambda seed: PARENT, "dpo_vs_control": lambda seed: f"{CONTROL}{seed}"}
    parts = {
        part: {pair: compare(results, seeds, before, part, args) for pair, before in pairs.items()} for part in PARTS
    }
    final = results[f"{FINAL}{seeds[0]}"]
    return {"difference": parts, "flags": final["flags"], "counts": final["counts"], "steps": final["metrics"]["steps"]}


def main(args):
    started = time.time()
    results = files.read_json(args.results, "python bench/sweep.py bench/sweeps/dpo.yaml")
    seeds = seeds_of(results, args.results)
    adapter = args.out / "sft/adapter_model.safetensors"
    if not adapter.is_file() or files.sha256(adapter) != results[PARENT]["adapter"]:
        raise cli.UserError(
            f"the runs of {files.shown(args.results)} went on from another SFT model than {adapter.parent}; delete the "
            f"file and run python bench/sweep.py bench/sweeps/dpo.yaml."
        )
    judged_by = judged(args, results, seeds)
    summary = summarise(results, seeds, args)
    run = files.run_record(args, started, inputs=[args.results, adapter], judged_by=judged_by)
    files.write_json(args.out / "seeds/seeds.json", {"summary": summary, "run": run})
    for pair, one in summary["difference"]["answerable"].items():
        points = [f"{100 * one[key]:+.1f}" for key in ("difference", "low", "high", "sd")]
        print(
            f"{pair}, answerable: {points[0]} points ({points[1]} to {points[2]}), deviation of seeds {points[3][1:]}"
        )
    print(f"wrote {args.out / 'seeds/seeds.json'}; next: python eval/report.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
