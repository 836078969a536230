"""Kinds that give numbers: of all rows that meet a condition, or of groups of them.

A library; items.py names the kinds.
"""

from domains.text_to_sql.templates import conditions, phrases, trees
from domains.text_to_sql.templates.conditions import (
    ANY,
    NUMBERS,
    merged,
    parents_of,
    round_value,
    simple,
    some,
    token,
)
from domains.text_to_sql.templates.data import Plan, border_count, border_group
from domains.text_to_sql.templates.shared import (
    Item,
    about,
    child_of,
    full_stop,
    metric,
    number_of,
    of_kinds,
    outputs,
    plural,
    query,
    said,
)


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
        merged(cond.plan, Plan(full=frozenset([(table.sql, column.sql)]))),
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
