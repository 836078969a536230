"""Schemas and databases: a table family bound to a naming style becomes DDL and differently filled databases."""

import datetime
import random
import re
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


class Style(NamedTuple):
    """How a schema is written, whatever it is about: real databases differ more in this than in their subjects."""

    case: str  # of CASES
    plural: bool  # table names
    table_prefix: str  # a word before every table name, or ""
    column_prefix: str  # before every column: "" or a pattern of {table}, the table's singular, and {letter}, its first
    key: str  # words of a primary key: "id" or a pattern of {table}
    loud_id: bool  # ArtistID instead of ArtistId
    types: dict  # the type of each kind of column
    indent: int  # spaces before each column on its own line; 0: the whole table on one line
    parent_first: bool
    key_first: bool
    shuffled: bool  # the columns' order
    inline_key: bool  # PRIMARY KEY beside the column instead of as a constraint of the table
    inline_foreign: bool
    required: float  # share of NOT NULL columns
    spare: int  # columns that questions do not need, over all tables


CASES = {
    "snake": lambda parts: "_".join(parts),
    "camel": lambda parts: "".join(part.capitalize() for part in parts),
    "lower camel": lambda parts: parts[0] + "".join(part.capitalize() for part in parts[1:]),
    "upper": lambda parts: "_".join(parts).upper(),
    "title": lambda parts: "_".join(part.capitalize() for part in parts),
    "flat": lambda parts: "".join(parts),
    "blank": lambda parts: " ".join(parts),
    "title blank": lambda parts: " ".join(part.capitalize() for part in parts),
}
# Only types that leave SQLite's comparisons alone: text must not have NUMERIC affinity, numbers not TEXT affinity.
# An ISO date stays text in a NUMERIC column (https://www.sqlite.org/datatype3.html, 2026-11).
TYPES = {
    "text": _split("TEXT TEXT VARCHAR(40) VARCHAR(100) VARCHAR(255) NVARCHAR(60)"),
    "integer": _split("INTEGER INTEGER INT BIGINT"),
    "real": _split("REAL NUMERIC(10,2) DECIMAL(8,2) FLOAT DOUBLE"),
    "date": _split("DATE DATE TEXT DATETIME TIMESTAMP"),
    "boolean": _split("BOOLEAN INTEGER TINYINT"),
}


def draw_style(rng: random.Random) -> Style:
    """A style at random, independent of the subject."""
    case = rng.choices(list(CASES), (22, 20, 11, 11, 9, 10, 8, 9))[0]
    # "t books" is no name that anyone gives, and "bpagecount" none that anyone can read.
    prefixes = ("tbl", "app", "core", "crm", "stg") if case == "flat" else ("tbl", "t", "app", "core", "crm", "stg")
    columns = ("{table}",) if case == "flat" else ("{table}", "{letter}")
    can_prefix = "blank" not in case
    small = rng.random() < 0.25
    types = {kind: rng.choice(names) for kind, names in TYPES.items()}
    return Style(
        case=case,
        plural=rng.random() < 0.6,
        table_prefix=rng.choice(prefixes) if can_prefix and rng.random() < 0.2 else "",
        column_prefix=rng.choice(columns) if can_prefix and rng.random() < 0.12 else "",
        key=rng.choices(("id", "{table} id", "{table} no", "{table} key"), (35, 40, 12, 13))[0],
        loud_id=rng.random() < 0.5,
        types={kind: name.lower() if small else name for kind, name in types.items()},
        indent=rng.choice((0, 0, 2, 4)),
        parent_first=rng.random() < 0.6,
        key_first=rng.random() < 0.92,
        shuffled=rng.random() < 0.35,
        inline_key=rng.random() < 0.7,
        inline_foreign=rng.random() < 0.5,
        required=rng.choices((0.0, 0.4, 0.9), (6, 3, 1))[0],
        spare=rng.choices(range(6), (2, 5, 6, 6, 3, 2))[0],
    )


