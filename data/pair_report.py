"""The report on preference pairs: what was sampled, judged, chosen, rejected and dropped. A library for gen_dpo.py."""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import paid
from data import pairs


def report(args, sampled, candidates, made, dropped, judge=None) -> str:
    """The report as markdown.

    sampled: each prompt's samples with the verifier's scores; candidates: all that was ranked, other models' answers
    included; made: the pairs; dropped: Counter of prompts without a pair by reason; judge: what judge_by_model() knows.
    """
    temperature = str(args.temperature).strip("[]")
    lines = [
        "# Preference pairs",
        "",
        f"{len(sampled)} prompts x {args.samples} samples at temperature {temperature}, judged by the "
        f"{args.judge.split('@')[0]}: {len(made)} pairs, {args.pairs.replace('_', ' and ')}.",
        "",
        *table(("", "share"), sample_shares(args, sampled)),
        *table(("no pair because", "prompts", "share"), drops(sampled, dropped)),
        *alike(args),
        *counted("score (correct, format, explanation)", "samples", (str(tuple(s["score"])) for s in flat(sampled))),
        *counted("the pair differs in", "pairs", (row["margin"] for row in made)),
        *([] if judge else counted("the rejected answer is wrong because", "pairs", reasons(made))),
        *counted("kind", "pairs", (row["category"] for row in made)),
        *lengths(made),
        *by_temperature(made),
        *policy(candidates, made),
        *(judge_lines(args, made, judge) if judge else []),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def reasons(made) -> list:
    """Why the rejected answers are wrong; those of pairs that differ in form or explanation alone are right."""
    return [row["reason"] for row in made if row["margin"] == "correct"]


def table(head, rows) -> list:
    """A markdown table with an empty line after it."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
        "",
    ]


def counted(title, unit, names) -> list:
    """A table of how often each name occurs, the most frequent first."""
    return table((title, unit), Counter(names).most_common())


def flat(sampled) -> list:
    """All samples."""
    return [one for item in sampled for one in item["samples"]]


def sample_shares(args, sampled) -> list:
    """Rows of what the verifier says of the samples, and how many ended by themselves."""
    correct = [[s["score"][0] for s in item["samples"] if s["score"][0] is not None] for item in sampled]
    known, judged, every = [one for one in correct if one], sum(map(len, correct)), flat(sampled)
    return [
        ("pass@1 (mean over judged samples)", f"{sum(map(sum, correct)) / max(1, judged):.3f}"),
        (f"pass@{args.samples} (any judged sample)", f"{sum(map(any, known)) / max(1, len(known)):.3f}"),
        ("samples that the verifier could not judge", f"{(len(every) - judged) / len(every):.3f}"),
        ("samples that ended by themselves", f"{sum(s['finished'] for s in every) / len(every):.4f}"),
    ]


def drops(sampled, dropped) -> list:
    """Rows of the reasons why prompts have no pair."""
    return [(reason, count, f"{count / len(sampled):.3f}") for reason, count in dropped.most_common()]


def alike(args) -> list:
    """What counts as near-identical, where anything does."""
    if args.max_similarity == 1:
        return []
    return [
        f"Near-identical are two answers with more than {args.max_similarity:.0%} of their characters in common.",
        "",
    ]


def lengths(made) -> list:
    """Words and characters of both sides, and in how many pairs the chosen one is the longer."""
    rows = []
    for unit, size in (("words", lambda text: len(text.split())), ("characters", len)):
        for side in ("chosen", "rejected"):
            v = sorted(size(row[side]) for row in made) or [0]
            rows.append((f"{side}, {unit}", v[0], v[len(v) // 2], f"{sum(v) / len(v):.1f}", v[-1]))
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in made)
    shorter = sum(len(row["chosen"]) < len(row["rejected"]) for row in made)
    return [
        *table(("length of", "shortest", "median", "mean", "longest"), rows),
        f"The chosen answer is longer in characters than the rejected one in {longer} pairs and shorter in {shorter}"
        + of(longer, shorter, "are longer"),
        "",
    ]


def of(some, others, said) -> str:
    """The sentence on the share of `some` with its exact interval, after what both were said to be."""
    from eval import stats

    if not some + others:
        return "."
    low, high = stats.binomial_interval(some, some + others)
    return f": {some / (some + others):.1%} ({low:.1%} to {high:.1%}) {said}."


def by_temperature(made) -> list:
    """How often each temperature is chosen and rejected, where there are several."""
    if not any("chosen_temperature" in row for row in made):
        return []
    counts = {side: Counter(row[f"{side}_temperature"] for row in made) for side in ("chosen", "rejected")}
    names = sorted(counts["chosen"] | counts["rejected"], key=lambda one: (one is None, one))
    rows = [
        ("other models" if name is None else name, counts["chosen"][name], counts["rejected"][name]) for name in names
    ]
    return table(("temperature", "chosen", "rejected"), rows)


def policy(candidates, made) -> list:
    """The share of other models' answers, where there are any."""
    if not any("on_policy" in row for row in made):
        return []
    every, off = flat(candidates), sum(not row["on_policy"] for row in made)
    others = sum(not pairs.is_on_policy(one) for one in every)
    return [
        f"Of {len(every)} candidates {others} are other models' answers; {off} of {len(made)} pairs "
        f"({off / len(made):.1%}) hold one and are off-policy.",
        "",
    ]


# --- a model as judge -------------------------------------------------------------------------------


def judge_lines(args, made, judge) -> list:
    """Where the judge's choice stood, and how far it agrees with the verifier."""
    place = both_orders(judge["both_orders"]) if args.ranking == "pairwise" else positions(made)
    return ["## The judge", "", *place, *agreement(judge["agreement"]), "", paid.judge_terms(args.judge)]


def positions(made) -> list:
    """How often each place in the judge's order holds the chosen and the rejected answer, and how often by chance."""
    longest = max(row["shown"] for row in made)
    counts = {side: Counter(row[f"{side}_position"] for row in made) for side in ("chosen", "rejected")}
    rows = [
        (
            place,
            counts["chosen"][place],
            counts["rejected"][place],
            f"{sum(1 / row['shown'] for row in made if row['shown'] >= place):.1f}",
        )
        for place in range(1, longest + 1)
    ]
    return [
        "The answers stood in random order, so a judge that does not look at places chooses each as often as chance.",
        "",
        *table(("place in the judge's order", "chosen", "rejected", "by chance"), rows),
    ]


def both_orders(found) -> list:
    """How often a comparison was the same in both orders, and what the place won where it was not."""
    first, second = found["first twice"], found["second twice"]
    return [
        f"Both orders agree in {found['agree']} of {found['comparisons']} comparisons. In {first} the first place won "
        f"twice, in {second} the second" + of(first, second, "by the first"),
        "",
    ]


def agreement(found) -> list:
    """Accuracy and kappa against the verifier."""
    if found is None:
        return ["There is no verdict of a verifier to compare the judge with."]
    kappa = "not defined"
    if found["kappa"] is not None:
        kappa = f"{found['kappa']:.3f} ({found['kappa_low']:.3f} to {found['kappa_high']:.3f})"
    right = "in none"
    if found["decided"]:
        right = f"in {found['accuracy']:.1%} ({found['low']:.1%} to {found['high']:.1%}, clusters of prompts resampled)"
    return [
        f"Against the verifier, over every two answers to a prompt ({found['pairs']} pairs): of the {found['decided']} "
        f"that both decide the judge is right {right}; {found['equal to the judge only']} more are equal to the judge "
        f"and {found['equal to the verifier only']} to the verifier. Cohen's kappa (better, worse, equal): {kappa}.",
    ]
