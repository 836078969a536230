"""The template teacher: questions, gold queries and explanations over generated schemas.

Each kind of question is one function that returns an Item; `make_row` turns it into a benchmark row with databases
on which the gold query is neither empty nor trivial. Everything follows from the random generator passed in.
"""

import random
import re
import sqlite3
from typing import NamedTuple

from domains.text_to_sql import frames
from domains.text_to_sql.families import FAMILIES
from domains.text_to_sql.schema import (
    BoundColumn,
    BoundTable,
    Schema,
    fill,
    literal,
    make_schema,
    prompt_text,
    random_value,
    round_value,
)

SCHEMAS_PER_FAMILY = {"sft": 60, "dpo": 40, "dev": 8, "test": 8}
WHOLE_NUMBERS = ("integer", "real")
AFTER_HEAD = re.compile(r" (?:in|of|to|on|at|for|per|by|it|the)\b")  # "height in metres": singular
NO_PLURAL = ("ss", "us", "is", "canvas", "maths")
VERBS = {"is": "are", "has": "have", "was": "were"}  # other verbs lose their s


class Item(NamedTuple):
    """A question before its databases: sql is None for a refusal; plants, distinct, nulls as in schema.fill."""

    question: str
    sql: str | None
    answer: str
    plants: dict = {}
    distinct: frozenset = frozenset()
    nulls: frozenset = frozenset()
    missing: tuple = ()
    frame: str = ""


class Condition(NamedTuple):
    """A WHERE condition as SQL, as the question says it, and as the explanation says it."""

    sql: str
    asked: str
    explained: str
    plants: dict = {}
    nulls: frozenset = frozenset()
    frame: str = ""


class Voice:
    """The words of one question: its split's phrases, and a random choice of synonyms that then stays the same."""

    def __init__(self, rng: random.Random, split: str):
        self.rng, self.split, self.chosen = rng, split, {}

    def pick(self, table: dict):
        """One phrase of this split."""
        return self.rng.choice(table[self.split])

    def word(self, name: str, own: str, synonyms: tuple) -> str:
        """The same word for `name` all through one question, a synonym in a fifth of the questions."""
        if name not in self.chosen:
            self.chosen[name] = self.rng.choice(synonyms) if synonyms and self.rng.random() < 0.2 else own
        return self.chosen[name]

    def column(self, bound: BoundColumn) -> str:
        return self.word(f"{bound.table}.{bound.sql}", bound.column.words, bound.column.synonyms)

    def things(self, bound: BoundTable) -> str:
        return self.word(bound.sql, bound.table.plural, bound.table.synonyms)


def tidy(text: str) -> str:
    """Without the double spaces of empty slots, 'an' where it belongs, and a capital in front."""
    text = " ".join(text.split())
    text = re.sub(r"\ba (?=(?:[aeio]|u(?!ni|s)|hour))", "an ", text)
    for mark in ".,:?;":
        text = text.replace(f" {mark}", mark)
    return text[:1].upper() + text[1:]


def agree(phrase: str, words: str) -> str:
    """The phrase as it fits these column words: '{col} are' instead of 'a {col} is' for a plural."""
    head = AFTER_HEAD.split(words)[0].split()
    if not any(word.endswith("s") and not word.endswith(NO_PLURAL) for word in head):
        return phrase
    phrase = re.sub(r"\ba (recorded )?\{col\}", r"\1{col}", phrase)
    return re.sub(r"(?<=\{col\} )\w+s\b", lambda verb: VERBS.get(verb[0], verb[0][:-1]), phrase)


def surround(rng: random.Random, split: str, question: str) -> str:
    """The question with a greeting before or a word after it: an eighth of the questions each, in training splits."""
    before = rng.choice(frames.BEFORE[split]) if split in frames.BEFORE and rng.random() < 0.125 else ""
    after = rng.choice(frames.AFTER[split]) if split in frames.AFTER and rng.random() < 0.125 else ""
    return " ".join(part for part in (before, question, after) if part)


