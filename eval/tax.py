"""What eval/mmlu.py says of its answers: accuracies, the alignment tax as paired differences, general text.

A library of pure functions, over the rows and windows of mmlu.json alone.
"""

from common import score
from eval import stats
from eval.questions import FORMS, LETTERS, SHOTS

MODELS = ("base", "sft", "dpo")
PAIRS = {"dpo_vs_base": ("dpo", "base"), "sft_vs_base": ("sft", "base")}
PLAIN_BASE = "base_plain"  # the base's own weights, where base is what the adapters were trained on
SCORED = (*MODELS, PLAIN_BASE)
CHANCE = 1 / len(LETTERS)


def summarise(rows, windows):
    """The summary, from the rows and windows of mmlu.json alone:

    benchmarks: {name: {form: {"accuracy": {model: {accuracy, low, high, stderr, n}},
                               "by_length": {model: the same}, in continuation form only: lm-eval's acc_norm,
                               "tax": {pair: {difference, low, high, n, mcnemar_p, gained, lost, detectable}},
                               "by_subject": {subject: {model: {accuracy, n}}}}}}; the base in both forms, the
                 adapters in the reported one, or in letters when there is none
    reported:   {name: the form that the tax is told in, None when the base is at chance in both}
    headline:   {"benchmark": MMLU, or general knowledge where MMLU is not measured or its base at chance, "form"}
    general_text: as text_summary

    Accuracy weighs subjects by size; its interval is 1.96 of lm-eval's pooled standard error to both sides, questions
    being independent and the subjects not a sample of anything. A tax is a paired difference, negative when worse than
    the base, with Student's interval. Shares are fractions of 1.
    """
    benchmarks = summarise_benchmarks(rows)
    reported = reported_forms(benchmarks)
    first = next((name for name in benchmarks if reported[name]), next(iter(benchmarks)))  # MMLU comes first
    return {
        "benchmarks": benchmarks,
        "reported": reported,
        "headline": {"benchmark": first, "form": reported[first]},
        "general_text": text_summary(windows),
    }


def summarise_benchmarks(rows):
    """{benchmark: {form: summarise_form}}, MMLU first."""
    groups = {}
    for row in rows:
        groups.setdefault(row["benchmark"], {}).setdefault(row["form"], []).append(row)
    return {name: {form: summarise_form(forms[form]) for form in forms} for name, forms in groups.items()}


def summarise_form(rows):
    """Accuracies, taxes and subjects of one benchmark in one form, of the models that were asked in it."""
    scored = [name for name in MODELS if name in rows[0]]
    right = {name: [row[name] for row in rows] for name in scored}
    groups = {name: by_subject(rows, values) for name, values in right.items()}
    made = {
        "accuracy": {name: without_subjects(group) for name, group in groups.items()},
        "tax": {
            pair: compare(right[after], right[before]) for pair, (after, before) in PAIRS.items() if after in right
        },
        "by_subject": {
            subject: {name: pick(groups[name]["subjects"][subject], "accuracy", "n") for name in scored}
            for subject in groups["base"]["subjects"]
        },
    }
    if "by_length" in rows[0]:
        normed = {name: [row["by_length"][name] for row in rows] for name in scored}
        made["by_length"] = {name: without_subjects(by_subject(rows, values)) for name, values in normed.items()}
    return made


def by_subject(rows, right):
    """stats.group_accuracy of 0/1 per row, over the rows' subjects."""
    grouped = {}
    for row, value in zip(rows, right, strict=True):
        grouped.setdefault(row["subject"], []).append(value)
    return stats.group_accuracy(grouped)


def pick(one, *keys):
    """These keys of a dict."""
    return {key: one[key] for key in keys}


def without_subjects(group):
    """A group's accuracy with its interval."""
    return pick(group, "accuracy", "low", "high", "stderr", "n")


def reported_forms(benchmarks):
    """{benchmark: the first of FORMS in which the base's interval lies above chance, or None}.

    A tax can only be seen where the base has something to lose. Looks at the base alone, never at the tax.
    """
    return {
        name: next((form for form in FORMS if forms[form]["accuracy"]["base"]["low"] > CHANCE), None)
        for name, forms in benchmarks.items()
    }


def compare(after, before):
    """The paired difference of two models' 0/1 on the same questions."""
    difference, low, high = stats.paired_t_interval(after, before)
    changes = [a - b for a, b in zip(after, before, strict=True)]
    gained, lost = changes.count(1), changes.count(-1)
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "n": len(changes),
        "mcnemar_p": stats.mcnemar_exact(gained, lost),
        "gained": gained,
        "lost": lost,
        "detectable": stats.detectable_difference(after, before),
    }


def table(summary):
    """What the screen shows."""
    lines = []
    for name, forms in summary["benchmarks"].items():
        for form, made in forms.items():
            n, subjects = made["accuracy"]["base"]["n"], len(made["by_subject"])
            lines.append(f"{name}, {SHOTS}-shot, {form}, {n} questions of {subjects} subjects")
            lines += [
                f"  {model:5} {row['accuracy']:6.1%} ({row['low']:.1%} to {row['high']:.1%})"
                for model, row in made["accuracy"].items()
            ]
            if form == summary["reported"][name]:
                lines += [f"  {tax_line(pair, row)}" for pair, row in made["tax"].items()]
        if summary["reported"][name] is None:
            lines.append("  the tax cannot be measured: the base is at chance in both forms")
    text = summary["general_text"]
    shown = ", ".join(f"{model} {value:.2f}" for model, value in text["perplexity"].items())
    return "\n".join([*lines, f"perplexity on general text ({text['tokens']} tokens): {shown}"])


def tax_line(pair, row):
    """A tax on the screen."""
    difference, low, high, detectable = (100 * row[key] for key in ("difference", "low", "high", "detectable"))
    return (
        f"{pair.replace('_vs_', ' - ')}: {difference:+.1f} points ({low:+.1f} to {high:+.1f}), {row['gained']} gained, "
        f"{row['lost']} lost, McNemar p {row['mcnemar_p']:.2g}; the smallest difference that {row['n']} questions can "
        f"show is {detectable:.1f} points"
    )


def notes(counts, dtype):
    """Sentences about what a reader of the figures should know, if there is anything."""
    found = []
    for label, most in counts["cut"].items():
        found.append(f"note: {most} prompts of {label} are longer than the model's context and lost their beginning.")
    for label, most in counts["ties"].items():
        advice = "; --dtype float32 separates them." if dtype == "bfloat16" else "."
        found.append(
            f"note: up to {most} questions of {label} have a tie of the best answers in {dtype}, and the first counts"
            + advice
        )
    return found


def text_summary(windows):
    """{"windows", "tokens" scored, "perplexity": {model, and the plain base: per token}, "difference": {pair: ...}}.

    A difference is that of the mean log-prob per token (nats) of the same window, averaged over windows, with Student's
    interval: negative is worse than the base.
    """
    tokens = sum(one["tokens"] for one in windows)
    means = {name: [one[name] / one["tokens"] for one in windows] for name in MODELS}
    difference = {}
    for pair, (after, before) in PAIRS.items():
        value, low, high = stats.paired_t_interval(means[after], means[before])
        difference[pair] = {
            "difference": value,
            "low": low,
            "high": high,
            "n": len(windows),
            "detectable": stats.detectable_difference(means[after], means[before]),
        }
    scored = [name for name in SCORED if name in windows[0]]
    perplexity = {name: score.perplexity_from(sum(one[name] for one in windows), tokens) for name in scored}
    return {"windows": len(windows), "tokens": tokens, "perplexity": perplexity, "difference": difference}
