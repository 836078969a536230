"""python domains/text_to_sql/mutate.py

Does the data tell right from nearly right? Puts one small mistake after another into gold queries of the templates and
runs them: prints, by kind of question, how many mutants there are, how many give the gold query's result on any data
tried (equivalent), and how many of the others pass on the row's own two databases. --benchmark looks at the rows of a
split of the benchmark in place of new ones: at the generated ones, which it makes again, and at the bank's, whose
databases it mixes for more data.
"""

import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # find common/ and domains/ when run by hand

from sqlglot import exp

from common import cli
from domains.text_to_sql import SPLITS, load_benchmark, templates
from domains.text_to_sql.databases import quoted
from domains.text_to_sql.explain import parse
from domains.text_to_sql.mutants import mutants_of, names_of, opened, unnoticed
from domains.text_to_sql.schema import columns_of
from domains.text_to_sql.write_benchmark import SEED, SIZE

MORE_DATABASES = 12  # as the row's own, and half as many plain ones, before a mutant counts as equivalent
MIXED_DATABASES = 60  # of the bank's rows, whose queries say nothing of what the data need


def count(row: dict, more: Callable) -> Counter:
    """{("mutants" | "equivalent" | "passed", what was changed): number} of a row.

    more(mutants) gives other fills; a mutant that is right on them, too, counts as equivalent.
    """
    mutants, found = mutants_of(row["gold"], names_of(row["ddl"])), Counter()
    with opened(row["ddl"], row["fills"]) as own:
        left = unnoticed(row["gold"], mutants, own)
    with opened(row["ddl"], more(left) if left else []) as others:
        equal = unnoticed(row["gold"], left, others)
    for one, what in mutants.items():
        found["mutants", what] += 1
        if one in left:
            found["equivalent" if one in equal else "passed", what] += 1
    return found


def _more(rng, layout, plan, _) -> list:
    plain = plan._replace(plants={}, tweaks=())  # what was not put in on purpose may show it, too
    plans = [plan] * MORE_DATABASES + [plain] * (MORE_DATABASES // 2)
    return [templates.fill(rng, layout, one) for one in plans]


def survey(rng: random.Random, rows: int, split: str) -> dict:
    """{kind: Counter of count()} over so many rows of each kind of question, on data made for each."""
    found = {}
    for kind in templates.KINDS:
        made = tries = 0
        while made < rows and tries < 60 * rows:
            tries += 1
            layout = templates.make_layout(rng, rng.choice(templates.subjects(split)), tries)
            row, plan = templates.row_with(rng, layout, split, kind)
            if row and row["gold"]:
                made += 1
                more = partial(_more, rng, layout, plan)
                found.setdefault(kind, Counter()).update(count(row, more))
    return found


def survey_benchmark(split: str) -> dict:
    """As survey(), over the generated rows of a split of the benchmark; UserError when its file holds others."""
    known = {row["id"]: row["prompt"] for row in load_benchmark(split)}
    rng, found = random.Random(SEED[split]), {}
    for row, layout, plan in templates.planned(random.Random(SEED[split]), SIZE[split], split):
        if known.get(row["id"]) != row["prompt"]:
            raise cli.UserError(f"the templates no longer make {split}: {row['id']} asks something else in its file.")
        if row["gold"]:
            found.setdefault(row["category"], Counter()).update(count(row, partial(_more, rng, layout, plan)))
    return found


def survey_bank(split: str) -> dict:
    """As survey(), over the bank's rows of a split, whose databases were filled by hand."""
    rng, found = random.Random(SEED[split]), {}
    for row in load_benchmark(split):
        if row["slice"] == "bank" and row["gold"]:
            found.setdefault(row["category"], Counter()).update(count(row, partial(_mixed_fills, rng, row)))
    return found


def _mixed_fills(rng, row, mutants) -> list:
    literals = (one for sql in (row["gold"], *mutants) for one in parse(sql).find_all(exp.Literal))
    said = sorted({_value(one) for one in literals}, key=repr)
    return [mixed(rng, row["ddl"], rng.choice(row["fills"]), said) for _ in range(MIXED_DATABASES)]


def _value(literal):
    return literal.name if literal.is_string else float(literal.name) if "." in literal.name else int(literal.name)


def mixed(rng: random.Random, ddl: str, fill: str, said: list) -> str:
    """INSERT statements of another database that the schema allows.

    A value is one that its column has in the fill, or one of those said that are like them, or NULL.
    """
    with opened(ddl, [fill]) as (known,), opened(ddl, [""]) as (made,):
        made.execute("PRAGMA foreign_keys = ON")
        for name in [*columns_of(ddl)] * 2:  # twice: a parent may come after its child
            rows = known.execute(f"SELECT * FROM {quoted(name)}").fetchall()
            columns = zip(*rows, strict=True)
            pools = [[*column, *(one for one in said if _alike(one, column)), None] for column in columns]
            insert = f"INSERT OR IGNORE INTO {quoted(name)} VALUES ({', '.join('?' * len(pools))})"
            for _ in range(rng.randint(0, 2 * len(rows))):
                with suppress(sqlite3.IntegrityError):  # a child without its parent
                    made.execute(insert, [rng.choice(pool) for pool in pools])
        return "\n".join(line for line in made.iterdump() if line.startswith("INSERT"))


def _alike(value, column) -> bool:
    """Whether the values of a column are of the kind of this one: numbers, texts, texts that begin with a year."""
    one = next((other for other in column if other is not None), None)
    if isinstance(value, str) and isinstance(one, str):
        return value[:4].isdigit() == one[:4].isdigit()
    return isinstance(value, int | float) and isinstance(one, int | float)


def table(found: dict, what: str) -> str:
    """The counts as aligned text, with a line for all."""
    lines = [f"{what:22}{'mutants':>9}{'equivalent':>12}{'passed':>8}{'share':>8}"]
    total = [0, 0, 0]
    for name in [*sorted(found), "all"]:
        numbers = [found[name][one] for one in ("mutants", "equivalent", "passed")] if name != "all" else total
        total = total if name == "all" else [a + b for a, b in zip(total, numbers, strict=True)]
        share = numbers[2] / max(1, numbers[0] - numbers[1])
        lines.append(f"{name:22}{numbers[0]:9}{numbers[1]:12}{numbers[2]:8}{share:8.1%}")
    return "\n".join(lines)


def by(found: dict, part: int) -> dict:
    """The counts of survey() summed by kind of question (0) or by what was changed (1)."""
    summed = {}
    for kind, counts in found.items():
        for (state, what), number in counts.items():
            summed.setdefault((kind, what)[part], Counter())[state] += number
    return summed


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--rows", type=int, default=12, help="rows of each kind of question")
    parser.add_argument("--split", default="test", choices=("sft", "dpo", "dev", "test"), help="whose subjects")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--benchmark", default=None, choices=SPLITS, help="the rows of this split instead")
    return cli.within(parser.parse_args(argv), rows=(1, None), seed=cli.SEEDS)


def main(args):
    own = args.benchmark
    found = survey_benchmark(own) if own else survey(random.Random(args.seed), args.rows, args.split)
    print(table(by(found, 1), "what is changed"), end="\n\n")
    print(table(by(found, 0), "kind"))
    if own:
        print("\n" + table(by(survey_bank(own), 1), "changed in the bank's"))


if __name__ == "__main__":
    cli.run(main, parse_args)