def columns_of(table: BoundTable, kinds: tuple) -> list:
    return [column for column in table.columns if column.column.kind in kinds]


def choose_output(voice, table, avoid=()):
    """Columns to show: the name, at times one more, and how question and explanation call them."""
    columns = [table.columns[0]]
    others = [column for column in table.columns[1:] if column not in avoid]
    if others and voice.rng.random() < 0.3:
        columns.append(voice.rng.choice(others))
    sql = ", ".join(column.sql for column in columns)
    return sql, " and ".join(voice.column(c) for c in columns), " and ".join(c.column.words for c in columns)


def condition(voice, table, kinds=("compare", "text"), prefix="", avoid=()) -> Condition | None:
    """A random condition on the table, or None when no column suits. `kinds` are names of CONDITION_MAKERS."""
    makers = [
        (kind, column)
        for kind in kinds
        for column in table.columns
        if column not in avoid
        and column.column.kind in CONDITION_MAKERS[kind][0]
        and not (kind == "null" and column.required)
    ]
    if not makers:
        return None
    kind, column = voice.rng.choice(makers)
    operator, template, values, plants, nulls = CONDITION_MAKERS[kind][1](voice.rng, column)
    name = f"{prefix}{column.sql}"
    slots = {"v": values[0] if values else "", "w": values[1] if len(values) > 1 else ""}
    phrase = voice.pick(frames.CONDITIONS[operator])
    adjective = {">": column.column.more, "<": column.column.less}.get(operator)
    if adjective and voice.rng.random() < 0.3:
        phrase = frames.COMPARATIVE[voice.split].format(adjective=adjective, v="{v}")
    key = (table.sql, column.sql)
    asked, explained = voice.column(column), column.column.words
    return Condition(
        template.format(c=name),
        agree(phrase, asked).format(col=asked, **slots),
        agree(frames.EXPLAINED[operator], explained).format(col=explained, **slots),
        {key: plants} if plants else {},
        frozenset([key]) if nulls else frozenset(),
        phrase,
    )


def _compare(rng, column):
    value = round_value(rng, column.column)
    operator = rng.choices(
        (">", "<", ">=", "<=", "= number"), (4, 4, 2, 2, 2 if column.column.kind == "integer" else 0)
    )[0]
    step = 1 if column.column.kind == "integer" else 0.5
    return (
        operator,
        f"{{c}} {operator.split()[0]} {value}",
        (value,),
        (value, value + step, value - step, value, value + 2 * step),
        False,
    )


def _text(rng, column):
    value = rng.choice(column.column.values)
    return "=", f"{{c}} = {literal(value)}", (value,), (value,), False


def _negation(rng, column):
    value = rng.choice(column.column.values)
    return "<>", f"{{c}} <> {literal(value)}", (value,), (value,), False


def _range(rng, column):
    low, high = sorted((round_value(rng, column.column), round_value(rng, column.column)))
    high = high if high > low else high + 5
    return ("between", f"{{c}} BETWEEN {low} AND {high}", (low, high), (low, high, low - 1, high + 1, low, high), False)


def _null(rng, column):
    operator, sql = rng.choice((("null", "{c} IS NULL"), ("null", "{c} IS NULL"), ("not null", "{c} IS NOT NULL")))
    return operator, sql, (), (), True


def _like(rng, column):
    value = rng.choice(column.column.values)
    if rng.random() < 0.5:
        part = value[: rng.randint(1, 3)].strip()
        return "prefix", f"{{c}} LIKE {literal(part + '%')}", (part,), (value,), False
    word = rng.choice(value.split())
    return "contains", f"{{c}} LIKE {literal('%' + word + '%')}", (word,), (value,), False


