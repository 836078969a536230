"""pytest tests/test_kinds.py

The second generator of text_to_sql: every kind in every split, splits that share nothing, right and explained answers,
foreign keys the right way round, databases with borders.
"""

import random
import re
import sqlite3
from collections import Counter
from contextlib import closing
from functools import lru_cache
from unittest import mock

import pytest

from domains.text_to_sql import explain, kinds
from domains.text_to_sql.families import SPLITS
from domains.text_to_sql.kinds import data, layout, phrases, rows, shared, trees
from domains.text_to_sql.kinds.families import subjects
from domains.text_to_sql.verify import verify

REFUSED = {"unanswerable", "write_request"}
WORDS = {
    "VERBS",
    "PLACES",
    "AGG_WORDS",
    "MOST",
    "BOUNDS",
    "SIDES",
    "EXPLAINED",
    "SUMS",
    "FRONT",
    "ACTIVE",
}  # words, no phrases
FEWEST = {"sft": 8, "dpo": 2, "dev": 2, "test": 3}  # phrases of a table
TABLES = {
    name: value
    for name, value in vars(phrases).items()
    if name.isupper() and isinstance(value, dict) and name not in WORDS
}


@lru_cache
@mock.patch.object(kinds, "MEASURED", ())  # the search for telling databases is test_mutate.py's
def rows_of(split):
    """Rows that several tests look at, one of each kind; nobody changes them."""
    rng, rows = random.Random(split), []
    for kind in kinds.KINDS:
        for number in range(200):
            made = kinds.make_layout(rng, rng.choice(subjects(split)), number)
            row, _ = kinds.row_with(rng, made, split, kind)
            if row is not None:
                rows.append({"id": f"{split}-{len(rows)}", **row})
                break
    return rows


def phrases_by_split(table):
    """{split: phrases} of a table of phrases.py, however deep its splits lie."""
    if set(table) & set(SPLITS):
        return {split: leaves(table.get(split, ())) for split in SPLITS}
    found = {split: [] for split in SPLITS}
    for value in table.values():
        for split, some in phrases_by_split(value).items():
            found[split] += some
    return found


def leaves(value):
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in leaves(item)]


# --- splits and phrases -------------------------------------------------------------------------------


def test_no_phrase_stands_in_two_splits():
    owners = {}
    for table in TABLES.values():
        for split, some in phrases_by_split(table).items():
            for phrase in some:
                owners.setdefault(re.sub(r"[^\w{}<>=]+", " ", phrase.lower()).strip(), set()).add(split)
    assert len(owners) > 700
    assert {phrase: splits for phrase, splits in owners.items() if len(splits) > 1} == {}


@pytest.mark.parametrize(
    "name", sorted(set(TABLES) - {"CONDITIONS", "COMPARATIVE", "NAMED", "WHEN", "WHERE", "ACTS", "AGE", "DIRECTION"})
)
def test_every_frame_is_said_in_many_ways(name):
    for split, fewest in FEWEST.items():
        assert len(set(phrases_by_split(TABLES[name])[split])) >= fewest, (name, split)


@pytest.mark.parametrize("operator", phrases.CONDITIONS)
def test_every_condition_is_said_in_many_ways(operator):
    for split, fewest in FEWEST.items():
        assert len(set(phrases.CONDITIONS[operator][split])) >= fewest, (operator, split)


def test_subjects_share_no_noun():
    owners = {}
    for split in SPLITS:
        for subject in subjects(split):
            for table in subject.family.tables:
                for noun in {table.singular, table.plural, *table.synonyms}:
                    owners.setdefault(noun.lower(), set()).add((split, subject.family.name))
    assert {noun: names for noun, names in owners.items() if len(names) > 1} == {}
    assert {subject.family.split for subject in subjects("test")} == {"test"}


