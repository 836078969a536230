"""python data/gen_sft.py

Makes the SFT set: asks the teacher for prompts with answers, verifies each, removes duplicates, reports.
Reads data/seed_prompts.json through the domain; writes data/sft.jsonl and out/gen_sft (report.md, data_card.md,
dropped.jsonl, run.json). Same seed, same bytes.

The teacher is one of the domain's own, or several in shares, or a model. text_to_sql has templates, bank (questions
written by hand, with restyled copies) and bank_as_written (no copies); by default half of the rows are of templates and
half of bank:
  python data/gen_sft.py --teacher templates
  python data/gen_sft.py --teacher templates:3,bank:1     three rows of templates for each of the bank
A model's run begins with a pilot, estimates its cost and asks before it goes on; it keeps every answer in
out/ledger.db, so that after a kill the same command goes on and pays for nothing twice. Keys come from the environment:
  export ANTHROPIC_API_KEY=...; python data/gen_sft.py --teacher anthropic:claude-opus-5-5 --max_cost 20
  export OPENAI_API_KEY=...;    python data/gen_sft.py --teacher openai:gpt-6-luna --teacher_effort low --method evol
  a server of your own:         python data/gen_sft.py --teacher openai:MODEL@http://localhost:8000/v1 --price 0 0
  several (key: LLM_API_KEY):   python data/gen_sft.py --teacher openai:MODEL@http://HOST1:8000,http://HOST2:8000
  prompts, cost, no call:       python data/gen_sft.py --teacher anthropic:claude-opus-5-5 --dry_run
"""

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, llm, paid, provenance
from common.domain import load_domain, rows_of, splits_of, verdict_on
from data import card, mix, row_report, teaching
from data.similar import near_duplicates

PROVENANCE = ("seed_id", "teacher", "category", "schema_id", "family")  # kept of a row, where it has them
TAUGHT = ("date", "method", "prompt_version", "seed", "agreement")  # of a row that a model wrote


def parse_args(argv=None):
    parser = cli.parser(__doc__, "gen_sft")
    parser.add_argument(
        "--teacher",
        default=None,
        metavar="NAME",
        help="one of the domain's own, several as NAME:SHARE,NAME:SHARE, or anthropic:MODEL, openai:MODEL, with @URL "
        "(default: what the domain says, or templates)",
    )
    parser.add_argument("--n", type=int, default=6000, help="rows to write")
    parser.add_argument("--max_characters", type=int, default=6000, help="longest prompt with completion")
    parser.add_argument(
        "--jaccard", type=float, default=0.9, help="word-trigram similarity from which rows are duplicates"
    )
    parser.add_argument(
        "--method", default="grid", choices=teaching.METHODS,
        help="how a model is prompted: topic x difficulty x kinds, unlike earlier rows, or earlier rows made harder",
    )  # fmt: skip
    parser.add_argument(
        "--agree",
        type=int,
        default=3,
        help="answers to each row's question, its own included; half of the others agree",
    )
    paid.add_flags(parser, "teacher")
    args = cli.within(cli.parse(parser, argv), n=(1, None), max_characters=(1, None), jaccard=(0, 1))
    args.flags = list(sys.argv[1:] if argv is None else argv)
    return args


def deciding(args, domain) -> dict:
    """The settings that decide the rows, for the next stage to compare with (common/provenance.py)."""
    keys = ("n", "seed", "max_characters", "jaccard")
    if not mix.shares_of(domain, args):
        keys += ("method", "agree", "teacher_temperature", "teacher_effort", "teacher_max_tokens")
    return {"teacher": mix.named(domain, args).partition("@")[0], **{key: getattr(args, key) for key in keys}}


def load_seeds(domain):
    """The curated seeds as candidate rows."""
    return [{**row, "seed_id": row["id"], "teacher": "curated"} for row in rows_of(domain, "load_seeds")]


def unfit(domain, row):
    """The reason why a row is unfit ('' when it is fit): the domain's verdict on its own completion.

    Notes in the row whether its explanation is proved; one that a person wrote (`by_hand`) needs no proof.
    """
    if not hasattr(domain, "verify"):
        return ""
    verdict = verdict_on(domain, row, row["completion"])
    row["proved"] = verdict.explanation_ok
    return (
        f"wrong: {verdict.reason}"
        if verdict.correct is False
        else "bad format"
        if verdict.format_ok is False
        else "bad explanation"
        if verdict.explanation_ok is False and not row.get("by_hand")
        else ""
    )


def judge(domain, rows):
    """unfit() of each row, with progress."""
    from tqdm import tqdm

    if not hasattr(domain, "verify"):
        return [""] * len(rows)
    with ThreadPoolExecutor(4) as pool:  # each verdict waits for a process of its own
        judged = pool.map(lambda row: unfit(domain, row), rows)
        return list(tqdm(judged, total=len(rows), desc="verify", unit="row", mininterval=2))


