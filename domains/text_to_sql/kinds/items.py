"""The kinds of questions: each is a function (voice, layout, table) that returns an Item, or None where it cannot ask.

A library. A kind is a selection (rows, a number, groups, an order); conditions.py says which rows it is about.
"""

import re
from typing import NamedTuple

from domains.text_to_sql import frames
from domains.text_to_sql.generate import AFTER_HEAD, agree
from domains.text_to_sql.kinds import conditions, phrases, trees
from domains.text_to_sql.kinds.conditions import ANY, NUMBERS, merged, parents_of, simple, some, token
from domains.text_to_sql.kinds.data import Plan, border_count, border_group, equal_above
from domains.text_to_sql.schema import random_value, round_value

FUNCTIONS = ("AVG", "AVG", "SUM", "MAX", "MIN")
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


class Item(NamedTuple):
    """A question before its databases; tree is None for a refusal.

    cut: (sort key, rows) where a LIMIT cuts; synonyms: {identifier: words} that the explanation may use for it.
    """

    question: str
    tree: object
    answer: str
    plan: Plan = Plan()
    missing: tuple = ()
    frame: str = ""
    cut: tuple = ()
    synonyms: dict = {}


# --- shared parts -------------------------------------------------------------------------------------


def plural(words: str) -> str:
    """The words of a column in the plural, where they are not one already: "page counts"."""
    head = AFTER_HEAD.split(words)[0]
    rest = words[len(head) :]
    if agree("a {col} is", words) != "a {col} is" or head.endswith("s"):
        return words
    if re.search(r"[^aeiou]y$", head):
        return f"{head[:-1]}ies{rest}"
    return f"{head}{'es' if re.search('(x|ch|sh)$', head) else 's'}{rest}"


def source(table, refs=()):
    """(FROM, joins) of the table with what its foreign keys lead to, each once."""
    return trees.table(table), [trees.join(ref.parent, trees.ties(ref)) for ref in dict.fromkeys(refs)]


def query(outputs, table, cond=ANY, **rest):
    """The SELECT over a table under a condition, which may be on tables that it leads to."""
    start, joins = source(table, cond.refs)
    return trees.select(outputs, start, joins, cond.tree, **rest)


def outputs(voice, table, more: float = 0.3, singular: bool = False):
    """(columns to show, how the question calls them, how the explanation does): the first one, at times another."""
    columns = [table.columns[0]]
    if len(table.columns) > 1 and voice.rng.random() < more:
        columns.append(voice.rng.choice(table.columns[1:]))
    asked = [voice.column(one) for one in columns]
    if not singular and voice.rng.random() < 0.7:
        asked = [plural(one) for one in asked]
    return columns, " and ".join(asked), " and ".join(map(token, columns))


def about(voice, table, cond=ANY) -> str:
    """ "books written by authors from France": the table's noun with its condition."""
    return f"{cond.before} {voice.things(table)} {cond.asked}".strip()


def said(table, cond=ANY) -> str:
    return f"{table.table.plural} {cond.explained}".strip()


def full_stop(text: str) -> str:
    """The text with a mark at its end, so that another sentence can follow."""
    return text if text[-1] in ".?" else f"{text}."


def of_kinds(table, *kinds) -> list:
    return [one for one in table.columns if one.column.kind in kinds]


def metric(voice, table, cond=ANY, functions=FUNCTIONS, with_things: bool = True):
    """(tree, "average price of the books", the same in the explanation, column) of an aggregate, or None."""
    numbers = of_kinds(table, *NUMBERS)
    functions = [one for one in functions if one in ("MAX", "MIN", "AVG", "SUM")]
    if not numbers:
        return None
    column = voice.rng.choice(numbers)
    if "year" in column.column.words:
        functions = ["MAX", "MIN"] if {"MAX", "MIN"} & set(functions) else functions
    function = voice.rng.choice(functions)
    word = voice.rng.choice(phrases.AGG_WORDS[voice.split][function])
    asked = f"{word} {voice.column(column)}"
    plain = f"{phrases.AGG_WORDS['sft'][function][0]} {token(column)}"
    if with_things:
        asked, plain = f"{asked} of the {about(voice, table, cond)}", f"{plain} of the {said(table, cond)}"
    return trees.call(function, trees.of(column)), asked, plain, column


