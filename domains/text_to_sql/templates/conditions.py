"""Conditions: a tree, the way a person says it after a plural noun, the way the explanation does, and its data.

A library: `simple` asks about one column of a table, `pair` about two, `through` about the rows that a foreign key
leads to, and `some` picks one of these.
"""

import random
import re
from typing import NamedTuple

from sqlglot import exp

from domains.text_to_sql.schema import day_after
from domains.text_to_sql.templates import phrases, trees
from domains.text_to_sql.templates.data import Plan, Plant, equal_pair, even_average, random_value
from domains.text_to_sql.templates.families import Column
from domains.text_to_sql.templates.voice import agree

NUMBERS = ("integer", "real")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# The operator as VERBS and PLACES know it.
WHEN = {
    **{one: one for one in (">", "<", ">=", "<=", "between")},
    **{f"date {one}": one for one in (">", "<", "between")},
    **{"= number": "=", "year": "=", "month": "month", "date >=": "day >=", "date <=": "day <="},
}


class Condition(NamedTuple):
    """`refs`: the foreign keys that lead from the table asked about to the condition's columns."""

    tree: object = None
    asked: str = ""
    explained: str = ""
    plan: Plan = Plan()
    refs: tuple = ()
    frame: str = ""
    columns: frozenset = frozenset()
    before: str = ""  # a word that stands before the noun instead of `asked` after it: "diesel" cars


ANY = Condition()


def token(column) -> str:
    """A column in an explanation; resolve() turns it into words once it is known what else the query names."""
    return f"⟦{column.table}|{column.sql}|{column.column.words}⟧"


def resolve(text: str, tree, nouns: dict) -> str:
    """The explanation with words for columns: with their table's noun where the query has two of the name."""
    aliases = {one.alias: one.name for one in tree.find_all(exp.Table) if one.alias}
    owners = {}
    for one in tree.find_all(exp.Column):
        owners.setdefault(one.name.lower(), set()).add(aliases.get(one.table, one.table))
    double = {name for name, tables in owners.items() if len(tables) > 1}

    def words(match):
        table, name, said = match.groups()
        return f"{nouns[table]} {said}" if name.strip('"').lower() in double else said

    return re.sub(r"⟦([^|⟧]*)\|([^|⟧]*)\|([^⟧]*)⟧", words, text)


def merged(*plans: Plan) -> Plan:
    """One plan for all; of two plants of one column the later stands."""
    plants = {key: plant for plan in plans for key, plant in plan.plants.items()}
    rest = [frozenset().union(*(plan[i] for plan in plans)) for i in range(1, 5)]
    return Plan(plants, *rest, tuple(tweak for plan in plans for tweak in plan.tweaks))


# --- values -------------------------------------------------------------------------------------------


def round_value(rng: random.Random, column: Column):
    """A number as a person would say it, well inside the column's range."""
    span = column.high - column.low
    value = column.low + span * rng.uniform(0.2, 0.8)
    if column.kind == "real":
        return round(value, 1) if span < 100 else round(value)
    step = 1 if span <= 40 else 5 if span <= 200 else 10 if span <= 1000 else 10 ** (len(str(int(span))) - 2)
    return int(round(value / step) * step)


def spoken_number(rng, number, column) -> str:
    """A number as people write it: 12000 or 12,000, but a year never with a comma."""
    if number >= 1000 and "year" not in column.words and rng.random() < 0.3:
        return f"{number:,}"
    return str(number)


def spoken_day(rng, day: str) -> str:
    """A day as people write it: 2021-05-03, 3 May 2021 or May 3, 2021."""
    year, month, number = day.split("-")
    form = rng.choice(("iso", "iso", "iso", "day first", "month first"))
    if form == "iso":
        return day
    named = MONTHS[int(month) - 1]
    return f"{int(number)} {named} {year}" if form == "day first" else f"{named} {int(number)}, {year}"


def _step(column, value):
    """How far a value just beside a border is: less than the border itself, for there is nothing below 0."""
    return 1 if column.kind == "integer" else 0.5 if value >= 1 else value / 4


def _near(column, value, steps) -> tuple:
    """The values so many steps from a border, none below 0."""
    step = _step(column, value)
    return tuple(round(value + i * step, 3) for i in steps if value + i * step >= 0)


class Test(NamedTuple):
    """One test of a column: operator of the phrases, tree, values as said in question and explanation, data."""

    operator: str
    tree: object
    asked: tuple
    said: tuple
    plant: Plant


