"""Schemas of one to four tables: a subject bound to a style, with its foreign keys, becomes DDL.

A library: `make_layout(rng, subject, number)`. Names and types are those of a style; on top of it come keys of two
columns, constraints, comments and tables that a question does not need.
"""

import random
from typing import NamedTuple

from domains.text_to_sql.schema import identifier, literal
from domains.text_to_sql.templates.families import Column, Family
from domains.text_to_sql.templates.style import (
    BoundColumn,
    BoundTable,
    Style,
    bind,
    draw_style,
    family_words,
    key_words,
    stock_of,
)
from domains.text_to_sql.templates.subjects import Subject

TABLES = ((1, 2, 3, 4), (22, 38, 26, 14))  # how many, and how often in a hundred schemas
COLUMNS = {1: (3, 6), 2: (2, 5), 3: (2, 4), 4: (2, 3)}  # beside the first one, by number of tables
MAX_DDL = 1400  # characters, as in the bank; a model reads the schema with every question
LOOK_ALIKES = 0.3  # share of schemas with a column that looks like one that is asked for


class Ref(NamedTuple):
    """A foreign key of this schema; `of`, `did` and `role` as in Link."""

    child: BoundTable
    column: str
    parent: BoundTable
    of: str
    did: str
    role: str
    required: bool


class Layout(NamedTuple):
    """One schema: what the user shows (ddl) and what the generator knows of it. `across` as in Subject."""

    id: str
    family: Family
    ddl: str
    tables: tuple
    refs: tuple
    across: tuple
    dropped: tuple
    style: Style
    gaps: bool  # whether a tenth of the values that may be NULL are

    def table(self, singular: str) -> BoundTable | None:
        return next((one for one in self.tables if one.table.singular == singular), None)


class Extras(NamedTuple):
    """What a schema has beyond its Style."""

    composite: bool  # a table between two others has their keys as its key
    checks: bool
    defaults: bool
    comments: bool
    optional: bool  # foreign keys that may be NULL


def make_layout(rng: random.Random, subject: Subject, number: int) -> Layout:
    """One schema of the subject: a style, some of its tables that hang together, some of their columns."""
    style = draw_style(rng)
    chances = (0.4, 0.15, 0.15, 0.15 if style.indent else 0, 0.35 * (style.required == 0))
    extras = Extras(*(rng.random() < chance for chance in chances))
    chosen = _choose_tables(rng, subject)
    names = {table.singular for table in chosen}
    links = [link for link in subject.links if {link.child, link.parent} <= names]
    spare = [rng.randrange(len(chosen)) for _ in range(style.spare)]
    usable, tables, dropped = stock_of(subject.family), {}, []
    for i, table in enumerate(chosen):
        low, high = COLUMNS[len(chosen)]
        count = min(rng.randint(low, high), len(table.columns) - 1)
        kept = sorted(rng.sample(range(1, len(table.columns)), count))
        dropped += [one for j, one in enumerate(table.columns) if j and j not in kept and len(chosen) == 1]
        stock = rng.sample(usable, min(spare.count(i), len(usable)))
        columns = [table.columns[j] for j in [0, *kept]]
        if rng.random() < LOOK_ALIKES / len(chosen):
            stock += _look_alike(rng, subject.family, columns)
        tables[table.singular] = bind(rng, subject.family, table, columns, stock, style)
        between = any(one.via == table.singular and {one.one, one.other} <= names for one in subject.across)
        if extras.composite and between and all(link.parent != table.singular for link in links):
            tables[table.singular] = tables[table.singular]._replace(key="")
    refs = tuple(_refs(subject, links, tables, style, extras))
    lines = [_ddl(rng, one, refs, style, extras) for one in tables.values()]
    order = _parents_first(list(tables.values()), refs)
    lines = [lines[list(tables.values()).index(one)] for one in order]
    present = {one.column.words for table in tables.values() for one in table.columns}
    made = Layout(
        f"{subject.family.name}-{number}",
        subject.family,
        "\n".join(lines if style.parent_first else reversed(lines)),
        tuple(order),
        refs,
        tuple(one for one in subject.across if {one.one, one.other, one.via} <= names),
        tuple(one for one in dropped if one.words not in present),
        style,
        rng.random() < 0.5,
    )
    return made if len(made.ddl) <= MAX_DDL else make_layout(rng, subject, number)


def _look_alike(rng, family: Family, columns: list) -> list:
    """A column beside another of nearly its name: old_price, city_code; none where people ask for such words."""
    column = rng.choice(columns[1:])
    words = f"old {column.words}" if column.kind in ("integer", "real", "date") else f"{column.words} code"
    if family_words(family) & {"old", "code"}:
        return []
    values = ("A1", "B2", "C3", "D4") if column.kind in ("name", "category") else ()
    return [Column(words, "category" if values else column.kind, values, column.low, column.high)]


