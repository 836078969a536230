"""Judge one answer: `verify(row, answer)` runs its query beside the gold query on every database.

A library: training data, preference pairs and evaluation all ask this one function.

The rule, fairer than the usual one where that one is not: same number of rows and columns, and some
permutation of the prediction's columns gives the same rows, as a list when the gold query orders
its result, otherwise as a multiset. DISTINCT is kept, numbers are equal within a relative 1e-9 when
one is a float, a number never equals a text, and ordered rows compare only up to ties in the gold
query's sort key: where a LIMIT cuts tied rows, any of them is right, and without an order any rows are. It must hold on
every database of the row. A gold query that returns nothing on any of them cannot tell a right query from another that
returns nothing: such an answer is not judged.
"""

import re
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sqlglot import exp

from common.domain import Verdict
from domains.text_to_sql import explain, spider
from domains.text_to_sql.compare import merge_floats, same_result, spans_of
from domains.text_to_sql.names import says
from domains.text_to_sql.reading import extract, has_statement, is_one_sentence, is_refusal
from domains.text_to_sql.sandbox import GOLD_LIMITS, STANDARD, Execution, Limits, execute

RIGHT = ("ok", "ok_without_distinct")  # reasons; the second is of Spider's rule
MAX_ANSWER = 20_000  # characters; the longest right answer has a few hundred

ABOUT_WRITING = re.compile(
    r"\b(?:read|chang|modif|alter|edit|writ|updat|delet|insert|remov|add|creat|drop)", re.IGNORECASE
)


class Gold(NamedTuple):
    """The right result on one database: `runs` are the sizes of the groups of tied rows in `rows`, in order.

    None: the order does not matter. `taken` is how many rows of each group the result has, which is fewer than there
    are where a LIMIT cuts the group; None: all. `empty` says that the result shows nothing.
    """

    rows: list[tuple]
    width: int
    runs: list[int] | None
    taken: list[int] | None = None
    empty: bool = False


def verify(row: dict, answer: str, limits: Limits = STANDARD) -> Verdict:
    """Judge `answer` to the question of `row`; never raises because of the answer.

    A gold query or database that fails is an error of the benchmark and raises RuntimeError.
    """
    text = answer.strip() if isinstance(answer, str) else ""
    judged = "gold" in row and (row["gold"] is None or bool(row.get("fills") and row.get("ddl", "") != ""))
    if not text or len(text) > MAX_ANSWER:
        reason = "too_much_output" if text else "empty"
        return Verdict(False, False, False, reason) if judged else _cannot_judge(False)
    sql, explanation, format_ok = extract(text)
    refused = not has_statement(sql) and is_refusal(text)
    if not judged:
        return _cannot_judge(format_ok or refused and is_one_sentence(text))
    if row["gold"] is None:
        named = refused and _names_reason(text, row.get("missing") or ())
        format_ok = sql is None and is_one_sentence(text)
        return Verdict(refused, format_ok, named, "ok" if refused else "should_refuse")
    if refused:
        return Verdict(False, is_one_sentence(text), False, "refused")
    if sql is None:
        return Verdict(False, False, False, "no_query")
    reason = _compare_on_all(row, sql, limits)
    explained = is_one_sentence(explanation, sql) and explain.explains(sql, explanation, row.get("synonyms"))
    correct = None if reason == "cannot_judge" else reason in RIGHT
    return Verdict(correct, format_ok, explained, reason)


def _names_reason(text: str, missing: list[str]) -> bool:
    """A good refusal names what the schema lacks or, of a change, that data is only read."""
    if missing:
        return any(says(text, words) for words in missing)
    return ABOUT_WRITING.search(text) is not None


def _cannot_judge(format_ok: bool) -> Verdict:
    return Verdict(None, format_ok, None, "cannot_judge")


# --- comparing results ----------------------------------------------------------------------------


def _compare_on_all(row: dict, sql: str, limits: Limits) -> str:
    """ "ok" or the reason of the first database on which the query is not right."""
    if row.get("rule") == spider.RULE:
        return spider.compare(row, sql)
    golds = gold_results(row["ddl"], tuple(row["fills"]), row["gold"])
    executions = execute(row["ddl"], row["fills"], sql, limits)
    for gold, execution in zip(golds, executions, strict=True):
        if execution.error:
            return execution.error
        if len(execution.columns) != gold.width:
            return "wrong_columns"
        if not same_result(gold.rows, execution.rows, gold.runs, gold.taken):
            return "wrong_result"
    return "cannot_judge" if all(gold.empty for gold in golds) else "ok"


# --- the gold query -------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def gold_results(ddl: str, fills: tuple[str, ...], gold: str) -> list[Gold]:
    """The gold query's result on every database, with its groups of ties."""
    executions = _run_gold(ddl, fills, gold)
    width = len(executions[0].columns)
    counts = _counts(gold)
    empty = [_shows_nothing(execution.rows, counts) for execution in executions]
    order, limited = _top_level_order(gold), _limit(gold)
    strict = [
        Gold(execution.rows, width, None if order is None else [1] * len(execution.rows), empty=none)
        for execution, none in zip(executions, empty, strict=True)
    ]
    if order == [] or order is None and limited is None:
        return strict
    keyed = _add_sort_keys(gold, [column.lower() for column in executions[0].columns])
    if keyed is None:
        return strict
    sql, positions = keyed
    try:
        with_keys = executions if sql is None else _run_gold(ddl, fills, sql)
    except RuntimeError:
        return strict  # sqlglot wrote something that SQLite does not take, or without its LIMIT the query is too much
    results = []
    for plain, execution in zip(strict, with_keys, strict=True):
        found = _tied(execution.rows, positions, width, limited or 0, len(plain.rows))
        if not same_result(found.rows, plain.rows, found.runs, found.taken):
            return strict  # under DISTINCT one more column can mean more rows
        results.append(found._replace(empty=plain.empty))
    return results


def _tied(rows: list[tuple], positions: list, width: int, first: int, n: int) -> Gold:
    """The groups of tied rows that `n` rows from `first` on are taken from; `positions`: the keys, as (index, fold)."""
    keys = [tuple(_fold(row[i], fold) for i, fold in positions) for row in rows]
    keys = merge_floats(keys)[0] if positions else keys
    sizes = [len(list(group)) for _, group in groupby(keys)]
    kept, runs, taken = [], [], []
    for span in spans_of(sizes):
        share = min(span.stop, first + n) - max(span.start, first)
        if share > 0:
            kept += [row[:width] for row in rows[span]]
            runs.append(span.stop - span.start)
            taken.append(share)
    return Gold(kept, width, runs, taken)


def _shows_nothing(rows: list[tuple], counts: list[bool]) -> bool:
    """Whether there is no row, or one of NULLs (any aggregate but COUNT over no rows) and counts of 0."""
    if len(rows) != 1:
        return not rows
    return all(value is None or value == 0 and counts[i : i + 1] == [True] for i, value in enumerate(rows[0]))


def _counts(gold: str) -> list[bool]:
    """For each output column of the gold query, whether it is a COUNT."""
    tree = explain.parse(gold)
    return [isinstance(one.unalias(), exp.Count) for one in tree.selects] if isinstance(tree, exp.Select) else []


def _run_gold(ddl: str, fills: tuple[str, ...], sql: str) -> list[Execution]:
    executions = execute(ddl, list(fills), sql, GOLD_LIMITS)
    for execution in executions:
        if execution.error:
            raise RuntimeError(
                f"the gold query of a benchmark row fails ({execution.error}, {execution.detail}): {sql}"
            )
    return executions


def _top_level_order(gold: str) -> list | None:
    """The terms of the outermost ORDER BY; None without one, [] when sqlglot cannot say."""
    tree = explain.parse(gold)
    if tree is None:
        return [] if re.search(r"\border\s+by\b[^)]*$", gold, re.IGNORECASE) else None
    order = tree.args.get("order")
    return order.expressions if order else None


def _limit(gold: str) -> int | None:
    """How many rows the outermost LIMIT skips; None without one, or with an offset that is no plain number."""
    tree = explain.parse(gold)
    if tree is None or not tree.args.get("limit"):
        return None
    offset = tree.args.get("offset")
    if offset is None:
        return 0
    return int(offset.expression.name) if offset.expression.is_int else None


def _add_sort_keys(gold: str, columns: list[str]) -> tuple[str | None, list] | None:
    """(the gold query without LIMIT that also returns its sort keys, [(key's position, ignore case)]).

    The query is None when it is the gold query itself, the whole None when it cannot be done.
    """
    tree = explain.parse(gold)
    if tree is None:
        return None
    tree, limited = tree.copy(), tree.args.get("limit") is not None
    tree.set("limit", None)
    tree.set("offset", None)
    positions, added = [], []
    for term in tree.args["order"].expressions if tree.args.get("order") else ():
        key, fold = term.this, False
        if isinstance(key, exp.Collate):
            key, fold = key.this, key.expression.name.upper() == "NOCASE"
        if isinstance(key, exp.Literal) and not key.is_string:
            positions.append((int(key.name) - 1, fold))
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in columns:
            positions.append((columns.index(key.name.lower()), fold))
        else:
            positions.append((len(columns) + len(added), fold))
            added.append(key)
    if not added:
        return tree.sql(dialect="sqlite") if limited else None, positions
    if not isinstance(tree, exp.Select):
        return None
    aliases = {item.alias.lower(): item.this for item in tree.expressions if item.alias}
    keys = [key.copy().transform(_replace_alias, aliases) for key in added]
    return tree.select(*keys, copy=False).sql(dialect="sqlite"), positions


def _replace_alias(node: exp.Expression, aliases: dict) -> exp.Expression:
    """ORDER BY may use the name of an output column inside an expression; SELECT may not."""
    if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
        return exp.paren(aliases[node.name.lower()].copy())
    return node


def _fold(value, fold: bool):
    return value.lower() if fold and isinstance(value, str) else value
