"""Databases on which a wrong query shows: values at every border that a query compares with, gaps, uneven counts.

A library: `fill(rng, layout, plan)`. A condition says which values meet it and which just miss it (Plant); for each of
them there is a row that meets all other conditions, so that a query with any one condition wrong gives another result.
"""

import random
from typing import NamedTuple

from domains.text_to_sql.schema import literal
from domains.text_to_sql.templates.families import Column
from domains.text_to_sql.templates.layout import Layout
from domains.text_to_sql.templates.style import BoundColumn, BoundTable

GAP = 0.1  # share of NULLs in a schema with gaps
ROWS = {"alone": (14, 17), "child": (17, 22), "middle": (10, 13), "parent": (6, 8)}
MOST_ROWS = 26


class Plant(NamedTuple):
    """Values that meet a condition on a column, and values that miss it."""

    hits: tuple
    misses: tuple = ()


class Plan(NamedTuple):
    """What a question needs of its databases. Columns are (table, column), by their names in the schema.

    distinct: columns without ties; full: without NULLs; whole: foreign keys that reach every parent;
    leading: foreign keys with one parent ahead of all others; tweaks: functions (rng, {table: rows}) that put in
    what no single column can show, a sum that is the border, say.
    """

    plants: dict = {}
    distinct: frozenset = frozenset()
    full: frozenset = frozenset()
    whole: frozenset = frozenset()
    leading: frozenset = frozenset()
    tweaks: tuple = ()


def fill(rng: random.Random, layout: Layout, plan: Plan) -> str:
    """INSERT statements for one database."""
    made, good = {}, {}
    for table in layout.tables:
        refs = [ref for ref in layout.refs if ref.child.sql == table.sql]
        planted = {column: plant for (owner, column), plant in plan.plants.items() if owner == table.sql}
        scenes = _scenes(rng, planted)
        count = min(max(_row_count(rng, table, layout), len(scenes)), MOST_ROWS)
        rows = [{} for _ in range(count)]
        for column in table.columns + table.stock:
            values = _values(rng, column, scenes, count, planted.get(column.sql), plan, layout.gaps)
            for row, one in zip(rows, values, strict=True):
                row[column.sql] = one
        rng.shuffle(rows)
        keys = _foreign_keys(rng, refs, rows, made, good, plan, layout, not table.key)
        rows = [{**({table.key: i + 1} if table.key else {}), **row, **own} for i, (row, own) in enumerate(keys)]
        good[table.sql] = [
            i for i, row in enumerate(rows) if planted and all(row[c] in plant.hits for c, plant in planted.items())
        ]
        made[table.sql] = rows
    for tweak in plan.tweaks:
        tweak(rng, made)
    return "\n".join(_insert(name, rows) for name, rows in made.items())


def _insert(name: str, rows: list) -> str:
    values = ",\n".join(f"({', '.join(map(literal, row.values()))})" for row in rows)
    return f"INSERT INTO {name} ({', '.join(rows[0])}) VALUES\n{values};"


def _row_count(rng, table: BoundTable, layout: Layout) -> int:
    is_child = any(ref.child.sql == table.sql != ref.parent.sql for ref in layout.refs)
    is_parent = any(ref.parent.sql == table.sql != ref.child.sql for ref in layout.refs)
    place = "middle" if is_child and is_parent else "child" if is_child else "parent" if is_parent else "alone"
    return rng.randint(*ROWS[place])


def _scenes(rng, planted: dict) -> list:
    """{column: value} of the rows that tell: three that meet everything, and each border with all else met."""
    if not planted:
        return []
    scenes = [{column: rng.choice(plant.hits) for column, plant in planted.items()} for _ in range(3)]
    for column, plant in planted.items():
        for one in (*plant.hits, *plant.misses):
            scenes.append({**{other: rng.choice(p.hits) for other, p in planted.items()}, column: one})
    rng.shuffle(scenes)
    return scenes


def random_value(rng: random.Random, column: Column):
    """A value as a database would hold it."""
    if column.kind in ("name", "category"):
        return rng.choice(column.values)
    if column.kind == "date":
        return f"{rng.randint(int(column.low), int(column.high))}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if column.kind in ("integer", "boolean"):
        return rng.randint(int(column.low), int(column.high))
    return round(rng.uniform(column.low, column.high), 1 if column.high < 100 else 2)


def _values(rng, column: BoundColumn, scenes: list, count: int, plant, plan: Plan, gaps: bool) -> list:
    """The column's values, those of the scenes first."""
    key = (column.table, column.sql)
    given = [scene[column.sql] for scene in scenes[:count]] if plant else []
    if column.column.kind == "name":
        return _names(rng, column, given, count)
    values = list(given)
    while len(values) < count:
        any_of = plant and (*plant.hits, *plant.misses)
        values.append(rng.choice(any_of) if any_of and rng.random() < 0.4 else random_value(rng, column.column))
    if key in plan.distinct:
        return _without_ties(rng, column, values)
    if gaps and not column.required and key not in plan.full:
        values = [one if i < len(given) or rng.random() >= GAP else None for i, one in enumerate(values)]
    return values


def _names(rng, column: BoundColumn, given: list, count: int) -> list:
    """Names, each once: the planted ones where they were first due, then others of the family."""
    pool = [one for one in column.column.values if one not in given]
    rng.shuffle(pool)
    size = len(column.column.values)
    more = (f"{column.column.values[i % size]} {2 + i // size}" for i in range(6 * size))
    pool += [one for one in more if one not in given]
    values = []
    for one in [*given, *[None] * (count - len(given))]:
        values.append(pool.pop(0) if one is None or one in values else one)
    return values