def test_links_name_tables_of_their_subject():
    for split in SPLITS:
        for subject in subjects(split):
            names = {table.singular for table in subject.family.tables}
            for link in subject.links:
                assert {link.child, link.parent} <= names and link.of
                assert link.child != link.parent or link.role
            for one in subject.across:
                ends = {link.parent for link in subject.links if link.child == one.via}
                assert {one.one, one.other} <= ends


# --- rows ---------------------------------------------------------------------------------------------


def test_same_seed_same_rows_and_all_answerable_kinds_come_up():
    once, again, other = (kinds.generate(random.Random(seed), 12, "sft") for seed in (8, 8, 9))
    assert once == again and [row["prompt"] for row in once] != [row["prompt"] for row in other]
    assert len({row["id"] for row in once}) == 12 and len({row["schema_id"] for row in once}) == 12


@pytest.mark.parametrize("split", SPLITS)
def test_every_kind_can_be_asked_in_every_split(split):
    rows = rows_of(split)
    assert [row["category"] for row in rows] == list(kinds.KINDS)
    own = {subject.family.name for subject in subjects(split)}
    for row in rows:
        assert row["family"] in own and row["prompt"] == f"{row['ddl']}\n\nQuestion: {row['question']}"
        assert row["refuse"] == (row["gold"] is None) == (row["category"] in REFUSED)
        assert len(set(row["fills"])) == 2 and row["frame"]


@pytest.mark.parametrize("split", SPLITS)
def test_reference_answers_are_right_well_formed_and_explained(split):
    for row in rows_of(split):
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok is not False, (
            row["completion"],
            verdict,
        )


@pytest.mark.parametrize("split", SPLITS)
def test_questions_and_answers_are_tidy(split):
    for row in rows_of(split):
        sentence = row["completion"].rsplit("```\n", 1)[-1]
        for text in (row["question"], sentence):
            assert not re.search(r"\{|\}|⟦|  | [.,:?;]|\bNone\b|\ba [aeio]", text), text
        assert sentence.endswith(".") and sentence[0].isupper()


def test_gold_is_written_as_people_write_it():
    for split in SPLITS:
        for row in rows_of(split):
            if row["gold"]:
                assert explain.parse(row["gold"]) is not None and "STRFTIME" not in row["gold"]
                assert "WHERE NOT " not in row["gold"] and row["gold"].endswith(";")


def test_joins_go_from_foreign_key_to_primary_key():
    """Every join of every gold query is one of the schema's references, or a table with itself by one of them."""
    seen = 0
    for split in SPLITS:
        for row in rows_of(split):
            if not row["gold"]:
                continue
            references = references_of(row["ddl"])
            tree = explain.parse(row["gold"])
            real = {one.alias_or_name.lower(): one.name.lower() for one in tree.find_all(trees.exp.Table)}
            for join in tree.find_all(trees.exp.Join):
                ends = {
                    (real[side.table.lower()], side.name.lower())
                    for side in (join.args["on"].this, join.args["on"].expression)
                }
                assert ends in references, row["gold"]
                seen += 1
    assert seen > 40


