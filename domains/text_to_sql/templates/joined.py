"""Kinds about several tables at once, about a table beside itself, or about two sets of rows.

A library; items.py names the kinds.
"""

from domains.text_to_sql.templates import conditions, phrases, trees
from domains.text_to_sql.templates.conditions import ANY, NUMBERS, merged, parents_of, simple, token
from domains.text_to_sql.templates.data import Plan, equal_above
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
    """The parent, or the few, with the most children, at times with their number; or with the highest of a metric."""
    ref = child_of(voice, layout)
    if ref is None:
        return None
    if voice.rng.random() < 0.4:
        return _most_total(voice, ref)
    k = voice.rng.randint(2, 3) if voice.rng.random() < 0.3 else 1
    table = phrases.MOST_K if k > 1 else phrases.MOST_CHILDREN
    frame = voice.rng.choice([one for one in table[voice.split] if ref.did or "{did}" not in one])
    shown, cols, explained = outputs(voice, ref.parent, 0.15, singular=k == 1)
    things, child, parent = voice.things(ref.child), ref.child.table, ref.parent.table
    question = frame.format(
        k=k, parents=voice.things(ref.parent), parent=parent.singular, cols=cols, things=things, did=ref.did
    )
    columns = [trees.of(one) for one in shown]
    if voice.rng.random() < 0.25:
        extra = voice.pick(phrases.ALSO_NUMBER)
        question, frame = f"{full_stop(question)} {extra.format(things=things)}", f"{frame} {extra}"
        columns.append(trees.count())
        explained += f" and the number of {child.plural}"
    who = f"the {k} {parent.plural}" if k > 1 else f"the {parent.singular}"
    plan = Plan(leading=frozenset([(ref.child.sql, ref.column)]))
    answer = f"{'Lists' if k > 1 else 'Gives'} the {explained} of {who} with the highest number of {child.plural}."
    tree = _first_parents(ref, columns, trees.count(), True, k)
    return Item(question, tree, answer, plan, frame=frame, cut=(trees.count(), k))


def _most_total(voice, ref):
    """The parent with the highest or lowest sum or average over its children."""
    found = metric(voice, ref.child, functions=("SUM", "SUM", "AVG"))
    if found is None or "year" in found[3].column.words:
        return None
    tree, words, plain, column = found
    shown, cols, explained = outputs(voice, ref.parent, 0.2, singular=True)
    way, frame = voice.rng.choice(("DESC", "DESC", "ASC")), voice.pick(phrases.MOST_TOTAL)
    keys = frozenset([(ref.child.sql, ref.column)])
    # Of none at all, no sum is the lowest: every parent has children where that is asked.
    whole, full = keys if way == "ASC" else frozenset(), frozenset([(ref.child.sql, column.sql)])
    return Item(
        frame.format(
            parent=ref.parent.table.singular,
            cols=cols,
            metric=words,
            most=voice.rng.choice(phrases.MOST[voice.split][way]),
        ),
        _first_parents(ref, [trees.of(one) for one in shown], tree, way == "DESC", 1),
        f"Gives the {explained} of the {ref.parent.table.singular} with the "
        f"{'highest' if way == 'DESC' else 'lowest'} {plain}.",
        Plan(leading=keys, whole=whole, full=full),
        frame=frame,
        cut=(tree, 1),
    )


def _first_parents(ref, columns: list, term, down: bool, k: int):
    """The first k parents in the order of a term over their children."""
    joins, key = [trees.join(ref.child, trees.ties(ref))], trees.col(ref.parent.key, ref.parent.sql)
    return trees.select(columns, trees.table(ref.parent), joins, group=[key], order=[(term.copy(), down)], limit=k)


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


def _paired(ref, shown, where=None, **rest):
    """A table beside itself: `a` the rows, `b` those above them."""
    joins = [trees.join(ref.parent, trees.ties(ref, "a", "b"), alias="b")]
    return trees.select(shown, trees.table(ref.child, "a"), joins, where, **rest)


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
    form = voice.rng.choice(("pair", "more", "under", "most"))
    if form == "most":
        frame, key = voice.pick(phrases.SELF_MOST), trees.col(ref.child.key, "b")
        made = _paired(ref, [above], group=[key], order=[(trees.count(), True)], limit=1)
        answer = f"Gives the {token(name)} of the {ref.role} with the highest number of {noun.plural}."
        question = frame.format(**{**slots, "cols": asked})
        return Item(question, made, answer, frame=frame, cut=(trees.count(), 1), synonyms=synonyms)
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
