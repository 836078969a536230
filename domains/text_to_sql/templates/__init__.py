"""The templates: the kinds of questions that real databases are asked, over schemas of one to four tables.

A library: `generate(rng, n, split)`. A subject (subjects.py, families.py) in a style of writing (style.py) becomes a
schema (layout.py); a kind of question (items.py) asks about it in the words of its split (phrases.py, voice.py), with
its query and explanation; data.py fills databases that tell the query from one that is nearly right.
"""

import random
import sqlite3
from contextlib import closing

from domains.text_to_sql import explain
from domains.text_to_sql.mutants import mutants_of, names_of, opened, unnoticed
from domains.text_to_sql.schema import prompt_text
from domains.text_to_sql.templates import trees
from domains.text_to_sql.templates.conditions import resolve
from domains.text_to_sql.templates.data import fill
from domains.text_to_sql.templates.items import KINDS
from domains.text_to_sql.templates.layout import Layout, make_layout
from domains.text_to_sql.templates.subjects import subjects
from domains.text_to_sql.templates.voice import Voice, surround, tidy

SCHEMAS_PER_SUBJECT = {"sft": 40, "dpo": 30, "dev": 8, "test": 8}
FILLS_TRIED = 4
MEASURED = ("dev", "test")  # splits whose databases must tell right from nearly right
INFORMAL = 0.08  # share of questions without a capital and a mark at the end


def generate(rng: random.Random, n: int, split: str) -> list:
    """n rows of split sft, dpo, dev or test, spread evenly over its subjects; the splits share neither."""
    return [row for row, *_ in planned(rng, n, split)]


def planned(rng: random.Random, n: int, split: str):
    """The rows of generate(), one after another, each with its layout and the plan of its databases."""
    makers = [(subject, i) for subject in subjects(split) for i in range(SCHEMAS_PER_SUBJECT[split])]
    rng.shuffle(makers)
    layouts, made = [], 0
    for i in range(3 * n):
        if made == n:
            return
        if len(layouts) < len(makers):
            layouts.append(make_layout(rng, *makers[i]))
        layout = layouts[i % len(makers)]
        row, plan = make_row(rng, layout, split)
        if row is not None:
            yield {"id": f"{split}-{made:06d}", **row}, layout, plan
            made += 1


def make_row(rng: random.Random, layout: Layout, split: str, tries: int = 20) -> tuple:
    """One row on the schema with the plan of its databases, or (None, None) where `tries` attempts gave nothing."""
    kinds, weights = list(KINDS), [weight for _, weight in KINDS.values()]
    for _ in range(tries):
        row, plan = row_with(rng, layout, split, rng.choices(kinds, weights)[0])
        if row is not None:
            return row, plan
    return None, None


def row_with(rng: random.Random, layout: Layout, split: str, kind: str) -> tuple:
    """(a row of this kind, the plan of its databases), or (None, None) where schema or chance gave nothing sound."""
    item = KINDS[kind][0](Voice(rng, split), layout, rng.choice(layout.tables))
    sql, answer, tree = _written(item, layout) if item else (None, None, None)
    if answer is None:
        return None, None
    fills = _sound_fills(rng, layout, item, tree, sql, split in MEASURED)
    if fills is None:
        return None, None
    question = informal(rng, surround(rng, split, tidy(item.question)))
    row = {
        "prompt": prompt_text(layout.ddl, question),
        "cluster": layout.id,
        "category": kind,
        "schema_id": layout.id,
        "family": layout.family.name,
        "frame": item.frame,
        "ddl": layout.ddl,
        "fills": fills,
        "gold": sql,
        "refuse": sql is None,
        "missing": list(item.missing),
        "question": question,
        "completion": f"```sql\n{sql}\n```\n{answer}" if sql else answer,
        **({"synonyms": item.synonyms} if item.synonyms else {}),
    }
    return row, item.plan


def _written(item, layout: Layout) -> tuple:
    """(query, explanation, tree) of an item; no explanation where the check would not accept it."""
    if item.tree is None:
        return None, tidy(item.answer), None
    nouns = {table.sql: table.table.singular for table in layout.tables}
    answer = tidy(resolve(item.answer, item.tree, nouns))
    tree = trees.finish(item.tree)
    sql = trees.text(tree)
    if explain.explains(sql, answer, item.synonyms) is False:
        return None, None, None  # words that cannot be told apart: the name of a unit and the name of a coworker
    return sql, answer, tree


def _sound_fills(rng, layout: Layout, item, tree, sql, measured: bool) -> list | None:
    """Two databases on which the query says something; of a benchmark, those that fewest wrong queries pass."""
    best, fewest = None, None
    mutants = mutants_of(sql, names_of(layout.ddl)) if sql and measured else {}
    for _ in range(FILLS_TRIED):
        fills = [fill(rng, layout, item.plan) for _ in range(2)]
        if sql is None:
            return fills
        if not is_sound(layout.ddl, fills, tree, sql, item.cut):
            continue
        if not measured:
            return fills
        with opened(layout.ddl, fills) as databases:
            left = len(unnoticed(sql, mutants, databases))
        if best is None or left < fewest:
            best, fewest = fills, left
        if not left:
            break
    return best


def informal(rng: random.Random, question: str) -> str:
    """The question as typed in a hurry, at times."""
    if rng.random() >= INFORMAL or question[:2].isupper():
        return question
    return question[:1].lower() + question[1:].rstrip(".?")


def is_sound(ddl: str, fills: list, tree, sql: str, cut: tuple) -> bool:
    """Whether the query says something on every database, and each of its conditions matters."""
    checks = [trees.text(without) for without in _simpler(tree)]
    border = _border(tree, *cut) if cut else None
    for script in fills:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(ddl + script)
            rows = connection.execute(sql).fetchall()
            found = rows and any(value is not None for row in rows for value in row) and rows != [(0,)]
            if not found or any(
                sorted(map(repr, connection.execute(one))) == sorted(map(repr, rows)) for one in checks
            ):
                return False
            keys = [row[0] for row in connection.execute(border)] if border else []
        if border and (len(keys) <= cut[1] or keys[-1] == keys[-2]):
            return False  # fewer rows than asked for, or the LIMIT cuts through a tie
    return True


def _simpler(tree) -> list:
    """The query without its WHERE, and without its HAVING."""
    found = []
    for clause in ("where", "having"):
        if tree.args.get(clause):
            copy = tree.copy()
            copy.set(clause, None)
            found.append(copy)
    return found


def _border(tree, key, rows: int) -> str:
    """A query for the sort keys of the rows that a LIMIT leaves in, and of the first that it leaves out."""
    copy = tree.copy()
    copy.set("expressions", [key.copy()])
    copy.set("limit", trees.exp.Limit(expression=trees.value(rows + 1)))
    return trees.text(trees.finish(copy))