def _date(rng, column):
    day = random_value(rng, column.column)
    year = int(day[:4])
    near = (f"{year}-01-15", f"{year}-12-20", f"{year + 1}-02-03", f"{year - 1}-11-08")
    if rng.random() < 0.35:
        return "year", f"strftime('%Y', {{c}}) = '{year}'", (year,), near, False
    operator = rng.choice("><")
    return f"date {operator}", f"{{c}} {operator} '{day}'", (day,), (day, *near), False


CONDITION_MAKERS = {
    "compare": (WHOLE_NUMBERS, _compare),
    "text": (("category",), _text),
    "negation": (("category",), _negation),
    "range": (WHOLE_NUMBERS, _range),
    "null": (("category", "integer", "real", "date"), _null),
    "like": (("name",), _like),
    "date": (("date",), _date),
}


def list_item(voice, table, cond) -> Item | None:
    """Rows under a condition: the shape of every kind that filters."""
    if cond is None:
        return None
    sql, cols, explained = choose_output(voice, table)
    frame = voice.pick(frames.LIST)
    return Item(
        frame.format(cols=cols, things=voice.things(table), cond=cond.asked),
        f"SELECT {sql} FROM {table.sql} WHERE {cond.sql};",
        f"Lists the {explained} of {table.table.plural} {cond.explained}.",
        cond.plants,
        nulls=cond.nulls,
        frame=f"{frame} {cond.frame}",
    )


def filter_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table))


def negation_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table, ("negation",)))


def range_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table, ("range",)))


def null_test_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table, ("null",)))


def text_match_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table, ("like",)))


def date_item(voice, schema, table):
    return list_item(voice, table, condition(voice, table, ("date",)))


def two_conditions(voice, table) -> Condition | None:
    """Two conditions on different columns joined by AND, or at times by OR."""
    first = condition(voice, table, ("compare", "text"))
    if first is None:
        return None
    used = [column for column in table.columns if (table.sql, column.sql) in first.plants]
    second = condition(voice, table, ("compare", "text", "negation"), avoid=used)
    if second is None:
        return None
    word = voice.rng.choice(("and", "and", "or"))
    return Condition(
        f"{first.sql} {word.upper()} {second.sql}",
        f"{first.asked} {word} {second.asked}",
        f"{first.explained} {word} {second.explained}",
        {**first.plants, **second.plants},
        frame=f"{first.frame} {second.frame}",
    )


def two_filters_item(voice, schema, table):
    return list_item(voice, table, two_conditions(voice, table))


def any_condition(voice, table, chance) -> Condition:
    """No condition, or with `chance` a simple one."""
    found = condition(voice, table, ("compare", "text", "text", "date")) if voice.rng.random() < chance else None
    return found or Condition("", "", "")


def where(cond: Condition) -> str:
    return f" WHERE {cond.sql}" if cond.sql else ""


def count_item(voice, schema, table):
    cond = any_condition(voice, table, 0.85)
    frame = voice.pick(frames.COUNT)
    return Item(
        frame.format(things=voice.things(table), cond=cond.asked),
        f"SELECT COUNT(*) FROM {table.sql}{where(cond)};",
        f"Counts the {table.table.plural} {cond.explained}.",
        cond.plants,
        frame=f"{frame} {cond.frame}",
    )


def metric(voice, table, column):
    """An aggregate over a column: the function, its word in the question and in the explanation."""
    functions = ("AVG", "SUM", "MAX", "MIN") if column.column.kind in WHOLE_NUMBERS else ("MAX", "MIN")
    function = voice.rng.choice(functions)
    return function, voice.rng.choice(frames.AGG_WORDS[voice.split][function]), frames.AGG_WORDS["sft"][function][0]


def aggregate_item(voice, schema, table):
    numbers = columns_of(table, WHOLE_NUMBERS)
    if not numbers:
        return None
    column = voice.rng.choice(numbers)
    function, word, plain = metric(voice, table, column)
    cond = any_condition(voice, table, 0.6)
    frame = voice.pick(frames.AGGREGATE)
    return Item(
        frame.format(agg=word, col=voice.column(column), things=voice.things(table), cond=cond.asked),
        f"SELECT {function}({column.sql}) FROM {table.sql}{where(cond)};",
        f"Gives the {plain} {column.column.words} of the {table.table.plural} {cond.explained}.",
        cond.plants,
        frame=f"{frame} {cond.frame}",
    )


