"""python eval/winrate.py

Pairwise win rates of DPO, SFT and base on the same items, judged by the domain's verifier in two ways. By correctness
alone correct beats wrong and anything else is a tie. In full, between two correct answers format, then explanation
decide; a base that is asked few-shot was never shown either. Length never counts. Reads out/answers; writes
out/eval/winrate.json (settings, summary, every row).
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, provenance
from common.answers import PAIRS, load_answers, load_rows, load_verdicts
from common.domain import load_domain

FIELDS = {"correct": "correct", "format": "format_ok", "explanation": "explanation_ok"}  # of a verdict
WAYS = {"correctness": ("correct",), "full": tuple(FIELDS)}  # what decides, in order


def parse_args(argv=None):
    parser = cli.parser(__doc__, "winrate")
    parser.add_argument("--judge", default="verifier", choices=("verifier",), help="the domain's own verifier")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    return cli.within(cli.parse(parser, argv), resamples=(1, None))


def compare(first, second, fields):
    """(score of the first in {0, 0.5, 1}, the field that decided or 'tie'), or None when that cannot be judged.

    The verdict of each answer is formed alone, so the order of the two cannot matter. Format and explanation count
    between two correct answers only.
    """
    for name in fields:
        a, b = getattr(first, FIELDS[name]), getattr(second, FIELDS[name])
        if a is None or b is None:
            return None
        if bool(a) != bool(b):
            return (1.0 if a else 0.0), name
        if name == "correct" and not a:
            break
    return 0.5, "tie"


def summarise(answers, verdicts, pair, fields, args):
    """(summary, outcome of each item) of one pair. Items that cannot be judged are left out and counted."""
    from eval import stats

    first, second = PAIRS[pair]
    outcomes = [compare(a, b, fields) for a, b in zip(verdicts[first], verdicts[second], strict=True)]
    judged = [(*one, row["cluster"]) for one, row in zip(outcomes, answers[first], strict=True) if one]
    if not judged:
        raise cli.UserError(f"{pair}: the domain {args.domain} judges no answer of both by {', '.join(fields)}.")
    scores, _, clusters = zip(*judged, strict=True)
    summary = stats.win_rate(scores, clusters, seed=args.seed, resamples=args.resamples)
    summary["unjudged"] = len(outcomes) - len(judged)
    counts = Counter(outcomes)
    summary["by_reason"] = {name: {"wins": counts[(1.0, name)], "losses": counts[(0.0, name)]} for name in fields}
    lengths = [len(a["answer"]) - len(b["answer"]) for a, b in zip(answers[first], answers[second], strict=True)]
    summary["length_difference"] = sum(lengths) / len(lengths)
    return summary, outcomes


def is_judged(name, verdicts):
    """Whether the domain judges this field of a verdict at all; one that it never judges decides nothing."""
    return any(getattr(one, FIELDS[name]) is not None for made in verdicts.values() for one in made)


def judge_all(answers, verdicts, args):
    """({way: {pair: summary}}, rows with the outcome of every item in every way, null where it cannot be judged)."""
    rows = [{key: row[key] for key in ("id", "cluster", "category")} for row in answers["base"]]
    summary = {way: {} for way in WAYS}
    for way, decide in WAYS.items():
        fields = [name for name in decide if name == "correct" or is_judged(name, verdicts)]
        for row in rows:
            row[way] = {}
        for pair in PAIRS:
            summary[way][pair], outcomes = summarise(answers, verdicts, pair, fields, args)
            for row, one in zip(rows, outcomes, strict=True):
                row[way][pair] = one and {"score": one[0], "by": one[1]}
    return summary, rows


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    answers = load_answers(args)
    verdicts = load_verdicts(args, domain, load_rows(args, domain, answers), answers)
    summary, rows = judge_all(answers, verdicts, args)
    for way in WAYS:
        for pair, one in summary[way].items():
            print(
                f"{way:11s} {pair:12s} {one['rate']:.1%} [{one['low']:.1%}, {one['high']:.1%}], n {one['n']}; "
                f"{one['wins']} won, {one['losses']} lost, {one['ties']} tied, {one['unjudged']} not judged"
            )
    target = args.out / "eval" / "winrate.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in answers]
    files.write_json(
        target,
        {
            "settings": {"judge": args.judge, "orders": "each answer judged alone: order-free"},
            "summary": summary,
            "rows": rows,
            "run": files.run_record(args, started, inputs=inputs, judged_by=provenance.generator(domain)),
        },
    )
    print(f"wrote {target} in {time.time() - started:.0f} s; next: python eval/domain.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
