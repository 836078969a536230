"""python data/gen_sft.py

Makes the SFT set: asks the teacher for prompts with answers, verifies each, removes duplicates, reports.
Reads data/seed_prompts.json through the domain; writes data/sft.jsonl and out/gen_sft (report.md, dropped.jsonl,
run.json). Same seed, same bytes.
"""

import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, provenance
from common.domain import load_domain, rows_of, verdict_on

PROVENANCE = ("seed_id", "teacher", "category", "schema_id", "family")  # kept of a row, where it has them
SHINGLE = 3  # words; short enough that one changed value does not make two texts different


def parse_args(argv=None):
    parser = cli.parser(__doc__, "gen_sft")
    parser.add_argument(
        "--teacher", default="templates", choices=("templates",), help="who writes the rows: the domain's own templates"
    )
    parser.add_argument("--n", type=int, default=6000, help="rows to write")
    parser.add_argument("--max_characters", type=int, default=6000, help="longest prompt with completion")
    parser.add_argument(
        "--jaccard", type=float, default=0.9, help="word-trigram similarity from which rows are duplicates"
    )
    return cli.within(cli.parse(parser, argv), n=(1, None), max_characters=(1, None), jaccard=(0, 1))


def teach(domain, args, wanted):
    """Candidate rows: the curated seeds first, then the templates'."""
    if not hasattr(domain, "generate"):
        raise cli.UserError(f"the domain {args.domain} has no generate(), so --teacher templates cannot work.")
    seeds = [{**row, "seed_id": row["id"], "teacher": "curated"} for row in rows_of(domain, "load_seeds")]
    made = rows_of(domain, "generate", random.Random(args.seed), wanted, "sft")
    return seeds + [{**row, "seed_id": None, "teacher": "templates"} for row in made]


def judge(domain, rows):
    """The reason why each row is unfit ('' when it is fit): the domain's verdict on its own completion."""
    from tqdm import tqdm

    if not hasattr(domain, "verify"):
        return [""] * len(rows)

    def reason(row):
        verdict = verdict_on(domain, row, row["completion"])
        return (
            f"wrong: {verdict.reason}"
            if verdict.correct is False
            else "bad format"
            if verdict.format_ok is False
            else "bad explanation"
            if verdict.explanation_ok is False
            else ""
        )

    with ThreadPoolExecutor(4) as pool:  # each verdict waits for a process of its own
        return list(tqdm(pool.map(reason, rows), total=len(rows), desc="verify", unit="row", mininterval=2))


def shingles(text):
    """The set of word trigrams of a text (the whole text when it is shorter)."""
    words = text.lower().split()
    return {" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}


def near_duplicates(texts, threshold):
    """For each text the index of an earlier one with Jaccard similarity >= threshold, or None.

    MinHash proposes (Broder 1997; 128 permutations), the true Jaccard similarity of the trigram sets decides. The index
    looks 0.2 lower than the threshold, since an estimate from 128 permutations is off by up to 0.1.
    """
    from datasketch import MinHash, MinHashLSH

    sets = [shingles(text) for text in texts]
    hashes = MinHash.bulk([[s.encode() for s in one] for one in sets], num_perm=128)
    index, found = MinHashLSH(threshold=max(0.3, threshold - 0.2), num_perm=128), []
    for i, minhash in enumerate(hashes):
        similar = (
            j for j in sorted(index.query(minhash)) if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j])
        )
        found.append(next(similar, None))
        if found[-1] is None:
            index.insert(i, minhash)
    return found


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


def distinct_share(texts, size):
    """Distinct word n-grams over all word n-grams: how much the set repeats itself."""
    grams = Counter(
        tuple(words[i : i + size]) for words in (text.split() for text in texts) for i in range(len(words) - size + 1)
    )
    return len(grams) / max(1, sum(grams.values()))


def report(rows, dropped, candidates, domain):
    """The quality report as markdown."""
    compare = getattr(domain, "dedup_text", lambda row: row["prompt"])
    texts = [compare(row) for row in rows]
    lengths = {name: sorted(len(row[name].split()) for row in rows) for name in ("prompt", "completion")}
    lines = [
        "# SFT data",
        "",
        f"{candidates} candidates, {len(rows)} kept, {len(dropped)} dropped.",
        "",
        "| dropped because | rows |",
        "|---|---|",
    ]
    lines += [f"| {reason} | {count} |" for reason, count in Counter(row["reason"] for row in dropped).most_common()]
    lines += ["", "| kind | rows |", "|---|---|"]
    lines += [f"| {kind} | {count} |" for kind, count in sorted(Counter(row["category"] for row in rows).items())]
    lines += ["", "| words in | shortest | median | 95 % | longest |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {v[0]} | {v[len(v) // 2]} | {v[int(len(v) * 0.95)]} | {v[-1]} |" for name, v in lengths.items()
    ]
    lines += ["", "| distinct share of | questions with answers |", "|---|---|"]
    lines += [f"| {size}-grams | {distinct_share(texts, size):.3f} |" for size in (1, 2, 3, 4)]
    groups = (("family", "families"), ("schema_id", "schemas"))
    counts = [f"{len({row[key] for row in rows})} {words}" for key, words in groups if all(key in row for row in rows)]
    curated = f"{sum(row['teacher'] == 'curated' for row in rows)} curated rows"
    return "\n".join([*lines, "", f"{', '.join([*counts, curated])}.", ""])


def main(args):
    started = time.time()
    domain = load_domain(args.domain)
    work, target = args.out / "gen_sft", files.product(args, "data/sft.jsonl")
    rows = teach(domain, args, round(args.n * 1.25) + 20)
    kept, dropped = select(domain, rows, judge(domain, rows), args)
    if len(kept) < args.n:
        print(f"note: {len(kept)} rows are left of the {args.n} asked for; raise --jaccard or lower --n.")
    files.write_jsonl(
        target,
        [
            {
                "id": f"sft-{i:06d}",
                "prompt": row["prompt"],
                "completion": row["completion"],
                **{key: row[key] for key in PROVENANCE if key in row},
            }
            for i, row in enumerate(kept)
        ],
    )
    files.write_jsonl(work / "dropped.jsonl", dropped)
    files.write_text(work / "report.md", report(kept, dropped, len(rows), domain))
    counts = {"candidates": len(rows), "kept": len(kept), **Counter(row["reason"] for row in dropped)}
    output, source = {str(target.name): files.sha256(target)}, provenance.teacher_of(args, domain)
    files.write_run_record(work, args, started, counts=counts, output=output, made_with=source)
    print(
        f"wrote {len(kept)} rows to {target} ({', '.join(f'{k} {v}' for k, v in counts.items())}) in "
        f"{time.time() - started:.0f} s; report: {work}/report.md; next: python train/sft.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
