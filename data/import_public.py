"""python data/import_public.py NAME[:FILE] ...

Brings public data sets into the two formats that train/sft.py and train/dpo.py read: NAME fetches the original from the
Hub, NAME:FILE reads a copy that is there already. Writes out/public/sft.jsonl and dpo.jsonl, whichever the sources
have, with source and licence in every row, and report.json (facts, counts, what was left out and why).
  python data/import_public.py --list                              licences, where they were read, schemas
  python data/import_public.py dolly-15k hh-rlhf:test.jsonl.gz --cap hh-rlhf=2000 --weight dolly-15k=0.5
  python data/import_public.py --check hh-rlhf:test.jsonl.gz       is this file the original, as far as known?
"""

import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.rows import fit_rows
from common.tables import first_line, own_rows
from data.public import LEFT_OUT, SEEN, SOURCES

# What data/public.py itself compares and splits; other fields are read, and left out, as those of any file.
KINDS = {"HelpSteer2": {"prompt": (str, "text"), "helpfulness": ((int, float), "a number")}}


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("sources", nargs="*", metavar="NAME[:FILE]", help=f"any of {', '.join(SOURCES)}")
    parser.add_argument("--list", action="store_true", help="say what is known of each source, and no more")
    parser.add_argument("--check", action="store_true", help="read the files named and say what they are, and no more")
    parser.add_argument("--out", default=str(cli.from_root("out/public")), metavar="DIR", help="folder of the products")
    parser.add_argument("--use", default="research", choices=("research", "commercial"), help="what the rows are for")
    parser.add_argument("--cap", nargs="+", default=[], metavar="NAME=N", help="at most so many rows of a source")
    parser.add_argument(
        "--weight",
        nargs="+",
        default=[],
        metavar="NAME=W",
        help="after the cap: 2 takes each row twice, 0.5 half of them",
    )
    parser.add_argument("--language", default=None, help="only rows of this language, where a source says it (oasst1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of what --cap and --weight take")
    args = cli.within(parser.parse_args(argv), seed=cli.SEEDS)
    args.named = [one.partition(":")[::2] for one in args.sources]
    args.cap, args.weight = (by_name(args, flag, kind) for flag, kind in (("cap", int), ("weight", float)))
    for name, _ in args.named:
        if name not in SOURCES:
            raise cli.UserError(f"no source {name!r}{cli.nearest(name, SOURCES)}; there is {', '.join(SOURCES)}.")
    if len({name for name, _ in args.named}) < len(args.named):
        raise cli.UserError("a source is named twice; name each once.")
    if not args.named and not args.list:
        raise cli.UserError(f"no source is named; there is {', '.join(SOURCES)}.")
    return args


def by_name(args, flag, kind) -> dict:
    """{source: number} of NAME=NUMBER; UserError for another source, no number, or one that is not above 0."""
    made = {}
    for one in getattr(args, flag):
        name, _, value = one.partition("=")
        try:
            made[name] = kind(value)
        except ValueError:
            made[name] = 0
        if name not in dict(args.named) or not 0 < made[name] < float("inf"):
            raise cli.UserError(f"--{flag} takes NAME=NUMBER of a source that is named, above 0, not {one}.")
    return made


def facts(name) -> str:
    """What is known of a source, in a few lines."""
    one = SOURCES[name]
    return "\n".join(
        [
            f"{name}: {one.hub} on the Hub, {', '.join(one.files)}",
            f"  licence {one.licence} (read {SEEN} at {one.seen}); commercial use: "
            f"{ {True: 'allowed by it', False: 'not allowed', None: 'unknown'}[one.commercial] }",
            f"  note: {one.note}",
            f"  schema {', '.join(one.keys)} ({one.schema}); rows: {one.rows or 'unknown'}",
        ]
    )


def check_use(args):
    """UserError for a source whose licence forbids, or does not say, what the rows are for."""
    for name, _ in args.named:
        if args.use == "commercial" and not SOURCES[name].commercial:
            raise cli.UserError(
                f"{name} may not be used commercially: its card says {SOURCES[name].licence}; {SOURCES[name].note}; "
                "leave it out, or say --use research."
            )


