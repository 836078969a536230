"""Hostile queries do nothing, wrong answers lose, right ones win: python -m pytest tests/test_verify.py"""

import itertools
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from domains.text_to_sql import explain, sandbox, sandbox_worker
from domains.text_to_sql.names import stem
from domains.text_to_sql.reading import extract, is_one_sentence
from domains.text_to_sql.sandbox import STANDARD, Limits, execute
from domains.text_to_sql.verify import Verdict, gold_results, same_result, verify

ROOT = Path(__file__).resolve().parents[1]
MARK = "stolen_by_sql"  # in the name of every file that a hostile query tries to make
LONGEST = 2.5  # seconds that any call may take

DDL = """CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, price REAL, year INTEGER, author_id INTEGER
  REFERENCES authors(id));"""
FILLS = [
    """INSERT INTO authors VALUES (1,'Ada','UK'),(2,'Bo','Sweden'),(3,'Cy','UK'),(4,'Di',NULL);
    INSERT INTO books VALUES (1,'Sea',10,1999,1),(2,'Ice',20,2001,1),(3,'Fog',20,2010,2),
    (4,'Sun',35.5,2010,3),(5,'Sea',50,2020,3);""",
    """INSERT INTO authors VALUES (1,'Ann','Peru'),(2,'Ben','Peru'),(3,'Col','UK'),(4,'Dot','Chad');
    INSERT INTO books VALUES (1,'Elm',5,1990,4),(2,'Oak',5,2005,4),(3,'Ash',30,2005,3),
    (4,'Elm',21,2015,2),(5,'Fir',8,2018,4),(6,'Yew',99,2003,3);""",
]
COUNT_GOLD = "SELECT COUNT(*) FROM books WHERE price > 20"


def make_row(gold, **more):
    return {"ddl": DDL, "fills": FILLS, "gold": gold, "missing": [], **more}


def fenced(sql, sentence="Lists the books."):
    return f"```sql\n{sql}\n```\n{sentence}"


def timed_verify(row, answer, limits=STANDARD):
    start = time.monotonic()
    verdict = verify(row, answer, limits)
    assert time.monotonic() - start < LONGEST
    assert verdict.reason in {
        "ok",
        "wrong_result",
        "wrong_columns",
        "empty",
        "refused",
        "should_refuse",
        "cannot_judge",
        *sandbox.ERRORS,
    }
    return verdict


@pytest.fixture(scope="module", autouse=True)
def no_file_appears():
    """Whatever the tests of this file ran, no marked file is in a place that a query could name."""
    folders = {Path.cwd(), Path("/"), Path(tempfile.gettempdir()), Path.home(), ROOT}

    def marked():
        return [path for folder in folders for path in folder.iterdir() if MARK in path.name]

    for path in marked():  # of an earlier run that failed
        path.unlink()
    yield
    sandbox.close()
    assert not marked()


def assert_untouched():
    assert verify(make_row(COUNT_GOLD), fenced(COUNT_GOLD)).correct is True
    assert [e.rows for e in execute(DDL, FILLS, "SELECT COUNT(*), SUM(price) FROM books")] == [
        [(5, 135.5)],
        [(6, 168.0)],
    ]


# --- hostile: statements that change something ----------------------------------------------------

FILE = f"{tempfile.gettempdir()}/{MARK}.db"
WRITES = [
    "INSERT INTO books VALUES (9,'x',1,1,1)",
    "INSERT INTO books (title) VALUES ('x') RETURNING id",
    "INSERT OR REPLACE INTO books VALUES (1,'x',1,1,1)",
    "INSERT INTO books SELECT id + 50, title, price, year, author_id FROM books",
    "INSERT INTO books (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET price = 0",
    "REPLACE INTO books VALUES (1,'x',1,1,1)",
    "UPDATE books SET price = 0",
    "UPDATE books SET price = 0 WHERE id = 1 RETURNING *",
    "UPDATE OR IGNORE books SET id = 1",
    "UPDATE books SET price = 0 FROM authors WHERE authors.id = author_id",
    "UPDATE sqlite_master SET sql = ''",
    "DELETE FROM books",
    "DELETE FROM books WHERE id = 1 RETURNING title",
    "DELETE FROM books ORDER BY id LIMIT 1",
    "DELETE FROM sqlite_master",
    "DROP TABLE books",
    "DROP TABLE IF EXISTS authors",
    "DROP VIEW v",
    "DROP INDEX i",
    "DROP TRIGGER t",
    "ALTER TABLE books RENAME TO novels",
    "ALTER TABLE books RENAME COLUMN price TO cost",
    "ALTER TABLE books ADD COLUMN extra TEXT",
    "ALTER TABLE books DROP COLUMN price",
    "CREATE TABLE x (a)",
    "CREATE TABLE x AS SELECT * FROM books",
    "CREATE TEMP TABLE x (a)",
    "CREATE TEMPORARY TABLE x AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TEMP VIEW v AS SELECT 1",
    "CREATE INDEX i ON books (price)",
    "CREATE UNIQUE INDEX i ON books (title)",
    "CREATE TRIGGER t AFTER INSERT ON books BEGIN DELETE FROM books; END",
    "CREATE TEMP TRIGGER t BEFORE DELETE ON books BEGIN SELECT RAISE(IGNORE); END",
    "CREATE VIRTUAL TABLE f USING fts5(a)",
    "CREATE VIRTUAL TABLE f USING fts3(a)",
    "CREATE VIRTUAL TABLE r USING rtree(id, a, b)",
    "CREATE VIRTUAL TABLE d USING dbstat",
    "CREATE VIRTUAL TABLE c USING csv(filename='/etc/passwd')",
    "REINDEX",
    "REINDEX books",
    "ANALYZE",
    "ANALYZE books",
    "VACUUM",
    f"VACUUM INTO '{FILE}'",
    f"VACUUM main INTO '{MARK}.db'",
    "BEGIN",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT s",
    "RELEASE s",
    "ROLLBACK TO s",
    f"ATTACH '{FILE}' AS x",
    f"ATTACH DATABASE '{MARK}.db' AS x",
    "ATTACH ':memory:' AS x",
    f"ATTACH 'file:{FILE}?mode=rwc' AS x",
    "ATTACH '/etc/passwd' AS x",
    "DETACH main",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA hard_heap_limit = 0",
    "PRAGMA journal_mode = WAL",
    "PRAGMA user_version = 7",
    "PRAGMA table_info(books)",
    "PRAGMA database_list",
    f"PRAGMA temp_store_directory = '{tempfile.gettempdir()}'",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA cache_size = 1000000000",
    "PRAGMA mmap_size = 1000000000",
    "PRAGMA wal_checkpoint",
    "PRAGMA integrity_check",
    "PRAGMA optimize",
    "EXPLAIN SELECT * FROM books",
    "EXPLAIN QUERY PLAN DELETE FROM books",
    "TRUNCATE TABLE books",
    "GRANT ALL ON books TO me",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE books",
]
WITH_WRITES = [
    "WITH c AS (SELECT 1) INSERT INTO books (id) SELECT 77 FROM c",
    "WITH c AS (SELECT 1) DELETE FROM books",
    "WITH c AS (SELECT 1) DELETE FROM books RETURNING id",
    "WITH c AS (SELECT 1) UPDATE books SET price = 0",
    "WITH c AS (SELECT 1) REPLACE INTO books (id) VALUES (1)",
    "WITH RECURSIVE c(x) AS (SELECT 60 UNION ALL SELECT x + 1 FROM c WHERE x < 99)"
    " INSERT INTO books (id) SELECT x FROM c",
]


@pytest.mark.parametrize("sql", WRITES + WITH_WRITES)
def test_write_is_refused_and_changes_nothing(sql):
    row = make_row(COUNT_GOLD)
    # Dressed up: as it is, behind a comment, in other case, behind a harmless query, in front of one.
    expected = {
        f"{sql};": {"forbidden"},
        f"-- SELECT\n/* SELECT 1; */ {sql}": {"forbidden"},
        f"\n\t{sql.lower()} ;;; -- done": {"forbidden", "sql_error"},  # a lower-cased name
        f"{COUNT_GOLD}; {sql}": {"several_statements"},
        f"{sql}; {COUNT_GOLD};": {"several_statements"},
    }
    for text, reasons in expected.items():
        reasons |= {"several_statements"} if ";" in sql else set()  # the body of a trigger
        verdict = timed_verify(row, fenced(text))
        assert verdict.correct is False and verdict.reason in reasons, text
    assert verify(row, sql).correct is False
    assert_untouched()


@pytest.mark.parametrize("sql", WRITES + WITH_WRITES)
def test_second_lock_holds_without_the_first(sql, monkeypatch):
    monkeypatch.setattr(sandbox, "_single_query", lambda sql, limits: (sql, None, ""))
    for execution in execute(DDL, FILLS, sql):
        assert execution.rows is None or sql.startswith("EXPLAIN SELECT")  # which only reads
        assert execution.error in {"forbidden", "sql_error", "several_statements", "no_query", None}
    for execution in execute(DDL, FILLS, f"SELECT 1; {sql}"):
        assert execution.error == "several_statements"


