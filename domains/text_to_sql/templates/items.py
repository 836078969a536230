"""The kinds of questions by name, each with how often it comes up, and those that are refused.

A library. A kind is a function (voice, layout, table) that returns an Item, or None where it cannot ask.
"""

from domains.text_to_sql.templates import joined, numbers, phrases, rows
from domains.text_to_sql.templates.conditions import ANY, NUMBERS, simple, some
from domains.text_to_sql.templates.data import random_value
from domains.text_to_sql.templates.shared import Item, about, of_kinds, of_one, plural


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
    frame, columns = voice.rng.choice(phrases.WRITE[voice.split][action]), of_kinds(table, "category", "integer")
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


# The weights make up for kinds that few schemas allow: what comes out is what counts.
KINDS = {
    "select": (rows.select_item, 1.5),
    "filter": (rows.filter_item, 4),
    "two_filters": (rows.two_filters_item, 3),
    "negation": (rows.negation_item, 2.5),
    "range": (rows.range_item, 1.5),
    "null_test": (rows.null_test_item, 1.5),
    "text_match": (rows.text_match_item, 2),
    "date": (rows.date_item, 5),
    "date_range": (rows.date_range_item, 4),
    "in_list": (rows.in_list_item, 2),
    "nested": (rows.nested_item, 2),
    "than": (rows.than_item, 1.5),
    "beside": (rows.beside_item, 6),
    "join": (rows.join_item, 16),
    "three_tables": (rows.three_tables_item, 25),
    "semi_join": (rows.semi_join_item, 3),
    "anti_join": (rows.anti_join_item, 6),
    "distinct": (rows.distinct_item, 2),
    "order": (rows.order_item, 3),
    "top_k": (rows.top_k_item, 2.5),
    "top_one": (rows.top_one_item, 3.5),
    "arithmetic": (rows.arithmetic_item, 4),
    "case": (rows.case_item, 1.5),
    "count": (numbers.count_item, 5),
    "aggregate": (numbers.aggregate_item, 4),
    "join_aggregate": (numbers.join_aggregate_item, 10),
    "several_aggregates": (numbers.several_aggregates_item, 2.5),
    "count_distinct": (numbers.count_distinct_item, 2.5),
    "group": (numbers.group_item, 4),
    "group_order": (numbers.group_order_item, 2),
    "join_group": (numbers.join_group_item, 6),
    "having": (numbers.having_item, 2),
    "having_join": (numbers.having_join_item, 3),
    "having_metric": (numbers.having_metric_item, 3),
    "most_common": (numbers.most_common_item, 2.5),
    "per_year": (numbers.per_year_item, 2),
    "per_month": (numbers.per_month_item, 4),
    "with_parent": (joined.with_parent_item, 9),
    "parent_of": (joined.parent_of_item, 10),
    "per_parent": (joined.per_parent_item, 4),
    "left_join_zero": (joined.left_join_zero_item, 2.5),
    "most_children": (joined.most_children_item, 5),
    "set_operation": (joined.set_operation_item, 8),
    "self_join": (joined.self_join_item, 25),
    "unanswerable": (unanswerable_item, 9.5),
    "write_request": (write_request_item, 5),
}