def group_item(voice, schema, table):
    groups, numbers = columns_of(table, ("category",)), columns_of(table, WHOLE_NUMBERS)
    if not groups:
        return None
    group, things = voice.rng.choice(groups), voice.things(table)
    if numbers and voice.rng.random() < 0.55:
        column = voice.rng.choice(numbers)
        function, word, plain = metric(voice, table, column)
        sql, asked = f"{function}({column.sql})", f"{word} {voice.column(column)} of the {things}"
        explained = f"{plain} {column.column.words} of the {table.table.plural}"
    else:
        sql, asked, explained = "COUNT(*)", f"number of {things}", f"number of {table.table.plural}"
    frame = voice.pick(frames.GROUP)
    return Item(
        frame.format(group=voice.column(group), metric=asked),
        f"SELECT {group.sql}, {sql} FROM {table.sql} GROUP BY {group.sql};",
        f"Gives the {explained} for each {group.column.words}.",
        frame=frame,
    )


def having_item(voice, schema, table):
    groups = columns_of(table, ("category",))
    if not groups:
        return None
    group, k, frame = voice.rng.choice(groups), voice.rng.randint(1, 4), voice.pick(frames.HAVING)
    return Item(
        frame.format(group=voice.column(group), k=k, things=voice.things(table)),
        f"SELECT {group.sql} FROM {table.sql} GROUP BY {group.sql} HAVING COUNT(*) > {k};",
        f"Lists each {group.column.words} for which the number of {table.table.plural} is above {k}.",
        frame=frame,
    )


def order_item(voice, schema, table):
    numbers = columns_of(table, WHOLE_NUMBERS)
    if not numbers:
        return None
    column, way, frame = voice.rng.choice(numbers), voice.rng.choice(("ASC", "DESC")), voice.pick(frames.ORDER)
    sql, cols, explained = choose_output(voice, table)
    direction = voice.rng.choice(frames.DIRECTION[voice.split][way])
    return Item(
        frame.format(cols=cols, things=voice.things(table), col=voice.column(column), direction=direction),
        f"SELECT {sql} FROM {table.sql} ORDER BY {column.sql} {way};",
        f"Lists the {explained} of all {table.table.plural} ordered by {column.column.words}, "
        f"{'highest' if way == 'DESC' else 'lowest'} first.",
        distinct=frozenset([(table.sql, column.sql)]),
        frame=f"{frame} {direction}",
    )


def top_k_item(voice, schema, table):
    numbers = columns_of(table, WHOLE_NUMBERS)
    if not numbers:
        return None
    column, way, frame = voice.rng.choice(numbers), voice.rng.choice(("ASC", "DESC", "DESC")), voice.pick(frames.TOP)
    k, most = voice.rng.randint(2, 6), voice.rng.choice(frames.MOST[voice.split][way])
    sql, cols, explained = choose_output(voice, table)
    things, asked = voice.things(table), voice.column(column)
    return Item(
        agree(frame, asked).format(cols=cols, k=k, things=things, most=most, col=asked),
        f"SELECT {sql} FROM {table.sql} ORDER BY {column.sql} {way} LIMIT {k};",
        f"Lists the {explained} of the {k} {table.table.plural} with the "
        f"{'highest' if way == 'DESC' else 'lowest'} {column.column.words}.",
        distinct=frozenset([(table.sql, column.sql)]),
        frame=f"{frame} {most}",
    )