def test_child_can_open_and_write_no_file():
    """The third lock: what SQLite cannot be talked into, the kernel refuses as well."""
    script = (
        "import sqlite3, sys; sys.path.insert(0, sys.argv[1]); import sandbox_worker as w\n"
        "from sandbox import Limits\n"
        "held = sqlite3.connect(':memory:')\n"
        "w._restrict_process(Limits()._asdict())\n"
        "for action in (lambda: open('/etc/passwd'), lambda: open(sys.argv[2], 'w'),\n"
        "               lambda: held.execute('ATTACH ? AS x', (sys.argv[2],)),\n"
        "               lambda: held.execute('VACUUM INTO ?', (sys.argv[2],)),\n"
        "               lambda: bytearray(2**30)):\n"
        "    try: action(); print('open')\n"
        "    except (OSError, sqlite3.Error, MemoryError): print('shut')\n"
    )
    script = script.replace("from sandbox import", "from domains.text_to_sql.sandbox import")
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(sandbox.__file__).parent), FILE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    shut = 5 if sys.platform == "linux" else 4  # macOS does not limit the address space
    assert done.stdout.split().count("shut") >= shut, done.stderr


# --- hostile: functions and tables that reach further than the data -------------------------------

FORBIDDEN_CALLS = [
    "load_extension('/tmp/evil.so')",
    "load_extension('/tmp/evil.so', 'init')",
    "random()",
    "randomblob(10)",
    "fts3_tokenizer('simple')",
    "fts5_source_id()",
    "sqlite_version()",
    "sqlite_source_id()",
    "sqlite_compileoption_get(1)",
    "sqlite_compileoption_used('THREADSAFE')",
    "sqlite_log(1, 'x')",
    "rtreecheck('books')",
    "match('a', 'b')",
    "last_insert_rowid()",
    "changes()",
    "total_changes()",
    "rtreedepth(x'00')",
]
MISSING_CALLS = [
    "readfile('/etc/passwd')",
    f"writefile('{FILE}', 'x')",
    "edit('x')",
    "shell('id')",
    "system('id')",
    "fts5(1)",
    "eval('DELETE FROM books')",
    "sleep(10)",
    "pg_sleep(10)",
    "lsmode(1)",
]
FORBIDDEN_SOURCES = [
    "sqlite_master",
    "sqlite_schema",
    "main.sqlite_master",
    "temp.sqlite_master",
    "sqlite_temp_master",
    "sqlite_temp_schema",
    "pragma_table_info('books')",
    "pragma_database_list",
    "pragma_user_version",
    "pragma_compile_options",
    "pragma_function_list",
    "pragma_module_list",
    "pragma_query_only",
    "json_each('[1,2]')",
    "json_tree('[1,2]')",
    "dbstat",
    "sqlite_stmt",
]
MISSING_SOURCES = [
    "generate_series(1, 9)",
    "fsdir('/')",
    "csv",
    "zipfile('a.zip')",
    "completion('SEL')",
    "sqlite_dbpage",
    "bytecode('SELECT 1')",
    "tables_used('SELECT 1')",
    "carray(1, 2)",
    "information_schema.tables",
]


@pytest.mark.parametrize("call", FORBIDDEN_CALLS + MISSING_CALLS)
def test_function_outside_the_list_is_refused(call):
    reasons = {"forbidden"} if call in FORBIDDEN_CALLS else {"forbidden", "sql_error"}
    row = make_row(COUNT_GOLD)
    for sql in (f"SELECT {call}", f"SELECT COUNT(*) FROM books WHERE price > 20 OR {call} = 1"):
        verdict = timed_verify(row, fenced(sql))
        assert verdict.correct is False and verdict.reason in reasons, sql


@pytest.mark.parametrize("source", FORBIDDEN_SOURCES + MISSING_SOURCES)
def test_table_outside_the_schema_is_refused(source):
    reasons = {"forbidden"} if source in FORBIDDEN_SOURCES else {"forbidden", "sql_error"}
    row = make_row(COUNT_GOLD)
    for sql in (
        f"SELECT * FROM {source}",
        f"SELECT COUNT(*) FROM {source}",
        f"SELECT title FROM books WHERE EXISTS (SELECT 1 FROM {source})",
    ):
        verdict = timed_verify(row, fenced(sql))
        assert verdict.correct is False and verdict.reason in reasons, sql


# --- hostile: too long, too big, too deep ---------------------------------------------------------

COUNTER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c"
BIG = "replace(hex(zeroblob(250000)), '0', 'a')"  # half a megabyte of one letter
# Twenty long calls, which SQLite cannot interrupt: only killing the process ends them.
DEAF = "SELECT " + " + ".join(f"instr({BIG}, substr({BIG}, {i}, 200000) || 'b')" for i in range(1, 21))
ENDLESS = [
    f"{COUNTER}) SELECT COUNT(*) FROM c",
    f"{COUNTER}) SELECT SUM(x) FROM c WHERE x < 0",
    f"{COUNTER}) SELECT x FROM c WHERE x < 0",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT 1 FROM c) SELECT MAX(x) FROM c",
    f"SELECT COUNT(*) FROM {', '.join(f'books b{i}' for i in range(25))}",
    f"SELECT COUNT(*) FROM {' CROSS JOIN '.join(f'authors a{i}' for i in range(30))}",
    f"SELECT MAX(b0.price) FROM {', '.join(f'books b{i}' for i in range(30))} WHERE b0.id < 0 + b1.id",
    f"SELECT COUNT(DISTINCT b0.title || b9.title) FROM {', '.join(f'books b{i}' for i in range(20))}",
    "SELECT (SELECT COUNT(*) FROM " + ", ".join(f"books b{i}" for i in range(20)) + ") FROM books",
    DEAF,
    DEAF.replace("instr", "length(replace").replace("'b')", "'b', ''))"),
    f"SELECT length(trim({BIG}, 'bcdefghijklmnopqrstuvwxyz' || replace({BIG}, 'a', 'z') || 'a'))",
    "SELECT printf('%.*c', 2000000000, 'x')",
    f"{COUNTER} LIMIT 100000000) SELECT x FROM c ORDER BY -x LIMIT 1",
]
BOMBS = [
    "SELECT zeroblob(2000000000)",
    "SELECT zeroblob(999999999999)",
    "SELECT length(zeroblob(1000000000) || 'x')",
    "SELECT hex(zeroblob(900000))",
    "SELECT hex(hex(hex(zeroblob(400000))))",
    "SELECT quote(zeroblob(900000))",
    "SELECT printf('%1000000000d', 1)",
    "SELECT printf('%01000000000d', 1)",
    "SELECT format('%1500000s', 'x')",
    "SELECT printf('%.1000000000f', 1.5)",
    f"SELECT replace({BIG}, 'a', {BIG})",
    "SELECT replace(hex(zeroblob(5000)), '00', hex(zeroblob(5000)))",
    f"SELECT {BIG} || {BIG} || {BIG}",
    f"SELECT group_concat({BIG}) FROM books",
    f"SELECT json_group_array({BIG}) FROM books",
    f"SELECT json_array({BIG}, {BIG}, {BIG})",
    f"SELECT string_agg({BIG}, 'x') FROM books",
    "WITH RECURSIVE c(x) AS (SELECT 'aaaaaaaa' UNION ALL SELECT x || x FROM c) SELECT x FROM c",
    "WITH RECURSIVE c(x) AS (SELECT 'aa' UNION ALL SELECT x || x FROM c) SELECT MAX(x) FROM c",
    "WITH RECURSIVE c(x) AS (SELECT 'ab' UNION ALL SELECT replace(x, 'a', x) FROM c) SELECT 1 FROM c",
    f"{COUNTER} LIMIT 900) SELECT group_concat(hex(zeroblob(1000 + x))) FROM c",
    f"{COUNTER} LIMIT 500) SELECT x, zeroblob(500000) AS b FROM c ORDER BY b",
    f"{COUNTER} LIMIT 500) SELECT DISTINCT {BIG} || x FROM c",
    f"{COUNTER}) SELECT x FROM c",
    "SELECT a.*, b.*, c.* FROM books a, books b, books c, books d, books e, books f",
    "SELECT zeroblob(400000), zeroblob(400000), zeroblob(400000)",
    f"SELECT {BIG}, {BIG}, {BIG}",
    "SELECT " + ", ".join(["zeroblob(900000)"] * 400),
]
NESTED = [
    f"SELECT {'(' * 10_000}1{')' * 10_000}",
    f"SELECT {'(' * 120}1{')' * 120}",
    "SELECT " + "(" * 10_000,
    "SELECT " + "(SELECT " * 2_000 + "1" + ")" * 2_000,
    "SELECT * FROM " + "(SELECT * FROM " * 300 + "books" + ")" * 300,
    " UNION ".join(["SELECT 1"] * 1_000),
    " UNION ALL ".join(["SELECT id FROM books"] * 1_000),
    "SELECT " + " + ".join(["1"] * 10_000),
    "SELECT 1 WHERE " + " OR ".join(f"1 = {i}" for i in range(4_000)),
    "SELECT " + "NOT " * 10_000 + "1",
    "SELECT " + "-" + " -" * 10_000 + "1",
    "SELECT " + "abs(" * 3_000 + "1" + ")" * 3_000,
    "SELECT " + "CASE WHEN 1 THEN " * 2_000 + "1" + " END" * 2_000,
    "SELECT " + ", ".join(["1"] * 5_000),
    "SELECT max(" + ", ".join(["1"] * 500) + ")",
    "SELECT 1 FROM books b0 " + " ".join(f"JOIN books b{i}" for i in range(1, 100)),
    "SELECT 1 FROM books " + "JOIN books " * 400,
    "WITH " + ", ".join(f"c{i} AS (SELECT * FROM c{i + 1})" for i in range(200)) + " SELECT 1 FROM c0",
    "WITH c AS (SELECT * FROM c) SELECT * FROM c",
    "SELECT * FROM books WHERE id IN (" * 500 + "1" + ")" * 500,
    "SELECT 1 IN (" + ",".join(str(i) for i in range(9_000)) + ")",
    "SELECT price FROM books ORDER BY " + ", ".join(["price"] * 2_000),
    f"SELECT json_extract('{'[' * 5_000}{']' * 5_000}', '$[0]')",
]
INVALID = [
    "SELECT \0 FROM books",
    "SELECT 'a\0b'",
    "\0",
    "SELECT 1 \0; DROP TABLE books",
    "SELECT '\ud800'",
    "\udfff\udc00 SELECT 1",
    "SELECT \ud83d FROM books",
    b"\xff\xfeSELECT 1".decode("latin-1"),
    b"SELECT \xc3\x28".decode("utf-8", "surrogateescape"),
    "SELECT 'unterminated",
    'SELECT "unterminated',
    "SELECT /* unterminated",
    "SELECT [unterminated",
    "SELECT `unterminated",
    "SELECT 1 /* ; DROP TABLE books",
    "\ufeffSELECT 1",
    "\u200bSELECT 1",
    "SELECT\u00a01",
    "ＳＥＬＥＣＴ 1",
    "SELECT ?",
    "SELECT ?1",
    "SELECT :name",
    "SELECT @name",
    "SELECT $name",
    "SELECT",
    "SELECT FROM",
    "SELECT * FROM",
    "SELECT nothing FROM books",
    "SELECT * FROM nowhere",
    "WITH",
    "WITH c AS",
    "SELECT 1 +",
    "hello",
    "💥" * 100,
    "%s%n%x",
    "\\",
    "'",
    '"',
    "--",
    "/**/",
    ";",
    ";;;",
    "-- only a comment",
    "/* only */ -- comments",
    "\n\n",
    "SELEC 1",
    "x" * 3_000_000,
    "SELECT " + "a" * 3_000_000,
    "SELECT '" + "é" * 60_000 + "'",
    "(" * 19_000,
    "'" * 19_001,
    "/*" * 9_000,
    "[" * 19_000,
    "\n" * 19_000 + "x",
    "`" * 7,
    "SELECT 1;\n" * 1_500,
]
# Hidden behind comments and quotes: each has exactly two statements, or one that is no query.
HIDDEN = [
    "SELECT 1 /* ; */ ; DROP TABLE books",
    "SELECT '--'; DROP TABLE books",
    "SELECT ';'; DELETE FROM books",
    'SELECT "a;b" FROM books; DELETE FROM books',
    "SELECT `a;b`; DELETE FROM books",
    "SELECT [a;b]; DELETE FROM books",
    "SELECT 'it''s; fine'; DELETE FROM books",
    "SELECT 1 -- ; \n; DELETE FROM books",
    "/* SELECT 1 */ DELETE FROM books",
    "-- SELECT 1\nDELETE FROM books",
    "/*/ SELECT 1 /*/ DELETE FROM books",
    "SELECT 1;/**/DELETE/**/FROM/**/books",
    ";DELETE FROM books",
    "SELECT 1; SELECT 2",
    "SELECT 1;; SELECT 2;;",
]


