"""The domain `rows`: nothing but rows to learn from and rows to be measured on, judged by a model or by hand.

train/sft.py --domain rows --data FILE --benchmark FILE writes OUT/domain, which is the domain for every later stage:
train.jsonl (what SFT learns), pairs.jsonl (prompts for preference pairs, which SFT never sees), dev.jsonl (what
trainings measure themselves on), test.jsonl (the benchmark) and domain.json, written last.
"""

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from common import files
from common.apart import first_alone, is_first
from common.cli import UserError
from common.rows import group_pairs, read_examples, to_refuse

NAME = "rows"
MADE_BY = "python train/sft.py --domain rows --data FILE --benchmark FILE"
SYSTEM_PROMPT = "You are a helpful assistant."
RUBRIC = """Judge an answer to the user's request, in this order:
correct (0 or 1): it does what the request asks, completely, and what it states is true; where a reference is given it
agrees with it in substance. A refusal is correct only where the request should not or cannot be answered.
format (0 or 1): it has the form that the request asks for, and nothing beside the answer.
explanation (0 or 1): what it says to explain or justify itself is right; an answer that explains nothing has 1.
Length is no merit. A correct answer beats a wrong one; among correct ones format and explanation decide."""
DEV_SHARE, DEV_ROWS = 0.05, 200  # of the rows, and at most so many


def add_flags(parser):
    """Flags of train/sft.py that only this domain reads."""
    group = parser.add_argument_group("with --domain rows")
    group.add_argument("--benchmark", default=None, metavar="FILE", help="rows to be measured on, as for --data")
    group.add_argument("--system_prompt", default=None, help=f"said before every request (without it: {SYSTEM_PROMPT})")
    group.add_argument("--rubric", default=None, metavar="FILE", help="text by which a judge grades answers")
    group.add_argument(
        "--pair_share", type=float, default=0.25, help="share of the rows whose prompts are kept for preference pairs"
    )


def prepare(args) -> Path:
    """Write OUT/domain from --data and --benchmark when they are given; returns the file that SFT learns from.

    UserError when only one of them is given, when a file is unfit, or when too few rows are left for the parts.
    """
    folder = args.out / "domain"
    if not (args.data or args.benchmark):
        load(args.out)  # says what is missing
        return folder / "train.jsonl"
    if not (args.data and args.benchmark):
        raise UserError(f"--domain rows needs --data FILE and --benchmark FILE the first time: {MADE_BY}.")
    test, rows = benchmark_rows(args.benchmark), with_refuse(read_examples(args.data), args.data)
    kept, leaked = without_leaks(rows, test)
    parts = split(kept, args.pair_share, args.seed, args.data)
    if leaked:
        print(f"note: {leaked} of {len(rows)} rows ask what the benchmark asks; they are left out.")
    about = {
        "system_prompt": SYSTEM_PROMPT if args.system_prompt is None else args.system_prompt,
        "rubric": read_rubric(args.rubric) if args.rubric else RUBRIC,
        "inputs": {files.shown(path): files.sha256(path) for path in (args.data, args.benchmark)},
        "counts": {**{name: len(part) for name, part in parts.items()}, "test": len(test), "leaked": leaked},
        "seed": args.seed,
    }
    with first_alone():
        if is_first():  # the others read what it has written
            write(folder, {**parts, "test": test}, about)
    print(f"wrote {folder}: {', '.join(f'{name} {count}' for name, count in about['counts'].items())}", flush=True)
    return folder / "train.jsonl"


def write(folder, parts: dict, about: dict):
    """The files of the domain; without the last of them it is not there."""
    (folder / "domain.json").unlink(missing_ok=True)
    for name, part in parts.items():
        files.write_jsonl(folder / f"{name}.jsonl", part)
    files.write_json(folder / "domain.json", about)


def read_rubric(path) -> str:
    """The text of a rubric."""
    try:
        text = files.content(path).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save the rubric as UTF-8.") from None
    if not text:
        raise UserError(f"{path} is empty; a rubric says what a good answer is.")
    return text


def benchmark_rows(path) -> list:
    """The rows of the benchmark; UserError for one that asks in several messages, which are not compared yet."""
    rows = with_refuse(read_examples(path), path)
    several = [row["id"] for row in rows if not isinstance(row["prompt"], str)]
    if several:
        raise UserError(
            f"{path}: the row {several[0]} has more than one user's message before its answer ({len(several)} rows "
            "have); a benchmark asks by one text each."
        )
    return as_domain_rows(rows)