# Columns that any table may have and no question asks for. The synonyms are what a person might take them for: a
# family with such a word gets no such column, or a question that its schema cannot answer could be answered after all.
STOCK = (
    Column(
        "address",
        "category",
        ("12 Mill Lane", "3 Station Road", "King's Square 8", "45 High Street"),
        synonyms=_split("city town street location place country region village district county site"),
    ),
    Column(
        "notes",
        "category",
        ("checked", "see file", "ask Mr O'Brien", "to be confirmed"),
        synonyms=_split("note comment remark description record history"),
    ),
    Column(
        "remarks", "category", ("none", "second entry", "won't change", "old data"), synonyms=_split("note comment")
    ),
    Column("created at", "date", (), 2015, 2023, _split("creation entry founding founded")),
    Column("updated at", "date", (), 2018, 2023, _split("update correction")),
    Column(
        "updated by",
        "category",
        ("admin", "import", "m.weber", "j.o'neill"),
        synonyms=_split("editor owner manager staff user administrator technician"),
    ),
    Column("is active", "boolean", (), 0, 1, _split("status state")),
    Column("is verified", "boolean", (), 0, 1, _split("status state inspection check expert")),
    Column("sort order", "integer", (), 1, 90, _split("rank position")),
    Column("row version", "integer", (), 1, 9, _split("software")),
    Column("external ref", "category", ("X-104", "X-220", "B-31", "B-77"), synonyms=_split("reference code barcode")),
    Column("data source", "category", ("import", "web form", "manual"), synonyms=_split("supplier origin")),
    Column(
        "image url", "category", ("/img/1.png", "/img/2.png"), synonyms=_split("photo picture screenshot web cover")
    ),
    Column("tags", "category", ("new", "new;top", "sale"), synonyms=_split("label category type")),
)


class BoundColumn(NamedTuple):
    """A column with its name in this schema; `table` is the table's name in this schema; required: NOT NULL."""

    column: Column
    sql: str
    table: str
    required: bool = False


class BoundTable(NamedTuple):
    """A table with its name in this schema; `foreign` is the column that points at the parent, or ''.

    `columns` are those that questions use, the name first; `stock` are those of STOCK; the DDL has its own order.
    """

    table: Table
    sql: str
    key: str
    columns: tuple
    foreign: str
    stock: tuple = ()


class Schema(NamedTuple):
    """One schema: what the user shows (ddl) and what the generator knows of it.

    `dropped` are columns of the family that this schema does not have: the fairest unanswerable questions.
    """

    id: str
    family: Family
    ddl: str
    tables: tuple
    dropped: tuple
    style: Style


def identifier(words: str, case: str, loud_id: bool = False) -> str:
    """The words as an identifier in a case of CASES, in double quotes where SQLite needs them.

    loud_id: the word 'id' is ID in the cases that capitalise words.
    """
    made = CASES[case](words.replace("-", " ").split())
    if loud_id:
        made = re.sub(r"(?:(?<=[a-z _])|^)Id$", "ID", made)
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", made) and made.lower() not in RESERVED
    return made if plain else '"' + made.replace('"', '""') + '"'


def make_schema(rng: random.Random, family: Family, number: int) -> Schema:
    """One schema of the family: a style, a subset of its columns, one table or a child with its parent."""
    style = draw_style(rng)
    children = [table for table in family.tables if table.parent]
    if children and rng.random() < 0.5:
        child = rng.choice(children)
        chosen = [child, next(table for table in family.tables if table.singular == child.parent)]
    else:
        chosen = [rng.choice(family.tables)]
    suffix = key_words(family, style).split()[-1]
    spare = [rng.randrange(len(chosen)) for _ in range(style.spare)]
    usable = stock_of(family)
    tables, dropped = [], []
    for i, table in enumerate(chosen):
        own = rng.randint(0, spare.count(i))
        count = own + (rng.randint(3, 4) if len(chosen) == 1 else rng.randint(2, 3))
        kept = sorted(rng.sample(range(1, len(table.columns)), min(count, len(table.columns) - 1)))
        dropped += [table.columns[j] for j in range(1, len(table.columns)) if j not in kept and len(chosen) == 1]
        stock = rng.sample(usable, min(spare.count(i) - own, len(usable)))
        foreign = f"{chosen[1].singular} {suffix}" if len(chosen) == 2 and i == 0 else ""
        tables.append(bind(rng, family, table, [table.columns[j] for j in [0] + kept], stock, foreign, style))
    lines = [_ddl(rng, table, tables[-1], style) for table in tables]
    present = {column.column.words for table in tables for column in table.columns}
    return Schema(
        f"{family.name}-{number}",
        family,
        "\n".join(reversed(lines) if style.parent_first else lines),
        tuple(tables),
        tuple(column for column in dropped if column.words not in present),
        style,
    )