def distinct_item(voice, schema, table):
    groups = columns_of(table, ("category",))
    if not groups:
        return None
    column = voice.rng.choice(groups)
    cond = condition(voice, table, ("compare", "text"), avoid=(column,)) if voice.rng.random() < 0.6 else None
    cond, frame = cond or Condition("", "", ""), voice.pick(frames.DISTINCT)
    return Item(
        frame.format(col=voice.column(column), things=voice.things(table), cond=cond.asked),
        f"SELECT DISTINCT {column.sql} FROM {table.sql}{where(cond)};",
        f"Lists each different {column.column.words} of the {table.table.plural} {cond.explained}.",
        cond.plants,
        frame=f"{frame} {cond.frame}",
    )


def nested_item(voice, schema, table):
    numbers = columns_of(table, WHOLE_NUMBERS)
    if not numbers:
        return None
    column, (side, operator) = voice.rng.choice(numbers), voice.rng.choice((("above", ">"), ("below", "<")))
    sql, cols, explained = choose_output(voice, table)
    frame = voice.pick(frames.NESTED)
    things, asked, words = voice.things(table), voice.column(column), column.column.words
    whose = agree("whose {col} is", words).format(col=words)
    return Item(
        agree(frame, asked).format(cols=cols, things=things, side=side, col=asked),
        f"SELECT {sql} FROM {table.sql} WHERE {column.sql} {operator} (SELECT AVG({column.sql}) FROM {table.sql});",
        f"Lists the {explained} of {table.table.plural} {whose} {side} the average.",
        frame=frame,
    )


def join_item(voice, schema, table):
    """Children whose parent meets a condition."""
    if len(schema.tables) != 2:
        return None
    child, parent = schema.tables
    cond = condition(voice, parent, ("compare", "text"), prefix=f"{parent.sql}.")
    if cond is None:
        return None
    frame, output = voice.pick(frames.LIST), child.columns[0]
    link = f"{child.table.link or 'of'} {voice.things(parent)}"
    return Item(
        frame.format(cols=voice.column(output), things=voice.things(child), cond=f"{link} {cond.asked}"),
        f"SELECT {child.sql}.{output.sql} FROM {child.sql} JOIN {parent.sql} ON {child.sql}.{child.foreign} = "
        f"{parent.sql}.{parent.key} WHERE {cond.sql};",
        f"Lists the {output.column.words} of {child.table.plural} {child.table.link or 'of'} "
        f"{parent.table.plural} {cond.explained}.",
        cond.plants,
        frame=f"{frame} {cond.frame}",
    )


def unanswerable_item(voice, schema, table):
    """A question as any other, about something that the schema does not have."""
    absent = [(column.words, column.kind) for column in schema.dropped if column.kind in WHOLE_NUMBERS + ("category",)]
    words, kind = voice.rng.choice([(word, "") for word in schema.family.missing] + absent)
    things, name = voice.things(table), voice.column(table.columns[0])
    choice = voice.rng.randrange(4)
    if choice == 0:
        frame = voice.pick(frames.LIST)
        cond = any_condition(voice, table, 1.0)
        question = frame.format(cols=words, things=things, cond=cond.asked)
    elif choice == 1:
        frame = voice.pick(frames.TOP)
        question = frame.format(
            cols=name,
            k=voice.rng.randint(2, 6),
            things=things,
            col=words,
            most=voice.rng.choice(frames.MOST[voice.split]["DESC"]),
        )
    elif choice == 2:
        frame = voice.pick(frames.AGGREGATE)
        function = voice.rng.choice(("AVG", "MAX", "MIN"))
        question = frame.format(
            agg=voice.rng.choice(frames.AGG_WORDS[voice.split][function]), col=words, things=things, cond=""
        )
    else:
        frame = voice.pick(frames.GROUP)
        question = frame.format(group=words, metric=f"number of {things}")
    return Item(
        question, None, f"I cannot answer this because the schema has no {words}.", missing=(words,), frame=frame
    )


