"""Spider's development questions, judged by the rule of its official script (test-suite execution match).

A library. Yu et al. 2018 (the questions), Zhong et al. 2020 (the rule). Unlike verify()'s own rule: DISTINCT counts for
nothing, an order counts wherever the gold query has the words ORDER BY, ties included, and numbers are equal when
Python's == says so. Whether an answer would be right with DISTINCT kept, too, stands in the verdict's reason.
"""

import re
from pathlib import Path

from common.cli import UserError
from common.files import read_json
from domains.text_to_sql.compare import same_rows
from domains.text_to_sql.databases import check_database, schema_text
from domains.text_to_sql.sandbox import TOKEN, Limits, execute
from domains.text_to_sql.schema import prompt_text

RULE = "spider"
EMPTY = ("wta_1",)  # databases that are handed round with empty tables, on which any query would be right
SECONDS = 10.0  # for a query on one database, as in the official script
NO_CAP = 10**9  # rows, bytes: the official script has none
SPACED = (("> =", ">="), ("< =", "<="), ("! =", "!="))
THIS_YEAR = re.compile(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", re.IGNORECASE)
DISTINCT = re.compile(r"\bdistinct\b", re.IGNORECASE)


def load_spider(folder: str) -> list:
    """Rows from Spider's folder: dev.json, and database/NAME/ with one SQLite file or a test suite of several.

    Without the questions on databases that are handed round empty. Raises UserError for what is missing.
    """
    if not folder:
        raise UserError("--benchmark spider needs its folder, with dev.json and database/: --benchmark spider:DIR.")
    folder = Path(folder)
    questions = read_json(folder / "dev.json")
    databases = {name: sorted((folder / "database" / name).glob("*.sqlite")) for name in
                 sorted({question["db_id"] for question in questions} - set(EMPTY))}  # fmt: skip
    for name, paths in databases.items():
        if not paths:
            raise UserError(f"{folder / 'database' / name} has no *.sqlite file; unpack Spider's databases there.")
    paths = {name: [check_database(path) for path in some] for name, some in databases.items()}
    schemas = {name: schema_text(some[0]) for name, some in paths.items()}
    return [
        {
            "id": f"spider-{number:04d}",
            "prompt": prompt_text(schemas[question["db_id"]], question["question"]),
            "completion": f"```sql\n{question['query']}\n```",
            "category": "query",
            "cluster": question["db_id"],
            "ddl": None,
            "fills": list(map(str, paths[question["db_id"]])),
            "gold": question["query"],
            "refuse": False,
            "rule": RULE,
            "question": question["question"],
        }
        for number, question in enumerate(questions)
        if question["db_id"] in schemas
    ]


def compare(row: dict, sql: str) -> str:
    """The reason of a verdict by the official rule, which strips DISTINCT from both queries.

    "ok", or "ok_without_distinct" when only that makes it right; "ok_with_distinct" (wrong by the official rule) when
    only keeping it would; else what is wrong.
    """
    stripped, kept = (_judge(row, sql, keep) for keep in (False, True))
    if "ok" not in (stripped, kept):
        return stripped
    return "ok" if stripped == kept else "ok_without_distinct" if stripped == "ok" else "ok_with_distinct"


def _judge(row: dict, sql: str, keep_distinct: bool) -> str:
    """ "ok" or what is wrong, with DISTINCT kept or stripped from both queries."""
    gold, predicted = _tidy(row["gold"]), _tidy(sql.replace("value", "1"))  # as the official script does
    if not keep_distinct:
        gold, predicted = _without_distinct(gold), _without_distinct(predicted)
    ordered = "order by" in gold.lower()
    limits = Limits(seconds=SECONDS * len(row["fills"]), rows=NO_CAP, output_bytes=NO_CAP)
    golds, runs = (execute(None, row["fills"], text, limits) for text in (gold, predicted))
    for right, run in zip(golds, runs, strict=True):
        if right.error:
            raise RuntimeError(f"the gold query of {row['id']} fails ({right.error}, {right.detail}): {gold}")
        if run.error:
            return run.error
        if not same_rows(right.rows, run.rows, ordered):
            return "wrong_result"
    return "ok"


def _tidy(sql: str) -> str:
    """The text as the official script changes it before it runs it."""
    for apart, joined in SPACED:
        sql = sql.replace(apart, joined)
    return THIS_YEAR.sub("2020", sql)


def _without_distinct(sql: str) -> str:
    """The query without the word DISTINCT, which stays inside of texts and quoted names."""
    parts = TOKEN.finditer(sql)
    return "".join(one.group() if one.group()[0] in "'\"`[" else DISTINCT.sub("", one.group()) for one in parts)
