"""python eval/winrate.py

Pairwise win rates of DPO, SFT and base on the same items. The judge is the domain's verifier: correct beats wrong;
between two correct answers format, then explanation decide; anything else is a tie. Length never counts.
Reads out/answers; writes out/eval/winrate.json (settings, summary, every row).
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.answers import PAIRS, load_answers, load_verdicts
from common.domain import load_domain

FIELDS = ("correct", "format", "explanation")


def parse_args(argv=None):
    parser = cli.parser(__doc__, "winrate")
    parser.add_argument("--judge", default="verifier", choices=("verifier",), help="the domain's own verifier")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    return cli.parse(parser, argv)


def rank(verdict):
    """What decides between two answers; format and explanation only count for a correct one."""
    correct = bool(verdict.correct)
    return (int(correct), int(correct and bool(verdict.format_ok)), int(correct and bool(verdict.explanation_ok)))


def compare(first, second):
    """(score of the first in {0, 0.5, 1}, the field that decided or 'tie').

    The verdict of each answer is formed alone, so the order of the two cannot matter.
    """
    for name, a, b in zip(FIELDS, rank(first), rank(second), strict=True):
        if a != b:
            return (1.0 if a > b else 0.0), name
    return 0.5, "tie"


def summarise(answers, verdicts, pair, resamples, seed):
    """Summary and per-item scores of one pair."""
    from eval import stats

    first, second = PAIRS[pair]
    outcomes = [compare(a, b) for a, b in zip(verdicts[first], verdicts[second], strict=True)]
    scores, clusters = [score for score, _ in outcomes], [row["cluster"] for row in answers[first]]
    summary = stats.win_rate(scores, clusters, seed=seed, resamples=resamples)
    counts = Counter(outcomes)
    summary["by_reason"] = {name: {"wins": counts[(1.0, name)], "losses": counts[(0.0, name)]} for name in FIELDS}
    lengths = [len(a["answer"]) - len(b["answer"]) for a, b in zip(answers[first], answers[second], strict=True)]
    summary["length_difference"] = sum(lengths) / len(lengths)
    return summary, outcomes


def main(args):
    started = time.time()
    domain = load_domain(args.domain)
    answers = load_answers(args)
    verdicts = load_verdicts(args, domain, answers)
    rows = [{key: row[key] for key in ("id", "cluster", "category")} for row in answers["base"]]
    summary = {}
    for pair in PAIRS:
        summary[pair], outcomes = summarise(answers, verdicts, pair, args.resamples, args.seed)
        for row, (score, by) in zip(rows, outcomes, strict=True):
            row[pair] = {"score": score, "by": by}
        one = summary[pair]
        print(
            f"{pair:12s} {one['rate']:.1%} [{one['low']:.1%}, {one['high']:.1%}], n {one['n']}; "
            f"{one['wins']} won, {one['losses']} lost, {one['ties']} tied"
        )
    target = args.out / "eval" / "winrate.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in answers]
    files.write_json(
        target,
        {
            "settings": {"judge": args.judge, "orders": "each answer judged alone: order-free"},
            "summary": summary,
            "rows": rows,
            "run": files.run_record(args, started, inputs=inputs),
        },
    )
    print(f"wrote {target} in {time.time() - started:.0f} s; next: python eval/domain.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
