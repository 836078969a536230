"""pytest tests/test_mutate.py

Mutants of gold queries: each simple mistake is made, and the databases of the templates tell it from the truth.
"""

import random
from collections import Counter

import pytest

from domains.text_to_sql import mutants, mutate, templates

DDL = """CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT, land TEXT);
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, genre TEXT, price REAL, cost REAL, sold DATE,
  author_id INTEGER REFERENCES author(id));"""
NAMES = mutants.names_of(DDL)


def test_names_leave_out_keys():
    assert NAMES.columns["book"] == {"text": ["title", "genre"], "real": ["price", "cost"], "date": ["sold"]}
    assert NAMES.keys == {"author": "id", "book": "id"}


@pytest.mark.parametrize(
    ("sql", "what", "mutant"),
    [
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "border", "SELECT a FROM t WHERE b >= 3 AND c = 1"),
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "operator", "SELECT a FROM t WHERE b < 3 AND c = 1"),
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "AND and OR", "SELECT a FROM t WHERE (b > 3 OR c = 1)"),
        ("SELECT a FROM t WHERE b > 3 AND c = 1", "condition dropped", "SELECT a FROM t WHERE c = 1"),
        ("SELECT a FROM t WHERE b > 3", "bound", "SELECT a FROM t WHERE b > 4"),
        ("SELECT a FROM t WHERE b > '2020-02-28'", "bound", "SELECT a FROM t WHERE b > '2020-02-29'"),
        (
            "SELECT a FROM t WHERE strftime('%Y', b) = '2020'",
            "bound",
            "SELECT a FROM t WHERE STRFTIME('%Y', b) = '2021'",
        ),
        ("SELECT a FROM t WHERE b LIKE 'x%'", "LIKE", "SELECT a FROM t WHERE b LIKE '%x%'"),
        ("SELECT a FROM t WHERE b LIKE '%x'", "LIKE", "SELECT a FROM t WHERE b LIKE 'x%'"),
        ("SELECT COUNT(DISTINCT a) FROM t", "DISTINCT", "SELECT COUNT(a) FROM t"),
        ("SELECT DISTINCT a FROM t", "DISTINCT", "SELECT a FROM t"),
        ("SELECT a FROM t ORDER BY b DESC", "order", "SELECT a FROM t ORDER BY b"),
        ("SELECT a FROM t ORDER BY b LIMIT 3", "LIMIT", "SELECT a FROM t ORDER BY b LIMIT 4"),
        ("SELECT a FROM t LEFT JOIN u ON t.i = u.i", "join", "SELECT a FROM t JOIN u ON t.i = u.i"),
        ("SELECT a FROM t JOIN u ON t.i = u.i", "join", "SELECT a FROM t LEFT JOIN u ON t.i = u.i"),
        ("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 2", "HAVING dropped", "SELECT a FROM t GROUP BY a"),
        ("SELECT a FROM t WHERE b BETWEEN 1 AND 2", "border", "SELECT a FROM t WHERE b > 1 AND b <= 2"),
        ("SELECT a FROM t WHERE b IN (1, 2)", "value dropped", "SELECT a FROM t WHERE b IN (1)"),
        ("SELECT a FROM t WHERE b IS NULL", "negation", "SELECT a FROM t WHERE NOT b IS NULL"),
        ("SELECT AVG(a) FROM t", "aggregate", "SELECT SUM(a) FROM t"),
        ("SELECT a - b FROM t", "arithmetic", "SELECT b - a FROM t"),
        ("SELECT a FROM t UNION SELECT b FROM u", "set operation", "SELECT a FROM t UNION ALL SELECT b FROM u"),
        ("SELECT a FROM t EXCEPT SELECT b FROM u", "set operation", "SELECT a FROM t INTERSECT SELECT b FROM u"),
        ("SELECT price FROM book", "column", "SELECT cost FROM book"),
        (
            "SELECT name FROM author JOIN book ON book.author_id = author.id",
            "foreign key",
            "SELECT name FROM author JOIN book ON book.id = author.id",
        ),
    ],
)
def test_mutants(sql, what, mutant):
    assert mutants.mutants_of(sql, NAMES).get(mutant) == what


