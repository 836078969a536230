"""python eval/winrate.py

Pairwise win rates of DPO, SFT and base on the same items, judged by the domain's verifier in two ways. By correctness
alone correct beats wrong and anything else is a tie. In full, between two correct answers format, then explanation
decide; a base that is asked few-shot was never shown either. Length never counts. Reads out/answers; writes
out/eval/winrate.json (settings, summary, every row).

Other judges beside it, each pair in both orders; what the orders agree on counts, else it is a tie. `longest`, `first`
and `random` show what a bad judge looks like, `likelihood` is the base's own. A model's run begins with a pilot,
estimates its cost and asks before it goes on; it keeps every answer in out/ledger.db, so that after a kill the same
command goes on and pays for nothing twice. Keys come from the environment:
  export ANTHROPIC_API_KEY=...; python eval/winrate.py --judge anthropic:claude-opus-5-5 --max_cost 20
  several judges:               python eval/winrate.py --judge anthropic:claude-opus-5-5 --judge openai:gpt-6-luna
  a server of your own:         python eval/winrate.py --judge openai:MODEL@http://localhost:8000/v1 --price 0 0
  prompts, cost, no call:       python eval/winrate.py --judge anthropic:claude-opus-5-5 --dry_run
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, judge, paid, provenance
from common.answers import PAIRS, load_answers, load_rows, load_verdicts
from common.domain import load_domain
from eval import judging

FIELDS = {"correct": "correct", "format": "format_ok", "explanation": "explanation_ok"}  # of a verdict
WAYS = {"correctness": ("correct",), "full": tuple(FIELDS)}  # what decides, in order


def parse_args(argv=None):
    parser = cli.parser(__doc__, "winrate")
    judge.add_flags(
        parser, [judging.VERIFIER], "judges beside the domain's own verifier, which always judges where there is one"
    )
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
    rows = judging.bare_rows(answers)
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


def verify_all(args, domain, answers, others):
    """(summary, rows) of the verifier; ({}, bare rows) where none is there or can judge, and others are named."""
    rows = load_rows(args, domain, answers)
    if others and not hasattr(domain, "verify"):
        return {}, judging.bare_rows(answers)
    verdicts = load_verdicts(args, domain, rows, answers)
    if others and (pair := judging.unjudged_pair(verdicts)):
        print(f"the verifier of the domain {args.domain} judges no answer of both of {pair}: it does not count here")
        return {}, judging.bare_rows(answers)
    return judge_all(answers, verdicts, args)


def show(label, pair, one):
    """A line on one pair; a win is claimed only where the interval excludes a draw."""
    if one["rate"] is None:
        print(f"{label:11s} {pair:12s} {one['unjudged']} not judged: {one['unjudged_by_reason']}")
        return
    more = "".join(
        f"; {what} {value:.1%}"
        for what, part, key in (
            ("consistent", "position", "consistent"),
            ("at equal length", "length", "controlled_rate"),
        )
        if (value := (one.get(part) or {}).get(key)) is not None
    )
    print(
        f"{label:11s} {pair:12s} {one['rate']:.1%} [{one['low']:.1%}, {one['high']:.1%}], n {one['n']}; "
        f"{one['wins']} won, {one['losses']} lost, {one['ties']} tied, {one['unjudged']} not judged{more}"
    )


def not_judged(made) -> str:
    """How many comparisons each (label, {pair: summary}) left out, of how many."""
    counts = []
    for label, pairs in made:
        left_out, judged = (sum(one[key] for one in pairs.values()) for key in ("unjudged", "n"))
        counts.append(f"{label} {left_out} of {left_out + judged}")
    return ", ".join(counts)


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    others = [name for name in judge.read_names(args, (judging.VERIFIER, *judge.RULES)) if name != judging.VERIFIER]
    answers = load_answers(args)
    if args.dry_run:
        judging.judge_pairs(domain, answers, others, args)
        return
    summary, rows = verify_all(args, domain, answers, others)
    results, calls = judging.judge_pairs(domain, answers, others, args) if others else ({}, None)
    every = [*summary.items(), *((name, one["summary"]) for name, one in results.items())]
    for label, made in every:
        for pair, one in made.items():
            show(label, pair, one)
    target = args.out / "eval" / "winrate.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in answers]
    named = judging.VERIFIER if summary else ", ".join(results)
    orders = "each answer judged alone: order-free" if summary else "each pair judged in both orders"
    more = {} if calls is None else {"model_calls": calls}
    run = files.run_record(args, started, inputs=inputs, judged_by=provenance.generator(domain), **more)
    beside = {"judges": results, "together": judging.together(results, rows, args)} if results else {}
    files.write_json(
        target,
        {"settings": {"judge": named, "orders": orders}, "summary": summary, "rows": rows, **beside, "run": run},
    )
    if calls is not None:
        print(f"calls: {calls['calls']}, {paid.shown(calls['dollars'])}; each is in {args.out / paid.LEDGER}.")
    print(
        f"wrote {target} in {time.time() - started:.0f} s (not judged: {not_judged(every)}); next: "
        f"python eval/domain.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
