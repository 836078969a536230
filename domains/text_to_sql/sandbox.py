"""Run one SQL query that a model wrote on small throw-away databases or on files, without trusting it.

A library: `execute(ddl, fills, sql)`; sandbox_worker.py is what it starts.

Three processes: the caller (which may hold torch and many threads, so it is never forked), helpers
that only import the standard library and stay alive (one per core at most), and one child of a
helper per call. What a query may do and how it is held is in sandbox_worker.py.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from domains.text_to_sql.sandbox_worker import BUILD_SECONDS, read_message, write_message

ERRORS = (
    "sql_error",
    "forbidden",
    "timeout",
    "memory",
    "too_many_rows",
    "too_much_output",
    "several_statements",
    "no_query",
)

# What a query may start with, and what is worth calling forbidden rather than an SQL error. This is
# the first of two locks; the second is the authorizer in sandbox_worker.py.
READING_WORDS = {"select", "with", "values"}
OTHER_STATEMENTS = {
    "alter",
    "analyze",
    "attach",
    "begin",
    "commit",
    "create",
    "delete",
    "detach",
    "drop",
    "end",
    "explain",
    "grant",
    "insert",
    "load",
    "merge",
    "pragma",
    "reindex",
    "release",
    "replace",
    "revoke",
    "rollback",
    "savepoint",
    "truncate",
    "update",
    "vacuum",
}

# Strings and quoted names in which a semicolon or a comment sign means nothing, as SQLite has them.
TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<end>;)"
    r"|'[^']*(?:''[^']*)*(?:'|\Z)"
    r'|"[^"]*(?:""[^"]*)*(?:"|\Z)'
    r"|`[^`]*(?:``[^`]*)*(?:`|\Z)"
    r"|\[[^\]]*(?:\]|\Z)"
    r"|[^'\"`\[\-/;]+|.",
    re.DOTALL,
)
SQL_SPACE = " \t\n\f\r"


class Limits(NamedTuple):
    """What one call may use; `seconds` is wall time for the query on all its databases."""

    seconds: float = 1.0
    grace: float = 0.2  # how much later than `seconds` the child is killed
    rows: int = 10_000
    output_bytes: int = 1_000_000
    sql_chars: int = 50_000
    value_bytes: int = 1_000_000
    heap_bytes: int = 64 * 2**20
    address_bytes: int = 256 * 2**20


STANDARD = Limits()
GOLD_LIMITS = Limits(seconds=10.0)  # for trusted queries, which must not fail because the machine is busy


class Execution(NamedTuple):
    """Outcome of a query on one database; `rows` is None exactly when `error` is set."""

    rows: list[tuple] | None
    columns: list[str]
    error: str | None
    detail: str


def execute(ddl: str | None, fills: list[str], sql: str, limits: Limits = STANDARD) -> list[Execution]:
    """Run `sql` on one fresh database per fill script; never raises because of `sql`.

    Without `ddl` each fill is the absolute path of a database file, which is read as it is and never written.
    A DDL, fill script or file that fails is an error of the benchmark and raises RuntimeError.
    """
    statement, error, detail = _single_query(sql, limits)
    if error:
        return [Execution(None, [], error, detail) for _ in fills]
    request = json.dumps([ddl, list(fills), statement, limits._asdict()]).encode("utf-8")
    answer = _POOL.ask(request, BUILD_SECONDS + limits.seconds + limits.grace + 5)
    if answer is None:
        return [Execution(None, [], "memory", "the process ended") for _ in fills]
    outcomes = json.loads(answer, object_hook=lambda value: bytes.fromhex(value["blob"]))
    if isinstance(outcomes, str):
        raise RuntimeError(
            f"the database of a benchmark row cannot be {'read' if ddl is None else 'built'}: {outcomes}"
        )
    return [
        Execution(None if rows is None else [tuple(row) for row in rows], columns, error, detail)
        for rows, columns, error, detail in outcomes
    ]


def close() -> None:
    """End the helper processes; a later `execute` starts new ones."""
    _POOL.close()


def split_statements(sql: str) -> list[str]:
    """The statements of `sql` that contain more than space, without comments and semicolons."""
    statements, current = [], []
    for token in TOKEN.finditer(sql):
        if token.lastgroup == "end":
            statements.append("".join(current))
            current = []
        else:
            current.append(" " if token.lastgroup == "skip" else token.group())
    statements.append("".join(current))
    stripped = (statement.strip(SQL_SPACE) for statement in statements)
    return [statement for statement in stripped if statement]


def _single_query(sql: str, limits: Limits) -> tuple[str, str | None, str]:
    """The one reading statement of `sql`, or an error code with its detail."""
    if not isinstance(sql, str):
        return "", "sql_error", "the query is not text"
    if len(sql) > limits.sql_chars:
        return "", "sql_error", f"the query is longer than {limits.sql_chars} characters"
    if "\0" in sql:
        return "", "sql_error", "the query contains a NUL character"
    try:
        sql.encode("utf-8")
    except UnicodeEncodeError:
        return "", "sql_error", "the query is not valid Unicode"
    statements = split_statements(sql)
    if not statements:
        return "", "no_query", "there is no statement"
    if len(statements) > 1:
        return "", "several_statements", f"{len(statements)} statements"
    word = re.match(r"[A-Za-z]*", statements[0]).group().lower()
    if word in OTHER_STATEMENTS:
        return "", "forbidden", f"{word.upper()} is not a reading statement"
    if word not in READING_WORDS:
        return "", "sql_error", "the query starts with neither SELECT nor WITH"
    return statements[0], None, ""


class _Helper:
    """One helper process and the pipes to it."""

    def __init__(self):
        # -I -S: nothing of the user's Python settings. No environment: no keys to find in it. A
        # session of its own: Ctrl-C reaches only the caller. "/": it keeps no folder in use.
        worker = Path(__file__).resolve().with_name("sandbox_worker.py")
        kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
            env={k: os.environ[k] for k in kept if k in os.environ},
        )

    def ask(self, request: bytes, timeout: float) -> bytes:
        """Send a request and wait for its answer; OSError or EOFError when the helper is gone."""
        write_message(self.process.stdin.fileno(), request)
        return read_message(self.process.stdout.fileno(), time.monotonic() + timeout)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.release_pipes()

    def release_pipes(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()


class _Pool:
    """Helpers shared by the caller's threads, one call at a time each, started when needed."""

    def __init__(self):
        self.size = max(2, min(16, os.cpu_count() or 2))
        self.changed = threading.Condition()
        self.idle: list[_Helper] = []
        self.all: list[_Helper] = []

    def ask(self, request: bytes, timeout: float) -> bytes | None:
        """The answer of some helper; None when a fresh helper died of the request, too."""
        for fresh in (False, True):
            helper = self._take(fresh)
            healthy = False
            try:
                answer = helper.ask(request, timeout)
                healthy = True
                return answer
            except (OSError, EOFError):
                continue
            finally:  # also on Ctrl-C: a helper in the middle of a message is of no use any more
                self._give_back(helper, healthy)
        return None

    def _take(self, fresh: bool) -> _Helper:
        with self.changed:
            while not self.idle and len(self.all) >= self.size:
                self.changed.wait()
            if fresh and self.idle:  # the others may have been killed together with the first
                stale = self.idle.pop()
                stale.end()
                self.all.remove(stale)
            elif self.idle:
                return self.idle.pop()
            self.all.append(_Helper())
            return self.all[-1]

    def _give_back(self, helper: _Helper, healthy: bool) -> None:
        with self.changed:
            if healthy and helper in self.all:
                self.idle.append(helper)
            else:
                helper.end()
                if helper in self.all:
                    self.all.remove(helper)
            self.changed.notify()

    def close(self) -> None:
        with self.changed:
            idle, self.idle = self.idle, []
            self.all = []  # one that is busy in another thread is ended when given back
            self.changed.notify_all()
        for helper in idle:
            helper.end()


_POOL = _Pool()
atexit.register(close)


def _forget_after_fork() -> None:
    """In a fork of the caller: drop the inherited pipes, or two processes would share a helper."""
    global _POOL
    for helper in _POOL.all:
        helper.process.returncode = 0  # not a child of this process: nothing to wait for
        helper.release_pipes()
    _POOL = _Pool()


os.register_at_fork(after_in_child=_forget_after_fork)
