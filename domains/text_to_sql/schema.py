"""Schemas and databases: a table family bound to a naming style becomes DDL and differently filled databases."""

import random
from typing import NamedTuple

from domains.text_to_sql.families import Column, Family, Table


def _split(text: str) -> tuple:
    return tuple(text.split())


# The keywords of SQLite (https://www.sqlite.org/lang_keywords.html, 2026-11).
RESERVED = _split(
    """
    abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade
    case cast check collate column commit conflict constraint create cross current database default deferrable
    deferred delete desc detach distinct do drop each else end escape except exclude exclusive exists explain fail
    filter first following for foreign from full generated glob group groups having if ignore immediate in index
    indexed initially inner insert instead intersect into is isnull join key last left like limit match materialized
    natural no not nothing notnull null nulls of offset on or order others outer over partition plan pragma
    preceding primary query raise range recursive references regexp reindex release rename replace restrict
    returning right rollback row rows savepoint select set table temp temporary then ties to transaction trigger
    unbounded union unique update using vacuum values view virtual when where window with without
    """
)
# Sounds of invented words: they look like English, so that names never seen are copied like those seen.
ONSETS = _split("b br c ch cl cr d dr f fl g gl gr h j k l m n p ph pl pr qu r s sc sh sl sp st t th tr v w wh z")
VOWELS = _split("a a e e i i o o u ai au ea ee ie oa oo ou")
CODAS = _split("b ck d g l ll m n n nd ng nt p r r rd rk rm s sh st t t tch th w x")
ENDINGS = _split("age al ance ant ate er er ery et ic in ing ion ist ity ive le ment on or ure y")


class BoundColumn(NamedTuple):
    """A column with its name in this schema; `table` is the table's name in this schema."""

    column: Column
    sql: str
    table: str


class BoundTable(NamedTuple):
    """A table with its name in this schema; `foreign` is the column that points at the parent, or ''."""

    table: Table
    sql: str
    key: str
    columns: tuple
    foreign: str


class Schema(NamedTuple):
    """One schema: what the user shows (ddl) and what the generator knows of it.

    `dropped` are columns of the family that this schema does not have: the fairest unanswerable questions.
    """

    id: str
    family: Family
    ddl: str
    tables: tuple
    dropped: tuple


def identifier(words: str, case: str) -> str:
    """The words as an identifier: snake ('page_count') or camel ('PageCount')."""
    parts = words.replace("-", " ").split()
    made = "".join(part.capitalize() for part in parts) if case == "camel" else "_".join(parts)
    return f'"{made}"' if made.lower() in RESERVED else made


def make_schema(rng: random.Random, family: Family, number: int) -> Schema:
    """One schema of the family: a naming style, a subset of its columns, one table or a child with its parent."""
    case = "snake"  # CamelCase names are beyond the small base for now, see WRITEUP.md
    plural = rng.random() < 0.6
    long_key = rng.random() < 0.3
    children = [table for table in family.tables if table.parent]
    if children and rng.random() < 0.5:
        child = rng.choice(children)
        chosen = [child, next(table for table in family.tables if table.singular == child.parent)]
    else:
        chosen = [rng.choice(family.tables)]
    names = [identifier(table.plural if plural else table.singular, case) for table in chosen]
    keys = [identifier(f"{table.singular} id" if long_key else "id", case) for table in chosen]
    tables, lines, dropped = [], [], []
    for i, table in enumerate(chosen):
        count = rng.randint(3, 4) if len(chosen) == 1 else rng.randint(2, 3)
        kept = sorted(rng.sample(range(1, len(table.columns)), min(count, len(table.columns) - 1)))
        dropped += [table.columns[j] for j in range(1, len(table.columns)) if j not in kept and len(chosen) == 1]
        columns = tuple(
            BoundColumn(table.columns[j], identifier(table.columns[j].words, case), names[i]) for j in [0] + kept
        )
        foreign = identifier(f"{chosen[1].singular} id", case) if len(chosen) == 2 and i == 0 else ""
        tables.append(BoundTable(table, names[i], keys[i], columns, foreign))
        lines.append(_ddl(tables[-1], f"{names[1]}({keys[1]})" if foreign else ""))
    present = {column.column.words for table in tables for column in table.columns}
    return Schema(
        f"{family.name}-{number}",
        family,
        "\n".join(lines),
        tuple(tables),
        tuple(column for column in dropped if column.words not in present),
    )


def _ddl(table: BoundTable, target: str) -> str:
    types = {"integer": "INTEGER", "real": "REAL", "date": "DATE"}
    parts = [f"{table.key} INTEGER PRIMARY KEY"]
    parts += [f"{column.sql} {types.get(column.column.kind, 'TEXT')}" for column in table.columns]
    if target:
        parts.append(f"{table.foreign} INTEGER REFERENCES {target}")
    return f"CREATE TABLE {table.sql} ({', '.join(parts)});"


def literal(value) -> str:
    """A value as SQL text."""
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


