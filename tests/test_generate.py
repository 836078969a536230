"""The template teacher of text_to_sql: splits that share nothing, right answers, sound databases."""

import random
import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from importlib import import_module
from itertools import product

import pytest

from domains.text_to_sql import EXAMPLES, explain, frames, schema
from domains.text_to_sql.families import FAMILIES, Column, Family, Table
from domains.text_to_sql.verify import verify

# The package has a function of the module's name, so the module is asked for by its full name.
teacher = import_module("domains.text_to_sql.generate")
SPLITS = ("sft", "dpo", "dev", "test")
VOCABULARY = {"MOST", "DIRECTION", "AGG_WORDS"}  # words, not phrases: they may recur
TRAINED_ONLY = {"BEFORE", "AFTER"}  # greetings, which only the trained splits have
TABLES = {name: value for name, value in vars(frames).items() if name.isupper() and isinstance(value, dict)}


@lru_cache
def rows_of(split):
    """Rows that several tests look at; nobody changes them."""
    return teacher.generate(random.Random(5), 300, split)


def phrases_by_split(table):
    """{split: phrases} of a table of frames.py, however deep its splits lie."""
    if set(table) <= set(SPLITS):
        return {split: leaves(table.get(split, ())) for split in SPLITS}
    found = {split: [] for split in SPLITS}
    for value in table.values():
        if isinstance(value, dict):
            for split, phrases in phrases_by_split(value).items():
                found[split] += phrases
    return found


def leaves(value):
    """All texts in a nest of tuples and dicts."""
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in leaves(item)]


def words_of(text):
    """The words in order, without case, slots' braces and punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def results(row):
    """The gold query's rows on each database, and those of its table alone."""
    found = []
    for fill in row["fills"]:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(row["ddl"] + fill)
            found.append(connection.execute(row["gold"]).fetchall())
    return found


# --- splits -----------------------------------------------------------------------------------------


def test_no_phrase_stands_in_two_splits():
    owners = {}
    assert set(TABLES) >= {
        "LIST",
        "COUNT",
        "AGGREGATE",
        "GROUP",
        "HAVING",
        "ORDER",
        "TOP",
        "DISTINCT",
        "NESTED",
        "CONDITIONS",
        "COMPARATIVE",
        "WRITE",
    }
    for name, table in TABLES.items():
        if name in VOCABULARY | {"EXPLAINED"}:
            continue
        for split, phrases in phrases_by_split(table).items():
            assert phrases or name in TRAINED_ONLY and split in ("dev", "test"), (name, split)
            for phrase in phrases:
                owners.setdefault(re.sub(r"\W+", " ", phrase.lower()).strip(), set()).add(split)
    assert len(owners) > 300
    assert {phrase: splits for phrase, splits in owners.items() if len(splits) > 1} == {}


def test_families_share_no_name_and_no_table_noun():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    owners = {}
    for family in FAMILIES:
        for table in family.tables:
            for noun in {table.singular, table.plural, *table.synonyms}:
                owners.setdefault(noun.lower(), set()).add(family.name)
    assert {noun: names for noun, names in owners.items() if len(names) > 1} == {}
    assert {family.split for family in FAMILIES} == set(SPLITS)


def test_rows_use_only_their_splits_families_and_phrases():
    seen = {}
    for split in SPLITS:
        own = {family.name for family in FAMILIES if family.split == split}
        assert {row["family"] for row in rows_of(split)} <= own
        assert all(row["cluster"] == row["schema_id"] for row in rows_of(split))
        for row in rows_of(split):
            assert row["frame"]
            seen.setdefault(row["frame"], set()).add(split)
    assert [frame for frame, splits in seen.items() if len(splits) > 1] == []


def test_no_question_is_shared_by_two_splits():
    asked = {split: {words_of(row["question"]) for row in rows_of(split)} for split in SPLITS}
    for one in SPLITS:
        for other in SPLITS:
            assert one == other or not asked[one] & asked[other]


# --- rows -------------------------------------------------------------------------------------------


def test_same_seed_same_rows_and_another_seed_others():
    once, again, other = (teacher.generate(random.Random(seed), 40, "sft") for seed in (8, 8, 9))
    assert once == again
    assert [row["prompt"] for row in once] != [row["prompt"] for row in other]


@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_complete_and_of_every_kind(split):
    rows = rows_of(split)
    assert len(rows) == 300 and len({row["id"] for row in rows}) == 300
    counts = Counter(row["category"] for row in rows)
    assert set(counts) == set(teacher.KINDS)
    assert {"filter", "group", "join", "unanswerable", "write_request"} <= set(counts)
    for row in rows:
        assert row["prompt"] == f"{row['ddl']}\n\nQuestion: {row['question']}"
        assert (row["gold"] is None) == (row["category"] in ("unanswerable", "write_request"))
        assert bool(row["missing"]) == (row["category"] == "unanswerable")
        assert len(row["fills"]) >= 2


