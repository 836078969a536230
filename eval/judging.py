"""What judges other than the verifier say of the models' answers: their verdicts on every pair, and the figures.

A library for winrate.py and judge_check.py. The judges themselves are in common/judge.py, the estimators in stats.py.
"""

import itertools
from collections import Counter

from common import judge
from common.answers import PAIRS

FITS = 2000  # resamples of the length-controlled rate at most: each is a fit of its own
VERIFIER = "verifier"


def bare_rows(answers) -> list:
    """What every row of a result says of its item."""
    return [{key: row[key] for key in ("id", "cluster", "category")} for row in answers["base"]]


def comparisons_of(domain, answers, pair) -> list:
    """The comparisons of a pair of models, in the answers' order."""
    task = judge.Task(domain.JUDGE_RUBRIC, domain.SYSTEM_PROMPT)
    sides = (answers[name] for name in PAIRS[pair])
    return [judge.Comparison(task, a["prompt"], a["answer"], b["answer"]) for a, b in zip(*sides, strict=True)]


def unjudged_pair(verdicts):
    """The first pair of models of which the verifier can judge no item's two answers; None when there is none such."""
    for pair, (one, other) in PAIRS.items():
        if all(None in (a.correct, b.correct) for a, b in zip(verdicts[one], verdicts[other], strict=True)):
            return pair
    return None


def judge_pairs(domain, answers, names, args):
    """({judge: settings, summary by pair, rows}, what the models' calls were); None after --dry_run."""
    comparisons = {pair: comparisons_of(domain, answers, pair) for pair in PAIRS}
    made = judge.judge_all(args, names, list(itertools.chain(*comparisons.values())))
    if made is None:
        return None
    found, calls = made
    results = {}
    for name in names:
        judged, rows, is_model = found[judge.shown_name(name)], bare_rows(answers), ":" in name
        for pair, asked in comparisons.items():
            for row, one in zip(rows, asked, strict=True):
                row[pair] = judged_row(judged[one], is_model)
        by = {"by": args.judge_by, "prompt_version": judge.VERSION} if is_model else {}
        results[judge.shown_name(name)] = {
            "settings": {**by, "self_preference": judge.self_preference(args, name)},
            "summary": {pair: summarise(judged, asked, rows, args) for pair, asked in comparisons.items()},
            "rows": rows,
        }
    return results, calls


def judged_row(one, is_model) -> dict:
    """What a row keeps of a verdict: both orders, from the side of the pair's first model; a model's reasons."""
    kept = {"score": one.score, "orders": [one.first, one.second], "preference": one.preference}
    return {**kept, "reasons": list(one.reasons)} if is_model else kept


def summarise(judged, comparisons, rows, args) -> dict:
    """The figures of one judge on one pair of models: rate, decided pairs, categories, position, length.

    Items that it could not judge are left out and counted by reason.
    """
    from eval import stats

    made = [(judged[one], one, row) for one, row in zip(comparisons, rows, strict=True)]
    failed = Counter(why for one, *_ in made for why in why_not(one))
    made = [(one, comparison, row) for one, comparison, row in made if one.score is not None]
    told = {"unjudged": len(rows) - len(made), "unjudged_by_reason": dict(failed.most_common())}
    if not made:
        return {"rate": None, "low": None, "high": None, "n": 0, **told}
    clusters = [row["cluster"] for *_, row in made]
    settings = {"seed": args.seed, "resamples": args.resamples}
    kinds = {}
    for one, _, row in made:
        kinds.setdefault(row["category"], []).append((one.score, row["cluster"]))
    differ = [(one, row["cluster"]) for one, comparison, row in made if comparison.one != comparison.other]
    return {
        **stats.win_rate([one.score for one, *_ in made], clusters, **settings),
        **told,
        "same_answers": len(made) - len(differ),  # ties, of which nobody was asked
        "position": position_of(*zip(*differ, strict=True), settings) if differ else None,
        "length": length_of([one[:2] for one in made], clusters, settings),
        "by_category": {kind: stats.win_rate(*zip(*kinds[kind], strict=True), **settings) for kind in sorted(kinds)},
    }


def why_not(one) -> list:
    """The reasons of the orders in which a comparison could not be judged."""
    return [why for why, score in zip(one.reasons, (one.first, one.second), strict=True) if score is None]


def position_of(judged, clusters, settings) -> dict:
    """stats.position_bias of verdicts."""
    from eval import stats

    return stats.position_bias([one.first for one in judged], [one.second for one in judged], clusters, **settings)


def length_of(made, clusters, settings) -> dict:
    """Mean difference of lengths, how often the longer of two won, the length-controlled rate and its coefficient.

    made: (Judged, Comparison) of each item. The share that the longer one won is of the decided pairs whose lengths
    differ, with its exact interval.
    """
    from eval import stats

    lengths = [len(comparison.one) - len(comparison.other) for _, comparison in made]
    decided = [
        (one.score, length) for (one, _), length in zip(made, lengths, strict=True) if length and one.score != 0.5
    ]
    won = sum((score == 1) == (length > 0) for score, length in decided)
    low, high = stats.binomial_interval(won, len(decided)) if decided else (0.0, 1.0)
    fits = {**settings, "resamples": min(FITS, settings["resamples"])}
    fitted = stats.length_controlled([one.preference for one, _ in made], lengths, clusters, **fits)
    controlled = {f"controlled_{key}": fitted.pop(key) for key in ("rate", "low", "high")}
    return {
        "difference": sum(lengths) / len(lengths),
        "decided": len(decided),
        "longer_won": won / len(decided) if decided else None,
        "longer_low": low,
        "longer_high": high,
        **controlled,
        **fitted,
    }


def together(results, rows, args) -> dict:
    """All judges on the same items: kappa of every two, and the majority of those that have a vote.

    The verifier counts by its full rule, which is what the rubric asks of a model. The controls have no vote.
    """
    from eval import stats

    scores = {
        name: {pair: [row[pair]["score"] for row in one["rows"]] for pair in PAIRS} for name, one in results.items()
    }
    if "full" in rows[0]:
        full = {pair: [row["full"][pair] and row["full"][pair]["score"] for row in rows] for pair in PAIRS}
        scores = {VERIFIER: full, **scores}
    voters = [name for name in scores if name not in judge.CONTROLS]
    clusters, settings = [row["cluster"] for row in rows], {"seed": args.seed, "resamples": args.resamples}
    kappas = {}
    for one, other in itertools.combinations(scores, 2):
        kappas[f"{one} and {other}"] = {
            pair: where_judged(stats.kappa, [scores[one][pair], scores[other][pair]], clusters, settings)
            for pair in PAIRS
        }
    majorities = {}
    for pair in PAIRS if len(voters) > 1 else ():
        votes = [stats.majority(given) for given in zip(*(scores[name][pair] for name in voters), strict=True)]
        majorities[pair] = where_judged(stats.win_rate, [votes], clusters, settings)
    return {"voters": voters, "kappa": kappas, "majority": majorities}


def where_judged(estimator, scores, clusters, settings):
    """An estimator on the items that all of the lists have a score for; None when there are none."""
    judged = [one for one in zip(*scores, clusters, strict=True) if None not in one[:-1]]
    return estimator(*zip(*judged, strict=True), **settings) if judged else None
