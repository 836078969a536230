"""What the kinds of questions share: the Item that they make, and the words and trees of its parts.

A library. A kind is a function (voice, layout, table) that returns an Item, or None where it cannot ask.
"""

import re
from typing import NamedTuple

from domains.text_to_sql.templates import phrases, trees
from domains.text_to_sql.templates.conditions import ANY, NUMBERS, token
from domains.text_to_sql.templates.data import Plan
from domains.text_to_sql.templates.voice import AFTER_HEAD, agree

FUNCTIONS = ("AVG", "AVG", "SUM", "MAX", "MIN")


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


SINGULAR = {"have": "has", "are": "is", "were": "was", "do": "does", "reach": "reaches"}
REGULAR = (
    "cost",
    "weigh",
    "earn",
    "last",
    "hold",
    "seat",
    "belong",
    "come",
    "stay",
    "range",
    "mention",
    "turn",
    "show",
)


def of_one(asked: str) -> str:
    """A condition after a noun in the singular: "that has" instead of "that have"."""

    def verb(match):
        word = match[2]
        return f"{match[1]} {SINGULAR.get(word, word + 's' if word in REGULAR else word)}"

    return re.sub(r"\b(that|which|who) (\w+)", verb, asked)