def _without_ties(rng, column: BoundColumn, values: list) -> list:
    """The values, each once and none NULL."""
    made, seen = [], set()
    for one in values:
        tries = 0
        while one is None or one in seen:
            tries += 1
            numbers = column.column.kind in ("integer", "real")
            one = random_value(rng, column.column) if tries < 60 or not numbers else max(seen) + 1
        seen.add(one)
        made.append(one)
    return made


def _foreign_keys(rng, refs: list, rows: list, made: dict, good: dict, plan: Plan, layout: Layout, unique: bool):
    """[(row, {foreign key: parent's number})]; rows that would repeat a key of two columns are left out."""
    own = [{} for _ in rows]
    for ref in refs:
        key = (ref.child.sql, ref.column)
        itself = ref.child.sql == ref.parent.sql
        numbers = (
            _upward(rng, len(rows))
            if itself
            else _spread(
                rng, len(rows), len(made[ref.parent.sql]), good[ref.parent.sql], key in plan.whole, key in plan.leading
            )
        )
        if not ref.required and not itself and key not in plan.whole:
            for i in rng.sample(range(len(rows)), 2 if layout.gaps else 1):
                numbers[i] = None
        for one, number in zip(own, numbers, strict=True):
            one[ref.column] = number
    pairs, kept = set(), []
    for row, one in zip(rows, own, strict=True):
        if not unique or tuple(one.values()) not in pairs:
            pairs.add(tuple(one.values()))
            kept.append((row, one))
    return kept


def _upward(rng, count: int) -> list:
    """Who stands above whom in one table: the first two above all others, who are above few."""
    heads = [1, 1, 1, 2, 2, *range(3, 6)]
    return [None, None, *(rng.choice([one for one in heads if one <= i + 2]) for i in range(count - 2))]


def _spread(rng, count: int, parents: int, good: list, whole: bool, leading: bool) -> list:
    """The parent of each row: some have many, some have none, and those that meet their conditions have more."""
    order = list(range(1, parents + 1))
    rng.shuffle(order)
    kept = order if whole else order[: max(2, parents - rng.randint(1, 2))]
    weights = [rng.choice((1, 2, 4)) * (3 if one - 1 in good else 1) for one in kept]
    numbers = (kept + rng.choices(kept, weights, k=max(0, count - len(kept))))[:count]
    if leading:
        tops = sorted(kept, key=lambda one: -numbers.count(one))
        while len(tops) > 1 and numbers.count(tops[0]) == numbers.count(tops[1]):
            donor = next((one for one in tops[1:] if numbers.count(one) > 1), tops[1])
            numbers[numbers.index(donor)] = tops[0]
            tops = sorted(kept, key=lambda one: -numbers.count(one))
    rng.shuffle(numbers)
    return numbers


# --- tweaks -------------------------------------------------------------------------------------------


def even_average(table: str, column: str):
    """The column's average becomes a value that some rows have, so that "above" and "at least" differ."""

    def tweak(rng, made):
        rows = rng.sample(made[table], len(made[table]))
        middle = round(sum(row[column] for row in rows) / len(rows))
        paired = (len(rows) - 1) // 2
        for below, above in zip(rows[:paired], rows[paired : 2 * paired], strict=True):
            gap = min(max(1, abs(round(below[column] - middle))), middle)  # nothing below 0
            below[column], above[column] = middle - gap, middle + gap
        for row in rows[2 * paired :]:
            row[column] = middle

    return tweak


def equal_pair(table: str, one: str, other: str):
    """Two columns are equal in a row or two."""

    def tweak(rng, made):
        for row in rng.sample(made[table], 2):
            row[one] = row[other]

    return tweak


def equal_above(table: str, key: str, foreign: str, column: str):
    """A row has the same value as the row above it."""

    def tweak(rng, made):
        numbered = {row[key]: row for row in made[table]}
        below = [row for row in made[table] if row[foreign] is not None]
        one = rng.choice(below)
        one[column] = numbered[one[foreign]][column]

    return tweak


def border_group(table: str, group: str, column: str, function: str, value):
    """The sum or average of one group is just the value that HAVING compares with."""

    def tweak(rng, made):
        groups = {}
        for row in made[table]:
            if row[group] is not None:
                groups.setdefault(row[group], []).append(row)
        wanted = [(value * (len(rows) if function == "AVG" else 1), rows) for rows in groups.values()]
        wanted.sort(key=lambda one: abs(one[0] - sum(row[column] or 0 for row in one[1])))
        total, rows = wanted[0]
        for row in rows:
            row[column] = round(row[column] or 0)
        rows[0][column] = max(0, total - sum(row[column] for row in rows[1:]))

    return tweak


def border_count(table: str, group: str, low: int, plants: dict, parent: str = ""):
    """One group has just `low` rows that meet the conditions and all those that just miss them, another one row more.

    group: a column of categories, or the foreign key to `parent`; plants: {column: Plant} of the conditions.
    """

    def tweak(rng, made):
        rows = rng.sample(made[table], len(made[table]))
        hits = [row for row in rows if all(row[column] in plant.hits for column, plant in plants.items())]
        values = range(1, len(made[parent]) + 1) if parent else sorted({row[group] for row in rows} - {None})
        if len(values) < 3 or len(hits) < 2 * low + 1:
            return
        one, other, *rest = rng.sample(list(values), len(values))
        for i, row in enumerate(hits):
            row[group] = one if i < low else other if i <= 2 * low else rng.choice(rest)
        for row in rows:
            if any(row[column] in plant.misses for column, plant in plants.items()):
                row[group] = one

    return tweak