def fetch(name) -> tuple:
    """(paths of the original's files, commit) from the Hub; UserError when they cannot be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    one, paths = SOURCES[name], []
    for file in one.files:
        try:
            paths.append(Path(hf_hub_download(one.hub, file, repo_type="dataset")))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise cli.UserError(
                f"{file} of {one.hub} cannot be fetched from the Hub ({first_line(error)}); get it by hand and say "
                f"{name}:FILE."
            ) from None
    depth = len(Path(one.files[0]).parts)
    return paths, paths[0].parents[depth - 1].name


def read(name, paths) -> list:
    """The rows of the files; UserError when one has not the documented schema, or of KINDS something else."""
    found = []
    for path in paths:
        for where, _, row in own_rows(path):
            missing = [key for key in SOURCES[name].keys if key not in row]
            if missing:
                raise cli.UserError(
                    f"{where} lacks {', '.join(missing)}, which each row of {name} has ({SOURCES[name].schema}); it "
                    f"has {', '.join(row)}."
                )
            for key, (kind, words) in KINDS.get(name, {}).items():
                if not isinstance(row[key], kind):
                    raise cli.UserError(f"{where}: {key} is {files.kind_of(row[key])}; it must be {words}.")
            found.append(row)
    return found


def convert(name, rows, language=None) -> tuple:
    """({"sft": rows, "dpo": rows} in our formats, {reason: rows left out})."""
    made, out = {}, Counter()
    for kind, row in SOURCES[name].convert(rows):
        if kind == LEFT_OUT:
            out[row] += 1
        elif language and row.get("language") not in (language, None):
            out[f"not in {language}"] += 1
        else:
            made.setdefault(kind, []).append(row)
    for kind, raw in made.items():
        found = [(f"row {i}", f"{name}-{i:06d}", row) for i, row in enumerate(raw)]
        made[kind], dropped = fit_rows(found, name, kind == "dpo")
        out += dropped
    about = {"source": SOURCES[name].hub, "licence": SOURCES[name].licence}
    return {kind: [{**row, **about} for row in fit] for kind, fit in made.items() if fit}, out


def share_of(rows, cap, weight, rng) -> list:
    """At most `cap` of the rows, then each `weight` times: of a fraction, so many of them at random."""
    rows = rows if cap is None or cap >= len(rows) else [rows[i] for i in sorted(rng.sample(range(len(rows)), cap))]
    whole, part = int(weight), round((weight - int(weight)) * len(rows))
    again = [rows] * whole + ([[rows[i] for i in sorted(rng.sample(range(len(rows)), part))]] if part else [])
    return [
        {**row, "id": row["id"] if not turn else f"{row['id']}+{turn}"}
        for turn, some in enumerate(again)
        for row in some
    ]


def originals(name, file) -> tuple:
    """(paths, where they are from) of a source: the file named, or the Hub's."""
    if file:
        return [Path(file)], "a local file"
    paths, commit = fetch(name)
    return paths, f"{SOURCES[name].hub} at {commit}"


def check(name, paths):
    """Say what the files are: a known original or not, the schema, how many rows, how many of them can be used."""
    one = SOURCES[name]
    for path in paths:
        digest = files.sha256(path)
        known = one.hashes.get(digest)
        print(f"{path}: " + (f"byte for byte {known}" if known else f"SHA-256 {digest} is not among those known here"))
    rows = read(name, paths)
    made, out = convert(name, rows)
    counted = f"{len(rows)} rows, each with {', '.join(one.keys)}"
    print(f"{name}: {counted}; documented are {one.rows if one.rows else 'an unknown number'}")
    print(f"{name}: usable: {', '.join(f'{len(fit)} for {kind}' for kind, fit in made.items()) or 'none'}")
    for reason, count in out.most_common():
        print(f"  left out {count}: {reason}")


def main(args):
    if args.list:
        print("\n".join(facts(name) for name in dict(args.named) or SOURCES))
        return
    if args.check:
        for name, file in args.named:
            check(name, originals(name, file)[0])
        return
    check_use(args)
    products, report, rng = {}, {}, random.Random(args.seed)
    for name, file in args.named:
        paths, origin = originals(name, file)
        made, out = convert(name, read(name, paths), args.language)
        if not made:
            raise cli.UserError(f"{name} gave no row that can be used: {', '.join(out) or 'the file has none'}.")
        kept = {kind: share_of(rows, args.cap.get(name), args.weight.get(name, 1), rng) for kind, rows in made.items()}
        for kind, rows in kept.items():
            products.setdefault(kind, []).extend(rows)
        one = SOURCES[name]
        known = [Path(file).name] if file else one.files  # the Hub's by their folders too: several have one name
        report[name] = {
            "origin": origin, "sha256": dict(zip(known, map(files.sha256, paths), strict=True)), "licence": one.licence,
            "licence_read": f"{SEEN}, {one.seen}", "note": one.note, "usable": {k: len(v) for k, v in made.items()},
            "taken": {kind: len(rows) for kind, rows in kept.items()}, "left_out": dict(out),
        }  # fmt: skip
        print(f"{name}: {', '.join(f'{len(v)} of {len(made[k])} for {k}' for k, v in kept.items())}; left out: "
              f"{sum(out.values())}; licence {one.licence}; {one.note}", flush=True)  # fmt: skip
    for kind, rows in products.items():
        files.write_jsonl(Path(args.out) / f"{kind}.jsonl", rows)
    files.write_json(Path(args.out) / "report.json", report)
    told = ", ".join(f"{len(rows)} rows to {args.out}/{kind}.jsonl" for kind, rows in products.items())
    following = " and ".join(f"python train/{kind}.py --data {args.out}/{kind}.jsonl" for kind in products)
    print(f"wrote {told}; next: {following}")


if __name__ == "__main__":
    cli.run(main, parse_args)
