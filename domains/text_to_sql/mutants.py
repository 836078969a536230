"""Queries with one small mistake, as people and models make them, and which of them a row's databases let pass.

A library, of the templates, which look for telling databases, of the bank's checks, and of mutate.py, which counts.
"""

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from domains.text_to_sql import explain
from domains.text_to_sql.compare import same_result
from domains.text_to_sql.schema import day_after

BORDERS = {exp.GT: exp.GTE, exp.GTE: exp.GT, exp.LT: exp.LTE, exp.LTE: exp.LT}
OPPOSITES = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}
AGGREGATES = {exp.Avg: exp.Sum, exp.Sum: exp.Avg, exp.Max: exp.Min, exp.Min: exp.Max}
SETS = {exp.Intersect: exp.Except, exp.Except: exp.Intersect, exp.Union: exp.Intersect}
REAL, INTEGER, DATE, TEXT = "real", "integer", "date", "text"
TYPES = (("INT", INTEGER), ("BOOL", INTEGER), ("DATE", DATE), ("TIME", DATE), ("REAL", REAL), ("FLOA", REAL))
TYPES += (("DOUB", REAL), ("DEC", REAL), ("NUM", REAL))


class Names(NamedTuple):
    """What a database holds: {table: {type: columns that are no keys}} and {table: primary key}, without case."""

    columns: dict
    keys: dict


NONE = Names({}, {})


