"""Names, values and prompts as texts: what a schema may call a column, what SQL calls a value."""

import datetime
import re
import sqlite3
from collections import Counter
from contextlib import closing

from domains.text_to_sql.names import split_identifier

# The keywords of SQLite (https://www.sqlite.org/lang_keywords.html, 2026-11).
KEYWORDS = """
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
RESERVED = frozenset(KEYWORDS.split())

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


def identifier(words: str, case: str, loud_id: bool = False) -> str:
    """The words as an identifier in a case of CASES, in double quotes where SQLite needs them.

    loud_id: the word 'id' is ID in the cases that capitalise words.
    """
    made = CASES[case](words.replace("-", " ").split())
    if loud_id:
        made = re.sub(r"(?:(?<=[a-z _])|^)Id$", "ID", made)
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", made) and made.lower() not in RESERVED
    return made if plain else '"' + made.replace('"', '""') + '"'


def columns_of(ddl: str) -> dict:
    """{table: its columns} as the schema writes them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = "SELECT name FROM pragma_table_info(?)"
        return {table: [name for (name,) in connection.execute(columns, (table,))] for table in tables}


def case_of(names: list) -> str:
    """The case of CASES that most of the names are written in; 'one word each' where no name has two words."""
    parts = [(name, split_identifier(name)) for name in names]
    several = [(re.sub("ID$", "Id", name), words) for name, words in parts if len(words) > 1]
    votes = Counter(case for name, words in several for case, join in CASES.items() if join(words) == name)
    return max(votes, key=votes.get) if votes else "mixed" if several else "one word each"


def prompt_text(ddl: str, question: str) -> str:
    """The user's message: the schema, then the question."""
    return f"{ddl}\n\nQuestion: {question}"


def literal(value) -> str:
    """A value as SQL text."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def day_after(day: str, days: int = 1) -> str:
    """The ISO date some days later, or earlier."""
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()