def _compare(rng, bound):
    column, value = bound.column, round_value(rng, bound.column)
    operator = rng.choices((">", "<", ">=", "<=", "="), (4, 4, 2, 2, 2 if column.kind == "integer" else 0))[0]
    near = _near(column, value, range(-2, 3))
    meets = {">": lambda n: n > value, "<": lambda n: n < value, ">=": lambda n: n >= value}
    meets |= {"<=": lambda n: n <= value, "=": lambda n: n == value}
    plant = Plant(tuple(filter(meets[operator], near)), tuple(n for n in near if not meets[operator](n)))
    tree = trees.compare(operator, trees.of(bound), value)
    return Test(
        "= number" if operator == "=" else operator, tree, (spoken_number(rng, value, column),), (value,), plant
    )


def _between(rng, bound):
    low, high = sorted((round_value(rng, bound.column), round_value(rng, bound.column)))
    high = high if high > low else low + 5
    said = tuple(spoken_number(rng, one, bound.column) for one in (low, high))
    below, *hits = _near(bound.column, low, range(-1, 2))
    plant = Plant((*hits, *_near(bound.column, high, (-1, 0))), (below, *_near(bound.column, high, (1,))))
    return Test("between", trees.between(trees.of(bound), low, high), said, (low, high), plant)


def _others(column, values):
    return tuple(one for one in column.values if one not in values)[:3]


def _equal(rng, bound):
    value = rng.choice(bound.column.values)
    tree = trees.compare("=", trees.of(bound), value)
    return Test("=", tree, (value,), (value,), Plant((value,), _others(bound.column, (value,))))


def _not_equal(rng, bound):
    value = rng.choice(bound.column.values)
    tree = trees.compare("<>", trees.of(bound), value)
    return Test("<>", tree, (value,), (value,), Plant(_others(bound.column, (value,)), (value,)))


def listed(values, word: str) -> str:
    """ "A or B", "A, B or C"."""
    return f"{', '.join(values[:-1])} {word} {values[-1]}"


def _one_of(rng, bound):
    """IN, or the same with OR, or NOT IN, over two or three values."""
    column = bound.column
    values = rng.sample(column.values, 3 if len(column.values) > 4 and rng.random() < 0.35 else 2)
    plant = Plant(tuple(values), _others(column, values))
    if rng.random() < 0.2:
        values, said = values[:2], listed(values[:2], "nor")
        plant = Plant(_others(column, values), tuple(values))
        return Test("not in", trees.negated(trees.one_of(trees.of(bound), values)), (said,), (said,), plant)
    said = listed(values, "or")
    if len(values) == 2 and rng.random() < 0.3:
        one, other = (trees.compare("=", trees.of(bound), one) for one in values)
        return Test("in", trees.both("or", one, other), (said,), (said,), plant)
    return Test("in", trees.one_of(trees.of(bound), values), (said,), (said,), plant)


def _null(rng, bound):
    column = bound.column
    known = tuple(random_value(rng, column) for _ in range(2))
    if rng.random() < 0.6:
        return Test("null", trees.is_null(trees.of(bound)), (), (), Plant((None,), known))
    return Test("not null", trees.is_null(trees.of(bound), negated=True), (), (), Plant(known, (None,)))


def _like(rng, bound):
    """LIKE with the start, a word or the end of a value; the data have it in the other places, too."""
    value = rng.choice(bound.column.values)
    form = rng.choice(("prefix", "contains", "suffix"))
    if form == "prefix":
        part = value[: rng.randint(1, 3)].strip()
        plant = Plant((value, f"{part}ora"), (f"Old {value}", f"Max {part}"))
        pattern = f"{part}%"
    elif form == "suffix":
        part = value[-rng.randint(2, 4) :].strip()
        plant = Plant((value, f"Big {value}"), (f"{value} II", f"{part.title()} Junior"))
        pattern = f"%{part}"
    else:
        part = rng.choice([one for one in value.split() if len(one) > 1] or [value])
        plant = Plant((value, f"{part} Two", f"Old {part}", f"New {part} One"), ())
        pattern = f"%{part}%"
    return Test(form, trees.like(trees.of(bound), pattern), (part,), (part,), plant)


def _date(rng, bound):
    day = random_value(rng, bound.column)
    year, column = int(day[:4]), trees.of(bound)
    before, after = day_after(day, -1), day_after(day)
    if rng.random() < 0.4:
        return _period(rng, bound, day)
    operator = rng.choices((">", "<", ">=", "<="), (3, 3, 2, 2))[0]
    near = (f"{year - 1}-06-15", before, day, after, f"{year + 1}-03-02")
    signs = {">": lambda d: d > day, "<": lambda d: d < day, ">=": lambda d: d >= day, "<=": lambda d: d <= day}
    meets = signs[operator]
    plant = Plant(tuple(filter(meets, near)), tuple(one for one in near if not meets(one)))
    return Test(f"date {operator}", trees.compare(operator, column, day), (spoken_day(rng, day),), (day,), plant)