def names_of(ddl: str) -> Names:
    """The names in a schema."""
    columns, keys = {}, {}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            foreign = {row[3] for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
            found = columns.setdefault(table.lower(), {})
            rows = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            primary = [row[1] for row in rows if row[5]]
            keys[table.lower()] = primary[0] if len(primary) == 1 else None
            for _, name, declared, *_ in rows:
                kind = next((kind for part, kind in TYPES if part in declared.upper()), TEXT)
                if name not in foreign and name not in primary:
                    found.setdefault(kind, []).append(name)
    return Names(columns, keys)


def mutants_of(sql: str, names: Names = NONE) -> dict:
    """{query: what was changed} for queries that differ from `sql` in one place, as people and models get it wrong.

    Without names, no column is put in another's place.
    """
    tree = explain.parse(sql).copy()
    generator = SQLite().generator()
    found = {}
    for node in list(tree.walk()):
        for what, other in _changes(node, names):
            found.setdefault(_text_with(tree, node, other, generator), what)
    found.pop(generator.generate(tree), None)
    return found


def _text_with(tree, node, other, generator) -> str:
    """The query as text with `other` in the place of `node` (None: without it); the tree stays as it is."""
    if node is tree:
        return generator.generate(other)
    parent, key = node.parent, node.arg_key
    if other is None:
        parent.set(key, None)
        text = generator.generate(tree)
        parent.set(key, node)
        return text
    node.replace(other)
    text = generator.generate(tree)
    other.replace(node)
    return text


# --- single mistakes: each gives pairs (what is changed, the node instead) ----------------------------


def _changes(node, names: Names):
    kind = type(node)
    if kind in (exp.And, exp.Or):
        left, right = node.left.copy(), node.right.copy()
        other = (
            exp.And(this=left, expression=right)
            if kind is exp.Or
            else exp.Paren(this=exp.Or(this=left, expression=right))
        )
        yield "AND and OR", other
        yield "condition dropped", node.left.copy()
        yield "condition dropped", node.right.copy()
    elif kind in OPPOSITES:
        yield from _comparisons(node, names)
    elif kind is exp.Between:
        yield from _between(node)
    elif kind is exp.In:
        yield from _in(node)
    elif kind is exp.Not:
        yield "negation", node.this.copy()
    elif kind is exp.Is:
        if not isinstance(node.parent, exp.Not):
            yield "negation", exp.Not(this=node.copy())
    elif kind is exp.Like:
        yield from _like(node)
    elif kind is exp.Literal:
        yield from _bounds(node)
    elif kind is exp.Column:
        yield from _columns(node, names)
    elif kind is exp.Case:
        yield from _case(node)
    elif kind in (exp.Sub, exp.Add, exp.Mul):
        yield from _arithmetic(node)
    else:
        yield from _clauses(node)


def _arithmetic(node):
    left, right = node.this.copy(), node.expression.copy()
    if isinstance(node, exp.Sub):
        yield "arithmetic", exp.Sub(this=right, expression=left)
    yield "arithmetic", (exp.Sub if isinstance(node, exp.Add) else exp.Add)(this=left.copy(), expression=right.copy())


def _case(node):
    other = node.copy()
    first = other.args["ifs"][0]
    then, default = first.args["true"].copy(), other.args["default"].copy()
    first.set("true", default)
    other.set("default", then)
    yield "CASE turned", other


def _comparisons(node, names: Names):
    kind, left, right = type(node), node.this, node.expression
    if kind is exp.EQ and isinstance(left, exp.Column) and isinstance(right, exp.Column) and left.table != right.table:
        yield from _keys(node, names)
        return
    if kind in BORDERS:
        yield "border", BORDERS[kind](this=left.copy(), expression=right.copy())
    yield "operator", OPPOSITES[kind](this=left.copy(), expression=right.copy())


def _keys(node, names: Names):
    """A join by the child's own key instead of its foreign key."""
    for side in ("this", "expression"):
        column = node.args[side]
        table = _table_of(column)
        key = names.keys.get(table.lower()) if table else None
        if key and key.lower() != column.name.lower():
            other = node.copy()
            other.args[side].set("this", exp.to_identifier(key, quoted=not key.isidentifier()))
            yield "foreign key", other


def _between(node):
    column, low, high = node.this, node.args["low"], node.args["high"]
    for above, below in ((exp.GT, exp.LTE), (exp.GTE, exp.LT)):
        first = above(this=column.copy(), expression=low.copy())
        yield "border", exp.And(this=first, expression=below(this=column.copy(), expression=high.copy()))
    yield "condition dropped", exp.GTE(this=column.copy(), expression=low.copy())
    yield "condition dropped", exp.LTE(this=column.copy(), expression=high.copy())


def _in(node):
    if not isinstance(node.parent, exp.Not):
        yield "negation", exp.Not(this=node.copy())
    for i in range(len(node.expressions)):
        other = node.copy()
        other.set("expressions", [one.copy() for j, one in enumerate(node.expressions) if j != i])
        if other.expressions:
            yield "value dropped", other


def _like(node):
    if not node.expression.is_string:
        return
    pattern = node.expression.name
    word = pattern.strip("%")
    for other in (f"{word}%", f"%{word}", f"%{word}%"):
        if other != pattern:
            yield "LIKE", exp.Like(this=node.this.copy(), expression=exp.Literal.string(other))


def _bounds(node):
    """A number, day, month or year beside the one that is compared with."""
    place = node.parent
    if isinstance(place, exp.Limit):
        yield "LIMIT", exp.Literal.number(int(node.name) + 1)
    elif isinstance(place, (*OPPOSITES, exp.Between)) and not node.is_string:
        number = float(node.name) if "." in node.name else int(node.name)
        for other in (number - 1, number + 1):
            yield "bound", exp.Literal.number(other) if other >= 0 else exp.Neg(this=exp.Literal.number(-other))
    elif isinstance(place, (*OPPOSITES, exp.Between)) and node.name[:4].isdigit():
        for other in _near_dates(node.name):
            yield "bound", exp.Literal.string(other)
    elif node.is_string and node.name in ("%Y", "%Y-%m") and not isinstance(place, exp.Like):
        yield "part of the date", exp.Literal.string("%m")


def _near_dates(text: str) -> list:
    if len(text) == 4:
        return [str(int(text) - 1), str(int(text) + 1)]
    if len(text) == 7:
        first = f"{text}-01"
        return [day_after(first, -1)[:7], day_after(first, 31)[:7]]
    try:
        return [day_after(text, -1), day_after(text, 1)]
    except ValueError:
        return []


def _table_of(column: exp.Column) -> str:
    """The table of a column, where the query says it or has only one."""
    select = column.find_ancestor(exp.Select)
    while select is not None:
        start = select.args.get("from_")
        sources = [one.this for one in [*([start] if start else []), *(select.args.get("joins") or [])]]
        for one in sources:
            if isinstance(one, exp.Table) and (
                column.table == one.alias_or_name or not column.table and len(sources) == 1
            ):
                return one.name
        select = select.find_ancestor(exp.Select)
    return ""


def _columns(node: exp.Column, names: Names):
    """The next column of the same type; not of those that hold tables together."""
    if isinstance(node.parent, exp.EQ) and isinstance(node.find_ancestor(exp.Join, exp.Select), exp.Join):
        return
    for columns in names.columns.get(_table_of(node).lower(), {}).values():
        lower = [one.lower() for one in columns]
        if node.name.lower() in lower and len(columns) > 1:
            other = columns[(lower.index(node.name.lower()) + 1) % len(columns)]
            changed = node.copy()
            changed.set(
                "this", exp.to_identifier(other, quoted=node.this.args.get("quoted") or not other.isidentifier())
            )
            yield "column", changed


def _clauses(node):
    kind = type(node)
    if kind is exp.Count and isinstance(node.this, exp.Distinct):
        yield "DISTINCT", exp.Count(this=node.this.expressions[0].copy())
    elif kind is exp.Count and isinstance(node.this, exp.Column):
        yield "aggregate", exp.Count(this=exp.Star())
    elif kind in AGGREGATES:
        yield "aggregate", AGGREGATES[kind](this=node.this.copy())
        if kind in (exp.Max, exp.Min):
            yield "aggregate", exp.Avg(this=node.this.copy())
    elif kind is exp.Distinct and isinstance(node.parent, exp.Select):
        yield "DISTINCT", None
    elif kind is exp.Ordered:
        down = bool(node.args.get("desc"))
        yield "order", exp.Ordered(this=node.this.copy(), desc=None if down else True, nulls_first=down)
    elif kind is exp.Join:
        yield "join", _other_side(node)
    elif kind in (exp.Where, exp.Having, exp.Group, exp.Limit):
        yield f"{kind.__name__.upper()} dropped", None
    elif kind in SETS:
        yield "set operation", SETS[kind](this=node.this.copy(), expression=node.expression.copy(), distinct=True)
        if kind is exp.Union:
            yield "set operation", exp.Union(this=node.this.copy(), expression=node.expression.copy(), distinct=False)


def _other_side(node: exp.Join) -> exp.Join:
    other = node.copy()
    other.set("side", None if node.args.get("side") else "LEFT")
    return other


# --- on data ------------------------------------------------------------------------------------------


@contextmanager
def opened(ddl: str, fills: list):
    """One database in memory for each fill, as a list of connections."""
    with ExitStack() as stack:
        databases = [stack.enter_context(closing(sqlite3.connect(":memory:"))) for _ in fills]
        for database, script in zip(databases, fills, strict=True):
            database.executescript(f"{ddl}\n{script}")
        yield databases


def results(sql: str, databases: list):
    """The rows on each database, one after another; None where the query fails."""
    for database in databases:
        try:
            yield database.execute(sql).fetchall()
        except sqlite3.Error:
            yield None


def passes(gold: list, sql: str, databases: list, ordered: bool) -> bool:
    """Whether the query gives the gold rows on every database, as verify() compares them."""
    for right, rows in zip(gold, results(sql, databases), strict=True):
        if rows is None or len(rows) != len(right) or rows and len(rows[0]) != len(right[0]):
            return False
        if rows != right and not same_result(right, rows, [1] * len(right) if ordered else None):
            return False
    return True


def unnoticed(sql: str, mutants: dict, databases: list) -> dict:
    """Those of the mutants of `sql`, as mutants_of() gives them, that have its result on every database."""
    ordered = explain.parse(sql).args.get("order") is not None
    gold = list(results(sql, databases))
    return {one: what for one, what in mutants.items() if passes(gold, one, databases, ordered)}