def _choose_tables(rng, subject: Subject) -> list:
    """Tables that links tie together, one to four; never only a table that has no rows of its own to tell apart."""
    by_name = {table.singular: table for table in subject.family.tables}
    count = rng.choices(*TABLES)[0]
    named = [one for one in by_name if by_name[one].columns[0].kind == "name"]
    chosen = [rng.choice(named)]
    while len(chosen) < count:
        near = {link.parent for link in subject.links if link.child in chosen}
        near |= {link.child for link in subject.links if link.parent in chosen}
        near = sorted(near - set(chosen))
        if not near:
            break
        chosen.append(rng.choice(near))
    for one in subject.across:  # the two sides of a table between them belong together
        if one.via in chosen and len({one.one, one.other} & set(chosen)) == 1 and rng.random() < 0.6:
            other = ({one.one, one.other} - set(chosen)).pop()
            chosen += [other] if len(chosen) < 4 else []
    return [by_name[name] for name in chosen]


def _refs(subject, links, tables, style, extras):
    """The foreign keys with their names; those of a key of two columns are never NULL."""
    for link in links:
        child, parent = tables[link.child], tables[link.parent]
        suffix = key_words(subject.family, style).split()[-1]
        column = identifier(f"{link.role or link.parent} {suffix}", style.case, style.loud_id)
        itself = link.child == link.parent
        required = not itself and not (extras.optional and child.key)
        yield Ref(child, column, parent, link.of, link.did, link.role, required)


def _parents_first(tables: list, refs) -> list:
    """The tables, every parent before its children."""
    ordered = []
    while len(ordered) < len(tables):
        placed = {one.sql for one in ordered}
        for one in tables:
            parents = {ref.parent.sql for ref in refs if ref.child.sql == one.sql} - {one.sql}
            if one.sql not in placed and parents <= placed:
                ordered.append(one)
                break
    return ordered


def _define(rng, column: BoundColumn, style: Style, extras: Extras) -> str:
    """One column of a CREATE TABLE."""
    made, kind = column.column, column.column.kind
    text = f"{column.sql} {style.types.get(kind, style.types['text'])}{' NOT NULL' if column.required else ''}"
    if extras.checks and kind in ("integer", "real") and rng.random() < 0.4:
        text += f" CHECK ({column.sql} >= 0)"
    if extras.defaults and kind in ("category", "integer", "boolean") and rng.random() < 0.3:
        text += f" DEFAULT {literal(made.values[0]) if made.values else int(made.low)}"
    return text


def _ddl(rng, table: BoundTable, refs, style: Style, extras: Extras) -> str:
    """CREATE TABLE in this style, the keys anywhere among the columns."""
    parts = [(_define(rng, one, style, extras), one.column) for one in table.columns + table.stock]
    if style.shuffled:
        rng.shuffle(parts)
    own, number, constraints = [ref for ref in refs if ref.child.sql == table.sql], style.types["integer"], []
    for ref in own:
        target = f"REFERENCES {ref.parent.sql}({ref.parent.key})"
        inline = f" {target}" if style.inline_foreign else ""
        needed = " NOT NULL" if ref.required and (style.required or not table.key) else ""
        parts.insert(rng.randint(0, len(parts)), (f"{ref.column} {number}{needed}{inline}", None))
        constraints += [] if inline else [f"FOREIGN KEY ({ref.column}) {target}"]
    if table.key:
        key = f"{table.key} {number} " + ("PRIMARY KEY" if style.inline_key else "NOT NULL")
        parts.insert(0 if style.key_first else rng.randint(1, len(parts)), (key, None))
        constraints = ([] if style.inline_key else [f"PRIMARY KEY ({table.key})"]) + constraints
    else:
        constraints = [f"PRIMARY KEY ({', '.join(ref.column for ref in own)})", *constraints]
    if not style.indent:
        return f"CREATE TABLE {table.sql} ({', '.join([text for text, _ in parts] + constraints)});"
    lines = [(text, _comment(rng, column) if extras.comments else "") for text, column in parts]
    lines += [(text, "") for text in constraints]
    last, margin = len(lines) - 1, " " * style.indent
    body = "\n".join(f"{margin}{text}{',' if i < last else ''}{said}" for i, (text, said) in enumerate(lines))
    return f"CREATE TABLE {table.sql} (\n{body}\n);"


def _comment(rng, column: Column | None) -> str:
    """What a note beside a column says: other words for it, or an example of its values."""
    if column is None or rng.random() < 0.5:
        return ""
    notes = [*column.synonyms[:2], *(f"e.g. {one}" for one in column.values[:1])]
    return f"  -- {rng.choice(notes)}" if notes else ""