def held_out(domain, rows, reasons, args):
    """The reasons, with one for each fit row that is nearly one of the benchmark's, which a model may have read."""
    compare = getattr(domain, "dedup_text", lambda row: f"{row['prompt']}\n{row['completion']}")
    kept_apart = [compare(row) for split in splits_of(domain) for row in rows_of(domain, "load_benchmark", split)]
    fit = [i for i, reason in enumerate(reasons) if not reason]
    n = len(kept_apart)
    twins = near_duplicates(kept_apart + [compare(rows[i]) for i in fit], args.jaccard, apart=n)[n:]
    same = {i for i, twin in zip(fit, twins, strict=True) if twin is not None and twin < n}
    return ["in the benchmark" if i in same else reason for i, reason in enumerate(reasons)]


def select(domain, rows, reasons, args):
    """(kept rows, dropped rows with their reason): verified, short enough, no duplicate, at most args.n."""
    kept, dropped, seen, texts = [], [], {}, []
    compare = getattr(domain, "dedup_text", lambda row: f"{row['prompt']}\n{row['completion']}")
    for row, reason in zip(rows, reasons, strict=True):
        text = compare(row)
        if not reason and len(row["prompt"]) + len(row["completion"]) > args.max_characters:
            reason = "too long"
        if not reason and text in seen:
            reason = "exact duplicate"
        if reason:
            dropped.append({"id": row["id"], "reason": reason, "text": text})
            continue
        seen[text] = row["id"]
        kept.append(row)
        texts.append(text)
    unique = []
    for row, text, twin in zip(kept, texts, near_duplicates(texts, args.jaccard), strict=True):
        reason = "near duplicate" if twin is not None else "not needed" if len(unique) == args.n else ""
        if reason:
            dropped.append({"id": row["id"], "reason": reason, "text": text})
        else:
            unique.append(row)
    return unique, dropped


def candidates(domain, args):
    """(rows, the reason against each, what a model's calls were); None after --dry_run."""
    shares = mix.shares_of(domain, args)
    if shares and args.dry_run:
        raise cli.UserError("--dry_run shows what a model would be asked, and --teacher names none.")
    seeds = load_seeds(domain)
    if shares:
        rows = seeds + mix.make_rows(domain, shares, args.seed, round(args.n * 1.25) + 20, "sft")
        return rows, held_out(domain, rows, judge(domain, rows), args), None

    def choose(rows, reasons):
        kept = select(domain, rows, reasons, args)[0]
        enough = len(kept) == args.n  # only then is it worth the time to look at the benchmark
        return select(domain, rows, held_out(domain, rows, reasons, args), args)[0] if enough else kept

    teaching.load_teacher(args, domain)
    paid.check(args, llm.parse_spec(args.teacher))
    first = list(zip(seeds, [""] * len(seeds) if args.dry_run else judge(domain, seeds), strict=True))
    taught = teaching.teach(domain, args, first, lambda row: unfit(domain, row), choose)
    return taught and (taught[0], held_out(domain, *taught[:2], args), taught[2])


def build_rows(kept, calls):
    """The rows as they are written: prompt and completion, and where they are from."""
    recorded = PROVENANCE if calls is None else PROVENANCE + TAUGHT
    return [
        {
            "id": f"sft-{i:06d}",
            "prompt": row["prompt"],
            "completion": row["completion"],
            **{key: row[key] for key in recorded if key in row},
        }
        for i, row in enumerate(kept)
    ]


def write_record(args, started, domain, target, counts, calls):
    """out/gen_sft/run.json."""
    source = {**provenance.teacher_of(args, domain), "settings": deciding(args, domain)}
    output = {str(target.name): files.sha256(target)}
    more = {"flags": args.flags} | ({} if calls is None else {"model_calls": calls})
    files.write_run_record(args.out / "gen_sft", args, started, counts=counts, output=output, made_with=source, **more)


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    args.teacher = mix.named(domain, args)
    folder, target = args.out / "gen_sft", files.product(args, "data/sft.jsonl")
    made = candidates(domain, args)
    if made is None:
        return
    rows, reasons, calls = made
    kept, dropped = select(domain, rows, reasons, args)
    why = Counter(row["reason"] for row in dropped)
    if not kept:
        told = ", ".join(f"{reason} {count}" for reason, count in why.most_common())
        raise cli.UserError(
            f"no row of {len(rows)} can be kept ({told}), so nothing was written; see --max_characters and the "
            "domain's verify()."
        )
    if len(kept) < args.n:
        print(f"note: {len(kept)} rows are left of the {args.n} asked for; raise --jaccard or lower --n.")
    files.write_jsonl(target, build_rows(kept, calls))
    files.write_jsonl(folder / "dropped.jsonl", dropped)
    files.write_text(folder / "report.md", row_report.report(kept, dropped, len(rows), domain))
    files.write_text(folder / "data_card.md", card.data_card(args, kept, calls))
    counts = {"candidates": len(rows), "kept": len(kept), **why}
    write_record(args, started, domain, target, counts, calls)
    if calls is not None:
        print(f"calls: {calls['calls']}, {paid.shown(calls['dollars'])}; each is in {args.out / paid.LEDGER}.")
    print(
        f"wrote {len(kept)} rows to {target} ({', '.join(f'{k} {v}' for k, v in counts.items())}) in "
        f"{time.time() - started:.0f} s; report: {folder}/report.md; next: python train/sft.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
