"""The plots of EVAL_REPORT.md: `draw_all` writes them as PNG, same figures, same bytes.

Used by eval/report.py. Colours are Okabe and Ito's, which colour-blind readers can tell apart;
every model also has a marker of its own. Whiskers are 95 % intervals.
"""

import math

from common import files
from common.answers import MODELS

NAMES = {"base": "Base", "sft": "SFT", "dpo": "SFT + DPO"}
COLOURS = {"base": "#666666", "sft": "#0072B2", "dpo": "#D55E00"}
MARKERS = {"base": "s", "sft": "o", "dpo": "^"}
TRAIN, HELD_OUT = "#56B4E9", "#D55E00"
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def draw_all(found, folder):
    """Write every plot into `folder`; returns {name: (file name, what it shows)}."""
    import matplotlib

    verified = "by_kind" in found.domain["summary"]
    plots = {
        "accuracy": (
            "accuracy_by_kind.png",
            draw_kinds,
            "Accuracy by kind of question. Whiskers: Wilson's 95 % interval of each kind "
            "on its own, items taken as independent.",
        ),
        "winrate": (
            "win_rates.png",
            draw_win_rates,
            f"Win rates {'by correctness alone' if verified else f'as judged by {found.judge}'} with 95 % intervals; "
            "50 % is a draw.",
        ),
        "sft": ("sft_loss.png", draw_sft, "SFT: loss on the training rows and on the dev rows."),
        "dpo": (
            "dpo_training.png",
            draw_dpo,
            "DPO: loss, margin of the rewards and accuracy (share of pairs with a positive "
            "margin), on the training pairs and on the held-out pairs.",
        ),
        "kl": (
            "dpo_kl.png",
            draw_kl,
            "DPO: distance from the reference on samples of the policy; rewards and "
            "log-probabilities of both sides of the pairs.",
        ),
    }
    made = {}
    with matplotlib.rc_context(STYLE):
        for name, (file_name, draw, caption) in plots.items():
            if name == "accuracy" and not verified:
                continue
            figure = draw(found)
            with files.replacing(folder / file_name) as temporary:
                figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
            made[name] = (file_name, caption)
    return made


def _figure(width, height, columns=1):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(1, columns)


def _curve(axes, log, key, label, colour, style="-"):
    """One logged quantity over the optimizer steps; nothing when it was not logged, or was no number."""
    points = [(item["step"], item[key]) for item in log if item.get(key) is not None and "step" in item]
    if points:
        few = len(points) <= 30  # markers show how often a quantity was really measured
        axes.plot(
            *zip(*points, strict=True),
            style,
            color=colour,
            label=label,
            linewidth=1.3,
            marker="o" if few else None,
            markersize=3.5,
        )


def _label(axes, title, y_label):
    axes.set(title=title, xlabel="optimizer step", ylabel=y_label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "not logged", transform=axes.transAxes, ha="center")


def draw_sft(found):
    """Training and dev loss of SFT."""
    figure, axes = _figure(6.4, 3.2)
    _curve(axes, found.sft_log, "loss", "training rows", TRAIN)
    _curve(axes, found.sft_log, "eval_loss", "dev rows, held out", HELD_OUT)
    values = [item[key] for item in found.sft_log for key in ("loss", "eval_loss") if item.get(key) is not None]
    logarithmic = bool(values) and min(values) > 0 and max(values) > 20 * min(values)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    elif values:
        axes.set_ylim(bottom=0)
    _label(axes, "SFT loss", f"nats per completion token{' (log scale)' if logarithmic else ''}")
    return figure


def draw_dpo(found):
    """Loss, reward margin and reward accuracy of DPO, on training and on held-out pairs."""
    figure, panels = _figure(10.5, 3.2, 3)
    kinds = (
        ("loss", "DPO loss", "nats per pair"),
        ("rewards/margins", "Reward margin, chosen - rejected", "nats, times beta"),
        ("rewards/accuracies", "Reward accuracy", "share of pairs"),
    )
    for axes, (key, title, y_label) in zip(panels, kinds, strict=True):
        _curve(axes, found.dpo_log, key, "training pairs", TRAIN)
        _curve(axes, found.dpo_log, f"eval_{key}", "held-out pairs", HELD_OUT)
        if key == "loss":
            axes.axhline(math.log(2), color="black", linewidth=0.8, linestyle=":", label="ln 2 (no preference)")
        if key == "rewards/accuracies":
            axes.set_ylim(-0.03, 1.03)
        _label(axes, title, y_label)
    return figure


