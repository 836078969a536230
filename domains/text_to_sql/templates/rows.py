"""Kinds that list rows: under conditions of every sort, in an order, reckoned or labelled.

A library; items.py names the kinds.
"""

import re

from domains.text_to_sql.templates import conditions, phrases, trees
from domains.text_to_sql.templates.conditions import ANY, NUMBERS, merged, simple, some, token
from domains.text_to_sql.templates.data import Plan
from domains.text_to_sql.templates.shared import Item, about, child_of, of_kinds, of_one, outputs, plural, query, said
from domains.text_to_sql.templates.voice import agree

# Columns whose product is something: what is in stock times its price.
PRODUCTS = (
    ("quantity", "unit price"),
    ("stock", "price"),
    ("shelf stock", "unit price"),
    ("tickets sold", "standing price"),
    ("tickets sold", "seated price"),
    ("bottles sold", "bottle price"),
    ("weekly hours", "hourly wage"),
    ("weekly sessions", "session price"),
    ("pieces sold", "shop price"),
    ("daily sales", "price"),
)
LABELS = (("high", "low"), ("yes", "no"), ("A", "B"), ("keep", "check"), ("first", "second"), ("special", "normal"))


def listing(voice, table, cond) -> Item | None:
    """Rows under a condition: the shape of every kind that only filters."""
    if cond is None:
        return None
    form = voice.rng.random()
    if form < 0.06 and not cond.refs:
        frame, columns, cols = voice.pick(phrases.EVERYTHING), None, ""
    elif form < 0.36 and table.columns[0].column.kind == "name":
        frame, (columns, cols, explained) = voice.pick(phrases.NAMES), outputs(voice, table, more=0)
    else:
        frame, (columns, cols, explained) = voice.pick(phrases.LIST), outputs(voice, table)
    shown = [trees.of(one) for one in columns] if columns else [trees.exp.Star()]
    return Item(
        frame.format(things=about(voice, table, cond), cols=cols),
        query(shown, table, cond),
        f"Lists {f'the {explained}' if columns else 'all columns'} of {said(table, cond)}.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )


def select_item(voice, layout, table):
    item = listing(voice, table, ANY)
    return item and item._replace(answer=item.answer.replace(" of ", " of all ", 1))


def filter_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("compare", "text"), front=True))


def two_filters_item(voice, layout, table):
    return listing(voice, table, conditions.pair(voice, table))


def negation_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("not",)))


def range_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("between",)))


def null_test_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("null",)))


def text_match_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("like",)))


def date_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("date",)))


def date_range_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("dates",)))


def in_list_item(voice, layout, table):
    return listing(voice, table, simple(voice, table, ("in",)))


def nested_item(voice, layout, table):
    return listing(voice, table, conditions.above(voice, table))


def than_item(voice, layout, table):
    return listing(voice, table, conditions.than(voice, table))


def beside_item(voice, layout, table):
    return listing(voice, table, conditions.beside(voice, table))


def join_item(voice, layout, table):
    """Rows whose parent meets a condition; at times with one of their own beside it."""
    cond = conditions.through(voice, layout, table)
    own = cond and voice.rng.random() < 0.25 and simple(voice, table)
    if own:
        plain = cond.explained.replace(cond.refs[0].of, "that belong to", 1)
        cond = conditions.joined("and", own, cond._replace(explained=plain))
    return listing(voice, table, cond)


def three_tables_item(voice, layout, table):
    """Rows whose parent's parent meets a condition, or rows tied to others by a table between them."""
    if layout.across and voice.rng.random() < 0.6:
        return across_item(voice, layout)
    return listing(voice, table, conditions.through(voice, layout, table, deep=True))


def across_item(voice, layout):
    """Students enrolled in seminars that meet a condition; either side may ask about the other."""
    one = voice.rng.choice(layout.across)
    table, other, via = (layout.table(name) for name in (one.one, one.other, one.via))
    to = {ref.parent.sql: ref for ref in layout.refs if ref.child.sql == via.sql}
    if not {table.sql, other.sql} <= set(to):
        return None
    if of_kinds(other, "name") and voice.rng.random() < 0.4:
        inner = conditions.named(voice, to[other.sql]._replace(of=one.of))
    else:
        found = simple(voice, other)
        inner = found and found._replace(
            asked=f"{one.of} {voice.things(other)} {found.asked}", explained=f"{other.table.plural} {found.explained}"
        )
    if inner is None:
        return None
    joins = [trees.join(via, trees.ties(to[table.sql])), trees.join(other, trees.ties(to[other.sql]))]
    column, frame = table.columns[0], voice.pick(phrases.DISTINCT)
    asked = voice.column(column)
    where = inner.explained.removeprefix(f"{one.of} ")
    return Item(
        frame.format(things=about(voice, table, inner), col=asked, cols=plural(asked)),
        trees.select([trees.of(column)], trees.table(table), joins, inner.tree, distinct=True),
        f"Lists each different {token(column)} of {table.table.plural} with {via.table.plural} "
        f"{to[other.sql].of} {where}.",
        inner.plan,
        frame=f"{frame} {inner.frame}",
    )