def test_a_mutant_that_the_data_do_not_show_is_found():
    fill = "INSERT INTO book (id, title, price) VALUES (1, 'A', {}), (2, 'B', 9);"
    sql = "SELECT title FROM book WHERE price > 3"
    for price, hidden in ((2, True), (3, False)):
        with mutants.opened(DDL, [fill.format(price)]) as databases:
            left = mutants.unnoticed(sql, mutants.mutants_of(sql), databases)
            assert ("SELECT title FROM book WHERE price >= 3" in left) == hidden
            assert "SELECT title FROM book WHERE price < 3" not in left and "SELECT title FROM book" not in left


def test_at_most_one_in_a_hundred_passes():
    """On a row of each kind, with data as the benchmark has them."""
    found = mutate.survey(random.Random(6), 1, "test")
    assert set(found) == set(templates.KINDS) - {"unanswerable", "write_request"}
    counts = sum(mutate.by(found, 0).values(), Counter())
    assert counts["mutants"] > 200 and counts["equivalent"] < 0.15 * counts["mutants"]
    assert counts["passed"] <= 0.01 * (counts["mutants"] - counts["equivalent"]), mutate.table(
        mutate.by(found, 1), "what is changed"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("survey", "many"), [(mutate.survey_benchmark, 4000), (mutate.survey_bank, 1100)])
def test_at_most_one_in_a_hundred_passes_on_the_benchmark_itself(survey, many):
    counts = sum(mutate.by(survey("test"), 0).values(), Counter())
    assert counts["mutants"] > many and counts["equivalent"] < 0.06 * counts["mutants"]
    assert counts["passed"] <= 0.01 * (counts["mutants"] - counts["equivalent"])


def test_a_mixed_database_is_one_that_the_schema_allows():
    ddl = (
        "CREATE TABLE stall (id INTEGER PRIMARY KEY, book INTEGER NOT NULL REFERENCES book (id), day TEXT);"
        "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, price INTEGER CHECK (price > 0));"
    )
    fill = (
        "INSERT INTO book VALUES (1, 'A', 2), (2, 'B', 9); INSERT INTO stall VALUES (1, 1, '2024-01-05'), (2, 2, NULL);"
    )
    rng = random.Random(0)
    fills = [mutate.mixed(rng, ddl, fill, [3, "2024-02-01", "C"]) for _ in range(60)]
    seen = {"prices": set(), "days": set(), "titles": set(), "childless": set()}
    with mutants.opened(ddl, fills) as databases:
        for one in databases:
            assert not one.execute("PRAGMA foreign_key_check").fetchall()
            seen["prices"] |= {price for (price,) in one.execute("SELECT price FROM book")}
            seen["days"] |= {day for (day,) in one.execute("SELECT day FROM stall")}
            seen["titles"] |= {title for (title,) in one.execute("SELECT title FROM book")}
            seen["childless"] |= set(one.execute("SELECT id NOT IN (SELECT book FROM stall) FROM book"))
    assert seen["prices"] == {2, 9, 3, None} and seen["titles"] == {"A", "B", "C"}
    assert seen["days"] == {"2024-01-05", "2024-02-01", None} and seen["childless"] == {(0,), (1,)}


def test_the_table_counts_what_was_found():
    found = {"filter": Counter({("mutants", "border"): 4, ("equivalent", "border"): 2, ("passed", "border"): 1})}
    assert mutate.table(mutate.by(found, 1), "what").split("\n")[1].split() == ["border", "4", "2", "1", "50.0%"]
    assert mutate.table(mutate.by(found, 0), "kind").split("\n")[-1].split() == ["all", "4", "2", "1", "50.0%"]


def test_a_mutant_that_other_data_show_has_passed_and_one_that_none_show_is_equivalent():
    fill = "INSERT INTO book (id, title, price) VALUES (1, 'A', {}), (2, 'B', 9);"
    row = {"ddl": DDL, "fills": [fill.format(2)], "gold": "SELECT title FROM book WHERE price > 3"}
    found = mutate.count(row, lambda _: [fill.format(3)])
    assert found["passed", "border"] == 1 and found["mutants", "border"] == 1
    assert mutate.count(row, lambda _: [fill.format(1)])["equivalent", "border"] == 1