def draw_kl(found):
    """KL from the reference, then rewards and log-probabilities of both sides."""
    figure, panels = _figure(10.5, 3.2, 3)
    _curve(panels[0], found.kl, "kl", "samples of the policy", HELD_OUT)
    panels[0].set_ylim(bottom=min([0.0, *(item["kl"] for item in found.kl if item["kl"] is not None)]))
    _label(panels[0], "KL from the reference", "nats per answer")
    for axes, key, title, y_label in (
        (panels[1], "rewards", "Rewards", "nats, times beta"),
        (panels[2], "logps", "Log-probability", "nats per answer"),
    ):
        prefix = "eval_" if any(f"eval_{key}/chosen" in item for item in found.dpo_log) else ""
        _curve(axes, found.dpo_log, f"{prefix}{key}/chosen", "chosen", COLOURS["sft"])
        _curve(axes, found.dpo_log, f"{prefix}{key}/rejected", "rejected", COLOURS["dpo"], "--")
        _label(axes, f"{title}, {'held-out' if prefix else 'training'} pairs", y_label)
    return figure


def _whiskers(axes, value, low, high, y, model, label=None):
    """A point with its interval, all in fractions of 1, drawn in per cent."""
    spread = [[max(0.0, 100 * (value - low))], [max(0.0, 100 * (high - value))]]
    axes.errorbar(
        [100 * value],
        [y],
        xerr=spread,
        fmt=MARKERS[model],
        color=COLOURS[model],
        markersize=4.5,
        elinewidth=1.1,
        capsize=2,
        label=label,
    )


def draw_kinds(found):
    """Accuracy of the three models by kind, best kind of the last model on top."""
    from eval import stats

    by_kind = found.domain["summary"]["by_kind"]
    kinds = sorted(by_kind, key=lambda kind: (by_kind[kind]["dpo"]["accuracy"], kind))
    figure, axes = _figure(7.2, 0.8 + 0.34 * len(kinds))
    axes.grid(visible=False, axis="y")
    for y, kind in enumerate(kinds):
        if y % 2:  # a band for every other kind keeps three markers to one name
            axes.axhspan(y - 0.5, y + 0.5, color="#f3f3f3", linewidth=0, zorder=0)
        for offset, model in zip((0.25, 0.0, -0.25), MODELS, strict=True):
            one = by_kind[kind][model]
            low, high = stats.wilson(round(one["accuracy"] * one["n"]), one["n"])
            _whiskers(axes, one["accuracy"], low, high, y + offset, model, NAMES[model] if y == 0 else None)
    axes.set_yticks(range(len(kinds)), [f"{kind} (n {by_kind[kind]['dpo']['n']})" for kind in kinds])
    axes.set(xlim=(-2, 102), ylim=(-0.6, len(kinds) - 0.4), xlabel="correct answers (%)")
    figure.legend(loc="outside upper center", ncols=len(MODELS))
    return figure


def draw_win_rates(found):
    """The three adjusted win rates of the first screen beside the line of a draw."""
    summary = found.wins
    pairs = (
        ("dpo_vs_sft", "SFT + DPO\nagainst SFT", "dpo"),
        ("dpo_vs_base", "SFT + DPO\nagainst base", "dpo"),
        ("sft_vs_base", "SFT\nagainst base", "sft"),
    )
    figure, axes = _figure(6.4, 2.4)
    axes.axvline(50, color="black", linewidth=0.8, linestyle=":")
    for y, (pair, _, model) in enumerate(pairs):
        one = summary[pair]
        if one["rate"] is None:  # not judged
            continue
        _whiskers(axes, one["rate"], one["low"], one["high"], y, model)
        axes.annotate(
            f"{100 * one['rate']:.1f} %",
            (100 * one["rate"], y),
            xytext=(0, 7),
            ha="center",
            textcoords="offset points",
            bbox={"color": "white", "pad": 0.5},
        )
    axes.set_yticks(range(len(pairs)), [f"{label} (n {summary[pair]['n']})" for pair, label, _ in pairs])
    axes.set(xlim=(0, 100), ylim=(-0.5, len(pairs) - 0.3), xlabel="win rate, a tie counts half (%)")
    return figure