def family_words(family: Family) -> set:
    """Every word that a question about the family can ask for, be it there or missing."""
    columns = [column for table in family.tables for column in table.columns]
    texts = [*family.missing, *(text for column in columns for text in (column.words, *column.synonyms))]
    texts += [text for table in family.tables for text in (table.singular, *table.synonyms)]
    return {word for text in texts for word in text.replace("-", " ").split()}


def stock_of(family: Family) -> list:
    """The columns of STOCK that cannot be taken for anything of this family."""
    words = family_words(family)
    return [column for column in STOCK if not words & {*column.words.split(), *column.synonyms}]


def key_words(family: Family, style: Style) -> str:
    """The key's pattern in this family: with 'id' where people ask for some other number, code or key."""
    return "{table} id" if style.key[-2:] != "id" and family_words(family) & {"number", "code", "key"} else style.key


def bind(rng, family: Family, table: Table, columns: list, stock: list, foreign: str, style: Style) -> BoundTable:
    """The table with its names in this style."""

    def name(words):
        return identifier(words, style.case, style.loud_id)

    sql = name(f"{style.table_prefix} {table.plural if style.plural else table.singular}")
    prefix = style.column_prefix.format(table=table.singular, letter=table.singular[0])
    names = [
        column.words if column.words.startswith(f"{prefix} ") else f"{prefix} {column.words}" for column in columns
    ]
    if len(set(names)) < len(names):  # "age" and "player age" of a player
        prefix, names = "", [column.words for column in columns]
    # The name of a row is never NULL; of the others as many are required as the style says.
    required = [style.required > 0, *(rng.random() < style.required for _ in columns[1:])]
    return BoundTable(
        table,
        sql,
        name(key_words(family, style).format(table=table.singular)),
        tuple(
            BoundColumn(*parts) for parts in zip(columns, map(name, names), [sql] * len(columns), required, strict=True)
        ),
        name(foreign) if foreign else "",
        tuple(BoundColumn(column, name(f"{prefix} {column.words}"), sql) for column in stock),
    )


def _ddl(rng, table: BoundTable, parent: BoundTable, style: Style) -> str:
    """CREATE TABLE in this style."""

    def define(column):
        declared = style.types.get(column.column.kind, style.types["text"])
        return f"{column.sql} {declared}{' NOT NULL' if column.required else ''}"

    parts, constraints, number = [define(column) for column in table.columns + table.stock], [], style.types["integer"]
    if style.shuffled:
        rng.shuffle(parts)
    if table.foreign:
        target = f"REFERENCES {parent.sql}({parent.key})"
        needed = " NOT NULL" if style.required else ""
        inline = f" {target}" if style.inline_foreign else ""
        parts.insert(rng.randint(0, len(parts)), f"{table.foreign} {number}{needed}{inline}")
        constraints += [] if inline else [f"FOREIGN KEY ({table.foreign}) {target}"]
    key = f"{table.key} {number} " + ("PRIMARY KEY" if style.inline_key else "NOT NULL")
    parts.insert(0 if style.key_first else rng.randint(1, len(parts)), key)
    constraints = ([] if style.inline_key else [f"PRIMARY KEY ({table.key})"]) + constraints
    if not style.indent:
        return f"CREATE TABLE {table.sql} ({', '.join(parts + constraints)});"
    margin = "\n" + " " * style.indent
    return f"CREATE TABLE {table.sql} ({margin}{f',{margin}'.join(parts + constraints)}\n);"


def prompt_text(ddl: str, question: str) -> str:
    """The user's message: the schema, then the question."""
    return f"{ddl}\n\nQuestion: {question}"


def literal(value) -> str:
    """A value as SQL text."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


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
    if column.kind in ("integer", "boolean"):
        return rng.randint(int(column.low), int(column.high))
    return round(rng.uniform(column.low, column.high), 1 if column.high < 100 else 2)


def day_after(day: str, days: int = 1) -> str:
    """The ISO date some days later, or earlier."""
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


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
            for column in table.columns + table.stock
        }
        names = ", ".join([table.key, *columns, *([table.foreign] if is_child else [])])
        rows = []
        for i in range(count):
            values = [i + 1, *(column[i] for column in columns.values())]
            values += [rng.randint(1, parent_rows)] if is_child else []
            rows.append(f"({', '.join(literal(value) for value in values)})")
        lines.append(f"INSERT INTO {table.sql} ({names}) VALUES\n" + ",\n".join(rows) + ";")
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
