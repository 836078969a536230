"""python domains/text_to_sql/write_benchmark.py [SPLIT ...]

Writes the benchmark anew (without SPLIT: all of it) to benchmark/SPLIT.jsonl.gz beside this script: questions by the
templates and from the bank, two slices that are reported apart. Those files are the benchmark: what was measured on
others compares with nothing measured on these, so write them only to begin again. Same templates, same bank, same
rows. Each split takes some minutes.
"""

import gzip
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.provenance import rows_sha256
from domains.text_to_sql import BENCHMARK, SPLITS, generate
from domains.text_to_sql.bank import load_bank

SIZE = {"dev": 750, "test": 750}  # questions by the templates
SEED = {"dev": 73, "test": 74}


def rows_of(split: str) -> list:
    """The rows of a split of the benchmark."""
    rows = [{**row, "slice": "generated"} for row in generate(random.Random(SEED[split]), SIZE[split], split)]
    return interleaved(rows + [{**row, "slice": "bank"} for row in load_bank(split)], SEED[split])


def interleaved(rows: list, seed: int) -> list:
    """The rows so that the first ones, however many, are of every slice, and to be refused, as often as all are."""
    groups = {}
    for row in rows:
        groups.setdefault((row["slice"], row["refuse"]), []).append(row)
    placed, rng = [], random.Random(seed)
    for number, some in enumerate(groups.values()):
        rng.shuffle(some)
        placed += [((i + 0.5) / len(some), number, row) for i, row in enumerate(some)]
    return [row for *_, row in sorted(placed, key=lambda one: one[:2])]


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("splits", nargs="*", metavar="SPLIT", help=", ".join(SPLITS))
    parser.add_argument("--folder", default=str(BENCHMARK), metavar="DIR", help="where to write")
    args = parser.parse_args(argv)
    if unknown := set(args.splits) - set(SPLITS):
        raise cli.UserError(
            f"no split {min(unknown)!r}{cli.nearest(min(unknown), SPLITS)}; there is {', '.join(SPLITS)}."
        )
    return args


def main(args):
    for split in args.splits or SPLITS:
        rows = rows_of(split)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = Path(args.folder) / f"{split}.jsonl.gz"
        with files.replacing(path) as temporary:
            temporary.write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"wrote {len(rows)} rows to {path}, SHA-256 {rows_sha256(rows)}", flush=True)


if __name__ == "__main__":
    cli.run(main, parse_args)