def _period(rng, bound, day):
    """A year or a month, by strftime, or for a year at times by BETWEEN."""
    year, month, column = day[:4], day[:7], trees.of(bound)
    if rng.random() < 0.6:
        plant = Plant(
            (f"{year}-01-01", f"{year}-12-31", f"{year}-06-10"), (f"{int(year) - 1}-12-31", f"{int(year) + 1}-01-01")
        )
        return Test("year", trees.compare("=", trees.date_part("%Y", column), year), (year,), (year,), plant)
    first = f"{month}-01"
    plant = Plant(
        (first, f"{month}-17", f"{month}-28"),
        (day_after(first, -1), day_after(f"{month}-28", 5), f"{int(year) - 1}-{month[5:]}-09"),
    )
    said = f"{MONTHS[int(month[5:]) - 1]} {year}"
    return Test("month", trees.compare("=", trees.date_part("%Y-%m", column), month), (said,), (month,), plant)


def _dates(rng, bound):
    first = random_value(rng, bound.column)
    last = day_after(first, rng.choice((10, 30, 60, 91, 182, 365, 500)))
    said = tuple(spoken_day(rng, one) for one in (first, last))
    plant = Plant(
        (first, day_after(first), day_after(last, -1), last),
        (day_after(first, -1), day_after(last)),
    )
    return Test("date between", trees.between(trees.of(bound), first, last), said, (first, last), plant)


MAKERS = {
    "compare": (NUMBERS, _compare),
    "between": (NUMBERS, _between),
    "text": (("category",), _equal),
    "not": (("category",), _not_equal),
    "in": (("category",), _one_of),
    "null": (("category", "integer", "real", "date"), _null),
    "like": (("name",), _like),
    "date": (("date",), _date),
    "dates": (("date",), _dates),
}
USUAL = ("compare", "compare", "compare", "text", "text", "text", "date", "between", "in", "not", "like")


# --- conditions ---------------------------------------------------------------------------------------


def simple(voice, table, kinds=USUAL, avoid=(), front: bool = False) -> Condition | None:
    """A random condition on one column of the table, or None when no column suits; front: may stand before the noun."""
    fits = [
        (kind, column)
        for kind in kinds
        for column in table.columns
        if column.sql not in avoid
        and column.column.kind in MAKERS[kind][0]
        and not (kind == "null" and column.required)
    ]
    if not fits:
        return None
    kind, column = voice.rng.choice(fits)
    test = MAKERS[kind][1](voice.rng, column)
    if not test.plant.hits:
        return None  # of two categories neither
    if (
        front
        and test.operator == "="
        and column.column.words in phrases.FRONT[voice.split]
        and voice.rng.random() < 0.35
    ):
        return _in_front(table, column, test)
    phrase = _phrase(voice, table, column.column, test.operator)
    asked = voice.column(column)
    slots = dict(zip("vw", test.asked, strict=False)) | {"col": asked}
    said = dict(zip("vw", test.said, strict=False)) | {"col": token(column)}
    key = (table.sql, column.sql)
    return Condition(
        test.tree,
        agree(phrase, asked).format(**slots),
        agree(phrases.EXPLAINED[test.operator], column.column.words).format(**said),
        Plan(plants={key: test.plant}),
        frame=phrase,
        columns=frozenset([column.sql]),
    )


def _in_front(table, column, test: Test) -> Condition:
    """The condition as a word before the noun, small unless it is a name."""
    value = test.said[0]
    return Condition(
        test.tree,
        "",
        agree(phrases.EXPLAINED["="], column.column.words).format(col=token(column), v=value),
        Plan(plants={(table.sql, column.sql): test.plant}),
        frame="{v} {things}",
        columns=frozenset([column.sql]),
        before=value if column.column.words in phrases.PROPER else value.lower(),
    )


