"""python domains/text_to_sql/cheap.py

Prints how many answerable questions of the test cheap strategies get right, which no model should be praised for: to
refuse always, to show the whole first table, to take the question's words for columns, and to repeat the query that
training data have most. The bank's questions stand apart from the generated ones.
"""

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # find common/ and domains/ when run by hand

from common import cli
from domains.text_to_sql import SPLITS, generate, load_benchmark, sandbox, verify
from domains.text_to_sql.bank import load_bank
from domains.text_to_sql.databases import quoted
from domains.text_to_sql.names import split_identifier, stem, words_of
from domains.text_to_sql.restyle import renamed
from domains.text_to_sql.schema import columns_of

REFUSAL = "I cannot answer that from this database."


def whole_table(row: dict) -> str:
    """SELECT * from the first table."""
    return f"SELECT * FROM {quoted(next(iter(columns_of(row['ddl']))))};"


def words_as_columns(row: dict) -> str:
    """The columns whose words all stand in the question, of the table that has most of them."""
    said = {stem(word) for word in words_of(row["question"])}
    named = {
        table: [column for column in columns if {stem(word) for word in split_identifier(column)} <= said]
        for table, columns in columns_of(row["ddl"]).items()
    }
    table = max(named, key=lambda one: len(named[one]))
    return f"SELECT {', '.join(map(quoted, named[table])) or '*'} FROM {quoted(table)};"


def places(row: dict) -> dict:
    """{place: name}: t0 is the first table of the schema, t0_c1 its second column."""
    made = {}
    for i, (table, columns) in enumerate(columns_of(row["ddl"]).items()):
        made |= {f"t{i}": table, **{f"t{i}_c{j}": column for j, column in enumerate(columns)}}
    return made


def most_frequent(rows: list) -> tuple:
    """(the query that most rows have, with places for names, its share of the rows with a query)."""
    queries = Counter()
    for row in rows:
        if row["gold"]:
            queries[renamed(row["gold"], {name.lower(): place for place, name in places(row).items()})] += 1
    ((query, count),) = queries.most_common(1)
    return query, count / sum(queries.values())


def put_in(query: str, row: dict) -> str:
    """A query with places for names, as it reads on a row's schema."""
    return renamed(query, {place: quoted(name) for place, name in places(row).items()})


def share_right(rows: list, answer) -> float:
    """The share of rows to which answer(row) is right."""
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(lambda row: verify(row, answer(row)).correct is True, rows)) / len(rows)


def table(rows: dict, training: list) -> list:
    """[(strategy, {name of rows: share right})] on the answerable ones of {name: rows}."""
    query, share = most_frequent(training)

    def asking(make):
        return lambda row: f"```sql\n{make(row)}\n```\nShows it."

    strategies = {
        "always refuse": lambda row: REFUSAL,
        "SELECT * FROM the first table": asking(whole_table),
        "the question's words as columns": asking(words_as_columns),
        f"the most frequent training query ({share:.1%}): {query}": asking(lambda row: put_in(query, row)),
    }
    answerable = {name: [row for row in some if row["gold"]] for name, some in rows.items()}
    return [
        (strategy, {name: share_right(some, answer) for name, some in answerable.items()})
        for strategy, answer in strategies.items()
    ]


def by_slice(rows: list) -> dict:
    """{slice: its rows}."""
    found = {}
    for row in rows:
        found.setdefault(row["slice"], []).append(row)
    return found


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--split", default="test", choices=SPLITS, help="of the benchmark")
    parser.add_argument(
        "--training", type=int, default=2000, help="rows by the templates in which, with the bank, that query is sought"
    )
    return cli.within(parser.parse_args(argv), training=(1, None))


def main(args):
    rows, rng = by_slice(load_benchmark(args.split)), random.Random(0)
    training = generate(rng, args.training, "sft") + load_bank("sft")
    print(f"| strategy | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
    for strategy, shares in table(rows, training):
        print(f"| {strategy} | {' | '.join(f'{100 * shares[name]:.1f} %' for name in rows)} |", flush=True)
    counts = ", ".join(f"{sum(bool(row['gold']) for row in some)} {name}" for name, some in rows.items())
    print(f"\nAnswerable questions of {args.split} that each got right, of {counts}.")
    sandbox.close()


if __name__ == "__main__":
    cli.run(main, parse_args)
