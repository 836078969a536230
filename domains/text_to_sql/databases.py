"""Questions about a database file: its schema as models are shown it, and rows that verify() judges on the file itself.

A library. The file is only read, in the sandbox, where models' queries run.
"""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.cli import UserError
from common.files import kind_of, numbered_rows
from domains.text_to_sql.sandbox import GOLD_LIMITS, execute
from domains.text_to_sql.schema import prompt_text

MAGIC = b"SQLite format 3\0"
REFUSAL = "The tables cannot answer this."  # where a question that is to be refused comes without explanation
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load_questions(db, questions) -> list:
    """Rows, as of the benchmark, from a database file and a JSONL file of {question, query[, explanation, ...]}.

    query null: the question is to be refused, and `missing` lists words of which the refusal should use one. A line may
    also have an `id` and a `category`. Each question is a cluster of its own. Raises UserError for a file that is no
    SQLite database, and naming the line for a malformed question and for a query that fails.
    """
    database = check_database(db)
    ddl = schema_text(database)
    lines = numbered_rows(questions)
    rows = [_row(f"{questions}:{number}", row, number, ddl, database, Path(questions).stem) for number, row in lines]
    with ThreadPoolExecutor(4) as pool:
        failures = list(pool.map(_failure, rows))
    for (number, _), failure in zip(lines, failures, strict=True):
        if failure:
            raise UserError(f"{questions}:{number}: the query fails on {db} ({failure}); mend the query.")
    return rows


def check_database(db) -> Path:
    """The absolute path of a database file. Raises UserError when it is none, or when a part of it is elsewhere."""
    path = Path(db).resolve()
    if not path.is_file():
        raise UserError(f"{db} is not there or no file; name a SQLite database file.")
    with path.open("rb") as handle:
        if handle.read(len(MAGIC)) != MAGIC:
            raise UserError(f"{db} is no SQLite database; make one of a script with: sqlite3 FILE.sqlite < SCRIPT.sql")
    for suffix in ("-wal", "-journal"):
        beside = path.with_name(path.name + suffix)
        if beside.is_file() and beside.stat().st_size:
            raise UserError(
                f"{beside} holds changes that are not in {db} yet; close the program that has it open, then try again."
            )
    return path


def schema_text(path: Path) -> str:
    """The tables of a database file as CREATE TABLE statements: columns with their types, keys and foreign keys.

    Written anew from what SQLite knows: a file's own statements may hold layout, checks and quotes of any manner.
    Raises UserError when the file has no table or cannot be read.
    """
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
        names = [name for (name,) in found if not name.lower().startswith("sqlite_")]
        tables = [_table_text(connection, name) for name in names]
    except sqlite3.Error as error:
        raise UserError(f"{path} cannot be read as a database ({error}); mend it or name another.") from None
    finally:
        connection.close()
    if not tables:
        raise UserError(f"{path} has no table, so nothing can be asked about it; name another database.")
    return "\n".join(tables)


def _table_text(connection, name: str) -> str:
    """One table as a CREATE TABLE statement."""
    columns = connection.execute("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", [name]).fetchall()
    links = {}
    for number, parent, source, target in connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', [name]
    ):
        links.setdefault(number, (parent, []))[1].append((source, target))
    single = {pairs[0][0]: _reference(parent, pairs) for parent, pairs in links.values() if len(pairs) == 1}
    keys = [column for column, _, _ in sorted(filter(lambda one: one[2], columns), key=lambda one: one[2])]
    parts = [
        " ".join(filter(None, (
            quoted(column), kind, "PRIMARY KEY" if keys == [column] else "", single.get(column, ""),
        )))
        for column, kind, _ in columns
    ]  # fmt: skip
    if len(keys) > 1:
        parts.append(f"PRIMARY KEY ({', '.join(map(quoted, keys))})")
    for parent, pairs in links.values():
        if len(pairs) > 1:
            parts.append(f"FOREIGN KEY ({', '.join(quoted(one) for one, _ in pairs)}) {_reference(parent, pairs)}")
    inside = ",\n  ".join(parts)
    return f"CREATE TABLE {quoted(name)} (\n  {inside}\n);"


def _reference(parent: str, pairs: list) -> str:
    """The REFERENCES clause of a foreign key; it names no columns where the key means the parent's own."""
    targets = [target for _, target in pairs if target]
    return f"REFERENCES {quoted(parent)}" + (f"({', '.join(map(quoted, targets))})" if targets else "")


def quoted(name: str) -> str:
    """A name as SQL needs it: in double quotes only where SQLite would not take it bare."""
    if PLAIN_NAME.fullmatch(name):
        with sqlite3.connect(":memory:") as memory:
            try:
                memory.execute(f"SELECT 1 AS {name}")
                return name
            except sqlite3.OperationalError:
                pass  # a reserved word
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _row(where: str, given: dict, number: int, ddl: str, database: Path, stem: str) -> dict:
    """One line of the questions as a row of the benchmark; UserError beginning with `where`."""
    if not isinstance(given.get("question"), str) or not given["question"].strip():
        raise UserError(f"{where}: question is {kind_of(given.get('question'))}; it must be text.")
    if "query" not in given:
        raise UserError(f"{where} lacks query; give a SELECT, or null for a question that is to be refused.")
    sql, said, missing = given["query"], given.get("explanation"), given.get("missing") or []
    for key, value in (("query", sql), ("explanation", said)):
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise UserError(f"{where}: {key} is {kind_of(value)}; it must be text or null.")
    if not isinstance(missing, list) or not all(isinstance(word, str) for word in missing):
        raise UserError(f"{where}: missing is {kind_of(missing)}; it must be a list of words.")
    name = str(given.get("id") or f"{stem}-{number:03d}")
    return {
        "id": name,
        "prompt": prompt_text(ddl, given["question"].strip()),
        "completion": "\n".join(filter(None, (f"```sql\n{sql.strip()}\n```", said))) if sql else said or REFUSAL,
        "category": str(given.get("category") or ("query" if sql else "refuse")),
        "cluster": name,
        "ddl": None,  # the databases are files, not built from scripts
        "fills": [str(database)],
        "gold": sql and sql.strip(),
        "refuse": sql is None,
        "missing": missing,
        "question": given["question"].strip(),
    }


def _failure(row: dict) -> str:
    """Why the gold query of a row does not run on its databases, '' when it does."""
    if row["gold"] is None:
        return ""
    runs = execute(None, row["fills"], row["gold"], GOLD_LIMITS)
    return next((f"{run.error}: {run.detail}" for run in runs if run.error), "")