def _phrase(voice, table, column, operator: str) -> str:
    """How a person says the test: by a verb, a place, an age or a comparative where the column has one, or plainly."""
    words, split = column.words, voice.split
    alone = sum(one.column.words.split()[-1] == words.split()[-1] for one in table.columns) == 1
    adjective = {">": column.more, "<": column.less}.get(operator) if alone else ""
    ways = [
        (phrases.WHEN.get(WHEN.get(operator)), "{verb}", phrases.VERBS.get(words)),
        (phrases.WHERE.get(operator), "{at}", phrases.PLACES.get(words)),
        (phrases.ACTS.get(operator), "{verb}", phrases.ACTIVE.get(words)),
        (phrases.AGE.get(operator), "{age}", "age" if words == "age" else ""),
        (phrases.COMPARATIVE, "{adjective}", adjective),
    ]
    fit = [(said[split], slot, word) for said, slot, word in ways if said and word]
    if fit and voice.rng.random() < 0.55:
        said, slot, word = voice.rng.choice(fit)
        return voice.rng.choice(said).replace(slot, word)
    return voice.rng.choice(phrases.CONDITIONS[operator][split])


def joined(word: str, first: Condition, second: Condition) -> Condition:
    """Both conditions, tied by "and" or "or"."""
    return Condition(
        trees.both(word, first.tree, second.tree),
        f"{first.asked} {word} {second.asked}",
        f"{first.explained} {word} {second.explained}",
        merged(first.plan, second.plan),
        first.refs + tuple(ref for ref in second.refs if ref not in first.refs),
        f"{first.frame} {second.frame}",
        first.columns | second.columns,
    )


def pair(voice, table, kinds=("compare", "text", "date", "not")) -> Condition | None:
    """Two conditions on different columns."""
    first = simple(voice, table, kinds)
    second = first and simple(voice, table, kinds, avoid=first.columns)
    return second and joined(voice.rng.choice(("and", "and", "or")), first, second)


def parents_of(layout, table) -> list:
    """The foreign keys that lead from the table to another one."""
    return [ref for ref in layout.refs if ref.child.sql == table.sql != ref.parent.sql]


def children_of(layout, table) -> list:
    """The foreign keys that lead from another table to this one."""
    return [ref for ref in layout.refs if ref.parent.sql == table.sql != ref.child.sql]


def through(voice, layout, table, deep: bool = False) -> Condition | None:
    """A condition on the rows that the table's rows belong to, or (deep) on those that these belong to."""
    refs = parents_of(layout, table)
    refs = [ref for ref in refs if parents_of(layout, ref.parent)] if deep else refs
    if not refs:
        return None
    ref = voice.rng.choice(refs)
    parent = ref.parent
    if not deep and parent.columns[0].column.kind == "name" and voice.rng.random() < 0.4:
        return named(voice, ref)
    inner = through(voice, layout, parent) if deep else simple(voice, parent)
    if inner is None:
        return None
    return inner._replace(
        asked=f"{ref.of} {voice.things(parent)} {inner.asked}",
        explained=f"{ref.of} {parent.table.plural} {inner.explained}",
        refs=(ref, *inner.refs),
        frame=f"{ref.of} {inner.frame}",
        columns=frozenset(),
    )


def named(voice, ref) -> Condition:
    """ "written by Anna Keller": the parent by its name."""
    column, phrase = ref.parent.columns[0], voice.pick(phrases.NAMED)
    value = voice.rng.choice(column.column.values)
    return Condition(
        trees.compare("=", trees.of(column), value),
        phrase.format(of=ref.of, v=value, thing=ref.parent.table.singular),
        f"{ref.of} {ref.parent.table.plural} whose {token(column)} is {value}",
        Plan(plants={(ref.parent.sql, column.sql): Plant((value,), (f"{value} II", f"Old {value}"))}),
        (ref,),
        phrase,
    )


def above(voice, table) -> Condition | None:
    """Rows above or below the average of all rows."""
    numbers = [one for one in table.columns if one.column.kind in NUMBERS]
    if not numbers:
        return None
    column, (side, operator) = voice.rng.choice(numbers), voice.rng.choice((("above", ">"), ("below", "<")))
    phrase, asked = voice.pick(phrases.CONDITIONS["above"]), voice.column(column)
    average = trees.subquery(trees.select([trees.call("AVG", trees.of(column))], trees.table(table)))
    key = (table.sql, column.sql)
    return Condition(
        trees.compare(operator, trees.of(column), average),
        agree(phrase, asked).format(col=asked, side=side),
        agree(phrases.EXPLAINED["above"], column.column.words).format(col=token(column), side=side),
        Plan(full=frozenset([key]), tweaks=(even_average(*key),)),
        frame=phrase,
        columns=frozenset([column.sql]),
    )