def anti_join_item(voice, layout, table):
    return listing(voice, table, conditions.linked(voice, layout, table, negated=True))


def semi_join_item(voice, layout, table):
    """Rows that have children of some sort, by IN or by a join with DISTINCT."""
    if voice.rng.random() < 0.5:
        return listing(voice, table, conditions.linked(voice, layout, table, negated=False))
    ref = child_of(voice, layout)
    inner = ref and simple(voice, ref.child)
    if not inner:
        return None
    options = [one for one in phrases.SOME[voice.split] if ref.did or "{did}" not in one]
    phrase, column = voice.rng.choice(options), ref.parent.columns[0]
    asked, frame = voice.column(column), voice.pick(phrases.DISTINCT)
    things = phrase.format(things=about(voice, ref.child, inner), did=ref.did)
    joins = [trees.join(ref.child, trees.ties(ref))]
    return Item(
        frame.format(things=f"{voice.things(ref.parent)} {things}", col=asked, cols=plural(asked)),
        trees.select([trees.of(column)], trees.table(ref.parent), joins, inner.tree, distinct=True),
        f"Lists each different {token(column)} of {ref.parent.table.plural} that have {said(ref.child, inner)}.",
        inner.plan,
        frame=f"{frame} {phrase} {inner.frame}",
    )


def distinct_item(voice, layout, table):
    groups = of_kinds(table, "category")
    if not groups:
        return None
    column = voice.rng.choice(groups)
    cond = some(voice, layout, table, 0.6)
    if column.sql in cond.columns:
        return None
    asked, frame = voice.column(column), voice.pick(phrases.DISTINCT)
    return Item(
        frame.format(things=about(voice, table, cond), col=asked, cols=plural(asked)),
        query([trees.of(column)], table, cond, distinct=True),
        f"Lists each different {token(column)} of the {said(table, cond)}.",
        merged(cond.plan, Plan(full=frozenset([(table.sql, column.sql)]))),
        frame=f"{frame} {cond.frame}",
    )


def order_item(voice, layout, table):
    """All rows, or those under a condition, in the order of a number, a text or a date."""
    kinds = voice.rng.choice((NUMBERS, NUMBERS, ("name",), ("date",)))
    columns = of_kinds(table, *kinds)
    if not columns:
        return None
    column, way = voice.rng.choice(columns), voice.rng.choice(("ASC", "DESC"))
    cond = some(voice, layout, table, 0.25)
    if column.sql in cond.columns:
        return None
    kind = {"name": "text", "date": "date"}.get(column.column.kind, "number")
    order = voice.rng.choice(phrases.DIRECTION[kind][voice.split][way])
    shown, cols, explained = outputs(voice, table)
    frame, asked = voice.pick(phrases.ORDER), voice.column(column)
    first = {"number": ("lowest", "highest"), "text": ("first", "last"), "date": ("earliest", "latest")}[kind]
    end = f", {first[way == 'DESC']} first" if kind != "text" else ", descending" * (way == "DESC")
    return Item(
        frame.format(things=about(voice, table, cond), cols=cols, order=order.format(col=asked)),
        query([trees.of(one) for one in shown], table, cond, order=[(trees.of(column), way == "DESC")]),
        f"Lists the {explained} of {'all ' if cond is ANY else ''}{said(table, cond)} ordered by {token(column)}{end}.",
        merged(cond.plan, Plan(distinct=frozenset([(table.sql, column.sql)]))),
        frame=f"{frame} {order} {cond.frame}",
    )


def _extreme(voice, column, way) -> tuple:
    """(the word of the question, the word of the explanation) for the highest or lowest of a column."""
    is_date = column.column.kind == "date"
    asked = voice.rng.choice(phrases.MOST["date" if is_date else voice.split][way])
    plain = {"DESC": "latest" if is_date else "highest", "ASC": "earliest" if is_date else "lowest"}[way]
    return asked, plain


