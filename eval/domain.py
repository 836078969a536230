"""python eval/domain.py

The domain's own measure of base, SFT and DPO on the same items: accuracy by kind, paired differences, refusals both
ways, perplexity of the references, and what SFT had right and DPO has wrong.
Reads out/answers; writes out/eval/domain.json (settings, summary, every row).
"""

import math
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.answers import MODELS, PAIRS, load_answers, load_verdicts
from common.domain import load_domain


def parse_args(argv=None):
    parser = cli.parser(__doc__, "domain")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    return cli.parse(parser, argv)


def accuracies(correct, clusters, args):
    """{model: accuracy with its clustered interval}."""
    from eval import stats

    made = {}
    for name, values in correct.items():
        mean, low, high = stats.mean_interval(values, clusters, seed=args.seed, resamples=args.resamples)
        made[name] = {"accuracy": mean, "low": low, "high": high, "n": len(values)}
    return made


def differences(correct, clusters, args):
    """{pair: paired difference with its clustered interval, McNemar's exact p, items gained and lost}."""
    from eval import stats

    made = {}
    for pair, (after, before) in PAIRS.items():
        mean, low, high = stats.difference_interval(
            correct[after], correct[before], clusters, seed=args.seed, resamples=args.resamples
        )
        gained = sum(a > b for a, b in zip(correct[after], correct[before], strict=True))
        lost = sum(a < b for a, b in zip(correct[after], correct[before], strict=True))
        made[pair] = {
            "difference": mean,
            "low": low,
            "high": high,
            "mcnemar_p": stats.mcnemar_exact(lost, gained),
            "gained": gained,
            "lost": lost,
        }
    return made


def refusals(verdicts, golds):
    """How often a model refused what it should, and what it should not."""
    made = {}
    for name, values in verdicts.items():
        refused = [
            verdict.reason == "refused" or (gold is None and bool(verdict.correct))
            for verdict, gold in zip(values, golds, strict=True)
        ]
        should = [r for r, gold in zip(refused, golds, strict=True) if gold is None]
        should_not = [r for r, gold in zip(refused, golds, strict=True) if gold is not None]
        made[name] = {
            "refused_should": sum(should),
            "n_should": len(should),
            "refused_should_not": sum(should_not),
            "n_should_not": len(should_not),
        }
    return made


def perplexities(args):
    """{model: perplexity of the reference completions}; the base counts in its better form for perplexity."""
    forms = [name for name in ("base_chat", "base_few_shot") if (args.out / "answers" / f"{name}.jsonl").is_file()]
    made = {}
    for name in [*forms, "sft", "dpo"]:
        rows = files.read_jsonl(args.out / "answers" / f"{name}.jsonl", ("reference_logprob", "reference_tokens"))
        made[name] = math.exp(
            -sum(row["reference_logprob"] for row in rows) / sum(row["reference_tokens"] for row in rows)
        )
    return {"base": min(made[name] for name in forms), **made}


def shares(verdicts, field):
    """{model: share of answers whose field is true}."""
    return {name: sum(bool(getattr(v, field)) for v in values) / len(values) for name, values in verdicts.items()}


def summarise(args, answers, verdicts, golds):
    """The summary of the result file."""
    clusters = [row["cluster"] for row in answers["base"]]
    kinds = [row["category"] for row in answers["base"]]
    ids = [row["id"] for row in answers["base"]]
    correct = {name: [int(bool(v.correct)) for v in values] for name, values in verdicts.items()}
    by_kind = {
        kind: {
            name: {
                "accuracy": sum(c for c, k in zip(values, kinds, strict=True) if k == kind) / kinds.count(kind),
                "n": kinds.count(kind),
            }
            for name, values in correct.items()
        }
        for kind in sorted(set(kinds))
    }
    changed = [(i, s, d) for i, s, d in zip(ids, correct["sft"], correct["dpo"], strict=True) if s != d]
    return {
        "accuracy": accuracies(correct, clusters, args),
        "by_kind": by_kind,
        "difference": differences(correct, clusters, args),
        "format": shares(verdicts, "format_ok"),
        "explanation": shares(verdicts, "explanation_ok"),
        "refusals": refusals(verdicts, golds),
        "reasons": {name: dict(Counter(v.reason for v in values).most_common()) for name, values in verdicts.items()},
        "perplexity": perplexities(args),
        "stopped": {
            name: sum(row["finish_reason"] == "stop" for row in made) / len(made) for name, made in answers.items()
        },
        "lost": [i for i, s, d in changed if s > d],
        "won": [i for i, s, d in changed if s < d],
    }


def main(args):
    started = time.time()
    domain = load_domain(args.domain)
    answers = load_answers(args)
    verdicts = load_verdicts(args, domain, answers)
    split = files.read_json(args.out / "answers" / "run.json")["settings"]["split"]
    gold_of = {row["id"]: row.get("gold", "") for row in domain.load_benchmark(split)}
    summary = summarise(args, answers, verdicts, [gold_of[row["id"]] for row in answers["base"]])
    rows = [
        {
            "id": row["id"],
            "cluster": row["cluster"],
            "category": row["category"],
            **{name: verdicts[name][i]._asdict() for name in MODELS},
        }
        for i, row in enumerate(answers["base"])
    ]
    target = args.out / "eval" / "domain.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in answers]
    files.write_json(
        target,
        {
            "settings": {"split": split, "domain": args.domain},
            "summary": summary,
            "rows": rows,
            "run": files.run_record(args, started, inputs=inputs),
        },
    )
    for name, one in summary["accuracy"].items():
        print(f"{name:4s} {one['accuracy']:.1%} [{one['low']:.1%}, {one['high']:.1%}] of {one['n']}")
    for pair, one in summary["difference"].items():
        print(
            f"{pair:12s} {100 * one['difference']:+.1f} points [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}], "
            f"McNemar p {one['mcnemar_p']:.2g}, {one['gained']} gained, {one['lost']} lost"
        )
    print(f"wrote {target} in {time.time() - started:.0f} s; next: python eval/mmlu.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