def verify_all(answers, limits=STANDARD, row=None):
    """Verdicts of many answers, asked by several threads at once."""
    row = row or make_row(COUNT_GOLD)
    verdicts = [None] * len(answers)

    def work(indices):
        for i in indices:
            verdicts[i] = timed_verify(row, answers[i], limits)

    threads = [threading.Thread(target=work, args=(range(k, len(answers), 2),)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts


def test_endless_query_is_stopped_in_time():
    limits = Limits(seconds=0.3)
    start = time.monotonic()
    verdicts = verify_all([fenced(sql) for sql in ENDLESS], limits)
    for sql, verdict in zip(ENDLESS, verdicts, strict=True):
        assert (verdict.correct, verdict.reason) in {(False, "timeout"), (False, "memory")}, sql[:80]
    assert time.monotonic() - start < len(ENDLESS) * 0.6  # about half of that when two run at once
    assert_untouched()


def test_default_limit_is_one_second():
    start = time.monotonic()
    verdicts = verify_all([fenced(ENDLESS[0]), fenced(ENDLESS[4]), fenced(DEAF)])
    assert [verdict.reason for verdict in verdicts] == ["timeout"] * 3
    assert 1.0 <= time.monotonic() - start < 2 * LONGEST


@pytest.mark.parametrize("sql", BOMBS)
def test_memory_bomb_is_cut(sql):
    verdict = timed_verify(make_row(COUNT_GOLD), fenced(sql), Limits(seconds=0.5))
    assert verdict.correct is False
    assert verdict.reason in {
        "memory",
        "timeout",
        "too_much_output",
        "too_many_rows",
        "sql_error",
        "wrong_columns",
        "wrong_result",
    }
    for execution in execute(DDL, FILLS, sql, Limits(seconds=0.5)):
        assert execution.rows in (None, [(None,)])  # printf gives NULL where it may not be so long


def test_memory_of_the_helpers_stays_small():
    for sql in BOMBS[:12]:
        execute(DDL, FILLS, sql, Limits(seconds=0.3))
    for helper in sandbox._POOL.all:
        status = Path(f"/proc/{helper.process.pid}/status")
        if status.exists():
            peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
            assert int(peak.split()[1]) < 60_000, peak


@pytest.mark.parametrize("sql", NESTED, ids=range(len(NESTED)))
def test_deep_or_wide_query_ends_in_a_verdict(sql):
    for answer in (fenced(sql), sql):
        verdict = timed_verify(make_row(COUNT_GOLD), answer, Limits(seconds=0.5))
        assert verdict.correct is False
    assert all(e.error or e.rows != [] for e in execute(DDL, FILLS, sql, Limits(seconds=0.5)))


@pytest.mark.parametrize("text", INVALID, ids=range(len(INVALID)))
def test_invalid_text_gets_a_code(text):
    row = make_row(COUNT_GOLD)
    for answer in (fenced(text), text, f"```sql\n{text}", f"{text}```sql\nSELECT 1\n```"):
        assert timed_verify(row, answer).correct is False
        timed_verify(make_row(None, missing=["publisher"]), answer)
    for execution in execute(DDL, FILLS, text):
        assert execution.error in sandbox.ERRORS or execution.columns == ["1"]
        assert len(execution.detail) < 300


@pytest.mark.parametrize("sql", HIDDEN)
def test_hidden_statement_is_found(sql):
    verdict = timed_verify(make_row(COUNT_GOLD), fenced(sql))
    assert verdict.correct is False and verdict.reason in {"several_statements", "forbidden"}
    assert_untouched()


@pytest.mark.parametrize("answer", [None, 5, 2.5, b"SELECT 1", [], {}, object(), True])
def test_answer_that_is_no_text(answer):
    assert verify(make_row(COUNT_GOLD), answer) == Verdict(False, False, False, "empty")
    assert [e.error for e in execute(DDL, FILLS, answer)] == ["sql_error"] * 2


def test_endless_answer_is_not_read():
    row = make_row(COUNT_GOLD)
    for answer in ("x" * 30_000, fenced(COUNT_GOLD, "a " * 20_000), COUNT_GOLD + " " * 10 + "\n" * 9 + "x" * 20_000):
        assert verify(row, answer) == Verdict(False, False, False, "too_much_output")


def test_random_mixtures_never_raise():
    rng = random.Random(7)
    pieces = [
        *WRITES[:20],
        *HIDDEN,
        *INVALID[:30],
        *ENDLESS[9:12],
        "```sql\n",
        "```",
        "\n",
        " AND ",
        "SELECT title FROM books ",
        "WHERE price > ",
        "LIMIT 'x' ",
        "ORDER BY ",
        "(",
        ")",
        "0x1F ",
        "1e999 ",
        "CASE ",
        "I cannot. ",
        "OVER () ",
        "COUNT(*) ",
        "LIMIT ? ",
        "IS NOT ",
        "VALUES ",
    ]
    answers = ["".join(rng.choices(pieces, k=rng.randint(1, 7))) for _ in range(300)]
    words = ["WHERE", "LIMIT", "'x'", "0x1F", "ORDER BY", "title", "NOT", "IS NULL", "(", ")", "1", ",", "=", "IN",
             "LIKE", "OVER", "UNION", "SELECT", "FROM", "books", "JOIN"]  # fmt: skip
    answers += [
        f"SELECT title FROM books {' '.join(rng.choices(words, k=rng.randint(1, 9)))}; It lists titles."
        for _ in range(300)
    ]
    for verdict in verify_all(answers, Limits(seconds=0.2)):
        assert isinstance(verdict, Verdict)
    for answer in answers[300:]:
        explain.unexplained(answer.split(";")[0], "It lists titles.")
    assert_untouched()


def test_there_are_enough_hostile_and_wrong_answers():
    lists = (
        WRITES,
        WITH_WRITES,
        FORBIDDEN_CALLS,
        MISSING_CALLS,
        FORBIDDEN_SOURCES,
        MISSING_SOURCES,
        ENDLESS,
        BOMBS,
        NESTED,
        INVALID,
        HIDDEN,
        [wrong for _, wrong, _ in WRONG],
    )
    assert len({answer for answers in lists for answer in answers}) >= 300


# --- the helper processes -------------------------------------------------------------------------


def test_nothing_is_printed(capfd, caplog):
    for answer in (
        fenced("SELECT zeroblob(2000000000)"),
        fenced("SELECT a->'$[' FROM books"),
        fenced("SELECT 1 INTO x"),
        fenced("DROP TABLE x"),
        fenced("SELECT \ud800"),
    ):
        verify(make_row(COUNT_GOLD), answer)
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_two_queries_run_at_once():
    start = time.monotonic()
    verify_all([fenced(ENDLESS[0]), fenced(ENDLESS[1])], Limits(seconds=0.8))
    assert time.monotonic() - start < 1.4


def test_dead_helper_is_replaced():
    execute(DDL, FILLS, "SELECT 1")
    helpers = list(sandbox._POOL.all)
    for helper in helpers:
        helper.process.kill()
    assert_untouched()
    assert not set(helpers) & set(sandbox._POOL.idle)


def test_close_ends_helpers_and_they_come_back():
    execute(DDL, FILLS, "SELECT 1")
    processes = [helper.process for helper in sandbox._POOL.all]
    sandbox.close()
    assert processes and all(process.poll() is not None for process in processes)
    assert_untouched()


def is_running(pid):
    """Whether a process runs; one that ended and that nobody collects, as in a container without init, does not."""
    try:
        os.kill(pid, 0)
        return not Path("/proc/self").exists() or "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_helper_ends_with_its_caller():
    script = (
        "import os, signal; from domains.text_to_sql import sandbox as s\n"
        "s.execute('CREATE TABLE t (a)', [''], 'SELECT 1')\n"
        "print(s._POOL.all[0].process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    helper, deadline = int(done.stdout), time.monotonic() + 3
    while is_running(helper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_running(os.getpid()) and not is_running(helper), "the helper outlived its caller by three seconds"


def test_fork_of_the_caller_gets_its_own_helpers():
    execute(DDL, FILLS, "SELECT 1")
    child = os.fork()
    if child == 0:
        good = [e.rows for e in execute(DDL, FILLS, "SELECT 2")] == [[(2,)]] * 2
        sandbox.close()
        os._exit(0 if good else 1)
    for _ in range(20):
        assert execute(DDL, FILLS, "SELECT 3")[0].rows == [(3,)]
    assert os.waitpid(child, 0)[1] == 0


def test_helper_knows_no_secrets(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-value")
    sandbox.close()
    execute(DDL, FILLS, "SELECT 1")
    environment = Path(f"/proc/{sandbox._POOL.all[0].process.pid}/environ")
    if environment.exists():
        assert b"secret-value" not in environment.read_bytes()


def test_helper_imports_no_heavy_library():
    imported = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import sandbox_worker; print(*sys.modules)",
            str(Path(sandbox_worker.__file__).parent),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "numpy", "sqlglot", "typing", "subprocess"} & set(imported)


def test_benchmark_errors_are_raised():
    good = fenced("SELECT 1")
    with pytest.raises(RuntimeError, match="gold query"):
        verify(make_row("SELECT nothing FROM books"), good)
    with pytest.raises(RuntimeError, match="cannot be built"):
        verify({**make_row(COUNT_GOLD), "ddl": "CREATE TABLE books (id"}, good)
    with pytest.raises(RuntimeError, match="cannot be built"):
        verify({**make_row(COUNT_GOLD), "fills": ["INSERT INTO nowhere VALUES (1)"]}, good)


def test_fill_script_cannot_write_a_file_either():
    for statement in (f"ATTACH '{FILE}' AS x; CREATE TABLE x.t (a)", f"COMMIT; VACUUM INTO '{FILE}'"):
        with pytest.raises(RuntimeError):
            execute(DDL, [f"{FILLS[0]}; {statement};"], "SELECT 1")
    assert not Path(FILE).exists()


def test_values_come_back_as_they_are():
    sql = "SELECT 1, 1.0, 'é', x'00ff', NULL, 9223372036854775807, 9e999, -9e999, '', CAST(x'ff' AS TEXT), char(0)"
    execution = execute(DDL, FILLS[:1], sql)[0]
    assert execution.rows == [
        (1, 1.0, "é", b"\x00\xff", None, 2**63 - 1, float("inf"), float("-inf"), "", "\ufffd", "\0")
    ]
    assert [type(value) for value in execution.rows[0][:2]] == [int, float]


def test_usual_queries_are_allowed():
    for sql in (
        "WITH c AS (SELECT author_id, COUNT(*) n FROM books GROUP BY 1) SELECT COUNT(*) FROM c",
        "SELECT title, RANK() OVER (PARTITION BY author_id ORDER BY price) FROM books",
        "SELECT strftime('%Y', date('2020-01-31', '+1 month')), julianday('2020-01-01')",
        "SELECT round(AVG(price), 2), total(price), group_concat(title, ', ') FROM books",
        "SELECT upper(title) || ' ' || printf('%.2f', price) FROM books WHERE title LIKE 'S%'",
        "SELECT CASE WHEN price > 20 THEN 'dear' ELSE 'cheap' END, COALESCE(year, 0) FROM books",
        "SELECT a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.id IS NULL",
        "SELECT rowid, * FROM books EXCEPT SELECT rowid, * FROM books WHERE id = 1",
        "/* a comment */ SELECT substr(title, 1, 2), length(title), iif(1, 2, 3) FROM books -- end",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 9) SELECT x FROM c",
        "VALUES (1, 2), (3, 4)",
        "SELECT books.title FROM main.books;",
    ):
        assert [e.error for e in execute(DDL, FILLS, sql)] == [None, None], sql


# --- plausible but wrong --------------------------------------------------------------------------

ORDER_GOLD = "SELECT title, price FROM books ORDER BY price DESC"
JOIN_GOLD = "SELECT a.name, b.title FROM authors a JOIN books b ON b.author_id = a.id"
DISTINCT_GOLD = "SELECT DISTINCT title FROM books"
WRONG = [  # gold, prediction, reason
    (COUNT_GOLD, "SELECT COUNT(*) FROM books", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE price < 20", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE price > 200", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE year > 20", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM authors", "wrong_result"),
    (COUNT_GOLD, "SELECT title FROM books WHERE price > 20", "wrong_result"),
    (COUNT_GOLD, "SELECT '3'", "wrong_result"),
    (COUNT_GOLD, "SELECT CAST(COUNT(*) AS TEXT) FROM books WHERE price > 20", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*), 1 FROM books WHERE price > 20", "wrong_columns"),
    (COUNT_GOLD, "SELECT COUNT(*), COUNT(*) FROM books WHERE price > 20", "wrong_columns"),
    (COUNT_GOLD, "SELECT NULL", "wrong_result"),
    (COUNT_GOLD, "SELECT 2", "wrong_result"),  # right on one database by luck
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE price > 30", "wrong_result"),  # the same
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE year > 2009", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE price > 20 GROUP BY id", "wrong_result"),
    (COUNT_GOLD, "SELECT SUM(price) FROM books WHERE price > 20", "wrong_result"),
    (COUNT_GOLD, "SELECT COUNT(*) + 1e-6 FROM books WHERE price > 20", "wrong_result"),
    ("SELECT AVG(price) FROM books", "SELECT AVG(price) + 0.0001 FROM books", "wrong_result"),
    ("SELECT AVG(price) FROM books", "SELECT round(AVG(price)) FROM books", "wrong_result"),
    ("SELECT AVG(price) FROM books", "SELECT SUM(price) FROM books", "wrong_result"),
    ("SELECT MAX(price) FROM books", "SELECT MIN(price) FROM books", "wrong_result"),
    ("SELECT MAX(price) FROM books", "SELECT price FROM books ORDER BY price DESC", "wrong_result"),
    ("SELECT title FROM books", DISTINCT_GOLD, "wrong_result"),
    (DISTINCT_GOLD, "SELECT title FROM books", "wrong_result"),
    (DISTINCT_GOLD, "SELECT DISTINCT title, price FROM books", "wrong_columns"),
    (DISTINCT_GOLD, "SELECT DISTINCT lower(title) FROM books", "wrong_result"),
    (DISTINCT_GOLD, "SELECT DISTINCT title FROM books UNION ALL SELECT 'Sea'", "wrong_result"),
    ("SELECT title FROM books", "SELECT title FROM books UNION SELECT title FROM books", "wrong_result"),
    ("SELECT title FROM books", "SELECT title FROM books UNION ALL SELECT title FROM books", "wrong_result"),
    ("SELECT title FROM books", "SELECT title FROM books WHERE 0", "wrong_result"),
    ("SELECT title FROM books", "SELECT name FROM authors", "wrong_result"),
    ("SELECT title FROM books", "SELECT title || ' ' FROM books", "wrong_result"),
    ("SELECT title FROM books", "SELECT CAST(title AS BLOB) FROM books", "wrong_result"),
    ("SELECT title FROM books", "SELECT title FROM books LIMIT 4", "wrong_result"),
    ("SELECT title, year FROM books", "SELECT title FROM books", "wrong_columns"),
    ("SELECT title, year FROM books", "SELECT * FROM books", "wrong_columns"),
    ("SELECT title, year FROM books", "SELECT title, price FROM books", "wrong_result"),
    ("SELECT title, year FROM books", "SELECT title, title FROM books", "wrong_result"),
    # Each column is right, the pairs are not.
    (
        "SELECT id, price FROM books",
        "SELECT id, (SELECT price FROM books p WHERE p.id = (SELECT MAX(id) FROM books) + 1 - b.id) FROM books b",
        "wrong_result",
    ),
    ("SELECT year FROM books", "SELECT CAST(year AS TEXT) FROM books", "wrong_result"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY price", "wrong_result"),
    (ORDER_GOLD, "SELECT title, price FROM books", "wrong_result"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY title", "wrong_result"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY year DESC", "wrong_result"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY price DESC LIMIT 3", "wrong_result"),
    (ORDER_GOLD, "SELECT DISTINCT title, price FROM books ORDER BY price", "wrong_result"),
    ("SELECT title FROM books ORDER BY price", "SELECT title FROM books ORDER BY price DESC", "wrong_result"),
    ("SELECT title FROM books ORDER BY price", "SELECT title FROM books ORDER BY title", "wrong_result"),
    # No tie in the key (price, id), so no freedom in the order.
    ("SELECT title FROM books ORDER BY price, id", "SELECT title FROM books ORDER BY price, id DESC", "wrong_result"),
    (
        "SELECT title FROM books ORDER BY price DESC LIMIT 1",
        "SELECT title FROM books ORDER BY price LIMIT 1",
        "wrong_result",
    ),
    (
        "SELECT title FROM books ORDER BY price DESC LIMIT 2",
        "SELECT title FROM (SELECT * FROM books ORDER BY price DESC LIMIT 2) ORDER BY price",
        "wrong_result",
    ),
    ("SELECT title FROM books ORDER BY price DESC LIMIT 1", "SELECT MAX(title) FROM books", "wrong_result"),
    (JOIN_GOLD, "SELECT a.name, b.title FROM authors a, books b", "wrong_result"),
    (JOIN_GOLD, "SELECT a.name, b.title FROM authors a JOIN books b ON b.id = a.id", "wrong_result"),
    (JOIN_GOLD, "SELECT a.name, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id", "wrong_result"),
    (JOIN_GOLD, "SELECT a.country, b.title FROM authors a JOIN books b ON b.author_id = a.id", "wrong_result"),
    (
        "SELECT country, COUNT(*) FROM authors GROUP BY country",
        "SELECT country, COUNT(country) FROM authors GROUP BY country",
        "wrong_result",
    ),
    (
        "SELECT country, COUNT(*) FROM authors GROUP BY country",
        "SELECT name, COUNT(*) FROM authors GROUP BY name",
        "wrong_result",
    ),
    (
        "SELECT country FROM authors GROUP BY country HAVING COUNT(*) > 1",
        "SELECT country FROM authors GROUP BY country HAVING COUNT(*) > 0",
        "wrong_result",
    ),
    ("SELECT name FROM authors WHERE country IS NULL", "SELECT name FROM authors WHERE country = NULL", "wrong_result"),
    (
        "SELECT name FROM authors WHERE country IS NULL",
        "SELECT name FROM authors WHERE country IS NOT NULL",
        "wrong_result",
    ),
    (
        "SELECT name FROM authors WHERE country <> 'UK'",
        "SELECT name FROM authors WHERE country IS NOT 'UK'",
        "wrong_result",
    ),
    (
        "SELECT title FROM books WHERE price BETWEEN 10 AND 20",
        "SELECT title FROM books WHERE price > 10 AND price < 20",
        "wrong_result",
    ),
    ("SELECT title FROM books WHERE price > 20", "SELECT title FROM books WHERE price >= 20", "wrong_result"),
    ("SELECT title FROM books WHERE title LIKE 'S%'", "SELECT title FROM books WHERE title LIKE '%s%'", "wrong_result"),
    (
        "SELECT title FROM books WHERE price > (SELECT AVG(price) FROM books)",
        "SELECT title FROM books WHERE price > AVG(price)",
        "sql_error",
    ),
    (COUNT_GOLD, "SELECT COUNT(*) FROM book WHERE price > 20", "sql_error"),
    (COUNT_GOLD, "SELECT COUNT(*) FROM books WHERE cost > 20", "sql_error"),
    (COUNT_GOLD, "SELECT COUNT(* FROM books WHERE price > 20", "sql_error"),
    (COUNT_GOLD, "SELECT TOP 1 title FROM books", "sql_error"),
]
RIGHT = [  # gold, another text for the same answer
    (COUNT_GOLD, "select count(id) as n from BOOKS where PRICE>20.0"),
    (COUNT_GOLD, "SELECT SUM(CASE WHEN price > 20 THEN 1 ELSE 0 END) FROM books;"),
    (COUNT_GOLD, "SELECT COUNT(*) * 1.0 FROM books WHERE NOT price <= 20 -- a comment"),
    (COUNT_GOLD, "WITH dear AS (SELECT * FROM books WHERE price > 20) SELECT COUNT(*) FROM dear"),
    ("SELECT AVG(price) FROM books", "SELECT SUM(price) / COUNT(*) FROM books"),
    ("SELECT AVG(price) FROM books", "SELECT AVG(price) * (1 + 1e-11) AS mean FROM books"),
    ("SELECT SUM(price) FROM books", "SELECT SUM(price * 0.1) * 10 FROM books"),
    ("SELECT title, year FROM books", "SELECT year, title FROM books"),
    ("SELECT title, year FROM books", "SELECT b.year AS y, b.title AS t FROM books AS b ORDER BY 1"),
    ("SELECT title, year, price, id FROM books", "SELECT id, price, year, title FROM books"),
    (DISTINCT_GOLD, "SELECT title FROM books GROUP BY title"),
    (DISTINCT_GOLD, "SELECT title FROM books UNION SELECT title FROM books"),
    (ORDER_GOLD, "SELECT price, title FROM books ORDER BY price DESC"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY price DESC, title DESC"),
    (ORDER_GOLD, "SELECT title, price FROM books ORDER BY price DESC, id"),
    ("SELECT title FROM books ORDER BY price", "SELECT title FROM books ORDER BY price, id DESC"),
    ("SELECT title FROM books ORDER BY price * -1", "SELECT title FROM books ORDER BY price DESC, id DESC"),
    (
        "SELECT title, price * 2 AS twice FROM books ORDER BY twice + 1",
        "SELECT title, price * 2 FROM books ORDER BY 2, id DESC",
    ),
    (
        "SELECT country, COUNT(*) FROM authors GROUP BY country ORDER BY COUNT(*) DESC",
        "SELECT country, COUNT(*) n FROM authors GROUP BY country ORDER BY n DESC, country DESC",
    ),
    (
        "SELECT country FROM authors GROUP BY country ORDER BY COUNT(*) DESC",
        "SELECT country FROM authors GROUP BY country ORDER BY COUNT(*) DESC, country DESC",
    ),
    (JOIN_GOLD, "SELECT b.title, a.name FROM books b, authors a WHERE a.id = b.author_id"),
    ("SELECT MAX(price) FROM books", "SELECT price FROM books ORDER BY price DESC LIMIT 1"),
    (
        "SELECT name FROM authors WHERE id NOT IN (SELECT author_id FROM books)",
        "SELECT a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.id IS NULL",
    ),
]


@pytest.mark.parametrize("gold, prediction, reason", WRONG)
def test_wrong_query_is_wrong(gold, prediction, reason):
    verdict = timed_verify(make_row(gold), fenced(prediction))
    assert (verdict.correct, verdict.format_ok, verdict.reason) == (False, True, reason)


@pytest.mark.parametrize("gold, prediction", RIGHT)
def test_other_text_for_the_same_answer_is_right(gold, prediction):
    verdict = timed_verify(make_row(gold), fenced(prediction))
    assert (verdict.correct, verdict.format_ok, verdict.reason) == (True, True, "ok")


@pytest.mark.parametrize("gold", sorted({gold for gold, *_ in WRONG + RIGHT}))
def test_gold_itself_is_right(gold):
    assert verify(make_row(gold), fenced(gold)).correct is True


def test_luck_on_one_database_is_not_enough():
    lucky = "SELECT 2"
    assert verify({**make_row(COUNT_GOLD), "fills": FILLS[:1]}, fenced(lucky)).correct is True
    assert verify(make_row(COUNT_GOLD), fenced(lucky)).correct is False


def test_order_is_free_only_inside_a_tie():
    ddl = "CREATE TABLE t (a INTEGER, b TEXT);"
    fills = ["INSERT INTO t VALUES (1,'p'),(1,'q'),(2,'r'),(2,'R'),(3,'s');"]
    for gold, predicted, right in (
        ("SELECT b FROM t ORDER BY a", "SELECT b FROM t ORDER BY a, b DESC", True),
        ("SELECT b FROM t ORDER BY a", "SELECT b FROM t ORDER BY a DESC, b", False),
        ("SELECT b, a FROM t ORDER BY 2", "SELECT a, b FROM t ORDER BY a, b DESC", True),
        ("SELECT b FROM t ORDER BY b COLLATE NOCASE", "SELECT b FROM t ORDER BY lower(b), b", True),
        ("SELECT b FROM t ORDER BY b", "SELECT b FROM t ORDER BY lower(b), b", False),
        ("SELECT DISTINCT b FROM t ORDER BY a", "SELECT b FROM t ORDER BY a, b DESC", True),
        ("SELECT DISTINCT a > 1 FROM t ORDER BY a", "SELECT 0 UNION SELECT 1 ORDER BY 1", True),
        ("SELECT DISTINCT a > 1 FROM t ORDER BY a", "SELECT 0 UNION SELECT 1 ORDER BY 1 DESC", False),
        # Too long to be parsed: no ties are known, and the order counts all the same.
        (f"SELECT b FROM t {' ' * 6000} ORDER BY a", "SELECT b FROM t ORDER BY a, rowid", True),
        (f"SELECT b FROM t {' ' * 6000} ORDER BY a", "SELECT b FROM t ORDER BY a DESC", False),
        ("SELECT DISTINCT a FROM t ORDER BY a", "SELECT DISTINCT a FROM t ORDER BY a DESC", False),
        ("SELECT DISTINCT b FROM t ORDER BY a, b", "SELECT b FROM t ORDER BY a, b", True),
        ("SELECT a FROM t UNION SELECT 9 ORDER BY a", "SELECT 9 UNION SELECT a FROM t ORDER BY 1", True),
        ("SELECT a FROM t UNION SELECT 9 ORDER BY a DESC", "SELECT a FROM t UNION SELECT 9", False),
        ("SELECT b FROM (SELECT * FROM t ORDER BY a)", "SELECT b FROM t ORDER BY a DESC", True),
    ):
        row = {"ddl": ddl, "fills": fills, "gold": gold, "missing": []}
        assert verify(row, fenced(predicted)).correct is right, (gold, predicted)


# --- ties at a LIMIT, results that show nothing ----------------------------------------------------

PLANTS = "CREATE TABLE plants (id INTEGER PRIMARY KEY, name TEXT, bed TEXT, height REAL, age INTEGER);"
PLANT_ROWS = (
    "INSERT INTO plants VALUES (1,'fern','north',12.5,3),(2,'mint','south',30,1),(3,'sage','south',30,4),"
    "(4,'rose','north',75.25,9),(5,'iris',NULL,40,2),(6,'Fern','south',8,3),(7,'reed','west',30,4);"
)


@pytest.mark.parametrize(
    "gold, predicted, right",
    [  # heights: rose 75.25, iris 40, mint sage reed 30, fern 12.5, Fern 8
        (
            "name FROM plants ORDER BY height DESC LIMIT 3",
            "name FROM plants ORDER BY height DESC, age DESC LIMIT 3",
            True,
        ),
        (
            "name FROM plants ORDER BY height DESC LIMIT 4",
            "name FROM plants ORDER BY height DESC, id DESC LIMIT 4",
            True,
        ),
        ("name FROM plants ORDER BY height DESC LIMIT 3", "name FROM plants ORDER BY height LIMIT 3", False),
        ("name FROM plants ORDER BY height DESC LIMIT 3", "name FROM plants ORDER BY height DESC LIMIT 2", False),
        ("name FROM plants ORDER BY height DESC LIMIT 3", "name FROM plants ORDER BY height DESC LIMIT 4", False),
        # fern is shorter than the tied ones; rose and iris must keep their places
        (
            "name FROM plants ORDER BY height DESC LIMIT 3",
            "name FROM plants WHERE id IN (4, 5, 1) ORDER BY height DESC",
            False,
        ),
        (
            "name FROM plants ORDER BY height DESC LIMIT 3",
            "name FROM plants WHERE id IN (4, 5, 7) ORDER BY height",
            False,
        ),
        # one of the tied rows twice is one too many
        (
            "name FROM plants ORDER BY height DESC LIMIT 4",
            "'rose' UNION ALL SELECT 'iris' UNION ALL SELECT 'mint' UNION ALL SELECT 'mint'",
            False,
        ),
        # an offset cuts at its own end
        ("name FROM plants ORDER BY height DESC LIMIT 2 OFFSET 3", "name FROM plants WHERE id IN (2, 3)", True),
        ("name FROM plants ORDER BY height DESC LIMIT 2 OFFSET 3", "name FROM plants WHERE id IN (2, 1)", False),
        ("name FROM plants ORDER BY height DESC LIMIT 3, 2", "name FROM plants WHERE id IN (7, 3)", True),
        ("name FROM plants ORDER BY height DESC LIMIT 1 OFFSET 1", "name FROM plants WHERE id = 5", True),
        ("name FROM plants ORDER BY height DESC LIMIT 1 OFFSET 1", "name FROM plants WHERE id = 4", False),
        (
            "name FROM plants ORDER BY height DESC LIMIT 3 OFFSET 4",
            "name FROM plants WHERE id IN (3, 1, 6) ORDER BY height DESC",
            True,
        ),
        # several columns must come from one row
        (
            "name, age FROM plants ORDER BY height DESC LIMIT 3",
            "age, name FROM plants ORDER BY height DESC, id DESC LIMIT 3",
            True,
        ),
        (
            "name, age FROM plants ORDER BY height DESC LIMIT 3",
            "'rose', 9 UNION ALL SELECT 'iris', 2 UNION ALL SELECT 'mint', 4",
            False,
        ),
        # the key is what is shown: its values tie, nothing else does
        ("age FROM plants ORDER BY age LIMIT 3", "age FROM plants ORDER BY age, id DESC LIMIT 3", True),
        ("name FROM plants ORDER BY name COLLATE NOCASE LIMIT 1", "'Fern'", True),
        ("name FROM plants ORDER BY name LIMIT 1", "'fern'", False),
        # groups that tie in a count
        (
            "age FROM plants GROUP BY age ORDER BY COUNT(*) DESC LIMIT 1",
            "age FROM plants GROUP BY age ORDER BY COUNT(*) DESC, age DESC LIMIT 1",
            True,
        ),
        (
            "age FROM plants GROUP BY age ORDER BY COUNT(*) DESC LIMIT 1",
            "age FROM plants GROUP BY age ORDER BY COUNT(*) LIMIT 1",
            False,
        ),
        ("DISTINCT height FROM plants ORDER BY height LIMIT 2", "DISTINCT height FROM plants ORDER BY 1 LIMIT 2", True),
        (
            "name FROM plants ORDER BY height IS NULL, age > 2 LIMIT 2",
            "name FROM plants WHERE age < 3 ORDER BY 1",
            True,
        ),
        # without an order any of the rows will do, but only of the rows
        ("name FROM plants LIMIT 2", "name FROM plants ORDER BY id DESC LIMIT 2", True),
        ("name FROM plants WHERE age > 3 LIMIT 2", "name FROM plants WHERE age > 3 ORDER BY id DESC LIMIT 2", True),
        ("name FROM plants WHERE age > 3 LIMIT 2", "name FROM plants WHERE age < 3 LIMIT 2", False),
        ("name FROM plants LIMIT 2", "name FROM plants LIMIT 3", False),
        ("name FROM plants LIMIT 20", "name FROM plants ORDER BY age", True),
        ("name FROM plants ORDER BY height LIMIT -1", "name FROM plants ORDER BY height, id DESC", True),
    ],
)
def test_where_a_limit_cuts_tied_rows_any_of_them_is_right(gold, predicted, right):
    row = {"ddl": PLANTS, "fills": [PLANT_ROWS], "gold": f"SELECT {gold}", "missing": []}
    assert verify(row, fenced(f"SELECT {predicted}")).correct is right


@pytest.mark.parametrize(
    "gold, predicted, correct",
    [
        ("SELECT title FROM books WHERE price > 1000", "SELECT name FROM authors WHERE 0", None),
        ("SELECT title FROM books WHERE price > 1000", "SELECT title FROM books WHERE price > 1000", None),
        ("SELECT title FROM books WHERE price > 1000", "SELECT title FROM books", False),
        ("SELECT title FROM books WHERE price > 1000", "SELECT title, year FROM books WHERE 0", False),
        ("SELECT title FROM books WHERE price > 1000", "SELECT nothing FROM books", False),
        ("SELECT title FROM books WHERE price > 1000", "SELECT NULL", False),
        ("SELECT title FROM books WHERE price > 1000 ORDER BY title LIMIT 3", "SELECT title FROM books LIMIT 0", None),
        ("SELECT AVG(price) FROM books WHERE price > 1000", "SELECT MAX(year) FROM books WHERE 0", None),
        ("SELECT AVG(price) FROM books WHERE price > 1000", "SELECT AVG(price) FROM books", False),
        ("SELECT MAX(price), MIN(year) FROM books WHERE price > 1000", "SELECT NULL, NULL", None),
        ("SELECT COUNT(*) FROM books WHERE price > 1000", "SELECT COUNT(*) FROM books WHERE title = 'x'", None),
        ("SELECT COUNT(*) FROM books WHERE price > 1000", "SELECT COUNT(*) FROM books", False),
        ("SELECT COUNT(*), SUM(price) FROM books WHERE price > 1000", "SELECT 0, NULL", None),
        # A zero that is no count, and an unknown country of a row that is there, say something.
        ("SELECT MIN(price) * 0 FROM books", "SELECT 0", True),
        ("SELECT country FROM authors WHERE name IN ('Di', 'Dot')", "SELECT country FROM authors WHERE id = 4", True),
        # Rows on one database are enough, when they are right.
        ("SELECT name FROM authors WHERE country = 'Peru'", "SELECT name FROM authors WHERE country = 'Peru'", True),
        ("SELECT name FROM authors WHERE country = 'Peru'", "SELECT name FROM authors WHERE 0", False),
    ],
)
def test_where_nothing_is_due_nothing_is_no_proof(gold, predicted, correct):
    verdict = verify(make_row(gold), fenced(predicted))
    assert verdict.correct is correct and (verdict.reason == "cannot_judge") is (correct is None)


# --- the comparison alone -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gold, predicted, runs, same",
    [
        ([], [], None, True),
        ([(1,)], [], None, False),
        ([(1,)], [(1, 1)], None, False),
        ([(1,)], [(1.0,)], None, True),
        ([(1,)], [("1",)], None, False),
        ([("a",)], [(b"a",)], None, False),
        ([(None,)], [(0,)], None, False),
        ([(None,)], [("",)], None, False),
        ([(0.1 + 0.2,)], [(0.3,)], None, True),
        ([(0.3,)], [(0.3000001,)], None, False),
        ([(0,)], [(1e-17,)], None, True),
        ([(10**12,)], [(10**12 + 1,)], None, False),  # integers are exact, however near
        ([(10**12,), (10**12 + 1,)], [(1e12,), (1e12 + 1,)], None, True),
        ([(1e12,)], [(1e12 + 1,)], None, True),  # relative
        ([(float("inf"),)], [(float("inf"),)], None, True),
        ([(float("inf"),)], [(1e308,)], None, False),
        ([(0.3, "a"), (0.1 + 0.2, "b")], [(0.1 + 0.2, "a"), (0.3, "b")], None, True),
        ([(0.3, "a"), (0.1 + 0.2, "b")], [(0.3, "b"), (0.3, "a")], [1, 1], False),
        ([(1,), (2,)], [(2,), (1,)], None, True),
        ([(1,), (2,)], [(2,), (1,)], [1, 1], False),
        ([(1,), (2,), (3,)], [(2,), (1,), (3,)], [2, 1], True),
        ([(1,), (2,), (3,)], [(1,), (3,), (2,)], [2, 1], False),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], None, False),
        ([(1, 2), (2, 1)], [(1, 1), (2, 2)], None, False),
        ([(1, 2, 1), (2, 1, 2)], [(2, 1, 1), (1, 2, 2)], None, True),
    ],
)
def test_same_result(gold, predicted, runs, same):
    assert same_result(gold, predicted, runs) is same
    assert same_result(predicted, gold, runs) is same


def test_same_result_agrees_with_trying_every_permutation():
    rng = random.Random(3)
    seen = {True: 0, False: 0}
    for _ in range(3000):
        width, height = rng.randint(1, 4), rng.randint(1, 4)
        gold = [tuple(rng.choice((1, 2, "a")) for _ in range(width)) for _ in range(height)]
        order = rng.sample(range(width), width)
        predicted = [tuple(row[i] for i in order) for row in rng.sample(gold, height)]
        if rng.random() < 0.6:
            changed = [list(row) for row in predicted]
            changed[rng.randrange(height)][rng.randrange(width)] = rng.choice((1, 2, "a"))
            predicted = [tuple(row) for row in changed]
        for ordered in (False, True):
            shape = list if ordered else (lambda rows: sorted(rows, key=repr))
            expected = any(
                shape([tuple(row[i] for i in choice) for row in predicted]) == shape(gold)
                for choice in itertools.permutations(range(width))
            )
            assert same_result(gold, predicted, [1] * height if ordered else None) is expected
            seen[expected] += 1
    assert min(seen.values()) > 500


def test_wide_results_are_compared_quickly():
    rng = random.Random(5)
    wide = [tuple(rng.randint(0, 1) for _ in range(12)) for _ in range(300)]
    order = rng.sample(range(12), 12)
    same_columns = [(1,) * 40] * 50
    start = time.monotonic()
    assert same_result(wide, [tuple(row[i] for i in order) for row in reversed(wide)])
    assert not same_result(wide, [tuple(rng.sample(row, 12)) for row in wide])
    assert same_result(same_columns, same_columns)
    latin = [tuple((i + j) % 9 for j in range(9)) for i in range(9)]  # every column looks alike
    assert not same_result(latin, [tuple((i * i + j) % 9 for j in range(9)) for i in range(9)])
    assert same_result(latin, [row[::-1] for row in latin])
    assert time.monotonic() - start < 3


def test_gold_is_executed_once(monkeypatch):
    gold = "SELECT title FROM books WHERE year > 1995"
    calls = []
    # Through sys.modules: the package has a function of the same name.
    monkeypatch.setattr(
        sys.modules["domains.text_to_sql.verify"],
        "execute",
        lambda ddl, fills, sql, limits: calls.append(sql) or execute(ddl, fills, sql),
    )
    for _ in range(3):
        assert verify(make_row(gold), fenced("SELECT title FROM books WHERE year > 1995.0")).correct
    assert calls.count(gold) == 1 and len(calls) == 4
    assert gold_results(DDL, tuple(FILLS), gold)[0].runs is None


# --- format, refusals -----------------------------------------------------------------------------

SENTENCE = "Counts the books whose price is above 20."


@pytest.mark.parametrize(
    "answer, correct, format_ok",
    [
        (fenced(COUNT_GOLD, SENTENCE), True, True),
        (fenced(COUNT_GOLD + ";", SENTENCE), True, True),
        (f"\n{fenced(COUNT_GOLD, SENTENCE)}\n\n", True, True),
        (f"```sql\r\n{COUNT_GOLD};\r\n```\r\n{SENTENCE}", True, True),
        (fenced(COUNT_GOLD, ""), True, False),
        (fenced(COUNT_GOLD, "Counts the books whose price is above 20"), True, False),
        (fenced(COUNT_GOLD, f"{SENTENCE} That is all."), True, False),
        (fenced(COUNT_GOLD, f"{SENTENCE}\n{SENTENCE}"), True, False),
        (f"Sure!\n{fenced(COUNT_GOLD, SENTENCE)}", True, False),
        (f"{SENTENCE}\n{fenced(COUNT_GOLD, '')}", True, False),
        (f"```\n{COUNT_GOLD}\n```\n{SENTENCE}", True, False),
        (f"```SQL\n{COUNT_GOLD}\n```\n{SENTENCE}", True, False),
        (f"```sqlite\n{COUNT_GOLD}\n```\n{SENTENCE}", True, False),
        (f"```sql {COUNT_GOLD} ```\n{SENTENCE}", True, False),
        (f"```{COUNT_GOLD}```", True, False),
        (f"```sql\n{COUNT_GOLD}", True, False),
        (f"{fenced(COUNT_GOLD, '')}\n{fenced('SELECT 1', SENTENCE)}", True, False),
        (f"{fenced('SELECT 1', '')}\n{fenced(COUNT_GOLD, SENTENCE)}", False, False),
        (f"```sql\n{COUNT_GOLD}\n```{SENTENCE}", True, False),
        (fenced(COUNT_GOLD, "Counts the ```books``` whose price is above 20."), True, False),
        (COUNT_GOLD, True, False),
        (f"{COUNT_GOLD};\n{SENTENCE}", True, False),
        (f"{COUNT_GOLD}\n\nQuestion: How many authors?\nSELECT 2", True, False),
        (f"  select count(*) from books\nwhere price > 20; {SENTENCE}", True, False),
        ("WITH c AS (SELECT 1 FROM books WHERE price > 20) SELECT COUNT(*) FROM c; Done.", True, False),
        (f"The query is {COUNT_GOLD}", False, False),
        ("With pleasure, there are three.", False, False),
        ("```sql\n\n```\nNothing here.", False, False),
        ("``````", False, False),
    ],
)
def test_format_is_strict_and_correctness_lenient(answer, correct, format_ok):
    verdict = verify(make_row(COUNT_GOLD), answer)
    assert (verdict.correct, verdict.format_ok) == (correct, format_ok)
    assert extract(answer)[2] is format_ok


def test_semicolon_in_a_value_does_not_cut_a_bare_query():
    assert extract("SELECT ';' FROM books; Gives it.")[0] == "SELECT ';' FROM books"


@pytest.mark.parametrize(
    "text, sql, single",
    [
        ("Lists the books above 3.5 pounds.", "", True),
        ("Lists the books by J. R. Tolkien.", "", True),
        ("Lists the books by Dr. Seuss, e.g. old ones.", "", True),
        ("Really?", "", True),
        ("Lists the books. Then stops.", "", False),
        ("Lists the books! Then stops.", "", False),
        (
            "Lists the films called What now? Nothing of Bo.",
            "SELECT * FROM films WHERE title = 'What now? Nothing'",
            True,
        ),
        ("Lists the films called What now? Nothing.", "", False),
        ("no end", "", False),
        ("", "", False),
        ("Two\nlines.", "", False),
        ("Two\u2028lines.", "", False),
    ],
)
def test_one_sentence(text, sql, single):
    assert is_one_sentence(text, sql) is single


@pytest.mark.parametrize(
    "answer, verdict",
    [
        ("I cannot answer this because the schema has no publisher.", (True, True, True, "ok")),
        ("The schema has no Publishers, so I can't say.", (True, True, True, "ok")),
        ("I am unable to answer this.", (True, True, False, "ok")),
        ("I cannot answer this because the schema has no weight.", (True, True, False, "ok")),
        ("I cannot answer this because the schema has no publisher", (True, False, True, "ok")),
        ("I cannot answer this. The schema has no publisher.", (True, False, True, "ok")),
        ("The publisher is Faber.", (False, True, False, "should_refuse")),
        (fenced("SELECT publisher FROM books", "I cannot say."), (False, False, False, "should_refuse")),
        ("SELECT title FROM books", (False, False, False, "should_refuse")),
        ("SELECT 'I cannot answer, no publisher.'", (False, False, False, "should_refuse")),
        ("CREATE TABLE books (x TEXT);\n\nThe table holds no such data.", (False, False, False, "should_refuse")),
        ("In this example:\n\nDELETE FROM books WHERE\nno data", (False, False, False, "should_refuse")),
        ("We name a table that is not there. " * 12, (False, False, False, "should_refuse")),
        ("", (False, False, False, "empty")),
    ],
)
def test_question_without_an_answer_is_to_be_refused(answer, verdict):
    assert verify(make_row(None, missing=["publisher"]), answer) == Verdict(*verdict)
    assert verify({"gold": None, "missing": ["publisher"]}, answer) == Verdict(*verdict)


@pytest.mark.parametrize(
    "answer, verdict",
    [
        ("I can only read data, so I will not delete the books.", (True, True, True, "ok")),
        ("I won't modify the books.", (True, True, True, "ok")),
        ("I cannot do that.", (True, True, False, "ok")),
        (fenced("DELETE FROM books", "Deletes the books."), (False, False, False, "should_refuse")),
        ("DELETE FROM books;", (False, False, False, "should_refuse")),
        ("Done, the books are deleted.", (False, True, False, "should_refuse")),
    ],
)
def test_request_to_change_data_is_to_be_refused(answer, verdict):
    assert verify(make_row(None), answer) == Verdict(*verdict)


def test_refusing_a_question_with_an_answer_is_wrong():
    answer = "I cannot answer this because the schema has no price."
    assert verify(make_row(COUNT_GOLD), answer) == Verdict(False, True, False, "refused")
    assert verify(make_row(COUNT_GOLD), "Three books.").reason == "no_query"


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "prompt": "p", "completion": "c"},
        {"gold": COUNT_GOLD},
        {"gold": COUNT_GOLD, "ddl": DDL},
        {"gold": COUNT_GOLD, "ddl": DDL, "fills": []},
        {"ddl": DDL, "fills": FILLS},
        {},
    ],
)
def test_row_without_databases_cannot_be_judged(row):
    for answer, format_ok in (
        (fenced("SELECT 1"), True),
        ("SELECT 1", False),
        ("", False),
        (None, False),
        ("I cannot answer this.", True),
        ("It is three.", False),
    ):
        assert verify(row, answer) == Verdict(None, format_ok, None, "cannot_judge")


