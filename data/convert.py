"""python data/convert.py IN OUT

Writes training rows of any format that the trainers read (JSONL, one JSON array, CSV, TSV or Parquet with prompt and
completion, messages, ShareGPT's conversations, Alpaca's instruction and output, self-instruct's instances, pairs of
chosen and rejected, hh-rlhf's transcripts) as the project's own JSONL, or as Alpaca's. OUT that ends with .json is one
JSON array.
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.layouts import PAIRS, layout_of
from common.rows import SAME, examples_of, fit_rows, pairs_of
from common.tables import own_rows

ALPACA = ("instruction", "input", "output", "system")


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("source", metavar="IN", help="the file to read")
    parser.add_argument("target", metavar="OUT", help="the file to write, .jsonl or .json")
    parser.add_argument("--to", default="ours", choices=("ours", "alpaca"), help="the format to write")
    parser.add_argument(
        "--rename", nargs="+", default=[], metavar="OLD=NEW", help="read a key by another name: question=prompt"
    )
    parser.add_argument(
        "--skip", action=cli.Switch, default=False, help="leave out rows that cannot be used, counted by reason"
    )
    args = parser.parse_args(argv)
    if Path(args.target).resolve() == Path(args.source).resolve():
        raise cli.UserError(f"{args.target} is the file that is read; name another one, so that nothing is lost.")
    return args


def renamed(found: list, changes: list) -> list:
    """The rows with keys renamed by OLD=NEW; UserError when a row lacks one or has the new name already."""
    pairs = [change.partition("=")[::2] for change in changes]
    olds, news = ([pair[i] for pair in pairs] for i in (0, 1))
    for old, new in pairs:
        if not old or not new:
            raise cli.UserError(f"--rename takes OLD=NEW, such as question=prompt, not {old or '='}.")
        if olds.count(old) > 1 or news.count(new) > 1:
            twice = old if olds.count(old) > 1 else new
            raise cli.UserError(f"--rename {old}={new}: {twice} comes twice, and one of the two would be lost.")
        for where, _, row in found:
            if old not in row or new in row:
                fault = f"lacks {old}" if old not in row else f"has {new} already"
                raise cli.UserError(f"--rename {old}={new}: {where} {fault}; it has {', '.join(row)}.")
    names = dict(pairs)
    return [(where, name, {names.get(key, key): value for key, value in row.items()}) for where, name, row in found]


def read(found: list, path, skip: bool) -> tuple:
    """(rows in our format, {reason: rows left out}), of pairs when the first row is one, else of answers."""
    is_pair = layout_of(found[0][2], PAIRS) is not None
    if not skip:
        made, same = pairs_of(found, path) if is_pair else (examples_of(found, path), 0)
        return made, Counter({SAME: same} if same else {})
    made, out = fit_rows(found, path, is_pair)
    if not made:
        raise cli.UserError(f"{path} has no row that can be used: {next(iter(out))}.")
    return made, out


def as_alpaca(row: dict) -> dict:
    """A row in Alpaca's keys; UserError for what they have no place for: several turns, a column of their name."""
    asked, system = row["prompt"], {}
    if isinstance(asked, list):
        if asked[0]["role"] == "system":
            system, asked = {"system": asked[0]["content"]}, asked[1:]
        if len(asked) > 1:
            raise cli.UserError(
                f"the row {row['id']} has several turns, which Alpaca's format cannot hold; use --to ours."
            )
        asked = asked[0]["content"]
    others = {key: value for key, value in row.items() if key not in ("prompt", "completion")}
    taken = [key for key in ALPACA if key in others]
    if taken:
        raise cli.UserError(
            f"the row {row['id']} has {', '.join(taken)} beside its prompt, which Alpaca's format has for itself; "
            f"rename it by --rename {taken[0]}=NAME, or use --to ours."
        )
    answer = {"output": row["completion"]} if "completion" in row else {}
    return {"instruction": asked, "input": "", **answer, **system, **others}


def main(args):
    if not args.target.endswith((".jsonl", ".json")):
        raise cli.UserError(f"{args.target} must end with .jsonl (an object a line) or .json (one array).")
    found = renamed(own_rows(args.source), args.rename)
    rows, out = read(found, args.source, args.skip)
    rows = [as_alpaca(row) for row in rows] if args.to == "alpaca" else rows
    if args.target.endswith(".json"):
        files.write_json(args.target, rows)
    else:
        files.write_jsonl(args.target, rows)
    for reason, count in out.most_common():
        print(f"left out {count}: {reason}")
    script = "dpo" if "chosen" in rows[0] else "sft"
    print(
        f"wrote {len(rows)} rows of {len(found)} to {args.target}; next: python train/{script}.py --data {args.target}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
