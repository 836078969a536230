"""python bench/hacking.py

Reward hacking, drawn: DPO on an honest reward (the verifier) beside DPO on one that asks to be exploited (shorter
wins), with a usual and a small beta. Reads bench/results/sweep_dpo.json, see bench/sweeps/dpo.yaml; writes
bench/results/reward_hacking.png. The margin is divided by beta, so that runs of two betas compare; samples are of 16
prompts on the way, of 48 at the end; dev is asked at the steps that a run keeps (--save_total_limit).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and eval/ when run by hand

from bench.sweep import again, require_judged
from common import cli, files

RUNS = {  # of the table: what the legend says, and a colour
    "sigmoid": ("verifier, beta 0.1", "#0072B2"),
    "shorter": ("shorter wins, beta 0.1", "#E69F00"),
    "shorter_beta_0.01": ("shorter wins, beta 0.01", "#D55E00"),
}
BEFORE = "sft"  # the row of the model that all of them go on from
LINES = (  # title, unit, and the points of a run, given the model before it
    (
        "What is rewarded: margin, held-out pairs",
        "nats",
        lambda run, before: curve(run["eval"], "eval_rewards/margins", float(run["flags"]["beta"])),
    ),
    ("Length of the policy's samples", "tokens", lambda run, before: curve(run["kl"], "tokens")),
    ("KL from the reference", "nats per answer", lambda run, before: curve(run["kl"], "kl")),
    ("Dev: right, answerable", "%", lambda run, before: on_dev(run, before, "answerable")),
    ("Dev: refused, though answerable", "%", lambda run, before: on_dev(run, before, "refused_answerable")),
)


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--results", type=Path, default=files.ROOT / "bench/results/sweep_dpo.json")
    parser.add_argument("--to", type=Path, default=files.ROOT / "bench/results/reward_hacking.png", metavar="FILE")
    return parser.parse_args(argv)


def curve(log, key, unit=1.0) -> tuple:
    """(steps, values in the unit) of a log."""
    found = [(item["step"], item[key] / unit) for item in log if key in item]
    return [step for step, _ in found], [value for _, value in found]


def on_dev(run, before, key) -> tuple:
    """(steps, per cent) of dev: the model before, at the steps that the run kept, and at its end."""
    last = {"step": run["metrics"]["steps"], key: run[key]}
    return curve([{"step": 0, key: before[key]}, *run.get("by_step", ()), last], key, 0.01)


def draw(results):
    """The figure: by step what is rewarded, length, KL, right and refused answers."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(LINES), figsize=(16, 3.2))
    for axes, (title, unit, points) in zip(panels, LINES, strict=True):
        for name, (label, colour) in RUNS.items():
            axes.plot(*points(results[name], results[BEFORE]), color=colour, marker="o", markersize=3, label=label)
        axes.set(title=title, xlabel="step", ylabel=unit)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(RUNS))
    return figure


def main(args):
    results = files.read_json(args.results, "python bench/sweep.py bench/sweeps/dpo.yaml")
    if missing := [name for name in (BEFORE, *RUNS) if name not in results]:
        raise cli.UserError(
            f"{files.shown(args.results)} has no run {', '.join(missing)}; make it with python bench/sweep.py "
            f"bench/sweeps/dpo.yaml --only {' '.join(missing)}."
        )
    told = [key for key in (BEFORE, *RUNS) if "judged_by" in results[key]]
    require_judged(results, told, args.results)
    if untold := [key for key in (BEFORE, *RUNS) if key not in told]:
        print(f"note: which verifier judged {', '.join(untold)} was not kept; {again(args.results, untold)} tells.")
    import matplotlib

    from eval.plots import STYLE

    matplotlib.use("Agg")
    with matplotlib.rc_context(STYLE), files.replacing(args.to) as path:
        draw(results).savefig(path, format="png", dpi=120, metadata={"Software": None})
    print(f"wrote {files.shown(args.to)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