def number_of(voice, table, cond=ANY):
    """As metric, of a count."""
    return trees.count(), f"number of {about(voice, table, cond)}", f"number of {said(table, cond)}", None


def child_of(voice, layout, *kinds):
    """A foreign key whose child has columns of these kinds (any of them), or None."""
    refs = [ref for ref in layout.refs if ref.child.sql != ref.parent.sql and ref.parent.key]
    refs = [ref for ref in refs if not kinds or of_kinds(ref.child, *kinds)]
    return voice.rng.choice(refs) if refs else None


# --- rows ---------------------------------------------------------------------------------------------


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
        inner = conditions._named(voice, to[other.sql]._replace(of=one.of))
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


SINGULAR = {"have": "has", "are": "is", "were": "was", "do": "does", "reach": "reaches"}
REGULAR = ("belong", "come", "stay", "range", "mention", "turn", "show")


def of_one(asked: str) -> str:
    """A condition after a noun in the singular: "that has" instead of "that have"."""

    def verb(match):
        word = match[2]
        return f"{match[1]} {SINGULAR.get(word, word + 's' if word in REGULAR else word)}"

    return re.sub(r"\b(that|which|who) (\w+)", verb, asked)


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


# --- numbers ------------------------------------------------------------------------------------------


def count_item(voice, layout, table):
    cond, frame = some(voice, layout, table, 0.8), voice.pick(phrases.COUNT)
    return Item(
        frame.format(things=about(voice, table, cond)),
        query([trees.count()], table, cond),
        f"Counts the {said(table, cond)}.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )


def _extreme_day(voice, table):
    """As metric, of the first or last of a date; None without one."""
    dates = of_kinds(table, "date")
    if not dates:
        return None
    column, (function, word) = voice.rng.choice(dates), voice.rng.choice((("MAX", "latest"), ("MIN", "earliest")))
    return trees.call(function, trees.of(column)), f"{word} {voice.column(column)}", f"{word} {token(column)}", column


def _aggregate(voice, table, cond):
    found = (voice.rng.random() < 0.15 and _extreme_day(voice, table)) or metric(voice, table, with_things=False)
    if found is None or found[3].sql in cond.columns:
        return None
    tree, asked, plain, _ = found
    frame, (word, _, col) = voice.pick(phrases.AGGREGATE), asked.partition(" ")
    return Item(
        frame.format(things=about(voice, table, cond), agg=word, col=col),
        query([tree], table, cond),
        f"Gives the {plain} of the {said(table, cond)}.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )


def aggregate_item(voice, layout, table):
    cond = some(voice, layout, table, 0.65)
    return None if cond.refs else _aggregate(voice, table, cond)


def join_aggregate_item(voice, layout, table):
    """A number over rows whose parent meets a condition."""
    cond = conditions.through(voice, layout, table)
    if cond is None:
        return None
    if voice.rng.random() < 0.4:
        frame = voice.pick(phrases.COUNT)
        counted = query([trees.count()], table, cond)
        answer = f"Counts the {said(table, cond)}."
        return Item(
            frame.format(things=about(voice, table, cond)), counted, answer, cond.plan, frame=f"{frame} {cond.frame}"
        )
    return _aggregate(voice, table, cond)


def several_aggregates_item(voice, layout, table):
    """Two or three numbers in one row."""
    numbers = of_kinds(table, *NUMBERS)
    cond = some(voice, layout, table, 0.5)
    if not numbers:
        return None
    column = voice.rng.choice([one for one in numbers if one.sql not in cond.columns] or numbers)
    functions = voice.rng.sample(("MIN", "AVG", "MAX", "SUM"), voice.rng.choice((2, 2, 3)))
    if "year" in column.column.words:
        functions = ["MIN", "MAX"]
    words = [voice.rng.choice(phrases.AGG_WORDS[voice.split][one]) for one in functions]
    plain = [phrases.AGG_WORDS["sft"][one][0] for one in functions]
    shown = [trees.call(one, trees.of(column)) for one in functions]
    asked = f"{', '.join(words[:-1])} and {words[-1]} {voice.column(column)}"
    explained = f"{', '.join(plain[:-1])} and {plain[-1]} {token(column)}"
    frame = voice.pick(phrases.SEVERAL)
    return Item(
        frame.format(things=about(voice, table, cond), metrics=asked),
        query(shown, table, cond),
        f"Gives the {explained} of the {said(table, cond)}.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )


def count_distinct_item(voice, layout, table):
    groups = of_kinds(table, "category")
    if not groups:
        return None
    column, cond = voice.rng.choice(groups), some(voice, layout, table, 0.5)
    if column.sql in cond.columns:
        return None
    frame, asked = voice.pick(phrases.COUNT_DISTINCT), voice.column(column)
    return Item(
        frame.format(things=about(voice, table, cond), col=asked, cols=plural(asked)),
        query([trees.count(trees.of(column), distinct=True)], table, cond),
        f"Counts the different {token(column)} values of the {said(table, cond)}.",
        cond.plan,
        frame=f"{frame} {cond.frame}",
    )


# --- groups -------------------------------------------------------------------------------------------


def _grouped(voice, table, cond, group, group_words: str, group_said: str, extra: Plan):
    """A number for each value of a column."""
    counted = voice.rng.random() < 0.5
    found = None if counted else metric(voice, table, cond)
    tree, asked, plain, _ = found or number_of(voice, table, cond)
    many = found is None and voice.rng.random() < 0.5
    frame = voice.pick(phrases.HOW_MANY if many else phrases.GROUP)
    return Item(
        frame.format(group=group_words, metric=asked, things=about(voice, table, cond)),
        query([trees.of(group), tree], table, cond, group=[trees.of(group)]),
        f"Gives the {plain} for each {group_said}.",
        merged(cond.plan, extra, Plan(full=frozenset([(group.table, group.sql)]))),
        frame=f"{frame} {cond.frame}",
    )


def group_item(voice, layout, table):
    groups = of_kinds(table, "category")
    cond = some(voice, layout, table, 0.2)
    if not groups or cond.refs:
        return None
    group = voice.rng.choice(groups)
    return (
        None
        if group.sql in cond.columns
        else _grouped(voice, table, cond, group, voice.column(group), token(group), Plan())
    )


def group_order_item(voice, layout, table):
    """Groups in the order of their number."""
    item, way = group_item(voice, layout, table), voice.rng.choice(("DESC", "DESC", "ASC"))
    if item is None:
        return None
    extra = voice.rng.choice(phrases.GROUP_ORDER[voice.split][way])
    item.tree.set("order", trees.ordered([(item.tree.expressions[1].copy(), way == "DESC")]))
    end = f", sorted by that value, {'highest' if way == 'DESC' else 'lowest'} first."
    return item._replace(
        question=f"{full_stop(item.question)} {extra}", answer=item.answer[:-1] + end, frame=f"{item.frame} {extra}"
    )


def join_group_item(voice, layout, table):
    """A number for each value of a column of the parent: books by the country of their author."""
    refs = [ref for ref in parents_of(layout, table) if of_kinds(ref.parent, "category")]
    if not refs:
        return None
    ref = voice.rng.choice(refs)
    group = voice.rng.choice(of_kinds(ref.parent, "category"))
    words = f"{voice.column(group)} of the {ref.parent.table.singular}"
    explained = f"{token(group)} of the {ref.parent.table.plural}"
    return _grouped(voice, table, ANY._replace(refs=(ref,)), group, words, explained, Plan())


def _bound(voice) -> tuple:
    """(operator, number, words) of a count in HAVING."""
    operator = voice.rng.choice((">", ">", ">=", "<", "="))
    k = voice.rng.randint(2, 4 if operator != ">" else 3)
    return operator, k, voice.rng.choice(phrases.BOUNDS[operator][voice.split]).format(k=k)


EXPLAINED_BOUND = {">": "more than {k}", ">=": "at least {k}", "<": "fewer than {k}", "=": "exactly {k}"}


def having_item(voice, layout, table):
    groups = of_kinds(table, "category")
    if not groups:
        return None
    group, (operator, k, words) = voice.rng.choice(groups), _bound(voice)
    cond = simple(voice, table, avoid=(group.sql,)) if voice.rng.random() < 0.2 else None
    cond = cond or ANY
    asked, frame = voice.column(group), voice.pick(phrases.HAVING)
    plants = {column: plant for (_, column), plant in cond.plan.plants.items()}
    border = border_count(table.sql, group.sql, k if operator == ">" else k - 1, plants)
    return Item(
        frame.format(group=asked, groups=plural(asked), bound=words, things=about(voice, table, cond)),
        query(
            [trees.of(group)], table, cond, group=[trees.of(group)], having=trees.compare(operator, trees.count(), k)
        ),
        f"Lists each {token(group)} with {EXPLAINED_BOUND[operator].format(k=k)} {said(table, cond)}.",
        merged(cond.plan, Plan(full=frozenset([(table.sql, group.sql)]), tweaks=(border,))),
        frame=f"{frame} {cond.frame}",
    )


def having_join_item(voice, layout, table):
    """Parents with so many children."""
    ref = child_of(voice, layout)
    if ref is None:
        return None
    operator, k, words = _bound(voice)
    if operator == "<":
        return None  # whether those without any are meant, nobody can tell
    shown, cols, explained = outputs(voice, ref.parent, 0)
    parent, frame = ref.parent.table, voice.pick(phrases.HAVING)
    key = trees.col(ref.parent.key, ref.parent.sql)
    low = k if operator == ">" else k - 1
    border = border_count(ref.child.sql, ref.column, low, {}, ref.parent.sql)
    return Item(
        frame.format(
            group=parent.singular, groups=voice.things(ref.parent), bound=words, things=voice.things(ref.child)
        ),
        trees.select(
            [trees.of(one) for one in shown],
            trees.table(ref.parent),
            [trees.join(ref.child, trees.ties(ref))],
            group=[key],
            having=trees.compare(operator, trees.count(), k),
        ),
        f"Lists the {explained} of {parent.plural} with {EXPLAINED_BOUND[operator].format(k=k)} "
        f"{ref.child.table.plural}.",
        Plan(tweaks=(border,) if ref.child.key else ()),
        frame=frame,
    )


def having_metric_item(voice, layout, table):
    """Groups by the sum or average of a column, within a table or over a join."""
    ref = child_of(voice, layout, *NUMBERS) if voice.rng.random() < 0.5 else None
    child, groups = (ref.child if ref else table), of_kinds(table, "category")
    found = metric(voice, child, functions=("AVG", "SUM"), with_things=False)
    if found is None or not (ref or groups) or "year" in found[3].column.words:
        return None
    tree, asked, plain, column = found
    function, number = type(tree).__name__.upper(), round_value(voice.rng, column.column)
    number = round(number * (voice.rng.choice((2, 3)) if function == "SUM" else 1))
    operator = voice.rng.choice((">", ">", "<"))
    shown = ref.parent.columns[0] if ref else voice.rng.choice(groups)
    clauses = {
        "group": [trees.col(ref.parent.key, ref.parent.sql) if ref else trees.of(shown)],
        "having": trees.compare(operator, tree, number),
    }
    start = trees.table(ref.parent if ref else child)
    made = trees.select([trees.of(shown)], start, [trees.join(child, trees.ties(ref))] if ref else [], **clauses)
    key, foreign = (child.sql, column.sql), ref.column if ref else shown.sql
    full = frozenset([key] if ref else [key, (child.sql, shown.sql)])
    plan = Plan(full=full, tweaks=(border_group(child.sql, foreign, column.sql, function, number),))
    who = f"the {token(shown)} of {ref.parent.table.plural}" if ref else f"each {token(shown)}"
    side = "above" if operator == ">" else "below"
    words = ref.parent.table.singular if ref else voice.column(shown)
    frame, whole = voice.pick(phrases.HAVING_METRIC), f"{asked} of the {voice.things(child)}"
    question = frame.format(
        group=words,
        groups=voice.things(ref.parent) if ref else plural(words),
        metric=whole,
        a_metric=f"a {whole}",
        bound=voice.rng.choice(phrases.SIDES[operator][voice.split]).format(v=number),
    )
    answer = f"Lists {who} for which the {plain} of the {child.table.plural} is {side} {number}."
    return Item(question, made, answer, plan, frame=frame)


def most_common_item(voice, layout, table):
    groups = of_kinds(table, "category")
    if not groups:
        return None
    group = voice.rng.choice(groups)
    cond = simple(voice, table, avoid=(group.sql,)) if voice.rng.random() < 0.25 else None
    cond = cond or ANY
    asked, frame = voice.column(group), voice.pick(phrases.COMMON)
    return Item(
        frame.format(col=asked, things=about(voice, table, cond)),
        query([trees.of(group)], table, cond, group=[trees.of(group)], order=[(trees.count(), True)], limit=1),
        f"Gives the {token(group)} with the highest number of {said(table, cond)} per {token(group)}.",
        merged(cond.plan, Plan(full=frozenset([(table.sql, group.sql)]))),
        frame=f"{frame} {cond.frame}",
        cut=(trees.count(), 1),
    )


def period_item(voice, layout, table, period: str):
    """A number for each year or month of a date."""
    dates = of_kinds(table, "date")
    if not dates:
        return None
    date = voice.rng.choice(dates)
    counted = voice.rng.random() < 0.6
    found = None if counted else metric(voice, table)
    tree, asked, plain, _ = found or number_of(voice, table)
    part = trees.date_part("%Y" if period == "year" else "%Y-%m", trees.of(date))
    frame = voice.pick(phrases.PERIOD)
    return Item(
        frame.format(metric=asked, period=period, col=voice.column(date)),
        query([part, tree], table, group=[part.copy()]),
        f"Gives the {plain} for each {period} of the {token(date)}.",
        Plan(full=frozenset([(table.sql, date.sql)])),
        frame=frame,
    )


def per_year_item(voice, layout, table):
    return period_item(voice, layout, table, "year")


def per_month_item(voice, layout, table):
    return period_item(voice, layout, table, "month")


# --- several tables -----------------------------------------------------------------------------------


def with_parent_item(voice, layout, table):
    """Rows with the name of what they belong to."""
    refs = parents_of(layout, table)
    if not refs:
        return None
    ref = voice.rng.choice(refs)
    own = simple(voice, table) if voice.rng.random() < 0.3 else None
    cond = (own or ANY)._replace(refs=(ref,))
    shown, cols, explained = outputs(voice, table, 0.15)
    theirs, pcols, psaid = outputs(voice, ref.parent, 0.1, singular=True)
    frame = voice.pick(phrases.WITH_PARENT)
    return Item(
        frame.format(
            things=about(voice, table, cond), cols=cols, pcols=pcols, parent=ref.role or ref.parent.table.singular
        ),
        query([trees.of(one) for one in [*shown, *theirs]], table, cond),
        f"Lists the {psaid} of the {ref.parent.table.plural} and the {explained} of {said(table, cond)}.",
        merged(cond.plan, Plan(whole=frozenset([(table.sql, ref.column)]))),  # else a LEFT JOIN may be meant
        frame=f"{frame} {cond.frame}",
    )


def parent_of_item(voice, layout, table):
    """What one row, called by its name, belongs to."""
    refs = parents_of(layout, table)
    if not refs or table.columns[0].column.kind != "name":
        return None
    ref, name = voice.rng.choice(refs), table.columns[0]
    value = voice.rng.choice(name.column.values)
    shown, cols, explained = outputs(voice, ref.parent, 0.2, singular=True)
    frame = voice.pick(phrases.PARENT_OF)
    cond = ANY._replace(refs=(ref,), tree=trees.compare("=", trees.of(name), value))
    plant = {(table.sql, name.sql): conditions.Plant((value,), (f"{value} II",))}
    return Item(
        frame.format(v=value, thing=table.table.singular, parent=ref.parent.table.singular, cols=cols),
        query([trees.of(one) for one in shown], table, cond),
        f"Gives the {explained} of the {ref.parent.table.plural} that have {table.table.plural} whose {token(name)} "
        f"is {value}.",
        Plan(plant, whole=frozenset([(table.sql, ref.column)])),
        frame=frame,
    )


def _per_parent(ref, shown, tree, side=""):
    joins = [trees.join(ref.child, trees.ties(ref), side)]
    key = trees.col(ref.parent.key, ref.parent.sql)
    return trees.select([*(trees.of(one) for one in shown), tree], trees.table(ref.parent), joins, group=[key])


def per_parent_item(voice, layout, table):
    """A number for each parent, over its children; every parent has some."""
    ref = child_of(voice, layout)
    if ref is None:
        return None
    found = metric(voice, ref.child) if voice.rng.random() < 0.5 else None
    tree, asked, plain, _ = found or number_of(voice, ref.child)
    shown, cols, explained = outputs(voice, ref.parent, 0)
    frame = voice.pick(phrases.PER_PARENT if found else phrases.HOW_MANY_EACH)
    parent = ref.parent.table
    return Item(
        frame.format(parent=parent.singular, cols=cols, metric=asked, things=voice.things(ref.child)),
        _per_parent(ref, shown, tree),
        f"Lists the {explained} of the {parent.plural} and for each the {plain}.",
        Plan(whole=frozenset([(ref.child.sql, ref.column)])),
        frame=frame,
    )


def left_join_zero_item(voice, layout, table):
    """The number of children of each parent, 0 where it has none."""
    ref = child_of(voice, layout)
    if ref is None:
        return None
    shown, cols, explained = outputs(voice, ref.parent, 0)
    frame, extra = voice.pick(phrases.HOW_MANY_EACH), voice.pick(phrases.WITH_ZERO)
    things, parent = voice.things(ref.child), ref.parent.table
    counted = trees.count(trees.col(ref.child.key or ref.column, ref.child.sql))
    question = full_stop(frame.format(parent=parent.singular, cols=cols, things=things))
    return Item(
        f"{question} {extra.format(things=things)}",
        _per_parent(ref, shown, counted, "LEFT"),
        f"Lists the {explained} of the {parent.plural} and for each the number of {ref.child.table.plural}, "
        "0 without any.",
        frame=f"{frame} {extra}",
    )


def most_children_item(voice, layout, table):
    """The parent with the most children, or with the highest sum or average over them."""
    ref = child_of(voice, layout)
    if ref is None:
        return None
    found = metric(voice, ref.child, functions=("SUM", "SUM", "AVG")) if voice.rng.random() < 0.4 else None
    if found and "year" in found[3].column.words:
        return None
    shown, cols, explained = outputs(voice, ref.parent, 0.2, singular=True)
    parent = ref.parent.table
    if found:
        way, frame = voice.rng.choice(("DESC", "DESC", "ASC")), voice.pick(phrases.MOST_TOTAL)
        asked, plain = voice.rng.choice(phrases.MOST[voice.split][way]), "highest" if way == "DESC" else "lowest"
        tree, words, explained_metric = found[0], found[1], f"{plain} {found[2]}"
        slots = {"metric": words, "most": asked}
    else:
        options = [one for one in phrases.MOST_CHILDREN[voice.split] if ref.did or "{did}" not in one]
        way, frame, tree = "DESC", voice.rng.choice(options), trees.count()
        slots, explained_metric = (
            {"things": voice.things(ref.child), "did": ref.did},
            f"highest number of {ref.child.table.plural}",
        )
    key = trees.col(ref.parent.key, ref.parent.sql)
    joins = [trees.join(ref.child, trees.ties(ref))]
    keys = frozenset([(ref.child.sql, ref.column)])
    known = Plan(full=frozenset([(ref.child.sql, found[3].sql)])) if found else Plan()
    return Item(
        frame.format(parent=parent.singular, cols=cols, **slots),
        trees.select(
            [trees.of(one) for one in shown],
            trees.table(ref.parent),
            joins,
            group=[key],
            order=[(tree, way == "DESC")],
            limit=1,
        ),
        f"Gives the {explained} of the {parent.singular} with the {explained_metric}.",
        merged(Plan(leading=keys, whole=keys if way == "ASC" else frozenset()), known),
        frame=frame,
        cut=(tree, 1),
    )


SET_WORDS = {
    "INTERSECT": (phrases.BOTH, "that occurs among {one} and also among {other}"),
    "EXCEPT": (phrases.BUT_NOT, "that occurs among {one} but not among {other}"),
    "UNION": (phrases.TOGETHER, "that occurs among {one} or among {other}"),
}


def set_operation_item(voice, layout, table):
    """Values that two sets of rows share, or only one has, or both together."""
    groups = of_kinds(table, "category")
    if not groups:
        return None
    column = voice.rng.choice(groups)
    twins = [
        (other, one)
        for other in layout.tables
        if other.sql != table.sql
        for one in of_kinds(other, "category")
        if one.column.words == column.column.words
    ]
    if twins and voice.rng.random() < 0.7:
        (second, twin), first_cond, second_cond = voice.rng.choice(twins), ANY, ANY
    else:
        second, twin = table, column
        first_cond = simple(voice, table, ("text",), avoid=(column.sql,))
        second_cond = first_cond and simple(voice, table, ("text",), avoid=(column.sql,))
        if not first_cond or first_cond.tree == second_cond.tree:
            return None
    word = voice.rng.choice(("INTERSECT", "EXCEPT") if second is table else tuple(SET_WORDS))
    frame, explained = voice.pick(SET_WORDS[word][0]), SET_WORDS[word][1]
    asked = voice.column(column)
    parts = query([trees.of(column)], table, first_cond), query([trees.of(twin)], second, second_cond)
    full = frozenset([(table.sql, column.sql), (second.sql, twin.sql)])
    sides = explained.format(one=said(table, first_cond), other=said(second, second_cond))
    return Item(
        frame.format(
            col=asked, cols=plural(asked), one=about(voice, table, first_cond), other=about(voice, second, second_cond)
        ),
        trees.combine(word, *parts),
        f"Lists each {token(column)} {sides}.",
        merged(first_cond.plan, second_cond.plan, Plan(full=full)),
        frame=f"{frame} {first_cond.frame} {second_cond.frame}",
    )


def _self_refs(layout) -> list:
    return [ref for ref in layout.refs if ref.child.sql == ref.parent.sql]


def _paired(ref, shown, where=None):
    """A table beside itself: `a` the rows, `b` those above them."""
    joins = [trees.join(ref.parent, trees.ties(ref, "a", "b"), alias="b")]
    return trees.select(shown, trees.table(ref.child, "a"), joins, where)


def self_join_item(voice, layout, table):
    """Rows and the row above them in the same table: an employee and the manager."""
    refs = _self_refs(layout)
    if not refs:
        return None
    ref = voice.rng.choice(refs)
    name, things, numbers = ref.child.columns[0], voice.things(ref.child), of_kinds(ref.child, *NUMBERS)
    asked, noun = voice.column(name), ref.child.table
    own, above = trees.col(name.sql, "a"), trees.col(name.sql, "b")
    slots = {"things": things, "thing": noun.singular, "role": ref.role, "cols": plural(asked), "of": ref.of}
    synonyms = {ref.child.sql.strip('"'): [ref.role]}
    form = voice.rng.choice(("pair", "more", "under"))
    if form == "pair":
        frame, extra = voice.pick(phrases.SELF_PAIR), voice.pick(phrases.WITH_ROLE)
        question = full_stop(frame.format(**slots))
        answer = f"Lists the {token(name)} of {noun.plural} and the {token(name)} of their {ref.role}."
        question = f"{question} {extra.format(**slots)}"
        frame = f"{frame} {extra}"
        return Item(question, _paired(ref, [own, above]), answer, frame=frame, synonyms=synonyms)
    if form == "more" and numbers:
        column = voice.rng.choice(numbers)
        operator, word, side = voice.rng.choice(((">", "higher", "above"), ("<", "lower", "below")))
        frame = voice.pick(phrases.SELF_MORE)
        made = _paired(ref, [own], trees.compare(operator, trees.col(column.sql, "a"), trees.col(column.sql, "b")))
        said_of = token(column)
        answer = (
            f"Lists the {token(name)} of {noun.plural} whose {said_of} is {side} the {said_of} of their {ref.role}."
        )
        tweak = equal_above(ref.child.sql, ref.child.key, ref.column, column.sql)
        plan = Plan(full=frozenset([(ref.child.sql, column.sql)]), tweaks=(tweak,))
        question = frame.format(col=voice.column(column), word=word, **slots)
        return Item(question, made, answer, plan, frame=frame, synonyms=synonyms)
    value, frame = voice.rng.choice(name.column.values), voice.pick(phrases.SELF_UNDER)
    made = _paired(ref, [own], trees.compare("=", above, value))
    answer = f"Lists the {token(name)} of {noun.plural} with a {ref.role} whose {token(name)} is {value}."
    plan = Plan(tweaks=(_first_row(ref.child.sql, name.sql, value),))
    return Item(frame.format(v=value, **slots), made, answer, plan, frame=frame, synonyms=synonyms)


def _first_row(table: str, column: str, value):
    """A tweak: the first row, which stands above others, has this name."""

    def tweak(rng, made):
        rows = made[table]
        for row in rows:
            if row[column] == value:
                row[column] = rows[0][column]
        rows[0][column] = value

    return tweak


# --- refusals -----------------------------------------------------------------------------------------


def unanswerable_item(voice, layout, table):
    """A question as any other, about something that the schema does not have."""
    absent = [one.words for one in layout.dropped if one.kind in (*NUMBERS, "category")]
    words = voice.rng.choice([*layout.family.missing, *absent])
    table = layout.table(layout.family.tables[0].singular) or table
    cond = some(voice, layout, table, 0.5)
    name = voice.column(table.columns[0])
    slots = {
        "things": about(voice, table, cond),
        "thing": f"{cond.before} {table.table.singular}",
        "cond": of_one(cond.asked),
    }
    frame, own = voice.rng.choice(
        (
            (voice.pick(phrases.LIST), {"cols": words}),
            (voice.pick(phrases.LIST), {"cols": f"{name} and {words}"}),
            (voice.pick(phrases.AGGREGATE), {"agg": "average", "col": words}),
            (voice.pick(phrases.TOP_ONE), {"cols": name, "most": "highest", "col": words}),
            (voice.pick(phrases.GROUP), {"group": words, "metric": f"number of {voice.things(table)}"}),
            (voice.pick(phrases.DISTINCT), {"col": words, "cols": plural(words)}),
            (voice.pick(phrases.COUNT_DISTINCT), {"col": words, "cols": plural(words)}),
            (voice.pick(phrases.COMMON), {"col": words}),
            (voice.pick(phrases.ORDER), {"cols": name, "order": f"sorted by {words}"}),
        )
    )
    answer = f"I cannot answer this because the schema has no {words}."
    return Item(frame.format(**slots, **own), None, answer, missing=(words,), frame=f"{frame} {cond.frame}")


def write_request_item(voice, layout, table):
    """A request to change data: refused, whatever it asks."""
    cond = simple(voice, table)
    action = voice.rng.choice(("delete", "change", "add")) if cond else "add"
    cond = cond or ANY
    frame, columns = voice.rng.choice(frames.WRITE[voice.split][action]), of_kinds(table, "category", "integer")
    if not columns:
        return None
    column = voice.rng.choice(columns)
    value = random_value(voice.rng, table.columns[0].column if action == "add" else column.column)
    verb = "add to" if action == "add" else action
    return Item(
        frame.format(things=voice.things(table), cond=cond.asked, col=voice.column(column), v=value),
        None,
        f"I can only read data, so I will not {verb} the {table.table.plural}.",
        frame=f"{frame} {cond.frame}",
    )


KINDS = {
    "select": (select_item, 1.5),
    "filter": (filter_item, 4),
    "two_filters": (two_filters_item, 3),
    "negation": (negation_item, 1.5),
    "range": (range_item, 1.5),
    "null_test": (null_test_item, 1.5),
    "text_match": (text_match_item, 2),
    "date": (date_item, 2.5),
    "date_range": (date_range_item, 1.5),
    "in_list": (in_list_item, 2),
    "nested": (nested_item, 2),
    "than": (than_item, 1.5),
    "beside": (beside_item, 1.5),
    "join": (join_item, 7),
    "three_tables": (three_tables_item, 6),
    "semi_join": (semi_join_item, 3),
    "anti_join": (anti_join_item, 6),
    "distinct": (distinct_item, 2),
    "order": (order_item, 3),
    "top_k": (top_k_item, 2.5),
    "top_one": (top_one_item, 3.5),
    "arithmetic": (arithmetic_item, 4),
    "case": (case_item, 1.5),
    "count": (count_item, 5),
    "aggregate": (aggregate_item, 4),
    "join_aggregate": (join_aggregate_item, 5),
    "several_aggregates": (several_aggregates_item, 2.5),
    "count_distinct": (count_distinct_item, 2.5),
    "group": (group_item, 4),
    "group_order": (group_order_item, 2),
    "join_group": (join_group_item, 3),
    "having": (having_item, 2),
    "having_join": (having_join_item, 3),
    "having_metric": (having_metric_item, 3),
    "most_common": (most_common_item, 2.5),
    "per_year": (per_year_item, 2),
    "per_month": (per_month_item, 1.5),
    "with_parent": (with_parent_item, 4.5),
    "parent_of": (parent_of_item, 4),
    "per_parent": (per_parent_item, 4),
    "left_join_zero": (left_join_zero_item, 2.5),
    "most_children": (most_children_item, 5),
    "set_operation": (set_operation_item, 3),
    "self_join": (self_join_item, 12),
    "unanswerable": (unanswerable_item, 8),
    "write_request": (write_request_item, 3),
}