# --- explanations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql, good, bad",
    [
        (
            COUNT_GOLD,
            [
                "Counts the books whose price is above 20.",
                "The number of books over a price of 20.",
                "How many books have a price greater than twenty?",
            ],
            [
                "Counts the books whose price is above 30.",
                "Counts the books whose price is below 20.",
                "Counts the books above 20.",
                "Counts the rows whose price is above 20.",
                "Lists the books whose price is above 20.",
                "Counts the books whose price is at least 20.",
                "Counts the books whose price is 20 or more.",
                "Yes.",
            ],
        ),
        (
            "SELECT title FROM books WHERE price >= 20 AND year <= 2001",
            [
                "Lists the titles of books with a price of at least 20 and a year of at most 2001.",
                "Gives titles of books whose price is 20 or more and whose year is no later than 2001.",
            ],
            [
                "Lists the titles of books with a price above 20 and a year before 2001.",
                "Lists the titles of books with a price of at least 20.",
            ],
        ),
        (
            "SELECT name FROM authors WHERE country <> 'UK'",
            ["Lists the names of authors whose country is not UK.", "Names authors of a country other than uk."],
            [
                "Lists the names of authors whose country is UK.",
                "Lists the names of authors whose country is not Peru.",
                "Lists the authors whose country is not UK.",
            ],
        ),
        (
            "SELECT name FROM authors WHERE country IS NULL",
            ["Lists the name of authors without a country."],
            ["Lists the name of authors with a country."],
        ),
        (
            "SELECT name FROM authors WHERE country IS NOT NULL",
            ["Lists the name of authors with a known country.", "Names authors whose country is not empty."],
            ["Lists the name and country of authors."],
        ),
        (
            "SELECT title FROM books ORDER BY price DESC LIMIT 3",
            ["Lists the titles of the 3 books with the highest price.", "The three top books by price, title only."],
            [
                "Lists the titles of the books with the highest price.",
                "Lists the titles of 3 books by price.",
                "Lists the titles of the 3 books with the lowest price.",
            ],
        ),
        (
            "SELECT title FROM books ORDER BY price LIMIT 1",
            ["Gives the title of the book of lowest price."],
            ["Gives the title of the book of highest price.", "Gives the title and price of a book."],
        ),
        (
            "SELECT AVG(price), MAX(year) FROM books",
            ["Gives the average price and latest year of the books."],
            ["Gives the price and latest year of the books.", "Gives the average price and year of the books."],
        ),
        (
            "SELECT MIN(price), SUM(price) FROM books",
            ["The lowest and the total price of all books."],
            ["The highest and the total price of all books.", "The lowest price of all books."],
        ),
        (
            "SELECT a.name FROM authors a JOIN books b ON b.author_id = a.id GROUP BY a.id HAVING COUNT(*) > 2",
            ["Lists the name of authors with more than 2 books."],
            [
                "Lists the name of authors with more than 3 books.",
                "Lists the name of authors with 2 books.",
                "Lists the name of authors above 2.",
            ],
        ),
        (
            "SELECT a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.id IS NULL",
            ["Lists the names of authors who have no books."],
            ["Lists the names of authors who have books."],
        ),
        (
            "SELECT b.title FROM books b JOIN prizes p ON p.isbn = b.isbn AND p.year > 2000",
            ["Lists the title of books with prizes of a year after 2000."],
            ["Lists the title of books with prizes of a year before 2000.", "Lists the title of books with prizes."],
        ),
        (
            "SELECT title FROM books WHERE title LIKE '%Sea%'",
            ["Lists each title of books that contains sea."],
            ["Lists each title of books that contains ice.", "Lists each title of books with Seal."],
        ),
        (
            "SELECT title FROM books WHERE strftime('%Y', sold_on) = '2020' AND NOT price > 5",
            ["The title of books sold on a day in 2020 at a price of at most 5."],
            [
                "The title of books sold on a day in 2021 at a price of at most 5.",
                "The title of books sold on a day in 2020 at a price above 5.",
            ],
        ),
        (
            "SELECT PageCount FROM BookEditions WHERE 5 < PageCount",
            ["Gives the page count of editions when the page count is above 5."],
            [
                "Gives the page count of editions when the page count is below 5.",
                "Gives the pages of editions above 5.",
            ],
        ),
    ],
)
def test_explanation_names_what_the_query_does(sql, good, bad):
    for sentence in good:
        assert explain.unexplained(sql, sentence) == [], sentence
    for sentence in bad:
        assert explain.explains(sql, sentence) is False, sentence


