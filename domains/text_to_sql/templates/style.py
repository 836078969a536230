"""How a schema is written, whatever it is about: case and prefixes of names, types, layout, columns nobody asks for.

A library of layout.py: `draw_style(rng)`, and `bind(...)`, which names a table and its columns in a style.
"""

import random
from typing import NamedTuple

from domains.text_to_sql.schema import CASES, identifier
from domains.text_to_sql.templates.families import Column, Family, Table


def _split(text: str) -> tuple:
    return tuple(text.split())


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
    """A table with its name in this schema; `key` is "" where its foreign keys are its key.

    `columns` are those that questions use, the name first; `stock` are those of STOCK; the DDL has its own order.
    """

    table: Table
    sql: str
    key: str
    columns: tuple
    stock: tuple = ()


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


def bind(rng, family: Family, table: Table, columns: list, stock: list, style: Style) -> BoundTable:
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
        tuple(BoundColumn(column, name(f"{prefix} {column.words}"), sql) for column in stock),
    )