def with_refuse(rows: list, path) -> list:
    """The rows with `refuse` as true or false where a table spells it; an empty field is none."""
    made = []
    for row in rows:
        refuse = to_refuse(row, f"{path}: the row {row['id']}")
        others = {key: value for key, value in row.items() if key != "refuse"}
        made.append({**others, "refuse": refuse} if row.get("refuse") not in (None, "") else others)
    return made


def as_domain_rows(rows: list) -> list:
    """Rows with a category, and a cluster: rows with one prompt, cluster or schema_id belong together."""
    groups, numbers = group_pairs(rows), {}
    return [
        {**row, "category": str(row.get("category") or "all"), "cluster": numbers.setdefault(group, len(numbers))}
        for row, group in zip(rows, groups, strict=True)
    ]


def plain(text: str) -> str:
    """A text as it is compared: lower case, one blank between words."""
    return " ".join(text.casefold().split())


def without_leaks(rows: list, test: list) -> tuple:
    """(rows none of whose user's messages is a prompt of the benchmark, how many others there were)."""
    asked = {plain(row["prompt"]) for row in test}
    kept = []
    for row in rows:
        turns = [{"role": "user", "content": row["prompt"]}] if isinstance(row["prompt"], str) else row["prompt"]
        if not any(turn["role"] == "user" and plain(turn["content"]) in asked for turn in turns):
            kept.append(row)
    return kept, len(rows) - len(kept)


def split(rows: list, pair_share: float, seed: int, path) -> dict:
    """{"train", "pairs", "dev"}: rows with one prompt, cluster or schema_id in one part only.

    Rows that ask in several messages are trained on: a group that has one is in train.
    """
    rows = as_domain_rows(rows)
    alone = Counter(row["cluster"] for row in rows if not isinstance(row["prompt"], str))
    free = sorted({row["cluster"] for row in rows} - set(alone))
    random.Random(seed).shuffle(free)
    sizes, part_of = Counter(row["cluster"] for row in rows), {}
    wanted = {"dev": min(DEV_ROWS, round(DEV_SHARE * len(rows))), "pairs": round(pair_share * len(rows))}
    for name, count in wanted.items():
        taken = 0
        while free and taken < max(1, count):
            part_of[free[-1]] = name
            taken += sizes[free.pop()]
    parts = {"train": [], "pairs": [], "dev": []}
    for row in rows:
        parts[part_of.get(row["cluster"], "train")].append(row)
    empty = [name for name, part in parts.items() if not part]
    if empty:
        raise UserError(f"{path} leaves no row for {', '.join(empty)}: it needs at least three different prompts.")
    return parts


def check_taught(args, lineage: dict):
    """UserError when the SFT adapter of this lineage was trained on other rows than OUT/domain has since been given.

    train/sft.py writes them before it trains, and with --check, or when it is killed, leaves the adapter as it was.
    """
    if args.domain != NAME or not lineage.get("data_sha256"):
        return
    path = args.out / "domain" / "train.jsonl"
    if not path.is_file() or files.sha256(path) != lineage["data_sha256"]:
        raise UserError(
            f"{args.out / 'sft'} was trained on other rows than {path} has now; run python "
            f"train/sft.py{args.command_tail} again, with --data and --benchmark where it is to have others."
        )


def load(out) -> SimpleNamespace:
    """The domain as the other domains are, by the contract of common/domain.py, without verify().

    Its generate() hands out, for "dpo", the prompts that are kept for pairs; there are no others.
    """
    folder = Path(out) / "domain"
    if not (folder / "domain.json").is_file():
        raise UserError(f"{folder} is not there yet, which --domain rows is read from; run {MADE_BY} first.")
    about = files.read_json(folder / "domain.json")

    def part(name):
        return files.read_jsonl(folder / f"{name}.jsonl", ("id", "prompt", "completion"), MADE_BY)

    def generate(rng, n, split):
        if split != "dpo":
            raise UserError(f"--domain rows has no rows but those of --data; run {MADE_BY}.")
        found = part("pairs")
        return found if n >= len(found) else [found[i] for i in sorted(rng.sample(range(len(found)), n))]

    return SimpleNamespace(
        __name__="the domain rows",
        __doc__=f"Requests as in {Path(next(iter(about['inputs']))).name}.",
        SYSTEM_PROMPT=about["system_prompt"],
        JUDGE_RUBRIC=about["rubric"],
        load_seeds=lambda: [row for row in part("train") if isinstance(row["prompt"], str)],
        load_benchmark=part,
        generate=generate,
    )