@pytest.mark.parametrize(
    "sql, sentence, wordless",
    [
        (
            "WITH c AS (SELECT author_id, COUNT(*) AS n FROM books GROUP BY author_id) SELECT MAX(n) FROM c",
            "Gives the highest number of books of one author.",
            "Gives the number of books of one author.",
        ),
        (
            "SELECT title FROM books UNION SELECT name FROM authors",
            "Lists the title of the books and the name of the authors.",
            "Lists the title of the books.",
        ),
        (
            "SELECT title, RANK() OVER (ORDER BY price) FROM books",
            "Lists the title of the books with its rank, sorted by price.",
            "Lists the title of the books with its rank.",
        ),
        (
            "SELECT a.name, COUNT(b.id) FROM authors a LEFT JOIN books b ON b.author_id = a.id GROUP BY a.name",
            "Gives the number of books for each name of the authors.",
            "Gives the books for each name of the authors.",
        ),
        (
            "SELECT title FROM books WHERE id NOT IN (SELECT book_id FROM prizes WHERE year > 2000)",
            "Lists the title of books without prizes of a year after 2000.",
            "Lists the title of books without prizes of a year before 2000.",
        ),
        (
            "SELECT a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id AND b.year > 2000 WHERE b.id IS NULL",
            "Lists the name of authors without books of a year after 2000.",
            "Lists the name of authors without books of a year before 2000.",
        ),
        ("SELECT a.name FROM authors a, books b", "Lists the name of authors and books.", "Lists the name of authors."),
        (
            "SELECT CASE WHEN price > 5 THEN 1 ELSE 0 END FROM books",
            "Tells of books whether the price is above 5.",
            "5.",
        ),
    ],
)
def test_explanation_of_a_query_that_is_too_complex_is_not_judged_unless_words_are_missing(sql, sentence, wordless):
    assert explain.explains(sql, sentence) is None and explain.explains(sql, wordless) is False
    assert verify(make_row(COUNT_GOLD), fenced("SELECT nothing")).explanation_ok is False