def write_request_item(voice, schema, table):
    """A request to change data: refused, whatever it asks."""
    things, cond = voice.things(table), any_condition(voice, table, 1.0)
    action = voice.rng.choice(("delete", "change", "add"))
    if not cond.sql:
        action = "add"
    frame, groups = voice.rng.choice(frames.WRITE[voice.split][action]), columns_of(table, ("category", "integer"))
    if not groups:
        return None
    column = voice.rng.choice(groups)
    value = random_value(voice.rng, table.columns[0].column if action == "add" else column.column)
    verb = "add to" if action == "add" else action
    return Item(
        frame.format(things=things, cond=cond.asked, col=voice.column(column), v=value),
        None,
        f"I can only read data, so I will not {verb} the {table.table.plural}.",
        frame=frame,
    )


KINDS = {
    "filter": (filter_item, 3),
    "two_filters": (two_filters_item, 3),
    "negation": (negation_item, 2),
    "range": (range_item, 2),
    "null_test": (null_test_item, 2),
    "text_match": (text_match_item, 2),
    "date": (date_item, 2),
    "count": (count_item, 3),
    "aggregate": (aggregate_item, 3),
    "group": (group_item, 3),
    "having": (having_item, 1.5),
    "order": (order_item, 2),
    "top_k": (top_k_item, 3),
    "distinct": (distinct_item, 2),
    "nested": (nested_item, 1.5),
    "join": (join_item, 4),
    "unanswerable": (unanswerable_item, 3.5),
    "write_request": (write_request_item, 1.5),
}


def make_row(rng: random.Random, schema: Schema, split: str, tries: int = 12) -> dict | None:
    """One benchmark row on the schema, or None when chance gave nothing sound in `tries` attempts."""
    for _ in range(tries):
        kind = rng.choices(list(KINDS), [weight for _, weight in KINDS.values()])[0]
        table = rng.choice(schema.tables)
        item = KINDS[kind][0](Voice(rng, split), schema, table)
        if item is None:
            continue
        fills = [fill(rng, schema, item.plants, item.distinct, item.nulls) for _ in range(2)]
        if item.sql and not is_sound(schema.ddl, fills, item.sql):
            continue
        question, answer = surround(rng, split, tidy(item.question)), tidy(item.answer)
        return {
            "prompt": prompt_text(schema.ddl, question),
            "cluster": schema.id,
            "category": kind,
            "schema_id": schema.id,
            "family": schema.family.name,
            "frame": item.frame,
            "ddl": schema.ddl,
            "fills": fills,
            "gold": item.sql,
            "refuse": item.sql is None,
            "missing": list(item.missing),
            "question": question,
            "completion": f"```sql\n{item.sql}\n```\n{answer}" if item.sql else answer,
        }
    return None


def is_sound(ddl: str, fills: list, sql: str) -> bool:
    """Whether the gold query says something on every database: rows come back, and its WHERE leaves some out."""
    for script in fills:
        connection = sqlite3.connect(":memory:")
        connection.executescript(ddl + script)
        rows = connection.execute(sql).fetchall()
        empty = not rows or all(value is None for row in rows for value in row)
        trivial = False
        if " WHERE " in sql and "(SELECT" not in sql:
            everything = connection.execute(sql.split(" WHERE ")[0]).fetchall()
            trivial = sorted(map(repr, everything)) == sorted(map(repr, rows)) or rows == [(0,)]
        connection.close()
        if empty or trivial:
            return False
    return True


def generate(rng: random.Random, n: int, split: str) -> list:
    """n rows of split sft, dpo, dev or test, spread evenly over its families; the splits share neither."""
    families = [family for family in FAMILIES if family.split == split]
    schemas = [make_schema(rng, family, number) for family in families for number in range(SCHEMAS_PER_FAMILY[split])]
    rng.shuffle(schemas)
    rows = []
    for i in range(3 * n):
        row = make_row(rng, schemas[i % len(schemas)], split)
        if row is not None:
            rows.append({"id": f"{split}-{len(rows):06d}", **row})
        if len(rows) == n:
            break
    return rows