@pytest.mark.parametrize("split", SPLITS)
def test_reference_answers_are_right_well_formed_and_explained(split):
    rows = rows_of(split)[:150]
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda row: verify(row, row["completion"]), rows))
    wrong = [
        (row["completion"], verdict)
        for row, verdict in zip(rows, verdicts, strict=True)
        if not (verdict.correct and verdict.format_ok and verdict.explanation_ok)
    ]
    assert wrong == []


@pytest.mark.parametrize("split", SPLITS)
def test_the_databases_of_a_row_differ(split):
    for row in rows_of(split):
        assert len(set(row["fills"])) == len(row["fills"])


@pytest.mark.parametrize("split", SPLITS)
def test_gold_finds_rows_and_its_condition_leaves_some_out(split):
    for row in rows_of(split)[:150]:
        if row["gold"] is None:
            continue
        found = results(row)
        assert all(any(value is not None for line in rows for value in line) for rows in found)
        if " WHERE " in row["gold"] and "(SELECT" not in row["gold"]:
            everything = results({**row, "gold": row["gold"].split(" WHERE ")[0]})
            assert all(Counter(some) != Counter(rows) for some, rows in zip(found, everything, strict=True))


@pytest.mark.parametrize("split", SPLITS)
def test_sorted_questions_have_no_ties(split):
    looked_at = 0
    for row in rows_of(split):
        if row["category"] in ("order", "top_k"):
            looked_at += 1
            key, table = (re.search(rf'{before} ("[^"]+"|\w+)', row["gold"])[1] for before in ("ORDER BY", "FROM"))
            for values in results({**row, "gold": f"SELECT {key} FROM {table}"}):
                assert len(set(values)) == len(values) and (None,) not in values
    assert looked_at > 20


def letters(name):
    """The letters of an identifier or of words, so that page_count, PageCount and page count agree."""
    return re.sub(r"[^a-z]", "", name.lower())


def test_unanswerable_questions_ask_for_what_the_schema_lacks():
    for split in SPLITS:
        for row in rows_of(split):
            names = {letters(name) for _, columns in tables_of(row["ddl"]) for name, *_ in columns}
            for words in row["missing"]:
                assert letters(words) not in names
                assert words.lower() in row["question"].lower() and words in row["completion"]


# --- styles -----------------------------------------------------------------------------------------