def test_synonyms_of_a_row_count():
    row = make_row("SELECT title FROM books", synonyms={"title": ["heading"], "books": ["volumes"]})
    answer = fenced("SELECT title FROM books", "Lists the headings of all volumes.")
    assert verify(row, answer).explanation_ok is True
    assert verify(make_row("SELECT title FROM books"), answer).explanation_ok is False


def test_explanation_is_about_the_predicted_query():
    answer = fenced("SELECT COUNT(*) FROM books WHERE price > 30", "Counts the books of price above 30.")
    assert verify(make_row(COUNT_GOLD), answer) == Verdict(False, True, True, "wrong_result")


def test_hostile_query_cannot_stall_the_explanation():
    start = time.monotonic()
    for sql in NESTED + BOMBS + ENDLESS + INVALID:
        explain.unexplained(sql, "Lists the books.")
    explain.unexplained("SELECT 1 FROM a" + " JOIN b" * 500, "Lists the books.")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "one, many",
    [
        ("city", "cities"),
        ("box", "boxes"),
        ("leaf", "leaves"),
        ("movie", "movies"),
        ("class", "classes"),
        ("shoe", "shoes"),
        ("hero", "heroes"),
        ("person", "people"),
        ("status", "statuses"),
        ("day", "days"),
        ("price", "prices"),
        ("cache", "caches"),
        ("batch", "batches"),
        ("bus", "buses"),
        ("gas", "gases"),
    ],
)
def test_plurals_meet(one, many):
    assert stem(one) == stem(many)