def top_k_item(voice, layout, table):
    columns = of_kinds(table, *NUMBERS, "date")
    if not columns:
        return None
    column, way, k = voice.rng.choice(columns), voice.rng.choice(("ASC", "DESC", "DESC")), voice.rng.randint(2, 5)
    cond = some(voice, layout, table, 0.2)
    if column.sql in cond.columns:
        return None
    most, plain = _extreme(voice, column, way)
    shown, cols, explained = outputs(voice, table)
    frame, asked = voice.pick(phrases.TOP), voice.column(column)
    return Item(
        agree(frame, asked).format(things=about(voice, table, cond), cols=cols, k=k, most=most, col=asked),
        query([trees.of(one) for one in shown], table, cond, order=[(trees.of(column), way == "DESC")], limit=k),
        f"Lists the {explained} of the {k} {table.table.plural} with the {plain} {token(column)}"
        f"{f' among the {said(table, cond)}' if cond.tree is not None else ''}.",
        merged(cond.plan, Plan(distinct=frozenset([(table.sql, column.sql)]))),
        frame=f"{frame} {most} {cond.frame}",
        cut=(trees.of(column), k),
    )


def superlative(comparative: str) -> str:
    """ "older" is "oldest", "more expensive" is "most expensive"; "" for what has none of one word."""
    if comparative.startswith("more "):
        return f"most {comparative[5:]}"
    return f"{comparative[:-1]}st" if re.fullmatch(r"\w+er", comparative) else ""


def top_one_item(voice, layout, table):
    """The one row with the highest or lowest value: by an adjective where the column has one."""
    columns = of_kinds(table, *NUMBERS, "date")
    if not columns:
        return None
    column, way = voice.rng.choice(columns), voice.rng.choice(("ASC", "DESC", "DESC"))
    cond = some(voice, layout, table, 0.35)
    if column.sql in cond.columns:
        return None
    words = column.column.more if way == "DESC" else column.column.less
    shared = sum(words in (one.column.more, one.column.less) for one in columns) > 1  # "longer" of two columns
    best = "" if shared else superlative(words)
    most, plain = _extreme(voice, column, way)
    shown, cols, explained = outputs(voice, table, 0.25, singular=True)
    named = best and voice.rng.random() < 0.6
    frame, asked = voice.pick(phrases.SUPERLATIVE if named else phrases.TOP_ONE), voice.column(column)
    slots = {
        "thing": f"{cond.before} {table.table.singular}",
        "cond": of_one(cond.asked),
        "things": about(voice, table, cond),
    }
    return Item(
        frame.format(cols=cols, most=most, col=asked, best=best, **slots),
        query([trees.of(one) for one in shown], table, cond, order=[(trees.of(column), way == "DESC")], limit=1),
        f"Gives the {explained} of the {table.table.singular} with the {plain} {token(column)}"
        f"{f' among the {said(table, cond)}' if cond.tree is not None else ''}.",
        merged(cond.plan, Plan(distinct=frozenset([(table.sql, column.sql)]))),
        frame=f"{frame} {best if named else most} {cond.frame}",
        cut=(trees.of(column), 1),
    )


def arithmetic_item(voice, layout, table):
    """Two columns reckoned together, beside the name."""
    pairs = [(one, other, voice.rng.choice("-+")) for one, other in conditions.alike(table)]
    by_words = {one.column.words: one for one in table.columns}
    pairs += [(by_words[a], by_words[b], "*") for a, b in PRODUCTS if a in by_words and b in by_words]
    if not pairs:
        return None
    one, other, sign = voice.rng.choice(pairs)
    cond = some(voice, layout, table, 0.4)
    words = voice.rng.choice(phrases.SUMS[sign][voice.split])
    asked = words.format(a=voice.column(one), b=voice.column(other))
    frame, name = voice.pick(phrases.ARITHMETIC), table.columns[0]
    verb = {"-": "minus", "+": "plus", "*": "times"}[sign]
    return Item(
        frame.format(things=about(voice, table, cond), cols=voice.column(name), sum=asked),
        query([trees.of(name), trees.calculate(sign, trees.of(one), trees.of(other))], table, cond),
        f"Lists the {token(name)} and the {token(one)} {verb} the {token(other)} of {said(table, cond)}.",
        merged(cond.plan, Plan(full=frozenset([(table.sql, one.sql), (table.sql, other.sql)]))),
        frame=f"{frame} {words} {cond.frame}",
    )


def case_item(voice, layout, table):
    """A label that depends on a condition."""
    cond = simple(voice, table, ("compare", "compare", "text", "date", "between"))
    if cond is None:
        return None
    yes, no = voice.rng.choice(LABELS)
    shown, cols, explained = outputs(voice, table, 0.15)
    frame = voice.pick(phrases.CASE)
    return Item(
        frame.format(things=voice.things(table), cols=cols, a=yes, b=no, phrase=cond.asked),
        query([*map(trees.of, shown), trees.case(cond.tree, yes, no)], table),
        f"Lists the {explained} of {table.table.plural} with '{yes}' for those {cond.explained} and '{no}' for others.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )
