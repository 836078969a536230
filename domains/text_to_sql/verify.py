"""Judge one answer: `verify(row, answer)` runs its query beside the gold query on every database.

A library: training data, preference pairs and evaluation all ask this one function.

The rule, fairer than the usual one where that one is not: same number of rows and columns, and some
permutation of the prediction's columns gives the same rows, as a list when the gold query orders
its result, otherwise as a multiset. DISTINCT is kept, numbers are equal within a relative 1e-9 when
one is a float, a number never equals a text, and ordered rows compare only up to ties in the gold
query's sort key. It must hold on every database of the row.
"""

import math
import re
from bisect import bisect_left
from collections import Counter
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sqlglot import exp

from common.domain import Verdict
from domains.text_to_sql import explain
from domains.text_to_sql.sandbox import STANDARD, Execution, Limits, execute, split_statements

GOLD_LIMITS = Limits(seconds=10.0)  # trusted, and must not fail because the machine is busy
RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12  # or a difference of equal sums, 1e-17, would not equal 0
MAX_ANSWER = 20_000  # characters; the longest right answer has a few hundred
PERMUTATION_WORK = 3_000_000  # table cells looked at before giving up on a permutation

FENCE = "```"
LANGUAGE = re.compile(r"[ \t]*(?:sqlite3?|[a-z]*sql)?[ \t]*\r?\n?", re.IGNORECASE)
BARE_QUERY = re.compile(r"select\b|with\s+(?:recursive\s+)?[\w\"`\[\]]+\s*(?:\([^()]*\)\s*)?as\b", re.IGNORECASE)
REFUSAL = re.compile(r"\b(?:cannot|can['’]t|can not|will not|won['’]t|unable|not able|only read)\b", re.IGNORECASE)
ABOUT_WRITING = re.compile(
    r"\b(?:read|chang|modif|alter|edit|writ|updat|delet|insert|remov|add|creat|drop)", re.IGNORECASE
)
ABBREVIATIONS = {
    "dr",
    "mr",
    "mrs",
    "ms",
    "st",
    "vs",
    "prof",
    "inc",
    "ltd",
    "co",
    "corp",
    "jr",
    "sr",
    "etc",
    "approx",
    "mt",
}


class Gold(NamedTuple):
    """The right result on one database; `runs` are the sizes of its groups of tied rows, in order.

    `runs` is None when order does not matter.
    """

    rows: list[tuple]
    width: int
    runs: list[int] | None


def verify(row: dict, answer: str, limits: Limits = STANDARD) -> Verdict:
    """Judge `answer` to the question of `row`; never raises because of the answer.

    A gold query or database that fails is an error of the benchmark and raises RuntimeError.
    """
    text = answer.strip() if isinstance(answer, str) else ""
    judged = "gold" in row and (row["gold"] is None or bool(row.get("fills") and row.get("ddl")))
    if not text or len(text) > MAX_ANSWER:
        reason = "too_much_output" if text else "empty"
        return Verdict(False, False, False, reason) if judged else _cannot_judge(False)
    sql, explanation, format_ok = extract(text)
    refused = sql is None and is_refusal(text)
    if not judged:
        return _cannot_judge(format_ok or refused and is_one_sentence(text))
    if row["gold"] is None:
        named = refused and _names_reason(text, row.get("missing") or ())
        format_ok = sql is None and is_one_sentence(text)
        return Verdict(refused, format_ok, named, "ok" if refused else "should_refuse")
    if sql is None:
        format_ok = refused and is_one_sentence(text)
        return Verdict(False, format_ok, False, "refused" if refused else "no_query")
    reason = _compare_on_all(row, sql, limits)
    explained = is_one_sentence(explanation, sql) and explain.explains(sql, explanation, row.get("synonyms"))
    return Verdict(reason == "ok", format_ok, explained, reason)


def extract(answer: str) -> tuple[str | None, str, bool]:
    """(query or None, explanation, whether it is one ```sql fence and then one sentence).

    Lenient about the query, so that a base model's bare SELECT counts; strict about the format.
    """
    text = answer.strip()
    start = text.find(FENCE)
    if start < 0:
        if not BARE_QUERY.match(text):
            return None, text, False
        return *_bare_query(text), False
    end = text.find(FENCE, start + 3)
    body = text[start + 3 :] if end < 0 else text[start + 3 : end]
    rest = "" if end < 0 else text[end + 3 :]
    sql = body[LANGUAGE.match(body).end() :].strip()
    explanation = rest.strip()
    format_ok = (
        re.match(r"```sql\r?\n", text) is not None
        and text.count(FENCE) == 2
        and sql != ""
        and body.endswith("\n")
        and re.match(r"[ \t]*\r?\n", rest) is not None
        and is_one_sentence(explanation, sql)
    )
    return sql, explanation, format_ok


def _bare_query(text: str) -> tuple[str, str]:
    """A query without a fence goes up to its first semicolon or the first blank line."""
    lines = text.splitlines()
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    head, rest = "\n".join(lines[:blank]), "\n".join(lines[blank + 1 :])
    statement = (split_statements(head) or [""])[0]
    tail = head.partition(";")[2] if ";" in head else ""
    return statement, f"{tail}\n{rest}".strip()


def is_one_sentence(text: str, sql: str = "", final_mark: bool = True) -> bool:
    """Whether `text` is one sentence on one line; a full stop inside a value of `sql` ends none."""
    text = text.strip()
    if not text or len(text.splitlines()) > 1 or final_mark and text[-1] not in ".!?":
        return False
    for value in re.findall(r"'([^']*(?:''[^']*)*)'", sql):
        if re.search(r"[.!?]", value):
            text = re.sub(re.escape(value.replace("''", "'")), "value", text, flags=re.IGNORECASE)
    text = re.sub(r"\"[^\"]*\"", "value", text)
    return not any(_ends_sentence(word) for word in text.split()[:-1])


def _ends_sentence(word: str) -> bool:
    word = word.rstrip("\"')]’”")
    if not word or word[-1] not in ".!?":
        return False
    core = word.rstrip(".").lower()
    initials = all(len(part) == 1 and part.isalpha() for part in core.split("."))
    return word[-1] in "!?" or not (initials or core in ABBREVIATIONS)


def is_refusal(text: str) -> bool:
    """Whether `text` is one sentence, with or without its full stop, that declines."""
    return bool(REFUSAL.search(text)) and is_one_sentence(text, final_mark=False)


def _names_reason(text: str, missing: list[str]) -> bool:
    """A good refusal names what the schema lacks or, of a change, that data is only read."""
    if missing:
        return any(explain.names(text, words) for words in missing)
    return ABOUT_WRITING.search(text) is not None


def _cannot_judge(format_ok: bool) -> Verdict:
    return Verdict(None, format_ok, None, "cannot_judge")


# --- comparing results ----------------------------------------------------------------------------


def _compare_on_all(row: dict, sql: str, limits: Limits) -> str:
    """ "ok" or the reason of the first database on which the query is not right."""
    golds = gold_results(row["ddl"], tuple(row["fills"]), row["gold"])
    executions = execute(row["ddl"], row["fills"], sql, limits)
    for gold, execution in zip(golds, executions, strict=True):
        if execution.error:
            return execution.error
        if len(execution.columns) != gold.width:
            return "wrong_columns"
        if not same_result(gold.rows, execution.rows, gold.runs):
            return "wrong_result"
    return "ok"


def same_result(gold: list[tuple], predicted: list[tuple], runs: list[int] | None = None) -> bool:
    """Whether some permutation of the prediction's columns gives the gold rows.

    `runs` None: as a multiset. Otherwise `runs` are sizes of consecutive groups of gold rows that
    tie in the sort key: the groups keep their places, rows may move inside one ([1] * n: a list).
    """
    if len(gold) != len(predicted):
        return False
    if not gold:
        return True
    if len(gold[0]) != len(predicted[0]):
        return False
    gold, predicted = _merge_floats(gold, predicted)
    ends, total = [], 0
    for size in [len(gold)] if runs is None else runs:
        total += size
        ends.append(total)
    return _find_permutation(_transposed(gold), _transposed(predicted), ends)


def _transposed(rows: list[tuple]) -> list[tuple]:
    return list(zip(*rows, strict=True))


def _contents(values: list, ends: list[int]) -> list:
    """For every group of tied rows, what it holds, order aside."""
    if len(ends) == len(values):
        return list(values)
    starts = [0, *ends[:-1]]
    return [Counter(values[start:end]) for start, end in zip(starts, ends, strict=True)]


def _find_permutation(gold: list[tuple], predicted: list[tuple], ends: list[int]) -> bool:
    """Assign a predicted column to each gold column, one by one, keeping the rows so far equal."""
    gold_contents = [_contents(column, ends) for column in gold]
    contents = [_contents(column, ends) for column in predicted]
    candidates = [
        sorted((j for j, other in enumerate(contents) if other == own), key=lambda j: j != i)
        for i, own in enumerate(gold_contents)
    ]
    work = PERMUTATION_WORK

    def extend(chosen: list[int]) -> bool:
        nonlocal work
        if len(chosen) == len(gold):
            return True
        tried = set()
        for j in candidates[len(chosen)]:
            if j in chosen or predicted[j] in tried:
                continue
            tried.add(predicted[j])
            longer = [*chosen, j]
            work -= len(longer) * len(predicted[j])
            if work < 0:
                return False
            if len(longer) > 1 and len(ends) < len(predicted[j]):
                mine = _transposed(gold[: len(longer)])
                theirs = _transposed([predicted[k] for k in longer])
                if _contents(mine, ends) != _contents(theirs, ends):
                    continue
            if extend(longer):
                return True
        return False

    return extend([])


def _merge_floats(*results: list[tuple]) -> list[list[tuple]]:
    """The results with floats that are equal within the tolerance made identical.

    A float next to an integer becomes the nearest one; integers are never merged with one another.
    """
    values = {value for rows in results for row in rows for value in row if type(value) is float}
    if not values:
        return list(results)
    integers = sorted({value for rows in results for row in rows for value in row if type(value) is int})
    same: dict[float, float] = {}
    cluster: list[float] = []
    for value in sorted(values):
        if cluster and not _close(cluster[-1], value):
            same.update(_represent(cluster, integers))
            cluster = []
        cluster.append(value)
    same.update(_represent(cluster, integers))
    return [
        [tuple(same[value] if type(value) is float else value for value in row) for row in rows] for rows in results
    ]


def _represent(cluster: list[float], integers: list[int]) -> dict[float, float]:
    """What stands for each of these close floats: the nearest integer, else one of them for all."""
    nearest = {}
    for value in cluster:
        i = bisect_left(integers, value)
        near = [n for n in integers[max(0, i - 1) : i + 1] if _close(n, value)]
        if near:
            nearest[value] = min(near, key=lambda n: abs(n - value))
    default = next(iter(nearest.values()), cluster[0])
    return {value: nearest.get(value, default) for value in cluster}


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


# --- the gold query -------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def gold_results(ddl: str, fills: tuple[str, ...], gold: str) -> list[Gold]:
    """The gold query's result on every database, with its groups of ties."""
    executions = _run_gold(ddl, fills, gold)
    width = len(executions[0].columns)
    order = _top_level_order(gold)
    if order is None:
        return [Gold(execution.rows, width, None) for execution in executions]
    strict = [Gold(execution.rows, width, [1] * len(execution.rows)) for execution in executions]
    if order == []:
        return strict
    keyed = _add_sort_keys(gold, [column.lower() for column in executions[0].columns])
    if keyed is None:
        return strict
    sql, positions = keyed
    try:
        with_keys = executions if sql is None else _run_gold(ddl, fills, sql)
    except RuntimeError:
        return strict  # sqlglot wrote something that SQLite does not take
    results = []
    for plain, execution in zip(strict, with_keys, strict=True):
        rows = [row[:width] for row in execution.rows]
        if Counter(rows) != Counter(plain.rows):
            return strict  # under DISTINCT one more column can mean more rows
        keys = [tuple(_fold(row[i], fold) for i, fold in positions) for row in execution.rows]
        keys = _merge_floats(keys)[0]
        results.append(Gold(rows, width, [len(list(group)) for _, group in groupby(keys)]))
    return results


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


def _add_sort_keys(gold: str, columns: list[str]) -> tuple[str | None, list] | None:
    """(the gold query that also returns its sort keys, [(key's position, ignore case)]).

    The query is None when every key is among its columns, the whole None when it cannot be done.
    """
    tree = explain.parse(gold).copy()
    positions, added = [], []
    for term in tree.args["order"].expressions:
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
        return None, positions
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
