"""python domains/text_to_sql/write_benchmark.py

Writes the benchmark anew from the generator: benchmark/dev.jsonl.gz and test.jsonl.gz beside this script. Those files
are the benchmark: what was measured on others compares with nothing measured on these, so write them only to begin
again. Same generator, same rows. --bank: with the bank's questions of both splits, as a slice reported apart.
"""

import gzip
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.provenance import rows_sha256
from domains.text_to_sql import BENCHMARK, generate
from domains.text_to_sql.bank import load_bank

SIZE = {"dev": 300, "test": 900}
SEED = {"dev": 71, "test": 72}


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--folder", default=str(BENCHMARK), metavar="DIR", help="where to write")
    parser.add_argument("--bank", action="store_true", help="with the bank's questions, every row saying its slice")
    return parser.parse_args(argv)


def main(args):
    for split, size in SIZE.items():
        rows = generate(random.Random(SEED[split]), size, split)
        if args.bank:
            rows = [{**row, "slice": "generated"} for row in rows] + [
                {**row, "slice": "bank"} for row in load_bank(split)
            ]
            random.Random(SEED[split]).shuffle(rows)  # so that the first ones, which --limit takes, are of both
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = Path(args.folder) / f"{split}.jsonl.gz"
        with files.replacing(path) as temporary:
            temporary.write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"wrote {len(rows)} rows to {path}, SHA-256 {rows_sha256(rows)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