def than(voice, table) -> Condition | None:
    """Rows above or below one row that is called by its name."""
    numbers = [one for one in table.columns if one.column.kind in NUMBERS]
    name = table.columns[0]
    if not numbers or name.column.kind != "name":
        return None
    column, value = voice.rng.choice(numbers), voice.rng.choice(name.column.values)
    side, operator, word = voice.rng.choice((("above", ">", "higher"), ("below", "<", "lower")))
    adjective = column.column.more if operator == ">" else column.column.less
    phrase, asked = voice.pick(phrases.CONDITIONS["than"]), voice.column(column)
    if adjective and voice.rng.random() < 0.5:
        phrase = voice.rng.choice(phrases.COMPARATIVE[voice.split]).format(adjective=adjective, v="{name}")
    own = trees.compare("=", trees.of(name), value)
    query = trees.subquery(trees.select([trees.of(column)], trees.table(table), where=own))
    near = _near(column.column, round_value(voice.rng, column.column), (-1, 0, 0, 1))
    return Condition(
        trees.compare(operator, trees.of(column), query),
        agree(phrase, asked).format(col=asked, name=value, word=word),
        agree(phrases.EXPLAINED["than"], column.column.words).format(
            col=token(column), side=side, name=f"the {table.table.singular} whose {token(name)} is {value}"
        ),
        Plan({(table.sql, name.sql): Plant((value,)), (table.sql, column.sql): Plant(near)}),
        frame=phrase,
        columns=frozenset([column.sql, name.sql]),
    )


def alike(table) -> list:
    """Pairs of number columns of one unit: list price and sale price."""
    numbers = [one for one in table.columns if one.column.kind in NUMBERS]
    return [
        (one, other)
        for one in numbers
        for other in numbers
        if one != other
        and one.column.kind == other.column.kind
        and one.column.words.split()[-1] == other.column.words.split()[-1]
        and "year" not in one.column.words
    ]


def beside(voice, table) -> Condition | None:
    """Rows in which one column is above another."""
    pairs = alike(table)
    if not pairs:
        return None
    one, other = voice.rng.choice(pairs)
    phrase, asked, less = voice.pick(phrases.CONDITIONS["column >"]), voice.column(one), voice.column(other)
    return Condition(
        trees.compare(">", trees.of(one), trees.of(other)),
        agree(phrase, asked).format(col=asked, other=less),
        agree(phrases.EXPLAINED["column >"], one.column.words).format(col=token(one), other=token(other)),
        Plan(
            full=frozenset([(table.sql, one.sql), (table.sql, other.sql)]),
            tweaks=(equal_pair(table.sql, one.sql, other.sql),),
        ),
        frame=phrase,
        columns=frozenset([one.sql, other.sql]),
    )


def linked(voice, layout, table, negated: bool) -> Condition | None:
    """Rows that have children at all, or such as meet a condition; negated: rows that have none."""
    refs = [ref for ref in children_of(layout, table) if table.key]
    if not refs:
        return None
    ref = voice.rng.choice(refs)
    inner = simple(voice, ref.child) if voice.rng.random() < (0.35 if negated else 0.65) else ANY
    inner = inner or ANY
    options = [
        one for one in (phrases.WITHOUT if negated else phrases.SOME)[voice.split] if ref.did or "{did}" not in one
    ]
    phrase = voice.rng.choice(options)
    foreign = trees.col(ref.column, ref.child.sql)
    where = inner.tree
    if negated and not ref.required and where is None:
        where = trees.is_null(foreign.copy(), negated=True)
    elif negated and not ref.required:
        where = trees.both("and", where, trees.is_null(foreign.copy(), negated=True))
    query = trees.select([foreign], trees.table(ref.child), where=where)
    things = f"{voice.things(ref.child)} {inner.asked}".strip()
    said = f"{ref.child.table.plural} {inner.explained}".strip()
    return Condition(
        trees.within(trees.col(table.key, table.sql), query, negated),
        phrase.format(things=things, did=ref.did),
        f"{'without any' if negated else 'that have'} {said}",
        inner.plan,
        frame=f"{phrase} {inner.frame}",
    )


def some(voice, layout, table, chance: float = 1.0, kinds=USUAL) -> Condition:
    """With `chance` a condition of any form, else none at all."""
    rng = voice.rng
    if rng.random() >= chance:
        return ANY
    form = rng.random()
    found = None
    if form < 0.25:
        found = through(voice, layout, table)
    elif form < 0.38:
        found = pair(voice, table)
    elif form < 0.44:
        found = linked(voice, layout, table, rng.random() < 0.5)
    elif form < 0.48:
        found = above(voice, table)
    return found or simple(voice, table, kinds, front=True) or ANY