def round_value(rng: random.Random, column: Column):
    """A number as a person would say it, well inside the column's range."""
    span = column.high - column.low
    value = column.low + span * rng.uniform(0.2, 0.8)
    if column.kind == "real":
        return round(value, 1) if span < 100 else round(value)
    step = 1 if span <= 40 else 5 if span <= 200 else 10 if span <= 1000 else 10 ** (len(str(int(span))) - 2)
    return int(round(value / step) * step)


def random_value(rng: random.Random, column: Column):
    """A value as a database would hold it."""
    if column.kind in ("name", "category"):
        return rng.choice(column.values)
    if column.kind == "date":
        return f"{rng.randint(int(column.low), int(column.high))}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if column.kind == "integer":
        return rng.randint(int(column.low), int(column.high))
    return round(rng.uniform(column.low, column.high), 1 if column.high < 100 else 2)


def fill(rng: random.Random, schema: Schema, plants: dict, distinct=frozenset(), nulls=frozenset()) -> str:
    """INSERT statements for one database.

    plants: {(table, column): values} to put into about half of the rows, so that a condition splits the table and
    its borders occur; distinct: columns without ties (for ORDER BY and LIMIT); nulls: columns with some NULLs.
    """
    lines, parent_rows = [], 0
    for table in reversed(schema.tables):
        is_child = bool(table.foreign)
        count = rng.randint(11, 14) if is_child or len(schema.tables) == 1 else rng.randint(5, 7)
        columns = {
            column.sql: _column_values(
                rng,
                column,
                count,
                plants.get((table.sql, column.sql), ()),
                (table.sql, column.sql) in distinct,
                (table.sql, column.sql) in nulls,
            )
            for column in table.columns
        }
        for i in range(count):
            values = [i + 1] + [columns[column.sql][i] for column in table.columns]
            values += [rng.randint(1, parent_rows)] if is_child else []
            lines.append(f"INSERT INTO {table.sql} VALUES ({', '.join(literal(value) for value in values)});")
        parent_rows = count
    return "\n".join(lines)


def _column_values(rng, column, count, planted, is_distinct, has_nulls):
    kind = column.column.kind
    if kind == "name":
        pool = list(column.column.values)
        rng.shuffle(pool)
        values = pool[:count] + [
            f"{value} {2 + i // len(pool)}"
            for i, value in enumerate((pool * (count // len(pool) + 1))[: max(0, count - len(pool))])
        ]
        planted = [value for value in planted if value not in values]
        values[: len(planted)] = planted
    else:
        values = [
            rng.choice(planted) if planted and rng.random() < 0.5 else random_value(rng, column.column)
            for _ in range(count)
        ]
    if is_distinct:
        seen, tries = set(), 0
        for i in range(count):
            while values[i] in seen:
                tries += 1
                values[i] = random_value(rng, column.column) if tries < 300 else values[i] + 1
            seen.add(values[i])
    if has_nulls:
        for i in rng.sample(range(count), rng.randint(2, 4)):
            values[i] = None
    rng.shuffle(values)
    return values


def invented_word(rng: random.Random, syllables: int = 0) -> str:
    """A made-up word of one to three syllables that is no keyword of SQL."""
    while True:
        parts = [rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables or rng.choice((1, 2, 2, 2, 3)))]
        made = "".join(parts) + rng.choice(CODAS if len(parts) == 1 or rng.random() < 0.5 else ENDINGS)
        if made not in RESERVED:
            return made


def plural(noun: str) -> str:
    """The noun's regular plural."""
    if noun.endswith(("s", "x", "z", "sh", "ch")):
        return noun if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in set("aeiou") else noun + "s"


def invented_family(rng: random.Random, words: list) -> Family:
    """A family of made-up and borrowed words, so that the base copies names instead of recalling them."""

    def word():
        return rng.choice(words) if rng.random() < 0.4 else invented_word(rng)

    def value():
        return invented_word(rng, rng.randint(1, 2)).capitalize()

    def table(parent=""):
        noun = word() + ("" if rng.random() < 0.8 else f" {word()}")
        columns, used = (
            [
                Column(
                    rng.choice(("name", "title", "label", "code", word())),
                    "name",
                    tuple(dict.fromkeys(f"{value()}{rng.choice(('', ' ' + value()))}" for _ in range(18))),
                )
            ],
            set(),
        )
        used.add(columns[0].words)
        for kind in rng.choices(("category", "integer", "real", "date"), (3, 4, 2, 1), k=5):
            text = word() + ("" if rng.random() < 0.7 else f" {word()}")
            if text in used:
                continue
            used.add(text)
            low, high = rng.choice(((0, 10), (1, 100), (10, 500), (100, 9000), (1000, 90000)))
            low, high = (2005, 2023) if kind == "date" else (low, high)
            columns.append(
                Column(
                    text, kind, tuple(dict.fromkeys(value() for _ in range(6))) if kind == "category" else (), low, high
                )
            )
        return Table(noun, plural(noun), tuple(columns), (), parent, "of the")

    main = table()
    tables = (main,) if rng.random() < 0.5 else (table(main.singular), main)
    if len(tables) == 2 and tables[0].singular == main.singular:
        tables = (main,)
    return Family("invented", "base", tables, tuple(word() for _ in range(4)))