def tables_of(ddl):
    """[(table, [(column, type, NOT NULL or key)])] in the order of the text."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        found = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [
            (
                name,
                [
                    (row[1], row[2], bool(row[3] or row[5]))
                    for row in connection.execute(f'PRAGMA table_info("{name}")')
                ],
            )
            for name in found
        ]


@lru_cache
def schemas():
    """300 schemas of the training split."""
    rng = random.Random(21)
    families = [family for family in FAMILIES if family.split == "sft"]
    return [schema.make_schema(rng, families[i % len(families)], i) for i in range(300)]


def share(is_so):
    return sum(is_so(one) for one in schemas()) / len(schemas())


@pytest.mark.parametrize("case", schema.CASES)
def test_every_style_runs_and_its_references_are_accepted(case, monkeypatch):
    draw, rng = schema.draw_style, random.Random(case)
    prefixes = [("", ""), ("tbl", "{table}"), ("app", "" if case == "flat" else "{letter}")]
    keys = ("id", "{table} id", "{table} no", "{table} key")
    for i, ((first, column), layout) in enumerate(product(prefixes, product((0, 2), (True, False), (True, False)))):
        indent, inline, parent_first = layout
        forced = {
            "case": case,
            "table_prefix": first,
            "column_prefix": column,
            "indent": indent,
            "inline_key": inline,
            "inline_foreign": inline,
            "parent_first": parent_first,
            "key": keys[i % 4],
            "plural": i % 3 > 0,
        }
        monkeypatch.setattr(schema, "draw_style", lambda rng, forced=forced: draw(rng)._replace(**forced))
        for family in rng.sample(FAMILIES, 4):
            row = teacher.make_row(rng, schema.make_schema(rng, family, 0), family.split)
            verdict = verify(row, row["completion"])
            assert (verdict.correct, verdict.format_ok, verdict.explanation_ok) == (True, True, True), (
                row["ddl"],
                row["completion"],
                explain.unexplained(row["gold"] or "", row["completion"]),
            )
            assert ("\n  " in row["ddl"]) == bool(indent) and (", PRIMARY KEY (" in row["ddl"]) <= (not inline)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_column_can_be_told_by_its_words(family):
    for table, case, prefix in product(family.tables, schema.CASES, ("", "{table}")):
        for column in table.columns:
            name = schema.identifier(f"{prefix.format(table=table.singular)} {column.words}", case)
            sentence = f"Lists the {column.words} of the {table.plural}."
            for noun in (table.singular, table.plural):
                query = f"SELECT {name} FROM {schema.identifier(f'tbl {noun}', case)};"
                assert explain.unexplained(query, sentence) == []
                assert explain.unexplained(query, f"Lists something of the {table.plural}.") != []
                if not any(table.singular.endswith(word) for word in column.words.split()):  # "horse name"
                    assert explain.unexplained(query, f"Lists the {column.words}.") != []


@pytest.mark.parametrize(
    ("words", "case", "expected"),
    [
        ("page count", "snake", "page_count"),
        ("page count", "camel", "PageCount"),
        ("page count", "lower camel", "pageCount"),
        ("page count", "upper", "PAGE_COUNT"),
        ("page count", "title", "Page_Count"),
        ("page count", "flat", "pagecount"),
        ("page count", "blank", '"page count"'),
        ("page count", "title blank", '"Page Count"'),
        ("order", "camel", '"Order"'),
        ("order", "upper", '"ORDER"'),
        ("price", "blank", "price"),
        ("artist id", "camel", "ArtistID"),
        ("id", "title", "ID"),
        ("paid", "camel", "Paid"),
    ],
)
def test_identifiers_of_every_case(words, case, expected):
    assert schema.identifier(words, case, loud_id=True) == expected


def test_schemas_are_written_in_many_ways():
    styles = [one.style for one in schemas()]
    for case in schema.CASES:
        assert share(lambda one, case=case: one.style.case == case) >= 0.05, case
    for field in ("indent", "plural", "parent_first", "inline_key", "inline_foreign", "key"):
        counts = Counter(getattr(style, field) for style in styles)
        assert min(counts.values()) >= 0.08 * len(styles) and len(counts) >= 2, (field, counts)
    for text, least in (
        ("PRIMARY KEY (", 0.15),
        ("FOREIGN KEY (", 0.1),
        (") REFERENCES ", 0.1),
        ("NOT NULL,", 0.3),
        ('"', 0.1),
        ("\n  ", 0.3),
        ("VARCHAR(", 0.2),
        ("NUMERIC(10,2)", 0.05),
        ("varchar(", 0.05),
    ):
        assert share(lambda one, text=text: text in one.ddl) >= least, text
    # What a family's tables look like once letters' case and names' prefixes are left aside.
    shapes = {tuple(tuple(kind for _, kind, _ in columns) for _, columns in tables_of(one.ddl)) for one in schemas()}
    assert len(shapes) > 200
    orders = {tuple(letters(name) for _, columns in tables_of(one.ddl) for name, *_ in columns) for one in schemas()}
    assert len(orders) > 290
    first = [
        tables_of(one.ddl)[0][1][0][0] == one.tables[-1 if one.style.parent_first else 0].key.strip('"')
        for one in schemas()
    ]
    assert 0.8 < sum(first) / len(first) < 1
    assert len({one.ddl for one in schemas()}) == 300


def test_schemas_differ_in_spare_columns_and_stay_short():
    spare = Counter(one.style.spare for one in schemas())
    assert set(spare) == set(range(6)) and spare[1] + spare[2] + spare[3] > 150
    lengths = sorted(len(one.ddl) for one in schemas())
    assert lengths[150] < 350 and lengths[285] < 700


def test_a_family_and_its_style_are_independent():
    by_case = {}
    for one in schemas():
        by_case.setdefault(one.style.case, set()).add(one.family.name)
    assert all(len(names) > 10 for names in by_case.values())


def test_no_stock_column_answers_what_is_called_missing():
    for family in FAMILIES:
        asked = {
            word
            for text in (*family.missing, *(c.words for t in family.tables for c in t.columns))
            for word in text.split()
        }
        for column in schema.stock_of(family):
            assert not asked & set(column.words.split()), (family.name, column.words)
        assert len(schema.stock_of(family)) >= 3, family.name
    used = [(column.column, one.family) for one in schemas() for table in one.tables for column in table.stock]
    assert len(used) > 100 and all(column in schema.stock_of(family) for column, family in used)


def test_types_change_no_comparison_and_no_value():
    values = {
        "text": ("10", "9", "2020", "Oak", "O'Brien"),
        "integer": (10, 9, 2020),
        "real": (10.5, 9.25, 100.75),
        "date": ("2020-01-15", "2019-12-31", "2020-02-01"),
        "boolean": (0, 1),
    }
    for kind, types in schema.TYPES.items():
        seen = set()
        for declared in types:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute(f"CREATE TABLE t (c {declared})")
                connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values[kind]])
                queries = ["SELECT c, typeof(c) FROM t ORDER BY c", "SELECT strftime('%Y', c) FROM t"]
                queries += [
                    f"SELECT c FROM t WHERE c {sign} {schema.literal(value)} ORDER BY c"
                    for sign in ("=", "<", ">=", "<>")
                    for value in values[kind]
                ]
                seen.add(repr([connection.execute(query).fetchall() for query in queries]))
        assert len(seen) == 1, kind


def test_inserts_name_their_columns():
    for row in rows_of("sft")[:100]:
        columns = {name: {column for column, *_ in columns} for name, columns in tables_of(row["ddl"])}
        inserts = re.findall(r'INSERT INTO ("[^"]+"|\w+) \((.*?)\) VALUES\n', row["fills"][0])
        assert {name.strip('"') for name, _ in inserts} == set(columns)
        for name, text in inserts:
            assert {part.strip('"') for part in text.split(", ")} == columns[name.strip('"')]


def test_nulls_are_asked_for_only_where_they_can_be():
    looked_at = 0
    for row in rows_of("sft") + rows_of("test"):
        if row["category"] == "null_test":
            name = re.search(r'("[^"]+"|\w+) IS ', row["gold"])[1].strip('"')
            looked_at += "NOT NULL" in row["ddl"]
            assert any(
                (column, fixed) == (name, False) for _, columns in tables_of(row["ddl"]) for column, _, fixed in columns
            )
    assert looked_at > 3


def test_apostrophes_in_values():
    assert schema.literal("O'Brien") == "'O''Brien'"
    names = tuple(f"{first}a O'Brien" for first in "BCDFGHJKLMNPQR")
    family = Family(
        "people",
        "sft",
        (
            Table(
                "singer",
                "singers",
                (
                    Column("name", "name", names),
                    Column("born in", "category", ("Coeur d'Alene", "Xi'an", "L'Aquila")),
                    Column("age", "integer", (), 20, 70),
                ),
            ),
        ),
        ("pet",),
    )
    rng, quoted = random.Random(3), 0
    for number in range(60):
        row = teacher.make_row(rng, schema.make_schema(rng, family, number), "sft")
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok, (row["completion"], verdict)
        assert "O''Brien" in row["fills"][0]
        quoted += "''" in (row["gold"] or "")
    assert quoted > 10


def test_few_shot_examples_run_and_show_two_cases_and_a_join():
    for ddl, _, sql in EXAMPLES:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(ddl)
            connection.execute(sql)
    shown = " ".join(sql for *_, sql in EXAMPLES)
    assert " JOIN " in shown and "FuelType" in shown and "stones.quarry_id" in shown


# --- wording ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_questions_and_answers_are_tidy_sentences(split):
    for row in rows_of(split):
        sentence = row["completion"].rsplit("```\n", 1)[-1]
        for text in (row["question"], sentence):
            assert not re.search(r"\{|\}|  | [.,:?;]|\bNone\b", text), text
            assert text[0].isupper() or text[0].isdigit()
            assert not re.search(r"\ba (?:[aeio]|u(?!ni|s)|hour)", text), text
            assert not re.search(r"\ban? (?:wins|draws|\w+ (?:hours|days|years|visits))\b", text), text
        assert sentence.endswith(".") and row["question"].count("\n") == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wins", "whose wins are 3"),
        ("hours worked", "whose hours worked are 3"),
        ("height in metres", "whose height in metres is 3"),
        ("bonus", "whose bonus is 3"),
        ("number of pages", "whose number of pages is 3"),
        ("days in the season", "whose days in the season are 3"),
    ],
)
def test_a_plural_column_takes_a_plural_verb(words, expected):
    assert teacher.agree("whose {col} is {v}", words).format(col=words, v=3) == expected


def test_articles_fit_the_column():
    assert (
        teacher.tidy(teacher.agree("with a {col} of 3", "opening year").format(col="opening year"))
        == "With an opening year of 3"
    )
    assert teacher.agree("with a {col} of 3", "wins") == "with {col} of 3"
    assert (
        teacher.tidy("with a unit price, a user count and a hourly rate")
        == "With a unit price, a user count and an hourly rate"
    )
    assert teacher.tidy("{things} with A Open Door".format(things="books")) == "Books with A Open Door"