def references_of(ddl):
    """[{(child, foreign key), (parent, key)}] of a schema, in lower case."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [
            {(table.lower(), row[3].lower()), (row[2].lower(), row[4].lower())}
            for table in tables
            for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')
        ]


def test_the_kinds_are_what_they_are_called():
    """The construct that a kind is for stands in its gold query."""
    marks = {
        "join": " JOIN ",
        "three_tables": r" JOIN .* JOIN ",
        "anti_join": r"NOT IN \(SELECT ",
        "most_children": r"GROUP BY .* ORDER BY .* LIMIT [1-3];",
        "count_distinct": r"COUNT\(DISTINCT ",
        "in_list": r" IN \(| OR ",
        "arithmetic": r" [-+*] ",
        "group_order": r"GROUP BY .* ORDER BY ",
        "several_aggregates": r"\), \w+\(",
        "having_metric": r"HAVING (?:SUM|AVG)\(",
        "left_join_zero": " LEFT JOIN ",
        "per_month": r"strftime\('%Y-%m', ",
        "per_year": r"strftime\('%Y', ",
        "set_operation": " (?:UNION|INTERSECT|EXCEPT) ",
        "case": "CASE WHEN ",
        "self_join": " AS a JOIN .* AS b ",
        "date_range": "BETWEEN '",
        "text_match": " LIKE '",
        "than": r"\(SELECT .+ FROM .* WHERE ",
    }
    for split in SPLITS:
        for row in rows_of(split):
            assert re.search(marks.get(row["category"], ""), row["gold"] or ""), (row["category"], row["gold"])


# --- schemas and databases ----------------------------------------------------------------------------


@lru_cache
def layouts():
    rng = random.Random(3)
    some = subjects("sft")
    return [layout.make_layout(rng, some[i % len(some)], i) for i in range(300)]


def test_schemas_have_one_to_four_tables_and_every_style():
    counts = Counter(len(one.tables) for one in layouts())
    assert max(len(one.ddl) for one in layouts()) <= layout.MAX_DDL
    assert set(counts) == {1, 2, 3, 4} and min(counts.values()) >= 10
    for text, least in (("CHECK (", 15), ("DEFAULT ", 15), ("  -- ", 8), ("NOT NULL", 60)):
        assert sum(text in one.ddl for one in layouts()) >= least, text
    composite = [one for one in layouts() if any(not table.key for table in one.tables)]
    assert len(composite) >= 4 and all(re.search(r"PRIMARY KEY \([^()]+, [^()]+\)", one.ddl) for one in composite)
    assert any(ref.child.sql == ref.parent.sql for one in layouts() for ref in one.refs)
    for one in layouts():
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(one.ddl)


def test_databases_keep_references_and_have_gaps_and_apostrophes():
    rng, gaps, values, quoted = random.Random(4), 0, 0, 0
    for one in layouts()[:60]:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(f"{one.ddl}\n{data.fill(rng, one, data.Plan())}")
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            for table in one.tables:
                for column in table.columns + table.stock:
                    found = [value for (value,) in connection.execute(f"SELECT {column.sql} FROM {table.sql}")]
                    quoted += any(isinstance(value, str) and "'" in value for value in found)
                    if one.gaps and not column.required and column.column.kind != "name":
                        gaps, values = gaps + found.count(None), values + len(found)
    assert 0.06 < gaps / values < 0.14 and quoted > 10


def test_every_border_of_a_condition_is_planted():
    rng = random.Random(1)
    one = next(one for one in layouts() for table in one.tables for c in table.columns if c.column.kind == "integer")
    table = next(table for table in one.tables if any(c.column.kind == "integer" for c in table.columns))
    column = next(c for c in table.columns if c.column.kind == "integer")
    plan = data.Plan({(table.sql, column.sql): data.Plant((8, 9), (6, 7))})
    for _ in range(5):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(f"{one.ddl}\n{data.fill(rng, one, plan)}")
            found = {value for (value,) in connection.execute(f"SELECT {column.sql} FROM {table.sql}")}
            assert {6, 7, 8, 9} <= found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("title", "titles"),
        ("category", "categories"),
        ("box", "boxes"),
        ("branch", "branches"),
        ("height in metres", "heights in metres"),
        ("number of pages", "numbers of pages"),
        ("wins", "wins"),
        ("day", "days"),
    ],
)
def test_plurals_of_columns(words, expected):
    assert shared.plural(words) == expected


@pytest.mark.parametrize(
    ("comparative", "expected"),
    [("older", "oldest"), ("more expensive", "most expensive"), ("higher in calories", ""), ("", "")],
)
def test_superlatives(comparative, expected):
    assert rows.superlative(comparative) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("that have a price above 3", "that has a price above 3"),
        ("that belong to the city York", "that belongs to the city York"),
        ("that were built in 1990 and which are in York", "that was built in 1990 and which is in York"),
        ("whose price is 3", "whose price is 3"),
    ],
)
def test_conditions_after_a_singular(asked, expected):
    assert shared.of_one(asked) == expected
