"""python eval/domain.py

The domain's own measure of base, SFT and DPO on the same items: accuracy of all, of answerable and of items to be
refused, beside a constant refusal's, paired differences, refused questions that have an answer, right explanations,
perplexity of the references, and what SFT had right and DPO has wrong. An answer that cannot be judged is never wrong:
it is left out and counted. Without a verifier (or with one that cannot judge, where eval/winrate.py had others judge)
only perplexity, lengths and whether answers ended by themselves are measured. Reads out/answers; writes
out/eval/domain.json (settings, summary, every row).

Other questions than the benchmark's, where the domain can read them: asks the models itself, keeps the answers in
out/answers/NAME, and writes out/eval/NAME.json.
  your own:             python eval/domain.py --db FILE --questions FILE.jsonl
  (a line of the file:  {"question": "...", "query": "... or null where it is to be refused"})
  another benchmark:    python eval/domain.py --benchmark NAME[:WHICH]
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, provenance, score
from common.answers import MODELS, PAIRS, load_answers, load_rows, load_verdicts
from common.domain import check_rows, load_domain
from eval import answer, judging

ALWAYS_REFUSE = "always_refuse"
FIELDS = ("correct", "format_ok", "explanation_ok")
# What other scripts call their results and answers in the same folders, and what is no name of its own.
TAKEN = ("domain", "winrate", "winrate_hand", "mmlu", "judge_check", "rerank", "summary", "parity", "categories", "..")


def parse_args(argv=None):
    parser = cli.parser(__doc__, "domain")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    own = parser.add_argument_group("other questions than the benchmark's")
    own.add_argument("--db", default=None, metavar="FILE", help="what the questions are about, in the domain's form")
    own.add_argument(
        "--questions", default=None, metavar="FILE", help="JSONL of question, query, and what else it reads"
    )
    own.add_argument("--benchmark", default=None, metavar="NAME[:WHICH]", help="one of the domain's other benchmarks")
    own.add_argument("--items", type=int, default=0, help="ask only this many, evenly chosen; 0 asks all")
    own.add_argument(
        "--name", default=None, help="of the results (default: the benchmark's and WHICH, or the questions' file's)"
    )
    answer.add_asking_flags(own)
    args = cli.parse(parser, argv, borrowed=[("answer", ("base", "max_new_tokens", "dtype", "engine", "base_weights"))])
    if bool(args.db) != bool(args.questions) or args.benchmark and args.db:
        raise cli.UserError("give --db and --questions together, or --benchmark alone, or none of them.")
    return cli.within(args, resamples=(1, None), items=(0, None), max_new_tokens=(1, None))


def other_rows(args, domain):
    """(name, rows) of the questions that the flags name, in place of the benchmark's."""
    if args.db:
        if not hasattr(domain, "load_questions"):
            raise cli.UserError(f"the domain {args.domain} has no load_questions(), so it reads no --db.")
        name, rows = Path(args.questions).stem, domain.load_questions(args.db, args.questions)
    else:
        known = getattr(domain, "BENCHMARKS", {})
        name, _, where = args.benchmark.partition(":")
        if name not in known:
            have = f"; it has {', '.join(sorted(known))}" if known else ""
            raise cli.UserError(f"the domain {args.domain} has no benchmark {name!r}{cli.nearest(name, known)}{have}.")
        rows = known[name](where)
        name = "-".join(dict.fromkeys([name, *which(where)]))  # bank-dev, or spider of a folder spider
    name = args.name or name
    if name in TAKEN or Path(name).name != name:
        raise cli.UserError(f"results cannot be called {name!r}; give another --name.")
    rows = check_rows(rows, "load_questions", f"what the domain {args.domain} reads there")
    n = min(args.items or len(rows), len(rows))
    return name, [rows[i * len(rows) // n] for i in range(n)]


def which(where) -> list:
    """What a record and a name say of WHICH, as a list of one: it may be a path, which is nobody's business."""
    return [name] if (name := Path(where).name) else []


def constant_refusal(rows, made):
    """{"always_refuse": the same refusal as the answer to every item}, empty when no row is to be refused.

    The text is the reference completion of the benchmark's first row with `refuse`: the domain's own words, and a
    domain need not name one.
    """
    text = next((row["completion"] for row in rows.values() if row.get("refuse")), None)
    return {ALWAYS_REFUSE: [{"id": row["id"], "answer": text} for row in made]} if text else {}


def parts_of(rows):
    """{part: positions of its items}: all, and where every row says `refuse`, answerable and to be refused."""
    parts = {"all": list(range(len(rows)))}
    if all("refuse" in row for row in rows):
        for part, refuse in (("answerable", False), ("to_be_refused", True)):
            parts[part] = [i for i, row in enumerate(rows) if row["refuse"] == refuse]
    return {part: chosen for part, chosen in parts.items() if chosen}


def slices_of(rows):
    """{slice: positions of its items}, where every row says `slice` and there are several; else {}."""
    names = [row.get("slice") for row in rows]
    slices = {name: [i for i, one in enumerate(names) if one == name] for name in dict.fromkeys(names)}
    return slices if None not in slices and len(slices) > 1 else {}


def share(values, clusters, args, key="share"):
    """The share of true among the judged values with its clustered interval and n, the number judged."""
    from eval import stats

    judged = [(int(value), cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    mean = low = high = None
    if judged:
        mean, low, high = stats.mean_interval(*zip(*judged, strict=True), seed=args.seed, resamples=args.resamples)
    return {key: mean, "low": low, "high": high, "n": len(judged)}


def change(after, before, clusters, args):
    """The paired difference of the values judged on both sides: interval, McNemar's exact p, items gained and lost."""
    from eval import stats

    judged = [
        (+a, +b, cluster)  # numbers: verdicts are booleans, or means of several
        for a, b, cluster in zip(after, before, clusters, strict=True)
        if a is not None and b is not None
    ]
    mean, low, high, p = None, None, None, None
    gained, lost = sum(a > b for a, b, _ in judged), sum(a < b for a, b, _ in judged)
    if judged:
        mean, low, high = stats.difference_interval(
            *zip(*judged, strict=True), seed=args.seed, resamples=args.resamples
        )
        p = stats.mcnemar_exact(lost, gained)
    return {
        "difference": mean,
        "low": low,
        "high": high,
        "n": len(judged),
        "clusters": len({cluster for *_, cluster in judged}),
        "mcnemar_p": p,
        "gained": gained,
        "lost": lost,
    }


def by_part(parts, correct, clusters, args):
    """(accuracy, difference), each by part: of every model, and of every pair."""
    accuracy, difference = {}, {}
    for part, chosen in parts.items():
        some = {name: [values[i] for i in chosen] for name, values in correct.items()}
        where = [clusters[i] for i in chosen]
        accuracy[part] = {name: share(values, where, args, "accuracy") for name, values in some.items()}
        difference[part] = {pair: change(some[a], some[b], where, args) for pair, (a, b) in PAIRS.items()}
    return accuracy, difference


def by_kind(kinds, correct):
    """{kind: {model: accuracy and n}} over judged answers; a kind of which a model has none is left out."""
    made = {}
    for kind in sorted(set(kinds)):
        judged = {
            name: [v for v, k in zip(correct[name], kinds, strict=True) if k == kind and v is not None]
            for name in MODELS
        }
        if all(judged.values()):
            made[kind] = {name: {"accuracy": sum(v) / len(v), "n": len(v)} for name, v in judged.items()}
    return made


def refused_answerable(parts, verdicts, clusters, args):
    """{name: share of the answerable items that it refused}: those whose reason is 'refused'."""
    chosen = parts.get("answerable", [])
    return {
        name: share(
            [None if verdicts[name][i].correct is None else verdicts[name][i].reason == "refused" for i in chosen],
            [clusters[i] for i in chosen],
            args,
        )
        for name in verdicts
        if chosen
    }


def perplexities(args):
    """{model: perplexity of the reference completions}; the base counts in its better form for perplexity."""
    forms = [name for name in ("base_chat", "base_few_shot") if (args.out / "answers" / f"{name}.jsonl").is_file()]
    made = {}
    for name in [*forms, "sft", "dpo"]:
        rows = files.read_jsonl(args.out / "answers" / f"{name}.jsonl", ("reference_logprob", "reference_tokens"))
        rows = [row for row in rows if row["reference_tokens"]]  # eval/answer.py scores the first --reference_rows
        total = sum(row["reference_logprob"] for row in rows)
        made[name] = score.perplexity_from(total, sum(row["reference_tokens"] for row in rows))
    return {"base": min(made[name] for name in forms), **made}


def stopped(answers, clusters, args):
    """{model: share of its answers that ended by themselves}."""
    return {name: share([row["finish_reason"] == "stop" for row in answers[name]], clusters, args) for name in MODELS}


def summarise_unverified(args, answers):
    """The summary of a domain that has no verifier: what needs none."""
    return {
        "stopped": stopped(answers, [row["cluster"] for row in answers["base"]], args),
        "tokens": {name: sum(row["tokens"] for row in made) / len(made) for name, made in answers.items()},
    }


def summarise(args, answers, verdicts, rows):
    """The summary of the result file; `rows` are the benchmark's, in the answers' order."""
    clusters, kinds = ([row[key] for row in answers["base"]] for key in ("cluster", "category"))
    parts, slices = parts_of(rows), slices_of(rows)
    values = {field: {name: [getattr(v, field) for v in verdicts[name]] for name in verdicts} for field in FIELDS}
    correct, explained = values["correct"], values["explanation_ok"]
    accuracy, difference = by_part(parts, correct, clusters, args)
    inside = {
        name: {part: kept for part, some in parts.items() if (kept := sorted({*some} & {*chosen}))}
        for name, chosen in slices.items()
    }
    apart = {
        name: dict(zip(("accuracy", "difference"), by_part(some, correct, clusters, args), strict=True))
        | {"refused_answerable": refused_answerable(some, verdicts, clusters, args)}
        for name, some in inside.items()
    }
    ids = [row["id"] for row in rows]
    changed = [
        (i, s, d)
        for i, s, d in zip(ids, correct["sft"], correct["dpo"], strict=True)
        if None not in (s, d) and bool(s) != bool(d)
    ]
    return {
        "accuracy": accuracy,
        "by_kind": by_kind(kinds, correct),
        "difference": difference,
        "refused_answerable": refused_answerable(parts, verdicts, clusters, args),
        "slices": apart,
        "format": {name: share(values["format_ok"][name], clusters, args) for name in MODELS},
        "explanation": {name: share(explained[name], clusters, args) for name in MODELS},
        "explanation_difference": {
            p: change(explained[a], explained[b], clusters, args) for p, (a, b) in PAIRS.items()
        },
        "stopped": stopped(answers, clusters, args),
        "unjudged": {field: {name: values[field][name].count(None) for name in MODELS} for field in FIELDS},
        "reasons": {name: dict(Counter(v.reason for v in verdicts[name]).most_common()) for name in MODELS},
        "lost": [i for i, s, d in changed if s],
        "won": [i for i, s, d in changed if d],
    }


def show(summary):
    """The accuracies and differences on the screen, those of slices beneath, and what could not be judged."""
    for name, made in {"": summary, **summary["slices"]}.items():
        for part, by_model in made["accuracy"].items():
            for model, one in by_model.items():
                if one["n"]:
                    figures = f"{one['accuracy']:.1%} [{one['low']:.1%}, {one['high']:.1%}] of {one['n']}"
                    print(f"{part:13s} {model:13s} {figures}{name and f'  ({name})'}")
    for name, made in {"": summary, **summary["slices"]}.items():
        for part, by_pair in made["difference"].items():
            for pair, one in by_pair.items():
                if one["n"]:
                    points = [f"{100 * one[key]:+.1f}" for key in ("difference", "low", "high")]
                    print(
                        f"{part:13s} {pair:13s} {points[0]} points [{points[1]}, {points[2]}], McNemar p "
                        f"{one['mcnemar_p']:.2g}, {one['gained']} gained, {one['lost']} lost{name and f'  ({name})'}"
                    )
    if any(summary["unjudged"]["correct"].values()):
        counts = ", ".join(f"{count} of {model}" for model, count in summary["unjudged"]["correct"].items())
        print(f"answers that could not be judged, and count nowhere above: {counts}")


def show_unverified(summary):
    """What was measured without a verifier, on the screen."""
    print("no verifier: accuracy is not measured")
    for model in MODELS:
        print(
            f"{model:5s} perplexity {summary['perplexity'][model]:.3f}; {summary['tokens'][model]:.1f} tokens an "
            f"answer; {summary['stopped'][model]['share']:.1%} ended by themselves"
        )


def others_judge(args, verdicts) -> bool:
    """Whether the verifier cannot judge a pair of models and eval/winrate.py had others judge in its place."""
    path = args.out / "eval" / "winrate.json"
    return bool(judging.unjudged_pair(verdicts)) and path.is_file() and not files.read_json(path).get("summary")


def judged_rows(asked, verdicts) -> list:
    """What the result file holds of every item: what it is, and each model's verdict."""
    return [
        {
            **{key: row[key] for key in ("id", "cluster", "category", "refuse", "slice") if key in row},
            **{name: made[i]._asdict() for name, made in verdicts.items()},
        }
        for i, row in enumerate(asked)
    ]


def other_questions(args, domain):
    """Ask the models what the flags name, judge, write and show."""
    started = time.time()
    name, rows = other_rows(args, domain)
    args.split, args.reference_rows = name, 0
    # Where the files lie on this machine is nobody's business.
    where = {key: getattr(args, key) and Path(getattr(args, key)).name for key in ("db", "questions")}
    if args.benchmark:
        benchmark, _, part = args.benchmark.partition(":")
        where["benchmark"] = ":".join([benchmark, *which(part)])
    vars(args).update(where)
    folder, target = args.out / "answers" / name, args.out / "eval" / f"{name}.json"
    answers, better = answer.answer_all(args, domain, rows, folder)
    refusals = constant_refusal({row["id"]: row for row in rows}, answers["base"])
    verdicts = load_verdicts(args, domain, {row["id"]: row for row in rows}, answers | refusals)
    summary = summarise(args, answers, verdicts, rows)
    inputs = [folder / f"{one}.jsonl" for one in answers]
    files.write_json(
        target,
        {
            "settings": {"domain": args.domain, "name": name, "items": len(rows), "base_form": better, **where},
            "summary": summary,
            "rows": judged_rows(rows, verdicts),
            "run": files.run_record(args, started, inputs=inputs, judged_by=provenance.generator(domain)),
        },
    )
    show(summary)
    print(f"wrote {target} (answers: {folder}) in {time.time() - started:.0f} s")


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    if args.db or args.benchmark:
        return other_questions(args, domain)
    answers = load_answers(args)
    rows = load_rows(args, domain, answers)
    asked, verified = [rows[row["id"]] for row in answers["base"]], hasattr(domain, "verify")
    verdicts = load_verdicts(args, domain, rows, answers | constant_refusal(rows, answers["base"])) if verified else {}
    if verified and others_judge(args, verdicts):
        print(f"the verifier of the domain {args.domain} cannot judge the answers: other judges do, as without one")
        verified, verdicts = False, {}
    summary = summarise(args, answers, verdicts, asked) if verified else summarise_unverified(args, answers)
    summary["perplexity"] = perplexities(args)
    if verified and not summary["accuracy"]["all"]["base"]["n"]:
        raise cli.UserError(
            f"verify() of the domain {args.domain} can judge no answer of the base; see its reasons, or run "
            f"python eval/winrate.py{args.command_tail} with --judge openai:MODEL first."
        )
    split = files.read_json(args.out / "answers" / "run.json")["settings"]["split"]
    target = args.out / "eval" / "domain.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in answers]
    files.write_json(
        target,
        {
            "settings": {"split": split, "domain": args.domain}
            | ({"verified": False} if hasattr(domain, "verify") and not verified else {}),
            "summary": summary,
            "rows": judged_rows(asked, verdicts),
            "run": files.run_record(args, started, inputs=inputs, judged_by=provenance.generator(domain)),
        },
    )
    (show if verified else show_unverified)(summary)
    print(f"wrote {target} in {time.time() - started:.0f} s; next: python eval/mmlu.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
